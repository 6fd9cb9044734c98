"""The writer lock: a record beside the database that names the one process that may write to it.

It also remembers the last completed publish to its database, so that a cache whose header was destroyed is still
known as ours.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

from mdcache import process, times
from mdcache.errors import WorkError, doing
from mdcache.process import Process
from mdcache.store import record
from mdcache.store.record import Owned

DEFAULT_WAIT_S = 10.0
_LENGTH = 512


class Record(NamedTuple):
    """What a lock file says: who holds or last held it, and which generation was published last (0: none).

    process: the text of the process that pid names.
    """

    pid: int = 0
    command: str = ""
    since: str = ""
    published: int = 0
    process: str = ""

    @property
    def holder(self) -> Process | None:
        """Which process holds or last held it; None where the record does not say."""
        return process.parsed(self.pid, self.process)

    def ran_here(self) -> bool:
        """Return whether that process ran on this machine, as far as boots and names tell."""
        return self.holder is not None and not process.is_of_another_machine(self.holder)


class Lock:
    """A writer lock that this process holds."""

    def __init__(self, file: Owned, entry: Record) -> None:
        self._file, self._record = file, entry

    @property
    def record(self) -> Record:
        return self._record

    def published(self, generation: int) -> None:
        """Remember a completed publish. A full disk must not undo it, so failing to write this down is no error."""
        self._record = self._record._replace(published=generation)
        self._file.write(_LENGTH, self._record)


def path_of(database: str) -> str:
    """Return the path of a database's lock file."""
    return database + ".lock"


def read(database: str) -> Record:
    """Return what the lock file of a database says; an empty record when there is none or it makes no sense.

    Raises WorkError for a file with something else in it: it belongs to another program and is not to be written to.
    """
    return record.parsed(record.read(path_of(database), "lock"), Record())


def is_held(database: str) -> bool:
    """Return whether a process holds the writer lock of a database now, whichever the record names."""
    return record.is_locked(path_of(database))


@contextlib.contextmanager
def held(database: str, command: str, wait_s: float = DEFAULT_WAIT_S) -> Iterator[Lock]:
    """Hold the writer lock of a database, as a context.

    Args:
        database: the path of the database.
        command: what to tell others who wait for the lock.
        wait_s: how long to wait for it, in seconds.

    Raises:
        WorkError: it is not free in time (the message names its holder), or cannot be locked.
    """
    with closing(_owned(path_of(database), wait_s)) as file:
        before = record.parsed(file.before, Record())
        own = process.current()
        entry = before._replace(pid=own.pid, command=command, since=times.now(), process=own.text())
        file.write(_LENGTH, entry)
        yield Lock(file, entry)


def _owned(path: str, wait_s: float) -> Owned:
    try:
        with doing(f"lock {path}"):
            return record.own(path, "lock", wait_s)
    except record.Taken as taken:
        holder = named(record.parsed(taken.content, Record()))
        raise WorkError(f"{path} is held by {holder}: try again later, or with --wait") from None


def named(record: Record) -> str:
    """Return who holds the lock, and where it runs if that is not here, for a sentence."""
    if not record.pid:
        return "another process"
    where = process.elsewhere(record.holder) if record.holder else None
    return f"{record.command} (process {record.pid}, since {record.since}{f', {where}' if where else ''})"
