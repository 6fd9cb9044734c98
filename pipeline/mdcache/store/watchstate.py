"""The watcher's state: a record beside the database, locked for as long as the watcher lives, for mdcache status."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple

from mdcache.errors import WorkError, doing
from mdcache.store import record
from mdcache.store.record import Owned

_LENGTH = 16_384
_LONGEST_REASON = 1000
"""Characters of a reason to be degraded; in the record a character takes twelve bytes at most."""
_TRIES, _PAUSE_S = 10, 0.02


class State(NamedTuple):
    """A watcher's state; times are as times.now() gives them, and None until something has happened.

    method: inotify, fsevents, kqueue or poll. ready: the first sync is done. pending: how many paths it knows of that
    it has still to look at. degraded: why it is not as prompt or as sure as it should be, None when it is. checkpoint:
    what SQLite answered to the last one, None when the log was folded back completely. generation: the last it saw.
    """

    pid: int = 0
    since: str = ""
    method: str = ""
    ready: bool = False
    last_event: str | None = None
    last_batch: str | None = None
    last_reconcile: str | None = None
    batches: int = 0
    pending: int = 0
    degraded: str | None = None
    checkpoint: dict[str, Any] | None = None
    generation: int = 0


class Beacon:
    """The record of the watcher that this process is."""

    def __init__(self, file: Owned) -> None:
        self._file = file
        self._written: State | None = None

    def show(self, state: State) -> None:
        """Write the state if it is another than before; what a full disk did not take, the next call writes."""
        state = state if state.degraded is None else state._replace(degraded=state.degraded[:_LONGEST_REASON])
        if state != self._written and self._file.write(state, _LENGTH):
            self._written = state


def path_of(database: str) -> str:
    """Return the path of the state file of a database's watcher."""
    return database + ".watch"


@contextlib.contextmanager
def held(database: str) -> Iterator[Beacon]:
    """Be the watcher of a database, as a context. Raises WorkError, naming the other, when there is one."""
    with closing(_owned(database)) as file:
        beacon = Beacon(file)
        # A watcher that was killed has left its name: a command to stop this one would end another process.
        beacon.show(State())
        try:
            yield beacon
        finally:
            beacon.show(State())


def _owned(database: str) -> Owned:
    path = path_of(database)
    try:
        with doing(f"write {path}"):
            # A reader of the state takes the lock for a moment: that must not keep a watcher from starting.
            return record.own(path, "state", _TRIES * _PAUSE_S)
    except record.Taken as taken:
        other = record.parsed(taken.content, State())
        raise WorkError(
            f"{database} is watched already, by process {other.pid} since {other.since}: mdcache watch --stop"
        ) from None


class Seen(NamedTuple):
    """A watcher as others see it. alive: its process runs; else it was killed, and left its state behind."""

    state: State
    alive: bool


def read(database: str) -> Seen | None:
    """Return the watcher of a database; None when there is none and the last one ended as it should."""
    path = path_of(database)
    alive = record.is_locked(path)
    state = _read(path)
    for _ in range(_TRIES if alive else 0):
        if state.pid:
            break
        time.sleep(_PAUSE_S)  # half-written, or not yet
        state = _read(path)
    return Seen(state, alive) if alive or state.pid else None


def _read(path: str) -> State:
    with contextlib.suppress(WorkError):  # another program's file: no watcher of ours
        return record.parsed(record.read(path, "state"), State())
    return State()
