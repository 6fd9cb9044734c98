"""Records: files of one line of JSON beside a database, each locked for as long as its owner needs it.

The writer lock and the watcher's state are records. The flock tells whether the owner lives, whatever the record says:
the system drops it when the process ends, however it ends. The record tells the rest, for error messages and status.
A record is padded to a fixed length and written in one call, so that a write never leaves less than a whole record of
either owner. The files are never deleted, and no link is followed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from functools import cache
from types import UnionType
from typing import NamedTuple, TypeVar, get_args, get_origin, get_type_hints

from mdcache import process
from mdcache.errors import WorkError

MAX_PID = (1 << 31) - 1
"""No system has a process with a higher number, and none can be asked for one."""
_LONGEST = 16_384
_POLL_S = 0.02
_TO_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW
_TO_OWN = os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_NOFOLLOW

R = TypeVar("R", bound=NamedTuple)


class Taken(Exception):
    """Another process holds the lock of a record. content: what the file says, perhaps nothing yet."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.content = content


class Owned(NamedTuple):
    """A record's file whose lock this process holds. before: its content when the lock was taken."""

    descriptor: int
    before: bytes

    def write(self, length: int, *records: NamedTuple) -> bool:
        """Write a record, padded to length in bytes, and return whether it could be: a full disk is no error.

        It may have several parts; of fields of the same name the last counts.
        """
        fields = {name: value for record in records for name, value in record._asdict().items()}
        line = json.dumps(fields, ensure_ascii=True).encode()
        try:
            os.pwrite(self.descriptor, line[: length - 1].ljust(length - 1) + b"\n", 0)
        except OSError:
            return False
        return True

    def clear(self) -> None:
        """Take the record away. That needs no room, so none of another process is left to be believed."""
        with contextlib.suppress(OSError):
            os.ftruncate(self.descriptor, 0)

    def is_at(self, path: str) -> bool:
        """Return whether this is the file at path still: it may have been removed, or another one put there."""
        try:
            return _is_at(path, os.fstat(self.descriptor))
        except OSError:  # for now nobody can tell
            return True

    def name(self) -> str:
        """Return what tells the file from a copy of it, also from one on another disk."""
        return name_of(os.fstat(self.descriptor))

    def close(self) -> None:
        """Give up the lock."""
        os.close(self.descriptor)


def name_of(found: os.stat_result) -> str:
    """Return what tells a file from a copy of it; found is what stat says of it."""
    return f"{found.st_dev}:{found.st_ino}"


def own(path: str, kind: str, wait_s: float) -> Owned:
    """Return the record's file at path, made if need be, with its lock held.

    Args:
        path: of the file.
        kind: what it is to a user: "lock" or "state".
        wait_s: how long to wait while another process holds the lock, in seconds.

    Raises:
        Taken: the lock was not free in time.
        WorkError: the file is another program's.
        OSError: it cannot be opened or locked.
    """
    deadline = time.monotonic() + wait_s
    while True:
        descriptor = os.open(path, _TO_OWN, 0o600)
        try:
            _lock(descriptor, path, kind, deadline)
            content = _content(descriptor, path, kind)
            found = os.fstat(descriptor)
            # It may have been removed while this process waited: then another one may hold the lock of a new file.
            if _is_at(path, found):
                return Owned(descriptor, content)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def adopted(descriptor: int, path: str) -> Owned | None:
    """Return the record's file at path, whose lock this process holds by a descriptor from before it was started again.

    None when it is another file, or not locked; then the descriptor is closed.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = os.fstat(descriptor)
        if _is_at(path, found):
            os.set_inheritable(descriptor, False)
            return Owned(descriptor, b"")
    except OSError:
        pass
    with contextlib.suppress(OSError):
        os.close(descriptor)
    return None


def _lock(descriptor: int, path: str, kind: str, deadline: float) -> None:
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise Taken(_content(descriptor, path, kind)) from None
        time.sleep(_POLL_S)


def _is_at(path: str, found: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), found)
    except (FileNotFoundError, NotADirectoryError):
        return False


def read(path: str, kind: str) -> bytes:
    """Return the content of the record's file at path, b'' when it cannot be read.

    Raises WorkError when the file is another program's.
    """
    try:
        descriptor = os.open(path, _TO_READ)
    except OSError:
        return b""
    try:
        return _content(descriptor, path, kind)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def hidden(path: str, what: str) -> str | None:
    """Return why the record at path cannot be read; None when it can, or there is none, or it is empty.

    what: whose record it is to a user, as "a watcher".
    """
    try:
        found = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"cannot look for {path}: {error.strerror}"
    if not found.st_size or os.access(path, os.R_OK):
        return None
    owner = f" ({what} of another user, {process.user_name(found.st_uid)})" if found.st_uid != os.geteuid() else ""
    return f"cannot read {path}: Permission denied{owner}"


def _content(descriptor: int, path: str, kind: str) -> bytes:
    """A file that a crash has left without its content, or with zeros, is ours."""
    content = os.pread(descriptor, _LONGEST, 0)
    if content.strip(b"\0") and not content.startswith(b'{"pid": '):
        raise WorkError(f"{path} is not a {kind} of mdcache: it stays untouched, name another database with --db")
    return content


def is_locked(path: str) -> bool:
    """Return whether a process holds the lock of the record at path. This takes the lock for a moment, to share."""
    try:
        descriptor = os.open(path, _TO_READ)
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


def parsed(content: bytes, empty: R) -> R:
    """Return the record in content, which has the fields of empty; empty itself where any of them makes no sense.

    Its readers signal the process that it names, and count on times being text: all must fit, or nothing is believed.
    A field that is missing is as in empty.
    """
    try:
        found = json.loads(content)
        record = empty._replace(**{name: found[name] for name in empty._fields if name in found})
    except (ValueError, TypeError, RecursionError):  # RecursionError: lists within lists, for as long as the file is
        return empty
    allowed = _types(type(empty))
    fits = all(type(value) in allowed[name] for name, value in record._asdict().items())
    return record if fits and 0 <= record._asdict()["pid"] <= MAX_PID else empty


@cache
def _types(kind: type[NamedTuple]) -> dict[str, tuple[type, ...]]:
    """The types of each field's values; those of JSON alone occur."""
    return {
        name: tuple(get_origin(one) or one for one in (get_args(hint) if isinstance(hint, UnionType) else (hint,)))
        for name, hint in get_type_hints(kind).items()
    }
