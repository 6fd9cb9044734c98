"""Hints on their way from the observer's threads to the loop."""

from __future__ import annotations

import contextlib
import threading
import time
from queue import Empty, SimpleQueue
from typing import NamedTuple

from mdcache.watching.schedule import Hints

# More paths than this are not worth keeping apart: everything is looked at.
MANY = 500


class Bell:
    """Wakes the loop: rung for a hint, and by a caller that wants its stop to be noticed at once."""

    def __init__(self) -> None:
        self._rung: SimpleQueue[None] = SimpleQueue()

    def ring(self) -> None:
        """Wake the one that waits; safe in a signal handler."""
        self._rung.put(None)

    def wait(self, seconds: float) -> None:
        """Return when it rings, or after this time."""
        with contextlib.suppress(Empty):
            self._rung.get(timeout=max(seconds, 0.001))
            while True:
                self._rung.get_nowait()


class Taken(NamedTuple):
    """What was announced.

    paths: relative to the base, None for everything; since: when the first hint came, by time.monotonic; moved: a
    folder came, went or was renamed; lost: why events are missing, None when none are.
    """

    paths: frozenset[str] | None
    since: float
    moved: bool
    lost: str | None


class Inbox:
    """Collects hints from any thread: each path once, and never more than a few."""

    def __init__(self, bell: Bell | None = None) -> None:
        self._lock = threading.Lock()
        self._bell = bell or Bell()
        self._clear()

    def _clear(self) -> None:
        self._paths: set[str] | None = set()
        self._times: Hints | None = None
        self._moved = False
        self._lost: str | None = None

    def add(self, path: str, moved: bool = False, lost: str | None = None) -> None:
        """Add a path, '' for everything; ring for the first, and when events were lost."""
        now = time.monotonic()
        with self._lock:
            is_first = self._times is None
            if self._paths is not None:
                self._paths.add(path)
                if path == "" or len(self._paths) > MANY:
                    self._paths = None
            self._times = Hints(self._times.first if self._times else now, now)
            self._moved |= moved
            self._lost = self._lost or lost
        if is_first or lost:
            self._bell.ring()

    def wait(self, seconds: float) -> None:
        """Return when the bell rings, or after this time."""
        self._bell.wait(seconds)

    def count(self) -> int:
        """Return how many paths are in it; MANY for everything."""
        with self._lock:
            return MANY if self._paths is None else len(self._paths)

    def times(self) -> Hints | None:
        """Return when the first and the last hint came; None when it is empty."""
        with self._lock:
            return self._times

    def take(self) -> Taken | None:
        """Return what is in it, and empty it; None when it is empty."""
        with self._lock:
            if self._times is None:
                return None
            paths = None if self._paths is None else frozenset(self._paths)
            taken = Taken(paths, self._times.first, self._moved, self._lost)
            self._clear()
            return taken
