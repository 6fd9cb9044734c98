"""The writer lock: one file beside the database, never deleted, that names its holder.

It also remembers the last completed publish to its database, so that a cache whose header was destroyed is still
known as ours.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from typing import NamedTuple

from mdcache.errors import WorkError, doing
from mdcache.store import watchstate
from mdcache.store.watchstate import MAX_PID

DEFAULT_WAIT_S = 10.0
_POLL_S = 0.02
_LENGTH = 512


class Record(NamedTuple):
    """What a lock file says: who holds or last held it, and which generation was published last (0: none).

    inode: that of the lock file when this was published.
    """

    pid: int = 0
    command: str = ""
    since: str = ""
    published: int = 0
    inode: int = 0


class Lock:
    """A lock that is held."""

    def __init__(self, descriptor: int, inode: int, record: Record) -> None:
        self._descriptor, self._inode, self._record = descriptor, inode, record

    @property
    def record(self) -> Record:
        return self._record

    def published(self, generation: int) -> None:
        """Remember a completed publish. A full disk must not undo it, so failing to write this down is no error."""
        self._record = self._record._replace(published=generation, inode=self._inode)
        _write(self._descriptor, self._record)


def path_of(database: str) -> str:
    return database + ".lock"


def read(database: str) -> Record:
    """What the lock file of this database says; an empty record when there is none or it makes no sense.

    Raises WorkError for a file with something else in it: somebody else's, not to be written to.
    """
    path = path_of(database)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return Record()
    try:
        content = os.read(descriptor, _LENGTH)
    except OSError:
        return Record()
    finally:
        os.close(descriptor)
    if content.strip(b"\0") and not content.startswith(b'{"pid": '):
        raise WorkError(f"{path} is not a lock of mdcache: it stays untouched, name another database with --db")
    return _parsed(content)


def is_original(database: str) -> bool:
    """Whether its cache was published here, beside this very lock file: a clone or another copy has a new one."""
    try:
        found = os.stat(path_of(database), follow_symlinks=False)
    except OSError:
        return False
    return read(database).inode == found.st_ino


def is_held(database: str) -> bool:
    """Whether a process holds the writer lock of this database now, whoever the record names."""
    try:
        descriptor = os.open(path_of(database), os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


@contextlib.contextmanager
def held(database: str, command: str, wait_s: float = DEFAULT_WAIT_S) -> Iterator[Lock]:
    """Hold the writer lock of a database; raises WorkError, naming the holder, when it is not to be had in time."""
    path = path_of(database)
    with contextlib.ExitStack() as stack:
        with doing(f"lock {path}"):
            descriptor = _acquired(path, time.monotonic() + wait_s)
            stack.callback(os.close, descriptor)
            inode = os.fstat(descriptor).st_ino
            record = _parsed(_content(descriptor))._replace(pid=os.getpid(), command=command, since=watchstate.now())
        _write(descriptor, record)
        yield Lock(descriptor, inode, record)


def _acquired(path: str, deadline: float) -> int:
    """A descriptor that holds the lock of the file that is at path now, not of one that was removed meanwhile."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            _wait(descriptor, path, deadline)
            if _is_at(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _wait(descriptor: int, path: str, deadline: float) -> None:
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise WorkError(f"{path} is held by {_holder(descriptor)}: try again later, or with --wait") from None
        time.sleep(_POLL_S)


def _holder(descriptor: int) -> str:
    holder = _parsed(_content(descriptor))
    return f"{holder.command} (process {holder.pid}, since {holder.since})" if holder.pid else "another process"


def _is_at(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _content(descriptor: int) -> bytes:
    return os.pread(descriptor, _LENGTH, 0)


def _write(descriptor: int, record: Record) -> None:
    """Padded to one length, so that a write never leaves less than a whole record of either kind.

    A full disk is no error: the lock holds without a name on it.
    """
    line = json.dumps(record._asdict(), ensure_ascii=True).encode()
    with contextlib.suppress(OSError):
        os.pwrite(descriptor, line[: _LENGTH - 1].ljust(_LENGTH - 1) + b"\n", 0)


def _parsed(content: bytes) -> Record:
    try:
        found = json.loads(content)
        record = Record(int(found["pid"]), str(found["command"]), str(found["since"]), int(found["published"]))
        record = record._replace(inode=int(found.get("inode", 0)))
    except (ValueError, KeyError, TypeError):
        return Record()
    return record if 0 <= record.pid <= MAX_PID else Record()
