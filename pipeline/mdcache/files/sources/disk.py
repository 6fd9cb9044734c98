"""The source that is the disk: files as they lie there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from mdcache.errors import MdcacheError, WorkError
from mdcache.files import content, git
from mdcache.files.content import Clock
from mdcache.files.sources.source import IGNORE_LIMIT, Folders, Item, Read, folders
from mdcache.model import Entry
from mdcache.names import name_of


class Disk:
    """The files as they lie there."""

    keeps_stamps = True

    def facts(self, base: str) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    def refuse_outside(self, roots: Iterable[str]) -> None:
        """Nothing lies outside the disk."""

    def listing(self, folder: str) -> Sequence[os.DirEntry[str]]:
        with os.scandir(folder) as entries:
            return list(entries)

    def kept_by_git(self, base: str) -> Folders:
        """Return repositories within, which may not be cloned, and what a sparse checkout leaves out."""
        try:
            repository = git.repository(base)
            kept = git.kept(repository)
        except MdcacheError:
            return {}
        return folders(repository.top, ((blob.path, blob, blob.mode in git.PLAIN) for blob in kept))

    def entry(self, item: Item, path: str, id_: str) -> Entry:
        return Entry(path, id_, content.stamp_of(os.stat(item.path, follow_symlinks=False)))

    def ignore_file(self, name: str) -> bytes | None:
        """Return what a .gitignore says; like git, read none that is a symbolic link."""
        try:
            return content.whole(name, IGNORE_LIMIT + 1)
        except OSError as error:
            if error.errno in content.NOT_THERE:
                return None
            raise

    def texts(self, names: Sequence[str], at_most: int = -1) -> Iterator[bytes | None]:
        for name in names:
            try:
                yield content.whole(name, at_most)
            except OSError:
                yield None

    def resolved(self, name: str) -> str:
        return os.path.realpath(name)

    def came_later(self, name: str) -> bool:  # noqa: ARG002
        return False

    def reader(self, base: str) -> DiskReader:
        return DiskReader(base)


DISK = Disk()


class DiskReader(NamedTuple):
    """Reads files below a base."""

    base: str

    def contents(self, entries: Sequence[Entry], size_limit: int, clock: Clock) -> Iterator[Read]:
        for entry in entries:
            yield content.read(self.base, entry.path, size_limit, clock)

    def whole(self, path: str) -> bytes:
        name = os.path.normpath(os.path.join(self.base, name_of(path)))
        try:
            return content.whole(name)
        except OSError as error:
            raise WorkError(f"cannot read {name}: {error.strerror}: run mdcache sync if it was moved") from error
