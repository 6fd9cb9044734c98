"""What a source of documents must offer: the protocols Source and Reader, and Item, one name in a folder.

Names are absolute in every source, also where nothing lies on disk: the name of a file in a revision is the one it
would have in the work tree. Paths are relative to the base, as the cache has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

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

    @property
    def facts(self) -> Mapping[str, str]:
        """What meta says of it in a cache of its documents, so that readers find it again; empty for the disk."""

    @property
    def keeps_stamps(self) -> bool:
        """Whether a cache of its documents keeps their stamps, to know unchanged files by them."""

    def refuse_outside(self, roots: Iterable[str]) -> None:
        """Raise UsageError when a root, an absolute folder, lies outside what the source can hold."""

    def listing(self, folder: str) -> Sequence[Item]:
        """Return what lies in a folder. Raises OSError when it cannot be listed."""

    def entry(self, item: Item, path: str, id_: str) -> Entry:
        """Return the entry of a file that was listed, by its path and default id. Raises OSError."""

    def ignore_file(self, name: str) -> bytes | None:
        """Return what a .gitignore says, cut off one byte after IGNORE_LIMIT; None without one. Raises OSError."""

    def texts(self, names: Sequence[str], at_most: int = -1) -> Iterator[bytes | None]:
        """Yield what files hold, at most so many bytes of each; None where there is no plain file that can be read."""

    def reader(self, base: str) -> Reader:
        """Return what reads the entries of a scan of this base."""
