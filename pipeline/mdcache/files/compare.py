"""What has changed, in the order of paths: the scan against the stat cache, a generation against the last. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mdcache.model import Entry, Stamp, Tally


class Known(NamedTuple):
    """A row of files: the stamp and the hash of a file when its document was read."""

    path: str
    stamp: Stamp
    hash: str


class Suspect(NamedTuple):
    """A file to read: it is new (hash is None), or its stamps differ from those it had with this hash.

    racy: they do not differ, but it was read so soon after it was written that they need not.
    """

    entry: Entry
    hash: str | None
    racy: bool = False


class Gone(NamedTuple):
    """A document whose file is no longer found."""

    path: str


Change = Suspect | Gone


def compare(found: Iterable[Entry], known: Iterable[Known]) -> Iterator[Suspect | Gone]:
    """Merge the two. A file with the same size, times and inode is unchanged and not mentioned."""
    rows = iter(known)
    row = next(rows, None)
    for entry in found:
        while row is not None and row.path < entry.path:
            yield Gone(row.path)
            row = next(rows, None)
        if row is None or row.path > entry.path:
            yield Suspect(entry, None)
            continue
        if entry.stamp != row.stamp:
            racy = row.stamp == entry.stamp._replace(mtime_ns=None)
            yield Suspect(entry, row.hash, racy)
        row = next(rows, None)
    while row is not None:
        yield Gone(row.path)
        row = next(rows, None)


def tally(before: Iterable[tuple[str, str]], after: Iterable[tuple[str, str]]) -> Tally:
    """Count what has changed between two generations: (path, hash) of every document, in the order of the paths."""
    added = changed = removed = 0
    rows = iter(before)
    row = next(rows, None)
    for path, hash_ in after:
        while row is not None and row[0] < path:
            removed += 1
            row = next(rows, None)
        if row is None or row[0] > path:
            added += 1
            continue
        changed += row[1] != hash_
        row = next(rows, None)
    left = 0 if row is None else 1 + sum(1 for _ in rows)
    return Tally(added, changed, removed + left)
