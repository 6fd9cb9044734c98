"""Runs a command on a hostile place and judges it: it ends in time, stays small, and harms and tells nothing."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import select
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, NamedTuple

from torture import bench
from torture.stranger import SECRET, Place

SECONDS, STOP_SECONDS, BYTES = 5.0, 3.0, 500_000_000
"""Bounds of a command, of its end after a signal, and of the memory that it and all its children hold at once."""
INTERRUPT_AFTER_S = 0.3
STATUSES = frozenset((0, 1, 2, 3))
_LONGEST_LINE = 4_000
_LOOK_S = 0.02
# What _work takes on the machine for which the bounds were set, in seconds.
_REFERENCE_S = 0.022
_HASHED = 8_000_000
_LONGEST_PATH = 4_096

Listing = Mapping[str, tuple[object, ...]]


class Ended(NamedTuple):
    """How a command ended. status: minus the signal that ended it. peak: bytes. left: processes that it left behind.

    stopped: why the judge ended it; '' when it ended by itself. sent: the signal that was sent to it.
    """

    words: Sequence[str]
    status: int
    out: str
    err: str
    seconds: float
    peak: int
    left: tuple[int, ...]
    stopped: str
    sent: signal.Signals | None = None


# How slow the machine is


def slowness() -> float:
    """Return how many times longer things take here and now than on the machine for which the bounds were set.

    From 1 to 5: what has to wait for more than that is judged all the same.
    """
    began = time.perf_counter()
    for _ in range(3):
        _work()
    return min(5.0, max(1.0, (time.perf_counter() - began) / 3 / _REFERENCE_S))


def _work() -> None:
    total = 0
    for number in range(60_000):
        total += len(f"{number} {total}")
    for _ in range(20):
        hashlib.sha256(b"x" * 100_000).digest()


# Running


def run(words: Sequence[str], folder: Path, temporary: Path, slow: float, stop: signal.Signals | None = None) -> Ended:
    """Run a command within the bounds; with a signal, send it after a moment. Nothing of it runs on afterwards."""
    temporary.mkdir(exist_ok=True)
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        own, began = bench.memory("VmHWM"), time.monotonic()
        streams = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": err}
        process = subprocess.Popen(words, cwd=folder, env=environment, start_new_session=True, **streams)  # type: ignore[call-overload]
        watched = _Watched(process.pid)
        try:
            stopped = watched.until_end(began, slow, stop)
            seconds = time.monotonic() - began
            left = tuple(watched.tree() - {process.pid}) if not stopped else ()
        finally:
            watched.kill()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        # A new process counts what this one held when it was forked.
        largest = usage.ru_maxrss * 1024
        peak = max(watched.peak, largest if largest > own else 0)
        return Ended(words, process.returncode, _text(out), _text(err), seconds, peak, left, stopped, stop)


class _Watched:
    """A process and all that it has started. peak: the most memory that they were seen to hold at once, in bytes."""

    def __init__(self, pid: int) -> None:
        self._pid, self.peak = pid, 0
        self._known = {pid}

    def until_end(self, began: float, slow: float, stop: signal.Signals | None) -> str:
        """Wait until the process ends; return '', or why it must be stopped."""
        deadline, send_at = began + SECONDS * slow, began + INTERRUPT_AFTER_S * slow
        descriptor = os.pidfd_open(self._pid)
        try:
            while not select.select((descriptor,), (), (), _LOOK_S)[0]:
                now = time.monotonic()
                if stop and now >= send_at:
                    os.kill(self._pid, stop)
                    stop, deadline = None, now + STOP_SECONDS * slow
                if now > deadline:
                    return f"runs for more than {deadline - began:.1f} s"
                self.peak = max(self.peak, sum(map(_held, self.tree())))
                if self.peak > 2 * BYTES:
                    return f"holds {self.peak / 1e6:.0f} MB"
        finally:
            os.close(descriptor)
        return ""

    def tree(self) -> set[int]:
        """Return the processes that run: those of the session, and whatever these have started elsewhere."""
        listed = list(_processes())
        for pid, parent, session in listed:
            if session == self._pid or parent in self._known:
                self._known.add(pid)
        return {pid for pid, _, _ in listed if pid in self._known}

    def kill(self) -> None:
        for pid in self.tree() | {self._pid}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _processes() -> Iterator[tuple[int, int, int]]:
    """Yield (process, parent, session) of all processes that have not ended."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                fields = Path(f"/proc/{name}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
                if fields[0] != "Z":
                    yield int(name), int(fields[1]), int(fields[3])


def _held(pid: int) -> int:
    """Return the bytes of a process that are in no file; those that it shares with its parent count for both."""
    with contextlib.suppress(OSError):
        found = re.findall(r"^Rss(?:Anon|Shmem):\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
        return sum(map(int, found)) * 1024
    return 0


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(50_000_000).decode("utf-8", "replace")


# Judging


def faults(ended: Ended, place: Place, statuses: Iterable[int] = STATUSES) -> Iterator[str]:
    """Yield what is wrong with how a command has ended and with what it has printed."""
    if ended.stopped:
        yield ended.stopped
    elif ended.status not in statuses:
        yield f"exit status {ended.status}"
    if ended.peak > BYTES and not ended.stopped.startswith("holds"):
        yield f"holds {ended.peak / 1e6:.0f} MB"
    if ended.left:
        yield f"leaves processes behind: {ended.left}"
    if place.canary.exists():
        yield "a planted program ran"
    yield from _said(ended)


_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_ANNOTATION = re.compile(r"::(error|warning|notice)( [a-zA-Z]+=[^:,]*(,[a-zA-Z]+=[^:,]*)*)?::")
# The first at the start of a line, the last as they are, the others anywhere: see docs/security.md.
_COMMAND = re.compile(r"\s*::|.*##(\[|vso\[|teamcity\[)|(---|\+\+\+|~~~|\^\^\^) ")


def _said(ended: Ended) -> Iterator[str]:
    """Yield what is wrong with what a command has printed."""
    said = ended.out + "\n" + ended.err
    if "a bug in mdcache" in said:
        yield "calls itself a bug"
    # A signal may come while Python still starts: it says so in its own way.
    if "Traceback (most recent call last)" in said and "--verbose" not in ended.words and not ended.sent:
        yield "prints a traceback"
    if SECRET in said:
        yield "prints what lies outside"
    if found := _CONTROL.search(said):
        yield f"prints a control character: {said[max(0, found.start() - 40) : found.end() + 20]!r}"
    annotates = "github" in ended.words
    for line in re.split("\r\n|\n|\r", said):
        if _COMMAND.match(_ANNOTATION.sub("", line, 1) if annotates else line):
            yield f"prints a command of CI systems: {line[:80]!r}"
            break
    if longest := max((line for line in ended.err.splitlines() if len(line) > _LONGEST_LINE), default="", key=len):
        yield f"complains in {len(longest)} characters: {longest[:80]!r}"
    if ended.status in (2, 3) and "mdcache: " not in ended.err:
        yield "does not say why it failed"
    if {"--json", "json", "sarif"} & set(ended.words) and ended.status in (0, 1) and not _is_json(ended.out):
        yield "prints what is no JSON"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


# What is there before and after


def listing(folder: Path, leaves_out: Sequence[str] = ()) -> Listing:
    """Return all that lies in a folder but what matches the patterns: {path: what it is, with its hash}."""
    found: dict[str, tuple[object, ...]] = {}
    for at, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not _matches(os.path.join(at, name), folder, leaves_out)]
        for name in (*folders, *files):
            path = os.path.join(at, name)
            if not _matches(path, folder, leaves_out):
                found[os.path.relpath(path, folder)] = _seen(path)
    return found


def _matches(path: str, folder: Path, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(os.path.relpath(path, folder), pattern) for pattern in patterns)


def _seen(path: str) -> tuple[object, ...]:
    if len(os.fsencode(path)) >= _LONGEST_PATH:
        return ()  # deeper than a path reaches, so nobody writes there by one
    found = os.lstat(path)
    kind = (stat.filemode(found.st_mode), found.st_uid)
    if stat.S_ISLNK(found.st_mode):
        return (*kind, os.readlink(path))
    if stat.S_ISREG(found.st_mode) and found.st_size <= _HASHED:
        with open(path, "rb") as file:
            return (*kind, found.st_ino, hashlib.sha256(file.read()).hexdigest())
    return (*kind, found.st_ino, found.st_size, found.st_mtime_ns) if not stat.S_ISDIR(found.st_mode) else kind


def changed(before: Listing, after: Listing) -> list[str]:
    """Return the paths that are not what they were."""
    return sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
