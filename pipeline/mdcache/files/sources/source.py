"""What a source of documents must offer: the protocols Source and Reader, and Item, one name in a folder.

Names are absolute in every source, also where nothing lies on disk: the name of a file in a revision is the one it
would have in the work tree. Paths are relative to the base, as the cache has them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from mdcache.files.content import Clock
from mdcache.model import Content, Entry, Problem, Stamp

IGNORE_LIMIT = 200_000
"""Bytes of a .gitignore. Its lines become an expression that is a thousand times as large."""

Read = tuple[Content, Stamp] | Problem | None
"""What reading an entry gives: the bytes and the stamp that belongs to them, why they cannot be read, or None: gone."""


class Item(Protocol):
    """What lies in a folder; os.DirEntry is one."""

    @property
    def name(self) -> str: ...
    @property
    def path(self) -> str: ...
    def is_dir(self, *, follow_symlinks: bool = True) -> bool: ...
    def is_file(self, *, follow_symlinks: bool = True) -> bool: ...
    def is_symlink(self) -> bool: ...


_What = TypeVar("_What")


class Stored(NamedTuple, Generic[_What]):
    """An Item of a source that has a list of its files: what is what the list says of one, None for a folder."""

    name: str
    path: str
    what: _What
    is_plain: bool

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002
        return self.what is None

    def is_file(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002
        return self.is_plain

    def is_symlink(self) -> bool:
        """Or anything else that is neither a folder nor a plain file."""
        return not (self.is_dir() or self.is_plain)


Folders = dict[str, dict[str, Stored[Any]]]
"""What lies in each folder, by the folder's name and by its own."""


class Reader(Protocol):
    """Reads the documents of a source below a base. A small value: every job carries it, pickled, to its worker."""

    def contents(self, entries: Sequence[Entry], size_limit: int, clock: Clock) -> Iterator[Read]:
        """Yield what each entry holds, in their order. Of a file over size_limit bytes only the head is kept.

        Raises WorkError when the source itself cannot be read any more.
        """

    def whole(self, path: str) -> bytes:
        """Return all bytes of the document at a path. Raises WorkError when it cannot be read."""


class Source(Protocol):
    """A tree of files."""

    def facts(self, base: str) -> Mapping[str, str]:
        """Return what meta says of it in a cache with this base, so that readers find it again; empty for the disk."""

    @property
    def keeps_stamps(self) -> bool:
        """Whether a cache of its documents keeps their stamps, to know unchanged files by them."""

    def refuse_outside(self, roots: Iterable[str]) -> None:
        """Raise UsageError when a root, an absolute folder, lies outside what the source can hold."""

    def listing(self, folder: str) -> Sequence[Item]:
        """Return what lies in a folder. Raises OSError when it cannot be listed."""

    def kept_by_git(self, base: str) -> Folders:
        """Return what belongs to the repository around a base and may not lie there, by folder and name."""

    def entry(self, item: Item, path: str, id_: str) -> Entry | Problem:
        """Return the entry of a file that was listed, by its path and default id, or what is wrong with its name.

        Raises OSError.
        """

    def ignore_file(self, name: str) -> bytes | None:
        """Return what a .gitignore says, cut off one byte after IGNORE_LIMIT; None without one. Raises OSError."""

    def texts(self, names: Sequence[str], at_most: int = -1) -> Iterator[bytes | None]:
        """Yield what files hold, at most so many bytes of each; None where there is no plain file that can be read."""

    def resolved(self, name: str) -> str:
        """Return an absolute name without symbolic links, as the source has them, else the disk."""

    def came_later(self, name: str) -> bool:
        """Return whether what lies on disk under a name is not to be taken for what the source lacks: it is newer."""

    def reader(self, base: str) -> Reader:
        """Return what reads the entries of a scan of this base."""


def folders(top: str, files: Iterable[tuple[str, Any, bool]]) -> Folders:
    """Return what lies in each folder from top down, by name. files: path, what is known of it, whether it is plain."""
    found: Folders = {top: {}}
    prefix = os.path.join(top, "")
    for path, what, is_plain in files:
        name = prefix + path
        above, _, last = name.rpartition("/")
        item = Stored(last, name, what, is_plain)
        while (items := found.get(above or "/")) is None:
            found[above] = {item.name: item}
            item = Stored(above.rpartition("/")[2], above, None, False)
            above = above.rpartition("/")[0]
        items[item.name] = item
    return found
