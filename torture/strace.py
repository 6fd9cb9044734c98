"""System calls of a program, and faults at them. strace counts calls by thread, and so does this."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import processes

_CALL = re.compile(r"(\d+) +(\w+)\(")
# System calls that fail when the disk is full, those that fail when it is broken, those that a signal can cut short.
WRITES = re.compile("open|openat|write|pwrite64|ftruncate|fallocate|mkdir|mkdirat|rename|renameat|fsync|fdatasync")
FALLIBLE = re.compile(WRITES.pattern + "|read|pread64|unlink|unlinkat|chmod|fchown|flock|fcntl|l?stat|fstat|newfstatat")
SLOW = re.compile("open|openat|read|pread64|write|pwrite64|ftruncate|fallocate|fsync|fdatasync|flock|fcntl")

Run = Callable[[Path, Sequence[str]], "subprocess.CompletedProcess[str]"]
"""Runs a program in a folder, with these words before its command."""


class Point(NamedTuple):
    """The number-th call of a system call by any one thread, from 1; what it was, for people."""

    call: str
    number: int
    line: str


class Struck(NamedTuple):
    """A run with a fault. calls: those that were struck, none when the run never came to the point."""

    status: int
    said: str
    calls: list[str]


def works() -> bool:
    """Whether there is strace here, and it may trace."""
    try:
        return (
            sys.platform == "linux" and processes.run(("strace", "-o", os.devnull, "true"), Path("/")).returncode == 0
        )
    except FileNotFoundError:
        return False


def touches(call: str, *folders: str) -> bool:
    """Whether a call, as points and struck give it, names a file in one of these folders, or a descriptor of one."""
    return any(f"./{folder}" in call for folder in folders)


def points(run: Run, folder: Path, *folders: str) -> list[Point]:
    """Every system call of a run that touches one of these folders.

    Without those whose number another thread reaches elsewhere: there, too, a fault would strike.
    """
    log = folder.with_name(folder.name + ".trace")
    done = run(folder, ("strace", "-f", "-y", "-s", "0", "-o", str(log)))
    assert done.returncode == 0, done
    found: dict[tuple[str, int], Point] = {}
    elsewhere = set()
    for call, number, line in _calls(log, folder):
        if touches(line, *folders):
            found.setdefault((call, number), Point(call, number, line))
        else:
            elsewhere.add((call, number))
    assert len(found) > 50
    return sorted(point for key, point in found.items() if key not in elsewhere)


def struck(run: Run, folder: Path, point: Point, fault: str) -> Struck:
    """A run with a fault at a point; its status is as shells give it."""
    log = folder.with_name(folder.name + ".trace")
    inject = ("-e", f"trace={point.call}", "-e", f"inject={point.call}:{fault}:when={point.number}")
    done = run(folder, ("strace", "-f", "-qq", "-y", "-s", "0", "--seccomp-bpf", "-o", str(log), *inject))
    hits = [line for _, number, line in _calls(log, folder) if number == point.number]
    log.unlink()
    return Struck(done.returncode if done.returncode >= 0 else 128 - done.returncode, done.stderr, hits)


def _calls(log: Path, folder: Path) -> Iterator[tuple[str, int, str]]:
    count: Counter[tuple[str, str]] = Counter()
    with log.open(errors="replace") as lines:
        for line in lines:
            called = _CALL.match(line)
            if called:
                thread, call = called.groups()
                count[thread, call] += 1
                yield call, count[thread, call], line.replace(str(folder), ".")
