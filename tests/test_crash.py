"""Rebuilds that are killed, starved of disk space or lied to by the disk, at any system call that touches our files.

Whatever happens, readers see the old generation or the new one, whole; what exit status and message say is true; and
the next rebuild succeeds and leaves no litter. strace injects the faults, so this needs Linux.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from processes import MDCACHE, children, is_gone, mdcache, one_line, run, start

from pipeline import database, digest, lock
from pipeline.database import Connection, scalar

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="strace is Linux's")

REBUILD = (*MDCACHE, "rebuild", "docs", "--db", "cache/x.db", "--workers", "0", "--wait", "1")
NAMESPACE = ("unshare", "--mount") if os.getuid() == 0 else ("unshare", "--map-root-user", "--mount")
# Readers may leave them.
SIDES = {f"{name}.db-{side}" for name in ("x", "cache") for side in ("wal", "shm")}
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
    assert {file.name for file in (folder / "cache").iterdir()} - SIDES == {"x.db", "x.db.lock"}
    shutil.rmtree(folder)


def judge_status(scene: Scene, status: int, said: str, seen: str) -> None:
    """A rebuild that was not killed says what became of the cache."""
    if status == 128 + signal.SIGKILL:
        assert seen in (scene.old, scene.new)
        return
    assert seen == (scene.old if status else scene.new)
    assert status in (0, 3, 130)
    if status:
        said = said.removeprefix("\n")  # after ^C on a terminal
        assert said.startswith("mdcache: "), said
        assert said.count("\n") == 1, said
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
@pytest.mark.parametrize(("error", "calls"), [("ENOSPC", WRITES), ("EIO", FALLIBLE)], ids=["full", "broken"])
def test_a_disk_that_fails_anywhere_is_one_line_and_the_cache_as_it_was(
    scene: Scene, tmp_path: Path, error: str, calls: re.Pattern[str]
) -> None:
    all_ = [point for point in points(scene, tmp_path, "cache") if calls.fullmatch(point.call)]
    sweep(scene, tmp_path, all_, f"error={error}")


# A disk that is really full


def may_mount(folder: Path) -> bool:
    return run((*NAMESPACE, "mount", "-t", "tmpfs", "none", str(folder)), folder).returncode == 0


def test_a_full_disk_is_one_line_and_the_cache_as_it_was(vault: Callable[..., Path]) -> None:
    folder = vault({**documents("old"), "cache/": ""})
    if not may_mount(folder):
        pytest.skip("no mounts here: limits on the size of files stand in, see test_rebuild")
    script = "import sys, test_crash; test_crash.fill_a_disk(sys.argv[1])"
    done = run((*NAMESPACE, sys.executable, "-c", script, str(folder)), Path(__file__).parent)
    assert (done.returncode, done.stderr) == (0, "")
    print(done.stdout)


def fill_a_disk(name: str) -> None:
    """In a mount namespace of its own: rebuilds beside a reader, with ever more space left on the disk of the cache."""
    folder = Path(name)
    subprocess.run(("mount", "-t", "tmpfs", "-o", "size=4m", "none", folder / "cache"), check=True)
    assert run(REBUILD, folder).returncode == 0
    kept = (folder / "cache" / "x.db").read_bytes()
    old = generation(folder)
    for path, text in documents("new").items():
        (folder / path).write_text(text)
    statuses = []
    for free in range(0, 5 * len(kept), len(kept) // 4):
        for name in ("x.db-wal", "x.db-shm"):
            (folder / "cache" / name).unlink(missing_ok=True)
        (folder / "cache" / "x.db").write_bytes(kept)
        statuses.append(rebuilt_with_space(folder, free, old))
    print(statuses)
    assert statuses[0] == 3
    assert statuses[-1] == 0
    assert statuses == sorted(statuses, reverse=True)


def rebuilt_with_space(folder: Path, free: int, old: str) -> int:
    """Exit status of a rebuild with so many bytes left."""
    cache = folder / "cache"
    with database.closing(database.open_reader(str(cache / "x.db"))) as reader:
        reader.execute("BEGIN")
        assert whole(reader) == old
        found = os.statvfs(cache)
        (cache / "filler").write_bytes(bytes(max(0, found.f_bavail * found.f_frsize - free)))
        done = run(REBUILD, folder)
        assert whole(reader) == old
        reader.execute("COMMIT")
        assert (whole(reader) == old) == bool(done.returncode)
        if done.returncode:
            assert "no space left" in one_line(done, 3)
            assert not (cache / "x.db.build").exists()
            assert not (cache / "x.db-wal").stat().st_size
    (cache / "filler").unlink()
    return done.returncode


# A process that is stopped at any moment, with workers


def many(generation: int) -> dict[str, str]:
    text = "# {0}\n\nmarker{1} [[{2}]] [x](d{2}.md)\n"
    return {f"docs/d{i}.md": text.format(i, generation, i * 7 % 400) * (1 + i % 5) for i in range(400)}


def stopped(folder: Path, name: str, group: bool, after_s: float) -> None:
    """A rebuild that gets this signal, alone or with its workers, some time after it has begun to build."""
    before = facts(folder)
    build = folder / ".mdcache" / "cache.db.build"
    build.unlink(missing_ok=True)  # what the last one has left, or we could not see the next one begin
    process = start((*MDCACHE, "rebuild", "docs", "--workers", "2", "--quiet"), folder, start_new_session=True)
    while not build.exists() and process.poll() is None:
        time.sleep(0.001)
    pids = children(process.pid)
    time.sleep(after_s)
    if process.poll() is None:
        (os.killpg if group else os.kill)(process.pid, signal.Signals[name])
    _, said = process.communicate(timeout=60)  # the end of the output: nobody is left who could write to it
    assert all(is_gone(pid) for pid in pids)
    with lock.held(str(folder / ".mdcache" / "cache.db"), "mdcache test", 0):
        pass
    if process.returncode == 0:
        assert facts(folder)["generation"] != before["generation"]
    elif name == "SIGKILL":
        assert process.returncode == -signal.SIGKILL
    else:
        assert (process.returncode, said.strip()) == (130, "mdcache: interrupted: the cache is as it was")
        assert facts(folder) == before
        assert not build.exists()


def facts(folder: Path) -> dict[str, str]:
    with database.closing(database.open_reader(str(folder / ".mdcache" / "cache.db"))) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return dict(db.execute("SELECT key, value FROM meta"))


def stop_at_random(vault: Callable[..., Path], rounds: int) -> None:
    folder, dice = vault(many(0)), random.Random(1)
    assert mdcache(folder, "rebuild", "docs").returncode == 0
    for number in range(1, rounds + 1):
        vault(many(number), into=folder)
        name = ("SIGINT", "SIGTERM", "SIGKILL")[number % 3]
        stopped(folder, name, number % 2 == 0, dice.uniform(0, 0.4))
    assert mdcache(folder, "rebuild", "docs").returncode == 0
    assert facts(folder)["documents"] == "400"
    found = {path.name for path in (folder / ".mdcache").iterdir()} - SIDES
    assert found == {".gitignore", "cache.db", "cache.db.lock"}


def test_a_rebuild_that_is_stopped_leaves_no_process_no_lock_and_says_what_became_of_it(
    vault: Callable[..., Path],
) -> None:
    stop_at_random(vault, 6)


@pytest.mark.torture
def test_a_rebuild_that_is_stopped_ever_again_leaves_no_process_no_lock_and_says_what_became_of_it(
    vault: Callable[..., Path],
) -> None:
    stop_at_random(vault, 300)
