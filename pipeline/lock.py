"""The writer lock: one file beside the database, never deleted, that names its holder.

It also remembers the last completed publish to its database, so that a cache whose header was destroyed is still
known as ours.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.errors import WorkError

DEFAULT_WAIT_S = 10.0
_POLL_S = 0.02


class Record(NamedTuple):
    """What a lock file says: who holds or last held it, and which generation was published last (0: none)."""

    pid: int = 0
    command: str = ""
    since: str = ""
    published: int = 0


class Lock:
    """A lock that is held."""

    def __init__(self, path: str, descriptor: int, record: Record) -> None:
        self._path, self._descriptor, self._record = path, descriptor, record

    @property
    def record(self) -> Record:
        return self._record

    def published(self, generation: int) -> None:
        """Remember a completed publish. A full disk must not undo it, so failing to write this down is no error."""
        self._record = self._record._replace(published=generation)
        with contextlib.suppress(OSError):
            _write(self._descriptor, self._record)


def path_of(database: str) -> str:
    return database + ".lock"


def read(database: str) -> Record:
    """What the lock file of this database says; an empty record when there is none or it makes no sense."""
    try:
        with open(path_of(database), "rb") as file:
            return _parsed(file.read(4096))
    except OSError:
        return Record()


@contextlib.contextmanager
def held(database: str, command: str, wait_s: float = DEFAULT_WAIT_S) -> Iterator[Lock]:
    """Hold the writer lock of a database; raises WorkError, naming the holder, when it is not to be had in time."""
    path = path_of(database)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise WorkError(f"cannot open the lock {path}: {error.strerror}") from error
    try:
        _acquire(descriptor, path, wait_s)
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        record = _parsed(_content(descriptor))._replace(pid=os.getpid(), command=command, since=since)
        with contextlib.suppress(OSError):  # a full disk: the lock holds without a name on it
            _write(descriptor, record)
        yield Lock(path, descriptor, record)
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: str, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES):
                raise WorkError(f"cannot lock {path}: {error.strerror}: move the database to a local disk") from error
        if time.monotonic() >= deadline:
            holder = _parsed(_content(descriptor))
            who = f"{holder.command} (process {holder.pid}, since {holder.since})" if holder.pid else "another process"
            raise WorkError(f"{path} is held by {who}: try again when it is done, or wait longer with --wait")
        time.sleep(_POLL_S)


def _content(descriptor: int) -> bytes:
    return os.pread(descriptor, 4096, 0)


def _write(descriptor: int, record: Record) -> None:
    """Padded to one length, so that a write never leaves less than a whole record of either kind."""
    line = json.dumps(record._asdict(), ensure_ascii=True).encode()
    os.pwrite(descriptor, line[:511].ljust(511) + b"\n", 0)


def _parsed(content: bytes) -> Record:
    try:
        found = json.loads(content)
        return Record(int(found["pid"]), str(found["command"]), str(found["since"]), int(found["published"]))
    except (ValueError, KeyError, TypeError):
        return Record()
