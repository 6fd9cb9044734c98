"""The watcher's state: a record beside the database, locked for as long as the watcher lives, for mdcache status.

The record says which process the watcher is, and which file it stands in: a process of another pid namespace or machine
is known for one, and so is a copy of the record. A watcher that ends in order leaves an empty file; so even one whom
permissions keep from reading it sees whether there is, or was, a watcher.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple

from mdcache import process
from mdcache.errors import WorkError, doing
from mdcache.process import Process
from mdcache.store import record
from mdcache.store.record import Owned

_LENGTH = 16_384
_LONGEST_REASON = 1000
"""Characters of a reason to be degraded; in the record a character takes twelve bytes at most."""
_TRIES, _PAUSE_S = 10, 0.02
# A watcher looks twice as often whether its state file is still there.
_STRAY_S = 3.0


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


class _Origin(NamedTuple):
    """The rest of a record. process: the text of the one that wrote it; file: the name of the file that it wrote to."""

    pid: int = 0
    process: str = ""
    file: str = ""


class Beacon:
    """The record of the watcher that this process is."""

    def __init__(self, database: str, descriptor: int | None = None) -> None:
        self._path = path_of(database)
        self._database = database
        adopted = None if descriptor is None else record.adopted(descriptor, self._path)
        self._file = adopted or _owned(database)
        self._written: State | None = None

    def show(self, state: State) -> None:
        """Write the state if it is another than before; what a full disk did not take, the next call writes."""
        state = state if state.degraded is None else state._replace(degraded=state.degraded[:_LONGEST_REASON])
        origin = _Origin(state.pid, process.current().text(), self._file.name())
        if state != self._written and self._file.write(_LENGTH, state, origin):
            self._written = state

    def move(self) -> None:
        """Be the watcher at the database's path again, where the file was removed or the folder exchanged.

        Raises WorkError when another process is that by now, or the file cannot be made.
        """
        if self._file.is_at(self._path):
            return
        before, self._file = self._file, _owned(self._database)
        before.clear()
        before.close()
        state, self._written = self._written, None
        if state:
            self.show(state)

    def is_in_place(self) -> bool:
        """Return whether others see the record, at the database's path."""
        return self._file.is_at(self._path)

    def descriptor(self) -> int:
        """Return the descriptor of the file, which holds the lock."""
        return self._file.descriptor

    def close(self) -> None:
        """End as a watcher: nothing is left in the file."""
        self._file.clear()
        self._file.close()


def path_of(database: str) -> str:
    """Return the path of the state file of a database's watcher."""
    return database + ".watch"


@contextlib.contextmanager
def held(database: str, descriptor: int | None = None) -> Iterator[Beacon]:
    """Be the watcher of a database, as a context. Raises WorkError, naming the other, when there is one.

    descriptor: that of the state file, of a process that was the watcher and was started again, and never let go of it.
    """
    _await_stray(database)
    with closing(Beacon(database, descriptor)) as beacon:
        yield beacon


class Taken(WorkError):
    """Another process watches. who: which one."""

    def __init__(self, message: str, who: str) -> None:
        super().__init__(message)
        self.who = who


def _owned(database: str) -> Owned:
    path = path_of(database)
    try:
        with doing(f"write {path}"):
            # A reader of the state takes the lock for a moment: that must not keep a watcher from starting.
            file = record.own(path, "state", _TRIES * _PAUSE_S)
    except record.Taken as taken:
        other = record.parsed(taken.content, State())
        where = _elsewhere(taken.content)
        how = f"{where}: stop it there" if where else "mdcache watch --stop"
        # Between the lock and its first words a watcher has no number yet.
        who = f"process {other.pid} since {other.since}" if other.pid else "a process that is just starting"
        raise Taken(f"{database} is watched already, by {who}{', ' if where else ': '}{how}", who) from None
    # A watcher that was killed has left its name: a command to stop this one would end another process.
    file.clear()
    return file


def _await_stray(database: str) -> None:
    """Wait until a watcher whose state file was removed, as by git clean, has taken a new one, or has ended.

    Raises Taken when it does neither: a second one never starts while the first lives.
    """
    path, deadline = path_of(database), time.monotonic() + _STRAY_S
    while not os.path.lexists(path) and (stray := process.holder_of_removed(path)):
        if time.monotonic() > deadline:
            who = f"process {stray}"
            raise Taken(
                f"{database} is watched by {who} still, whose state file was removed: kill {stray} ends it", who
            )
        time.sleep(_PAUSE_S)


# As others see it


class Seen(NamedTuple):
    """A watcher as others see it.

    alive: its process runs; False: it was killed, and left its state behind; None: that cannot be seen. elsewhere: why
    it cannot be reached from here, as "from another pid namespace (container)" or "cannot read …"; None when it can.
    process: which one it is; None where the record does not say.
    """

    state: State
    alive: bool | None
    elsewhere: str | None = None
    process: Process | None = None


def found(database: str) -> Seen | None:
    """Return the watcher of a database as read does; wait for one whose state file was just removed to take a new one.

    Raises Taken when it does not.
    """
    _await_stray(database)
    return read(database)


def read(database: str) -> Seen | None:
    """Return the watcher of a database; None when there is none and the last one ended as it should.

    A copy of a record, as in a restored backup, is none: its watcher is that of the original.
    """
    path = path_of(database)
    if hidden := record.hidden(path, "a watcher"):
        return Seen(State(), None, hidden)
    alive = record.is_locked(path)
    content = _content(path)
    for _ in range(_TRIES if alive else 0):
        if record.parsed(content, State()).pid:
            break
        time.sleep(_PAUSE_S)  # half-written, or not yet
        content = _content(path)
    state, who = record.parsed(content, State()), _process(content)
    if not alive and (not state.pid or _is_copy(path, content, who)):
        return None
    return Seen(state, alive, _elsewhere(content) if alive else None, who)


def _content(path: str) -> bytes:
    try:
        return record.read(path, "state")
    except WorkError:  # another program's file: no watcher of ours
        return b""


def _process(content: bytes) -> Process | None:
    origin = record.parsed(content, _Origin())
    return process.parsed(origin.pid, origin.process)


def _elsewhere(content: bytes) -> str | None:
    who = _process(content)
    return process.elsewhere(who) if who else None


def _is_copy(path: str, content: bytes, who: Process | None) -> bool:
    """Return whether the record was written to another file than that at path, or on another machine."""
    name = record.parsed(content, _Origin()).file
    try:
        is_other = bool(name) and record.name_of(os.stat(path, follow_symlinks=False)) != name
    except OSError:
        return True
    return is_other or (who is not None and process.is_of_another_machine(who))
