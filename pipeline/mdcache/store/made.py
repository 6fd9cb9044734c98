"""Which caches were made here: what a publish leaves in the state folder, outside of what came with a clone.

Each publish is remembered under the inode of the file that it makes visible, with the random id of the generation, the
device and the path. A file is known again by its inode, and by device or path: an own folder may be moved, and a device
may have another number after a restart. Who copies a file can copy all that is in it, but not this. The entry is
written before the publish, so that a process that is killed at any moment leaves a cache that is known.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable
from typing import NamedTuple

from mdcache import state

_MOST = 8
_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class Entry(NamedTuple):
    """A publish: the id of the generation, and where the file lay."""

    generation_id: str
    device: int
    path: str


def remember(file: str, path: str, ids: Iterable[str]) -> None:
    """Remember that generations are made here, before the file can be seen under its path.

    Args:
        file: the path of the file now.
        path: that under which it will be published.
        ids: of the generation that is live in the file, if there is one, and of the new one: that may not come to be.

    Raises:
        WorkError: the state folder cannot be written to, or the file is gone.
        UsageError: MDCACHE_STATE is no absolute path.
    """
    found = os.lstat(file)
    new = [Entry(one, found.st_dev, path) for one in ids]
    state.update(_name(found), lambda before: _text([*(one for one in _entries(before) if one not in new), *new]))


def known(path: str) -> frozenset[str]:
    """Return the ids of the generations that were published in the file at a path; none for a file of anybody else.

    That one of them is in it still is for the caller to see. Nothing is opened there, and no link is followed.
    """
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return frozenset()
    if not _is_own(found) or not _has_own_log(path, found):
        return frozenset()
    entries = (entry for content in state.read(_name(found)) for entry in _entries(content))
    return frozenset(one.generation_id for one in entries if found.st_dev == one.device or path == one.path)


def record_of(path: str) -> str | None:
    """Return the file that would remember the cache at a path: the first in which it is, else None."""
    name = _name(os.lstat(path))
    return next((file for folder in state.folders() if os.path.exists(file := os.path.join(folder, name))), None)


def _name(found: os.stat_result) -> str:
    return f"made/{found.st_ino}"


def _is_own(found: os.stat_result) -> bool:
    """Return whether nobody else can have written to a file, but root."""
    return stat.S_ISREG(found.st_mode) and found.st_uid in (os.geteuid(), 0) and not found.st_mode & _OTHERS


def _has_own_log(path: str, database: os.stat_result) -> bool:
    """Return whether the write-ahead log beside a database, if there is one, is its own.

    What stands in it counts for more than the file. SQLite makes it with the mode of the database; git, which may bring
    one with a pull, makes all files as umask says.
    """
    try:
        found = os.lstat(path + "-wal")
    except FileNotFoundError:
        return True
    except OSError:
        return False
    wider = stat.S_IMODE(found.st_mode) & ~stat.S_IMODE(database.st_mode)
    return _is_own(found) and not (found.st_size and wider)


def _entries(content: bytes) -> list[Entry]:
    found = []
    for line in content.splitlines():
        try:
            found.append(Entry(**json.loads(line)))
        except (ValueError, TypeError, RecursionError):  # a disk has lost a part of it
            continue
    return found


def _text(entries: list[Entry]) -> bytes:
    return b"".join(json.dumps(one._asdict()).encode() + b"\n" for one in entries[-_MOST:])
