"""Which caches were made here: what a publish leaves in the state folder, outside of what came with a clone.

Each publish is remembered under the inode of the file that it makes visible, with the random id of the generation, the
device and the path. A file is known again by its inode, and by device or path: an own folder may be moved, and a device
may have another number after a restart. Who copies a file can copy all that is in it, but not this. The entry is
written before the publish, so that a process that is killed at any moment leaves a cache that is known.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from mdcache import state
from mdcache.paths import up

# Of one path; volumes that begin to number their inodes anew have many of the same number.
_MOST = 8
_MARK = "user.mdcache"
# How many records are looked at after each publish, and above how many all are.
_FEW, _MANY = 24, 1_000
# Seconds for which a record is kept in any case, and what of it where there are many.
_KEPT_S, _PUBLISHING_S = 30 * 86_400.0, 86_400.0
_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class Entry(NamedTuple):
    """A publish: the id of the generation, and where the file lay.

    mark: that of the file; '' where files have none. stamp: of a published file, which stays as it is; '' for a live
    one.
    """

    generation_id: str
    device: int
    path: str
    mark: str = ""
    stamp: str = ""


def remember(file: str, path: str, ids: Sequence[str], is_final: bool = False) -> None:
    """Remember that generations are made here, before the file can be seen under its path.

    Args:
        file: the path of the file now.
        path: that under which it will be published.
        ids: of the generation that was made here and is live in the file, if there is one, and of the new one: that may
            not come to be.
        is_final: whether nothing is ever written to the file again.

    Raises:
        WorkError: the state folder cannot be written to, or the file is gone.
        UsageError: MDCACHE_STATE is no absolute path.
    """
    found = os.lstat(file)
    mark = _marked(file, (len(ids) > 1 and _mark_of(file)) or uuid.uuid4().hex)
    with contextlib.suppress(FileNotFoundError):
        _marked(file + "-wal", mark)  # all that is in it is about to be replaced
    new = [Entry(one, found.st_dev, path, mark, _stamp(found) if is_final else "") for one in ids]
    file = state.update(
        _name(found), lambda before: _text([*(one for one in _entries(before) if one not in new), *new])
    )
    _tidy(file)


def _tidy(file: str) -> None:
    """Remove records of caches that are gone, but none that was written to of late: a few are looked at each time.

    A publish is remembered before its file can be seen, a folder may have been moved, and a disk not be mounted. Where
    there are many records, only those that a publish may be about to need are left.
    """
    others = state.beside(file)
    many = len(others) > _MANY
    first = time.time_ns() % max(len(others), 1)
    for record in others if many else (others * 2)[first : first + min(_FEW, len(others))]:
        if _is_over(record, many):
            state.forget(record, _PUBLISHING_S if many else _KEPT_S)


def _is_over(record: str, many: bool) -> bool:
    """Return whether no file that a record tells of lies where it did; what is no record is what a kill has left."""
    inode = os.path.basename(record)
    return not inode.isdigit() or all(_is_gone(one, int(inode), many) for one in _entries(state.content(record)))


def _is_gone(entry: Entry, inode: int, many: bool) -> bool:
    """Return whether no such file lies at the path of an entry, as far as can be told.

    many: also where its disk may not be mounted.
    """
    try:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return os.lstat(entry.path).st_ino != inode
        return many or os.lstat(next(filter(os.path.lexists, up(entry.path)), "/")).st_dev == entry.device
    except (OSError, ValueError, TypeError):  # TypeError: a disk has lost a part of the entry
        return False


def mark_log(path: str) -> None:
    """Give the log of a cache that was opened to be written to the mark of the cache, while it is empty."""
    with contextlib.suppress(OSError):
        if os.lstat(path + "-wal").st_size == 0 and (mark := _mark_of(path)):
            _marked(path + "-wal", mark)


def known(path: str) -> frozenset[str]:
    """Return the ids of the generations that were published in the file at a path; none for a file of anybody else.

    That one of them is in it still is for the caller to see. Nothing is opened there, and no link is followed.
    """
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return frozenset()
    mark = _mark_of(path)
    if not _is_own(found) or not _has_own_log(path, found, mark):
        return frozenset()
    entries = (entry for content in state.read(_name(found)) for entry in _entries(content))
    return frozenset(one.generation_id for one in entries if _is_of(one, path, found, mark))


def _is_of(entry: Entry, path: str, found: os.stat_result, mark: str) -> bool:
    """Return whether an entry is that of the file at a path, as far as can be seen without a look into it."""
    is_there = found.st_dev == entry.device or path == entry.path
    return is_there and entry.mark in ("", mark) and entry.stamp in ("", _stamp(found))


def _stamp(found: os.stat_result) -> str:
    return f"{found.st_size}:{found.st_mtime_ns}"


def _mark_of(file: str) -> str:
    """Return the mark of a file; '' when it has none, or none can be had."""
    try:
        return os.getxattr(file, _MARK, follow_symlinks=False).decode("ascii", "replace")
    except (AttributeError, OSError):  # no Linux, or a file system without attributes
        return ""


def _marked(file: str, mark: str) -> str:
    """Give a file a mark, and return it; '' where files have none. Raises FileNotFoundError."""
    try:
        os.setxattr(file, _MARK, mark.encode(), follow_symlinks=False)
    except FileNotFoundError:
        raise
    except (AttributeError, OSError):
        return ""
    return mark


def record_of(path: str) -> str | None:
    """Return the file that would remember the cache at a path: the first in which it is, else None."""
    name = _name(os.lstat(path))
    return next((file for folder in state.folders() if os.path.exists(file := os.path.join(folder, name))), None)


def _name(found: os.stat_result) -> str:
    return f"made/{found.st_ino}"


def _is_own(found: os.stat_result) -> bool:
    """Return whether nobody else can have written to a file, but root: not under another name of it either."""
    is_plain = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
    return is_plain and found.st_uid in (os.geteuid(), 0) and not found.st_mode & _OTHERS


def _has_own_log(path: str, database: os.stat_result, mark: str) -> bool:
    """Return whether the write-ahead log beside a database, if there is one, is its own.

    What stands in it counts for more than the file. It has the file's mark; where files have none, SQLite makes it with
    the mode of the database, while git, which may bring one with a pull, makes all files as umask says.
    """
    try:
        found = os.lstat(path + "-wal")
    except FileNotFoundError:
        return True
    except OSError:
        return False
    wider = stat.S_IMODE(found.st_mode) & ~stat.S_IMODE(database.st_mode)
    odd = wider or (mark and _mark_of(path + "-wal") != mark)
    return _is_own(found) and not (found.st_size and odd)


def _entries(content: bytes) -> list[Entry]:
    found = []
    for line in content.splitlines():
        try:
            found.append(Entry(**json.loads(line)))
        except (ValueError, TypeError, RecursionError):  # a disk has lost a part of it
            continue
    return found


def _text(entries: list[Entry]) -> bytes:
    """Return the lines of the latest entries of each path, as many in all as a file of the state folder may have."""
    left = Counter((one.device, one.path) for one in entries)
    lines: list[bytes] = []
    for one in entries:
        left[one.device, one.path] -= 1
        if left[one.device, one.path] < _MOST:
            lines.append(json.dumps(one._asdict()).encode() + b"\n")
    while sum(map(len, lines)) > state.LONGEST:
        del lines[0]
    return b"".join(lines)
