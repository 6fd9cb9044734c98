"""The benchmarks: each script runs on a little, and says what it is relied upon to say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline import parse
from pipeline.model import Content, Rules

ROOT = Path(__file__).parent.parent
# At the end: the package that is tested is the one that is installed.
sys.path.append(str(ROOT))
from benchmarks import floor, measure  # noqa: E402
from benchmarks.generate import Shape, document, generate  # noqa: E402

DOCS = {"a.md": "# A\n\nalpha beta [B](b.md)\n", "deep/b.markdown": "# B\n\nalpha gamma\n", "c.txt": "no document"}


def bench(script: str, *arguments: str | Path) -> str:
    command = [sys.executable, "-m", f"benchmarks.{script}", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, encoding="utf-8").stdout


def found(script: str, *arguments: str | Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(bench(script, *arguments, "--json"))
    assert said["command"].startswith(f"python -m benchmarks.{script}")
    assert set(said["machine"]) == {"cpu", "cores", "memory_gb", "os", "python", "sqlite", "mdcache", "load_before"}
    assert all(set(one) == {"what", "measured", "limit", "unit", "kept"} for one in said["budgets"])
    return said


def test_a_rebuild_is_measured_against_the_floor_and_sqlite_utils(vault: Any) -> None:
    folder = vault(DOCS)
    said = found("rebuild", folder, "--runs", "1", "--copies", "2")
    assert str(folder.parent) not in json.dumps(said), "results are kept: where documents lie is nobody's business"
    floor_row, fresh, again, peer = said["rows"]
    assert said["corpus"]["documents"] == 4
    assert floor_row["ratio"] == 1
    for row in (fresh, again, peer):
        assert row["wall_s"] > 0 < row["cpu_s"]
        assert row["ratio"] == pytest.approx(row["wall_s"] / floor_row["wall_s"], rel=0.01)
        assert row["database_mb"] > 0
        assert len(row["walls_s"]) == 1
    assert {one["unit"] for one in said["budgets"]} >= {"× floor", "× sqlite-utils"}


def test_searches_are_timed_by_kind_of_query() -> None:
    said = found("search", "--documents", "60", "--runs", "2")
    rows = {row["name"]: row for row in said["rows"]}
    assert rows["commonest word"]["sections"] > rows["rare word"]["sections"] > 0
    assert rows["phrase"]["hits"] > 0
    assert all(row["p95_ms"] >= row["median_ms"] > 0 for row in rows.values())


def test_searches_can_be_named(vault: Any) -> None:
    (row,) = found("search", vault(DOCS), "--query", "alpha -gamma", "--runs", "1")["rows"]
    assert (row["query"], row["hits"]) == ("alpha -gamma", 1)


def test_readers_are_timed_in_every_phase_of_a_swap() -> None:
    rows = found("swap", "--documents", "30", "--rounds", "1")["rows"]
    assert [row["name"] for row in rows] == [
        "nobody writes",
        "swap",
        "swap beside a held snapshot",
        "whole rebuild",
    ]
    assert all(row["queries"] and row["longest_ms"] >= row["longest_but_for_processor_ms"] for row in rows)


def test_checks_are_timed_with_a_cache_and_without(vault: Any) -> None:
    for arguments in (("--documents", "20"), (vault(DOCS),)):
        said = found("check", *arguments, "--runs", "1")
        assert [row["what"] for row in said["rows"]][1:4:2] == ["--staged, no cache", "--staged, fresh cache"]
        assert all(row["median_ms"] >= row["best_ms"] > 0 for row in said["rows"])
    assert said["corpus"]["documents"] == 2


def test_growth_tells_memory_by_number_of_documents() -> None:
    rows = found("growth", "--documents", "5", "--documents", "10")["rows"]
    assert [row["documents"] for row in rows] == [5, 5, 10, 10]


def test_start_up_is_timed_beside_that_of_python() -> None:
    python, version, _ = found("startup", "--runs", "2")["rows"]
    assert version["median_ms"] > python["median_ms"] > 0


def test_results_are_shown_as_tables_too() -> None:
    assert "mdcache --version: median" in bench("startup", "--runs", "1")


@pytest.mark.skipif(sys.platform != "linux", reason="memory is watched on Linux only")
def test_memory_counts_all_processes_together(tmp_path: Path) -> None:
    hold = "import subprocess, sys, time; held = b'x' * 40_000_000; "
    child = hold + "time.sleep(0.5)"
    parent = hold + f"subprocess.run([sys.executable, '-c', {child!r}])"
    peak = measure.run([sys.executable, "-c", parent], str(tmp_path), watched=True).peak_mb
    assert peak is not None and 80 < peak < 200


def test_a_command_that_fails_ends_the_benchmark(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="nothing here"):
        measure.run([sys.executable, "-c", "import sys; sys.exit('nothing here')"], str(tmp_path))


def test_a_benchmark_that_is_stopped_leaves_nothing_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.growth", "--documents", "100000"]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)}, stderr=subprocess.PIPE)
    while not list(tmp_path.rglob("*.md")):
        assert process.poll() is None
    process.terminate()
    process.communicate()
    assert process.returncode and not list(tmp_path.iterdir())


def test_the_floor_reads_documents_and_nothing_else(vault: Any, tmp_path: Path) -> None:
    folder = vault({**DOCS, ".hidden/d.md": "hidden"})
    (folder / "link.md").symlink_to(folder / "a.md")
    assert [Path(path).name for path in floor.documents_below(str(folder))] == ["a.md", "b.markdown"]
    assert floor.build(str(folder), str(tmp_path / "floor.db")) == 2


def test_made_up_documents_are_the_same_each_time() -> None:
    shape = Shape(documents=50)
    assert [document(number, shape) for number in range(50)] == [document(number, shape) for number in range(50)]
    assert document(1, shape) != document(1, shape._replace(seed=2))


def test_made_up_documents_have_what_real_ones_have(tmp_path: Path) -> None:
    shape = Shape(documents=300)
    written = generate(str(tmp_path), shape)
    files = list(tmp_path.rglob("*.md"))
    assert len(files) == 300
    assert written == sum(file.stat().st_size for file in files)
    parsed = [
        parse.parse(file.name, Content(file.read_bytes(), hash="", size=file.stat().st_size), Rules()) for file in files
    ]
    links = [link for one in parsed for link in one.links]
    assert {link.kind for link in links} >= {"markdown", "wikilink", "property"}
    broken = [link for link in links if link.target.startswith("missing/")]
    assert 0.01 < len(broken) / len(links) < 0.1
    assert any(one.tasks for one in parsed) and any(one.tags for one in parsed)
    assert any("\u4e00" <= char <= "\u9fff" for one in parsed for char in "".join(one.bodies))


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_a_watcher_is_measured_busy_and_idle() -> None:
    said = found("watch", "--documents", "20", "--runs", "2", "--idle", "1", "--events", "400")
    assert [row["unit"] for row in said["rows"]] == ["ms", "% CPU", "MB"]
    assert all(row["worst"] >= row["median"] > 0 for row in said["rows"])
