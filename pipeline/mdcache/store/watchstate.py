"""What a watcher says of itself: one file beside the database, locked for as long as the watcher lives.

The lock tells whether it lives, whatever the file says; the file tells the rest, for mdcache status.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from mdcache.errors import WorkError, doing

# Of a reason to be degraded 1000 characters are shown, and a character takes twelve bytes at most.
_LENGTH = 16_384
MAX_PID = (1 << 31) - 1
"""No system has a process with a higher number, and none can be asked for one."""
_TRIES, _PAUSE_S = 10, 0.02


class State(NamedTuple):
    """A watcher's state; times are UTC, ISO 8601, and None until something has happened.

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
    """The state file of the watcher that this process is."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._written: State | None = None

    def show(self, state: State) -> None:
        """Padded to one length and written at once. A full disk is no error: the next look writes it."""
        state = state if state.degraded is None else state._replace(degraded=state.degraded[:1000])
        if state == self._written:
            return
        line = json.dumps(state._asdict(), ensure_ascii=True).encode()
        with contextlib.suppress(OSError):
            os.pwrite(self._descriptor, line[: _LENGTH - 1].ljust(_LENGTH - 1) + b"\n", 0)
            self._written = state


def path_of(database: str) -> str:
    return database + ".watch"


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


@contextlib.contextmanager
def held(database: str) -> Iterator[Beacon]:
    """Be the watcher of this database; raises WorkError, naming the other, when there is one."""
    path = path_of(database)
    with contextlib.ExitStack() as stack:
        with doing(f"write {path}"):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
            stack.callback(os.close, descriptor)
            content = os.pread(descriptor, _LENGTH, 0)
            if content.strip(b"\0") and not content.startswith(b'{"pid": '):
                raise WorkError(
                    f"{path} is not a state of mdcache: it stays untouched, name another database with --db"
                )
            if not _locked(descriptor):
                other = _parsed(os.pread(descriptor, _LENGTH, 0))
                raise WorkError(
                    f"{database} is watched already, by process {other.pid} since {other.since}: mdcache watch --stop"
                )
        beacon = Beacon(descriptor)
        # A watcher that was killed has left its name: whoever stops this one would end another process.
        beacon.show(State())
        try:
            yield beacon
        finally:
            beacon.show(State())


def _locked(descriptor: int) -> bool:
    """Whoever asks for the state holds the lock for a moment: that must not keep a watcher from starting."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE_S)
        else:
            return True
    return False


class Seen(NamedTuple):
    """A watcher as others see it. alive: its process runs; else it was killed, and left its state behind."""

    state: State
    alive: bool


def read(database: str) -> Seen | None:
    """The watcher of a database; None when there is none and the last one ended as it should."""
    try:
        descriptor = os.open(path_of(database), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        alive = _is_locked(descriptor)
        state = _parsed(os.pread(descriptor, _LENGTH, 0))
        for _ in range(_TRIES if alive else 0):
            if state.pid:
                break
            time.sleep(_PAUSE_S)  # half-written, or not yet
            state = _parsed(os.pread(descriptor, _LENGTH, 0))
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return Seen(state, alive) if alive or state.pid else None


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _parsed(content: bytes) -> State:
    """Whoever reads it signals the process that it names, and counts on times being text: all must fit, or nothing is.

    RecursionError: lists within lists, for as long as the file is.
    """
    try:
        found = json.loads(content)
        state = State(**{name: found[name] for name in State._fields if name in found})
    except (ValueError, TypeError, RecursionError):
        return State()
    return state if all(map(_fits, State._fields, state)) and 0 <= state.pid <= MAX_PID else State()


def _fits(name: str, value: object) -> bool:
    default = State._field_defaults[name]
    if value is None or default is not None:
        return type(value) is type(default)
    return isinstance(value, dict if name == "checkpoint" else str)
