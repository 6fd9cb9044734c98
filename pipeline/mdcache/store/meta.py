"""What a cache says about itself: its table meta, in which a row is one fact. No other module names its keys."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from mdcache import times
from mdcache.files.sources import facts_in
from mdcache.store.connections import Connection


class Meta(NamedTuple):
    """The facts of a cache. A field is a row of the same key; None where the row is missing or makes no sense.

    format, mdcache: the user_version and the version of mdcache that wrote it. generation: from 1. generation_id:
    random, None for a reproducible cache, as are built_at and last_sync (times) and base (relative to the cache's
    folder). published: 1 in a file of rebuild --output, which is only read; else None.
    digest: that of the build, None after a sync. documents, sections: how many it holds. replaced: sections
    that syncs have replaced since the build. roots: relative to base. named: the paths that led to the roots,
    relative to the cache's folder; missing where they are the roots. sites: those in which the documents lie, see
    dialects.facets.remembered. source: where the documents come from, see files.sources.
    """

    format: int | None = None
    mdcache: str | None = None
    generation: int | None = None
    fingerprint: str | None = None
    digest: str | None = None
    documents: int | None = None
    sections: int | None = None
    replaced: int | None = None
    roots: tuple[str, ...] | None = None
    extensions: tuple[str, ...] | None = None
    base: str | None = None
    generation_id: str | None = None
    published: int | None = None
    built_at: str | None = None
    last_sync: str | None = None
    named: tuple[str, ...] | None = None
    sites: tuple[str, ...] | None = None
    source: Mapping[str, str] = {}


DECIDED = ("documents", "sections", "extensions", "fingerprint", "format", "mdcache", "roots", "sites")
"""The fields that the documents, the settings and this version of mdcache decide."""


_MOST_ROWS, _MOST_CHARACTERS = 1000, 8 << 20
"""Far more than there are facts: the pages of a damaged file may lead in circles, or many rows to one long text."""


def rows(db: Connection) -> dict[str, str]:
    """Return the facts of a cache as they are stored. Raises SqliteError.

    What is no text is left out: it may be a cache that came with a clone, made by anyone.
    """
    found, left = {}, _MOST_CHARACTERS
    for key, value in db.execute("SELECT key, value FROM meta LIMIT ?", (_MOST_ROWS,)):
        if isinstance(key, str) and isinstance(value, str) and (left := left - len(key) - len(value)) >= 0:
            found[key] = value
    return found


def read(db: Connection) -> Meta:
    """Return the facts of a cache. Raises SqliteError."""
    return parsed(rows(db))


def parsed(stored: Mapping[str, str]) -> Meta:
    """Return the facts in rows as they are stored."""
    fields = {name: _PARSERS.get(name, str)(stored[name]) for name in Meta._fields if name in stored}
    return Meta(**{**fields, "source": facts_in(stored)})


def _number(text: str) -> int | None:
    """Return a number that SQLite can count with."""
    try:
        found = int(text)
    except ValueError:
        return None
    return found if abs(found) < 1 << 62 else None


def _texts(text: str) -> tuple[str, ...] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return tuple(found) if isinstance(found, list) and all(map(_is_name, found)) else None


def _name(text: str) -> str | None:
    return text if _is_name(text) else None


def _is_name(found: Any) -> bool:
    """Return whether something may be the name of a file: names have no NUL, and are UTF-8 where we write them."""
    return isinstance(found, str) and "\0" not in found and not re.search("[\ud800-\udfff]", found)


_PARSERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("format", "generation", "documents", "sections", "replaced", "published"), _number),
    **dict.fromkeys(("roots", "extensions", "named", "sites"), _texts),
    "base": _name,
}


def write(db: Connection, facts: Meta) -> None:
    """Write the facts of a new cache."""
    fields = {name: value for name, value in facts._asdict().items() if value is not None and name != "source"}
    stored = {name: json.dumps(value) if isinstance(value, tuple) else str(value) for name, value in fields.items()}
    db.executemany("INSERT INTO meta (key, value) VALUES (?, ?)", sorted({**stored, **facts.source}.items()))


def advance(db: Connection, documents: int, sections: int, replaced: int) -> None:
    """Write what a sync has changed, now.

    Args:
        db: the cache, in the transaction of the changes.
        documents: how many more documents it holds.
        sections: how many more sections it holds.
        replaced: how many sections that it held are gone or replaced.
    """
    db.execute("DELETE FROM meta WHERE key = 'digest'")
    db.execute("INSERT INTO meta (key, value) VALUES ('replaced', '0') ON CONFLICT DO NOTHING")
    # Not counted: that would read every row of the cache for each change.
    added = (("documents", documents), ("sections", sections), ("replaced", replaced))
    db.executemany("UPDATE meta SET value = value + ?2 WHERE key = ?1", added)
    db.execute("UPDATE meta SET value = ? WHERE key = 'last_sync'", (times.now(),))
