"""The torture bench: a short round of each scenario finds nothing, and what is wrong is counted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# At the end: the package that is tested is the one that is installed.
sys.path.append(str(ROOT))
from torture import bench  # noqa: E402
from torture.__main__ import SCENARIOS  # noqa: E402
from torture.bench import Row, Trial  # noqa: E402


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_short_round_finds_nothing(scenario: str) -> None:
    command = (sys.executable, "-m", f"torture.{scenario}", "--round", "short", "--json")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
    rows = [Row(*json.loads(line)) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert rows and not any(row.failures for row in rows)


def test_every_scenario_is_run() -> None:
    modules = {file.stem for file in (ROOT / "torture").glob("*.py") if "bench.alone(run)" in file.read_text()}
    assert modules == set(SCENARIOS)


def test_what_goes_wrong_is_counted_and_the_rest_is_tried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trial = Trial("scenario", 7, True, tmp_path)
    with trial.part("one") as part:
        for number in range(3):
            with part.point(f"number {number}"):
                assert number != 1, "wrong"
    with trial.part("two") as part:
        raise OSError("broken")
    trial.skip("three", "not here")
    assert [(row.part, row.tried, row.failures) for row in trial.rows] == [
        ("one", "3 points", 1),
        ("two", "0 points", 1),
        ("three", "skipped: not here", None),
    ]
    assert bench.conclude(trial.rows) == 1
    said = capsys.readouterr()
    assert "FAILED one, number 1" in said.err and "AssertionError: wrong" in said.err
    assert "OSError: broken" in said.err
    assert said.out == bench.table(trial.rows) + "\n"


def test_without_failures_the_exit_status_is_zero() -> None:
    assert bench.conclude([Row("a", "b", "3 points", 3, 0, 1.0), Row("a", "c", "skipped: x", 0, None, 0.0)], True) == 0


def test_the_run_in_the_docs_is_one_of_all_scenarios_and_found_nothing() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in page.partition("## The last run")[2].splitlines()
    ]
    rows = [row for row in rows if len(row) == len(Row._fields)][2:]
    assert {row[0] for row in rows} == set(SCENARIOS)
    assert {row[4] for row in rows} <= {"0", "-"}
