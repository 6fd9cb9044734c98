"""The torture bench: a short round of each scenario finds nothing, and what is wrong is counted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# At the end: the package that is tested is the one that is installed.
sys.path.append(str(ROOT))
from torture import bench, hostile, judge, stranger  # noqa: E402
from torture.__main__ import SCENARIOS  # noqa: E402
from torture.bench import Row, Trial  # noqa: E402
from torture.kinds.open import OPEN  # noqa: E402


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


EVILS = {
    "": "echo fine",
    "runs for more than": "sleep 60",
    "exit status -9": "kill -9 $$",
    "exit status 4": "exit 4",
    "holds": f"{sys.executable} -c 'import time; x = bytes([1]) * 600_000_000; time.sleep(0.5)'",
    "leaves processes behind": "sleep 60 > /dev/null 2>&1 &",
    "a planted program ran": "touch ../canary",
    "calls itself a bug": "echo 'mdcache: a bug in mdcache: x' >&2",
    "prints a traceback": "echo 'Traceback (most recent call last):' >&2",
    "prints what lies outside": "cat ../outside/secret.md",
    "prints a control character": r"printf 'a\033[2Jb\n'",
    "prints a command of CI systems": "echo a; echo '  ::stop-commands::x'",
    "prints a command of CI systems: 'b ##vso": "echo a; echo 'b ##vso[task.complete]'",
    "complains in 5000 characters": "head -c 5000 /dev/zero | tr '\\0' x >&2",
    "does not say why it failed": "exit 3",
}


@pytest.mark.slow
@pytest.mark.parametrize("evil", EVILS)
def test_the_judge_of_hostile_places_sees_each_evil(evil: str, tmp_path: Path) -> None:
    place = stranger.place(tmp_path / "place")
    ended = judge.run(("sh", "-c", EVILS[evil]), place.folder, tmp_path / "temporary", 1.0)
    found = list(judge.faults(ended, place))
    assert len(found) == bool(evil) and all(evil in one for one in found), found


def test_the_judge_of_hostile_places_sees_each_change(tmp_path: Path) -> None:
    place = stranger.place(tmp_path / "place")
    before = judge.listing(place.parent, ("clone/.mdcache",))
    place.write(".mdcache/cache.db", "x")
    assert judge.changed(before, judge.listing(place.parent, ("clone/.mdcache",))) == []
    place.write("new", "x")
    (place.outside / "secret.md").write_text("another")
    (place.outside / "secret.toml").chmod(0o600)
    (place.outside / ".git/HEAD").unlink()
    changed = judge.changed(before, judge.listing(place.parent, ("clone/.mdcache",)))
    assert changed == ["clone/new", "outside/.git/HEAD", "outside/secret.md", "outside/secret.toml"]


def test_a_signal_ends_what_is_hostile_within_its_time(tmp_path: Path) -> None:
    place = stranger.place(tmp_path / "place")
    deaf = ("sh", "-c", "trap '' TERM; while :; do sleep 1; done")
    assert "runs for more" in judge.run(deaf, place.folder, tmp_path / "temporary", 0.3, signal.SIGTERM).stopped
    ended = judge.run(("sleep", "60"), place.folder, tmp_path / "temporary", 0.3, signal.SIGTERM)
    assert (ended.status, ended.stopped) == (-signal.SIGTERM, "")


def test_each_kind_of_hostile_place_has_a_name_of_its_own() -> None:
    names = [kind.name for kinds in hostile.FAMILIES.values() for kind in kinds]
    assert len(names) == len(set(names)) > 120
    assert set(names) >= OPEN
