"""The bytes of a document, read so that hash and stamp belong together."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from typing import NamedTuple

from mdcache.model import ERROR, FRONT_MATTER_LIMIT, INODE_BITS, LARGEST, Content, Problem, Stamp

_TRIES = 4
_CHUNK = 1 << 20
_HEAD = FRONT_MATTER_LIMIT + 1024


class Clock(NamedTuple):
    """What the file system's clock said before any file was hashed.

    now_ns is the mtime of a file just written on device; on another device the local clock less 2 s (FAT's step)
    serves. A stamp that is not older is racy: a write in the same step of the clock would leave it as it is.
    """

    device: int
    now_ns: int
    local_ns: int

    def is_racy(self, found: os.stat_result) -> bool:
        now = self.now_ns if found.st_dev == self.device else self.local_ns - 2_000_000_000
        return found.st_mtime_ns >= now or found.st_ctime_ns >= now


NO_CLOCK = Clock(0, 0, 0)
"""To it every stamp is racy: for callers that keep no stamps."""


TOO_LARGE = f"longer than {LARGEST // 1_000_000} MB"


def read(base: str, path: str, size_limit: int, clock: Clock) -> tuple[Content, Stamp] | Problem | None:
    """Return the bytes of a file with the stamp that belongs to them.

    The file is read between two fstat and a stat by path. When these differ it changed meanwhile, and is read again.

    Args:
        base: an absolute folder without symbolic links in its path.
        path: relative to base. Where a symbolic link lies on the way to the file, there is no file.
        size_limit: in bytes; of a longer file only the head is kept.
        clock: what the file system's clock said before any file was read.

    Returns:
        None when there is no plain file, a Problem when it cannot be read, or is longer than any document may be: that
        is judged by its size alone, so that sync and rebuild say the same of it.
    """
    name = os.path.join(base, path)
    try:
        for _ in range(_TRIES):
            content, before, after = _read_once(name, size_limit)
            stamp = stamp_of(after)
            if stamp_of(before) == stamp == stamp_of(os.stat(name, follow_symlinks=False)):
                return content, _racy(stamp) if clock.is_racy(after) else stamp
    except OSError as error:
        if error.errno in NOT_THERE:
            return None
        return Problem(path, 1, 1, "unreadable", ERROR, f"cannot be read: {error.strerror}")
    # It changed during every try: what was read last is a state it was in, and the next sync looks again.
    return content, _racy(stamp)


def whole(name: str, at_most: int = -1) -> bytes:
    """Return the first at_most bytes (all, when negative) of the plain file at an absolute path. Raises OSError."""
    descriptor, _ = opened(name)
    with open(descriptor, "rb") as file:
        return file.read(at_most)


def opened(name: str) -> tuple[int, os.stat_result]:
    """Open the plain file at an absolute path without symbolic links; return a descriptor, to be closed, and its fstat.

    A folder on the way may have been swapped for a link since the scan: the descriptor says where the file lies. Raises
    OSError.
    """
    # O_NONBLOCK: something that became a FIFO since the scan must not hang us.
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or _lies_elsewhere(descriptor, name):
            raise FileNotFoundError(errno.ENOENT, "not a plain file", name)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, found


def _lies_elsewhere(descriptor: int, name: str) -> bool:
    try:
        where = os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        # No Linux: whether a link is there now. Names are not compared with those on disk, which may differ in case.
        parent = os.path.dirname(name)
        return os.path.realpath(parent) != parent
    # A file that was replaced meanwhile has no name any more, and is read again.
    return where not in (name, f"{name} (deleted)")


# Gone since the scan, or something else now: in place of the file, or of a folder that it lay in.
NOT_THERE = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO))


def _read_once(name: str, size_limit: int) -> tuple[Content, os.stat_result, os.stat_result]:
    descriptor, before = opened(name)
    try:
        if before.st_size > LARGEST:
            raise OSError(errno.EFBIG, TOO_LARGE, name)
        content = taken(lambda count: os.read(descriptor, count), before.st_size, size_limit)
        return content, before, os.fstat(descriptor)
    finally:
        os.close(descriptor)


def taken(read: Callable[[int], bytes], size: int, size_limit: int) -> Content:
    """Return what read gives: all bytes within the limit, else the head; the hash is that of all, taken piece by piece.

    read(n) returns at most n further bytes, as os.read does. Usually one call brings all of the size; whether more came
    after it, the caller's next fstat shows.
    """
    data = read(min(size, size_limit) + 1)
    hashed, length = hashlib.sha256(data), len(data)
    while length != size and (piece := read(_CHUNK)):
        hashed.update(piece)
        length += len(piece)
        if length <= size_limit or len(data) < _HEAD:
            data += piece
    kept = length if length <= size_limit else min(_HEAD, size_limit)
    return Content(data[:kept], hashed.hexdigest(), length)


def stamp_of(found: os.stat_result) -> Stamp:
    """Return what is kept of a file's stat."""
    return Stamp(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino & INODE_BITS)


def _racy(stamp: Stamp) -> Stamp:
    return stamp._replace(mtime_ns=None)
