"""The digest: SHA-256 of the cache's logical content, the same for the same documents under the same fingerprint.

A hash of hashes: one for each document, by path, computed where it is parsed (layout.digest_of), then ids, what links
resolve to, and problems. Keys, history, the stat cache and facts of the run stay outside.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from mdcache.store.connections import Connection

_DOCUMENT = """
    SELECT path, title, type, domain, layer, date, summary, hash, size, meta, key FROM nodes ORDER BY path"""
_CLAIM = "SELECT claim, line FROM claims WHERE node = ?"
# In the order of layout.digest_of.
_PARTS = (
    ("tag", "FROM tags WHERE node = ? ORDER BY tag"),
    ("alias", "FROM aliases WHERE node = ? ORDER BY alias"),
    ("key, ordinal, value", "FROM properties WHERE node = ? ORDER BY key, ordinal, value"),
    ("name, alias", "FROM names WHERE node = ? ORDER BY name, alias"),
    ('level, heading, anchor, start, "end", line', "FROM sections WHERE node = ? ORDER BY ordinal"),
    (
        'ordinal_of, line, "column", kind, type, target, fragment, label, CASE WHEN name IS NULL THEN scope END, name',
        "FROM (SELECT links.*, sections.ordinal AS ordinal_of FROM links JOIN sections ON sections.key = section"
        " WHERE source = ?) ORDER BY ordinal",
    ),
    (
        "ordinal, tasks.line, done, text",
        "FROM tasks JOIN sections ON sections.key = section WHERE tasks.node = ? ORDER BY tasks.rowid",
    ),
    (
        "ordinal, code_blocks.line, language",
        "FROM code_blocks JOIN sections ON sections.key = section WHERE code_blocks.node = ?"
        " ORDER BY code_blocks.rowid",
    ),
    (
        "anchors.anchor, ordinal, anchors.line",
        "FROM anchors JOIN sections ON sections.key = section WHERE anchors.node = ? ORDER BY anchors.anchor",
    ),
)
_WHOLE = (
    "SELECT path, id FROM nodes ORDER BY path",
    # CROSS JOIN keeps this order of tables, which is the order asked for. Any other needs a sort, of all links at once
    # and in memory: 130 bytes for each.
    "SELECT source.path, links.ordinal, links.scope, target.id FROM nodes AS source"
    " CROSS JOIN links ON links.source = source.key JOIN nodes AS target ON target.key = target_node"
    " ORDER BY source.path, links.ordinal",
    'SELECT path, line, "column", code, severity, message, link FROM problems'
    ' ORDER BY path, line, "column", code, severity, message, link',
)


class Digest:
    """Collects the documents' hashes, by path."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, digests: bytes) -> None:
        """32 bytes for each document, in the order of their paths."""
        self._hash.update(digests)

    def hexdigest(self, db: Connection) -> str:
        """Add what only the resolved cache knows; the end."""
        for sql in _WHOLE:
            for row in db.execute(sql):
                self._hash.update(_json(row))
        return self._hash.hexdigest()


def of_tables(db: Connection) -> str:
    """The digest computed from the tables alone."""
    digest = Digest()
    for document in _documents(db):
        digest.add(hashlib.sha256(_json(document)).digest())
    return digest.hexdigest(db)


def _documents(db: Connection) -> Iterator[list[Any]]:
    for *fields, key in db.execute(_DOCUMENT):
        claim = db.execute(_CLAIM, (key,)).fetchone()
        yield [
            *fields,
            claim,
            *(_part(columns, db.execute(f"SELECT {columns} {rest}", (key,))) for columns, rest in _PARTS),
        ]


def _part(columns: str, rows: Iterable[tuple[Any, ...]]) -> list[Any]:
    return [row[0] for row in rows] if "," not in columns else list(rows)


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
