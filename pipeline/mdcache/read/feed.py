"""The change feed: what happened to the documents of a generation, for followers that keep something of their own.

A token says how far a follower has read: the generation's id and the number of its last row. A new generation has a
new feed, and the feed is no archive: whoever comes with a token that leads nowhere is told to start over.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from mdcache.errors import UsageError, WorkError
from mdcache.model import as_dict
from mdcache.store import meta
from mdcache.store.cache import Cache, opened
from mdcache.store.connections import Connection, scalar

NOW = "now"
"""In place of a token: nothing of what was, only what is to come."""
# A follower reads and shows so many rows at a time: a hundred thousand at once would be held in memory.
_PAGE = 1000
# To ask SQLite whether anyone has written is a look at shared memory: 5 µs.
_POLL_S = 0.1


class Token(NamedTuple):
    """How far a follower has read: up to row seq of this generation; 0 before the first."""

    generation: str
    seq: int

    def __str__(self) -> str:
        return f"{self.generation}:{self.seq}"


class Change(NamedTuple):
    """A row of history. action: added, changed, removed or renamed; old_path is None unless renamed."""

    seq: int
    at: str
    action: str
    id: str
    path: str
    old_hash: str | None
    new_hash: str | None
    old_path: str | None

    def as_dict(self) -> dict[str, Any]:
        return as_dict(self)


class News(NamedTuple):
    """What a follower gets. next is the token for the time after it.

    restart: the token led nowhere, because of reason. Read the whole cache, then go on from next.
    """

    changes: tuple[Change, ...]
    next: str
    restart: bool = False
    reason: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return as_dict(self)


def parse(text: str) -> Token:
    """Return the token that a text stands for. Raises UsageError when it is not one."""
    found = re.fullmatch(r"([0-9a-f]+):([0-9]{1,18})", text)
    if not found:
        raise UsageError(f"'{text}' is no token: take the 'next' of what mdcache changes said last, or 'now'")
    return Token(found[1], int(found[2]))


def news(cache: Cache, since: str | None = None, limit: int | None = None) -> News:
    """Return at most limit changes after a token; without one, from the generation's beginning. Raises UsageError."""
    db = cache.db
    db.execute("BEGIN")  # rows and generation from one snapshot
    try:
        return _news(db, parse(since) if since not in (None, NOW) else since, limit)
    finally:
        db.execute("ROLLBACK")


def _news(db: Connection, since: Token | str | None, limit: int | None) -> News:
    newest = Token(_generation(db), scalar(db, "SELECT seq FROM sqlite_sequence WHERE name = 'history'") or 0)
    if since == NOW:
        return News((), str(newest))
    oldest = Token(newest.generation, scalar(db, "SELECT min(seq) - 1 FROM history") or 0)
    token = since if isinstance(since, Token) else oldest
    if token.generation != newest.generation:
        return News((), str(newest), True, "the cache was rebuilt since")
    if token.seq > newest.seq:
        return News((), str(newest), True, "the cache is an older one than that of the token")
    if token.seq < oldest.seq:
        return News((), str(newest), True, "the feed does not reach back so far")
    sql = f"SELECT {', '.join(Change._fields)} FROM history WHERE seq > ? ORDER BY seq LIMIT ?"
    changes = tuple(Change(*row) for row in db.execute(sql, (token.seq, -1 if limit is None else limit)))
    return News(changes, str(token._replace(seq=changes[-1].seq) if changes else token))


def _generation(db: Connection) -> str:
    """Return the generation's random id. A published cache has none (and no feed): its content stands for it."""
    facts = meta.read(db)
    found = facts.generation_id or facts.digest
    if found is None:
        raise WorkError("the cache does not say which generation it is: run mdcache rebuild")
    return found


def follow(
    path: str, base: str, since: str | None = None, sleep: Callable[[float], None] = time.sleep
) -> Iterator[News]:
    """Yield all news from a token on, a page at a time, without end; the first at once, even if it is empty.

    Raises WorkError when the cache goes away. Holds no transaction and no lock while it waits.
    """
    first = True
    while True:
        inode = _inode(path)
        with opened(path, base) as cache:
            # Looked at before reading: what is written meanwhile is then seen the next time.
            version = None
            while _inode(path) == inode:
                seen = scalar(cache.db, "PRAGMA data_version")
                if seen == version:
                    sleep(_POLL_S)
                    continue
                version = seen
                for found in _pages(cache, since):
                    since = found.next
                    if first or found.changes or found.restart:
                        yield found
                    first = False


def _pages(cache: Cache, since: str | None) -> Iterator[News]:
    while True:
        found = news(cache, since, _PAGE)
        yield found
        if len(found.changes) < _PAGE:
            return
        since = found.next


def _inode(path: str) -> tuple[int, int] | None:
    """Return the inode at a path: a damaged cache is replaced as a file; its followers would wait for ever."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
