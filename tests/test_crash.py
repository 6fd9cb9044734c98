"""Rebuilds that are killed, starved of disk space or lied to by the disk, at any system call that touches our files.

Whatever happens, readers see the old generation or the new one, whole; what exit status and message say is true; and
the next rebuild succeeds and leaves no litter. strace injects the faults, so this needs Linux.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from processes import MDCACHE, run

from pipeline import database, digest
from pipeline.database import Connection, scalar

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="strace is Linux's")

REBUILD = (*MDCACHE, "rebuild", "docs", "--db", "cache/x.db", "--workers", "0", "--wait", "1")
LITTER_FREE = {"x.db", "x.db.lock"}
# System calls that fail when the disk is full, and those that fail when it is broken.
WRITES = re.compile("open|openat|write|pwrite64|ftruncate|fallocate|mkdir|mkdirat|rename|renameat|fsync|fdatasync")
FALLIBLE = re.compile(WRITES.pattern + "|read|pread64|unlink|unlinkat|chmod|fchown|flock|fcntl|l?stat|fstat|newfstatat")


class Scene(NamedTuple):
    """A folder with documents and perhaps a cache of what they were before; the digests of both, old '' without one."""

    folder: Path
    old: str
    new: str


class Point(NamedTuple):
    """The number-th call of a system call, from 1; what it was, for people."""

    call: str
    number: int
    line: str


def documents(generation: str) -> dict[str, str]:
    text = "---\ntags: [t]\n---\n# {0} {1}\n\nmarker{0} [[{0} 2]] [next](d{2}.md)\n\n## Sub\n\nwords of {0}\n"
    return {f"docs/d{i}.md": text.format(generation, i, i % 5 + 1) for i in range(1, 6)}


@pytest.fixture(scope="module", params=["without a cache", "over a cache"])
def scene(request: pytest.FixtureRequest, vault: Callable[..., Path]) -> Scene:
    folder, old = vault(documents("old")), ""
    if request.param == "over a cache":
        assert run(REBUILD, folder).returncode == 0
        old = generation(folder)
    shutil.rmtree(folder / "docs")
    vault(documents("new"), into=folder)
    return Scene(folder, old, generation(rebuilt_copy(folder)))


def rebuilt_copy(folder: Path) -> Path:
    copy = folder.with_name(folder.name + "-done")
    shutil.copytree(folder, copy)
    assert run(REBUILD, copy).returncode == 0
    return copy


def generation(folder: Path) -> str:
    """The digest of the cache that is there, which is whole; '' without one."""
    path = folder / "cache" / "x.db"
    if not path.exists() or not path.stat().st_size:
        return ""
    with database.closing(database.open_reader(str(path))) as db:
        return whole(db)


def whole(db: Connection) -> str:
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    said = str(scalar(db, "SELECT value FROM meta WHERE key = 'digest'"))
    assert said == digest.of_tables(db)
    word = str(scalar(db, "SELECT title FROM nodes")).split()[0]
    found = scalar(db, "SELECT count(*) FROM sections_fts WHERE sections_fts MATCH ?", f"marker{word}")
    assert found == scalar(db, "SELECT count(*) FROM nodes") == 5
    return said


class Reader:
    """A reader with a snapshot of the old generation, when there is one."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self._scene = scene
        self._db = database.open_reader(str(folder / "cache" / "x.db")) if scene.old else None
        if self._db:
            self._db.execute("BEGIN")
            assert whole(self._db) == scene.old

    def check(self) -> str:
        """The snapshot stood still; what comes after it."""
        if not self._db:
            return ""
        assert whole(self._db) == self._scene.old
        self._db.execute("COMMIT")
        seen = whole(self._db)
        self._db.close()
        return seen


def points(scene: Scene, tmp_path: Path, *folders: str) -> list[Point]:
    """Every system call of a rebuild that names a file in one of these folders, or a descriptor of one."""
    folder = copied(scene, tmp_path / "traced")
    reader = Reader(scene, folder)
    log = tmp_path / "trace"
    assert run(("strace", "-f", "-y", "-s", "0", "-o", str(log), *REBUILD), folder).returncode == 0
    reader.check()
    count: Counter[str] = Counter()
    found = []
    for line in log.read_text(errors="replace").splitlines():
        called = re.match(r"\d+ +(\w+)\(", line)
        if called:
            count[called[1]] += 1
            if any(str(folder / one) in line for one in folders):
                found.append(Point(called[1], count[called[1]], line.replace(str(folder), ".")))
    assert len(found) > 50
    return found


def copied(scene: Scene, folder: Path) -> Path:
    shutil.copytree(scene.folder, folder)
    return folder


def spread(all_: list[Point], at_most: int) -> list[Point]:
    """Some of them: the first of each call, and others at equal distances."""
    first = {point.call: point for point in reversed(all_)}
    rest = all_[:: max(1, len(all_) // max(1, at_most - len(first)))]
    return sorted({*first.values(), *rest})[:at_most]


def injected(point: Point, fault: str, folder: Path) -> tuple[int, str]:
    """Exit status and stderr of a rebuild with this fault at this point; the status is as shells give it."""
    inject = f"inject={point.call}:{fault}:when={point.number}"
    strace = ("strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={point.call}", "-e", inject)
    done = run((*strace, *REBUILD), folder)
    return (done.returncode if done.returncode >= 0 else 128 - done.returncode), done.stderr


def tried(scene: Scene, tmp_path: Path, point: Point, fault: str) -> None:
    """One fault at one point, and everything that must hold after it."""
    folder = copied(scene, tmp_path / f"{point.call}-{point.number}")
    reader = Reader(scene, folder)
    status, said = injected(point, fault, folder)
    seen = generation(folder)
    if scene.old:
        assert reader.check() == seen
    judge_status(scene, status, said, seen)
    done = run(REBUILD, folder)
    assert done.returncode == 0, done
    assert generation(folder) == scene.new
    assert {file.name for file in (folder / "cache").iterdir()} - {"x.db-wal", "x.db-shm"} == LITTER_FREE
    shutil.rmtree(folder)


def judge_status(scene: Scene, status: int, said: str, seen: str) -> None:
    """A rebuild that was not killed says what became of the cache."""
    if status == 128 + signal.SIGKILL:
        assert seen in (scene.old, scene.new)
        return
    assert seen == (scene.old if status else scene.new)
    assert status in (0, 3, 130)
    if status:
        assert said.startswith("mdcache: ") and said.count("\n") == 1, said
        assert "bug" not in said, said


def sweep(scene: Scene, tmp_path: Path, all_: list[Point], fault: str) -> None:
    failed = []
    for point in all_:
        try:
            tried(scene, tmp_path, point, fault)
        except AssertionError as error:
            failed.append(f"{fault} at {point}: {error}")
    print(f"{fault}: {len(all_)} points tried, {len(failed)} failed", flush=True)
    assert not failed, "\n\n".join(failed)


def test_a_rebuild_killed_here_and_there_leaves_the_old_or_the_new_generation(scene: Scene, tmp_path: Path) -> None:
    sweep(scene, tmp_path, spread(points(scene, tmp_path, "docs", "cache"), 16), "signal=KILL")


@pytest.mark.torture
def test_a_rebuild_killed_anywhere_leaves_the_old_or_the_new_generation(scene: Scene, tmp_path: Path) -> None:
    sweep(scene, tmp_path, points(scene, tmp_path, "docs", "cache"), "signal=KILL")


@pytest.mark.torture
@pytest.mark.parametrize("name", ["INT", "TERM"])
def test_a_rebuild_interrupted_anywhere_says_truly_what_became_of_the_cache(
    scene: Scene, tmp_path: Path, name: str
) -> None:
    sweep(scene, tmp_path, points(scene, tmp_path, "docs", "cache"), f"signal={name}")


@pytest.mark.torture
@pytest.mark.parametrize(("error", "calls"), [("ENOSPC", WRITES), ("EIO", FALLIBLE)])
def test_a_disk_that_fails_anywhere_is_one_line_and_the_cache_as_it_was(
    scene: Scene, tmp_path: Path, error: str, calls: re.Pattern[str]
) -> None:
    all_ = [point for point in points(scene, tmp_path, "cache") if calls.fullmatch(point.call)]
    sweep(scene, tmp_path, all_, f"error={error}")
