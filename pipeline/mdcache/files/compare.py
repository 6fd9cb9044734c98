"""What has changed, in the order of paths: the scan against the stat cache, a generation against the last. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import NamedTuple

from mdcache.merge import merged
from mdcache.model import Entry, Stamp, Tally


class Known(NamedTuple):
    """A row of files: the stamp and the hash of a file when its document was read."""

    path: str
    stamp: Stamp
    hash: str


class Suspect(NamedTuple):
    """A file to read: it is new (hash is None), or its stamp differs from the one it had with this hash.

    racy: the stamp is the same, but the file was read so soon after it was written that later bytes could share it.
    """

    entry: Entry
    hash: str | None
    racy: bool = False


class Gone(NamedTuple):
    """A document whose file is no longer found."""

    path: str


Change = Suspect | Gone


def compare(found: Iterable[Entry], known: Iterable[Known]) -> Iterator[Change]:
    """Yield what must be looked at; a file with the same size, times and inode is unchanged and not mentioned.

    Both come in the order of their paths.
    """
    for path, entry, row in merged(found, known, _PATH):
        if entry is None:
            yield Gone(path)
        elif row is None:
            yield Suspect(entry, None)
        elif entry.stamp != row.stamp:
            yield Suspect(entry, row.hash, racy=row.stamp == entry.stamp._replace(mtime_ns=None))


def tally(before: Iterable[tuple[str, str]], after: Iterable[tuple[str, str]]) -> Tally:
    """Return how much has changed between two generations.

    Both are (path, hash) of every document, in the order of the paths.
    """
    added = changed = removed = 0
    for _, old, new in merged(before, after, _PATH):
        if old is None:
            added += 1
        elif new is None:
            removed += 1
        else:
            changed += old[1] != new[1]
    return Tally(added, changed, removed)


_PATH = itemgetter(0)
