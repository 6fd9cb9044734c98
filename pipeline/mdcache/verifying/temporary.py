"""The folder in which verify builds what a cache must be. Nothing of it stays, however its process ends."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mdcache.errors import doing

_PREFIX = "mdcache-verify-"
# A folder that is younger may be one whose owner has not locked it yet.
_NEW_S = 60


@contextmanager
def folder() -> Iterator[str]:
    """Yield a temporary folder, which is locked as long as its process lives; remove those of processes that do not."""
    _remove_those_left_behind()
    with doing("make a temporary folder"):
        temporary = tempfile.TemporaryDirectory(prefix=_PREFIX)
    with temporary as name:
        descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with suppress(OSError):  # a file system without locks: then nobody else can take one either
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield name
        finally:
            os.close(descriptor)


def _remove_those_left_behind() -> None:
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            if entry.name.startswith(_PREFIX):
                with suppress(OSError):  # another process removes it, or still needs it
                    _remove(entry)


def _remove(entry: os.DirEntry[str]) -> None:
    found = entry.stat(follow_symlinks=False)
    if found.st_uid != os.geteuid() or found.st_mtime > time.time() - _NEW_S:
        return
    descriptor = os.open(entry.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(entry.path)
    finally:
        os.close(descriptor)
