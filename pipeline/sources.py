"""Where documents come from: the disk, git's index, or a revision. One interface, so that all are seen alike."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import Protocol

from pipeline.model import INODE_BITS, Entry


class Item(Protocol):
    """What lies in a folder; os.DirEntry is one."""

    @property
    def name(self) -> str: ...
    @property
    def path(self) -> str: ...
    def is_dir(self, *, follow_symlinks: bool = True) -> bool: ...
    def is_file(self, *, follow_symlinks: bool = True) -> bool: ...
    def is_symlink(self) -> bool: ...
    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result: ...


class Source(Protocol):
    """A tree of files. All names are absolute, also where nothing lies there on disk."""

    @property
    def commit(self) -> str | None:
        """The revision that this is; None when it is none."""

    def listing(self, folder: str) -> Sequence[Item]:
        """What lies in a folder. Raises OSError when it cannot be listed."""

    def ignore_file(self, name: str) -> bytes | None:
        """What a .gitignore says, None when there is none. Raises OSError."""

    def entry(self, item: Item, path: str, id_: str) -> Entry:
        """What scan gives of a file that it found. Raises OSError."""


class Disk:
    """The files as they lie there."""

    commit = None

    def listing(self, folder: str) -> Sequence[os.DirEntry[str]]:
        with os.scandir(folder) as entries:
            return list(entries)

    def ignore_file(self, name: str) -> bytes | None:
        """Git reads no symbolic link here, and nor do we."""
        try:
            with open(name, "rb", opener=_open_plain) as file:
                return file.read()
        except (FileNotFoundError, IsADirectoryError):
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:
                return None
            raise

    def entry(self, item: Item, path: str, id_: str) -> Entry:
        found = item.stat(follow_symlinks=False)
        return Entry(path, id_, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino & INODE_BITS)


DISK = Disk()


def _open_plain(name: str, flags: int) -> int:
    # O_NONBLOCK: a FIFO of that name must not hang us.
    return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
