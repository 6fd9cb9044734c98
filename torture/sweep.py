"""Faults at every system call by which rebuild, sync and watch touch documents and cache."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from processes import MDCACHE, PATIENCE_S, descendants, run, start

from mdcache.errors import MdcacheError
from mdcache.store import connections, watchstate
from mdcache.store.connections import SqliteError, scalar
from mdcache.syncing import sync
from torture import scene, strace
from torture.bench import Part, Trial
from torture.scene import Scene, State
from torture.strace import Point, Run, Struck

KILL = "signal=KILL"
_FOLDERS = ("docs", "cache")
_KILLED = 128 + signal.SIGKILL
_OPTIONS = ("--db", "cache/x.db", "--wait", "1")


# The programs


def rebuild(folder: Path, before: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return run((*before, *MDCACHE, "rebuild", *_OPTIONS, "--workers", "0"), folder)


def sync_(folder: Path, before: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return run((*before, *MDCACHE, "sync", *_OPTIONS), folder)


def watch(folder: Path, before: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """A watcher that finds what has changed, follows one more edit, and is asked to end."""
    process = start((*before, *MDCACHE, "watch", *_OPTIONS), folder)
    try:
        _await(process, lambda: (seen := watchstate.read(scene.cache_of(folder))) and seen.alive and seen.state.ready)
        watcher = descendants(process.pid)[0] if before and descendants(process.pid) else process.pid
        scene.edit(folder)
        _await(process, lambda: _is_titled(folder, "Edited"))
        if process.poll() is None:
            os.kill(watcher, signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE_S)
    finally:
        for child in descendants(process.pid) if process.poll() is None else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        process.kill()
        process.wait()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def _await(process: subprocess.Popen[str], condition: Callable[[], Any]) -> None:
    """Until it holds, or the process has ended."""
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None and not condition():
        assert time.monotonic() < deadline, "it neither ended nor did what it was to do"
        time.sleep(0.01)


def _is_titled(folder: Path, title: str) -> bool:
    try:
        with contextlib.closing(connections.open_reader(scene.cache_of(folder))) as db:
            return bool(scalar(db, "SELECT count(*) FROM nodes WHERE title = ?", title))
    except (SqliteError, MdcacheError):
        return False


class Subject(NamedTuple):
    """Who is struck. cache: there is one before; reader: somebody holds a snapshot of it meanwhile."""

    name: str
    run: Run
    cache: bool = True
    reader: bool = False


REBUILDS = (
    Subject("rebuild without a cache", rebuild, cache=False),
    Subject("rebuild", rebuild),
    Subject("rebuild beside a reader", rebuild, reader=True),
)
SYNCS = (Subject("sync", sync_), Subject("sync beside a reader", sync_, reader=True))
WATCHES = (Subject("watch", watch),)
SUBJECTS = (*REBUILDS, *SYNCS, *WATCHES)


# The sweep


class Sweep:
    """Strikes one subject at one point after the other."""

    def __init__(self, trial: Trial, subject: Subject) -> None:
        self.subject, self._chance = subject, trial.chance
        self._folder = Path(trial.folder / f"{subject.name}".replace(" ", "-"))
        self._folder.mkdir()
        self.scene = scene.laid_out(self._folder / "scene", subject.cache)
        self._is_watcher = subject.run is watch

    def points(self) -> list[Point]:
        traced = self._copied()
        with self._reading(traced):
            return strace.points(self.subject.run, traced, *_FOLDERS)

    def _copied(self) -> Path:
        """Each as deep as the others: programs look at one folder after the other on the way to a file."""
        return scene.copied(self.scene.folder, Path(tempfile.mkdtemp(dir=self._folder)) / "scene")

    def strike(self, part: Part, all_: Sequence[Point], at_most: int | None, fault: Callable[[], str]) -> None:
        """A fault at each of these points; or at so many of them, as chance has it."""
        for point in all_ if at_most is None else self._chance.sample(all_, min(at_most, len(all_))):
            kind = fault()
            with part.point(f"{kind} at {point}"):
                part.faults += self._strike(point, kind)
        # A watcher looks at clocks, and may end before it comes to a point.
        assert part.faults >= part.tried * 3 // 4 - 2, "too many faults went astray"

    def _strike(self, point: Point, fault: str) -> int:
        """One fault at one point, and everything that must hold after it; how often it struck where it was to."""
        folder = self._copied()
        with self._reading(folder):
            done = strace.struck(self.subject.run, folder, point, fault)
        hits = sum(strace.touches(call, *_FOLDERS) for call in done.calls)
        if hits == len(done.calls):  # else something has struck Python itself, say, while it was starting
            self._judge(folder, fault, done, scene.state(folder))
        scene.made_good(folder, anew=not self.subject.cache)
        shutil.rmtree(folder.parent)
        return hits

    @contextlib.contextmanager
    def _reading(self, folder: Path) -> Any:
        reader = scene.Reader(folder) if self.subject.reader else None
        yield
        if reader:
            reader.leave()

    def _judge(self, folder: Path, fault: str, done: Struck, seen: State) -> None:
        """What is there is the old or the new, and what was said of it is true."""
        # A document that could not be read is not in the cache; the next sync finds it.
        misses_one = fault.startswith("error") and any(strace.touches(call, "docs") for call in done.calls)
        states = (self.scene.old, self.scene.new, *((self.scene.later,) if self._is_watcher else ()))
        assert misses_one or seen in states, "neither the old nor the new"
        if done.status == _KILLED:
            assert fault == KILL
            return
        said = done.said.removeprefix("\n")  # after ^C on a terminal
        assert "bug" not in said and "Traceback" not in said, said
        if self._is_watcher:
            _judge_watcher(done)
        else:
            is_current = misses_one or sync.stale(scene.settings_of(folder)) is None
            _judge_command(self.subject, self.scene, is_current, done, seen)
        assert said.count("\n") <= 1 or self._is_watcher, said
        if not any("unlink" in call for call in done.calls):
            scene.assert_nothing_left(folder)


def _judge_watcher(done: Struck) -> None:
    assert done.status in (0, 3, 130), done
    if done.status == 3:
        assert done.said.splitlines()[-1].startswith("mdcache: "), done.said


def _judge_command(subject: Subject, made: Scene, is_current: bool, done: Struck, seen: State) -> None:
    assert done.status in (0, 3, 130), done
    if done.status == 0:
        assert is_current, done
    elif subject.run is rebuild or "as it was" in done.said:
        assert seen == made.old, done
    if done.status:
        assert done.said.removeprefix("\n").startswith("mdcache: "), done.said
