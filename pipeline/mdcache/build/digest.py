"""The digest: SHA-256 of the cache's logical content, the same for the same documents under the same fingerprint.

A hash of hashes: one for each document, by path, then ids, what links resolve to, and problems. That of a document is
computed where it is parsed, of all that the tables will hold of it, apart from what resolving decides; of_tables
computes the same from the tables. Keys, history, the stat cache and facts of the run stay outside.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from mdcache.build import columns
from mdcache.build.columns import NODES, PARTS, PROBLEMS, Column, Role, Table
from mdcache.model import Document

if TYPE_CHECKING:
    from mdcache.store.connections import Connection  # not at run time: workers must not wait for SQLite


def of_document(document: Document) -> bytes:
    """Return the SHA-256 of a document, 32 bytes."""
    logical: list[Any] = [*_NODE(document)]
    for rows, (order, values_of) in zip(_rows_of(document), _PARTS, strict=True):
        in_order = sorted(rows, key=order) if order and rows else rows
        logical.append(list(map(values_of, in_order)) if rows else ())
    return hashlib.sha256(_json(logical)).digest()


class _Part(NamedTuple):
    """How a document's rows of a table are brought into the form in which the table gives them back."""

    order: Callable[[Any], Any] | None
    values_of: Callable[[Any], tuple[Any, ...]]


def _part(table: Table) -> _Part:
    order = table.values(tuple(map(Column, table.order))) if table.order else None
    return _Part(order, table.values(table.digested))


_NODE = NODES.values(NODES.digested)
_PARTS = tuple(map(_part, PARTS))
_rows_of = attrgetter(*(table.rows for table in PARTS))


def _expression(column: Column) -> str:
    if column.role is Role.SECTION:
        return "section.ordinal"
    return f'one."{column.name}"'


def _order(table: Table) -> str:
    names = table.order or tuple(column.name for column in table.of(Role.ORDINAL)) or ("rowid",)
    return ", ".join(f'one."{name}"' for name in names)


def _select(table: Table) -> str:
    """Return the SQL for a document's rows of a table."""
    section = "JOIN sections AS section ON section.key = one.section" if table.of(Role.SECTION) else ""
    return (
        f"SELECT {', '.join(map(_expression, table.digested))} FROM {table.name} AS one {section}"
        f" WHERE one.{table.owner} = ? ORDER BY {_order(table)}"
    )


_DOCUMENTS = f"SELECT {columns.names(NODES.digested)}, key FROM nodes ORDER BY path"
_SELECTS = tuple(map(_select, PARTS))
_PROBLEMS = columns.names(PROBLEMS.digested)
_WHOLE = (
    "SELECT path, id FROM nodes ORDER BY path",
    # CROSS JOIN keeps this order of tables, which is the order asked for. Any other needs a sort, of all links at once
    # and in memory: 130 bytes for each.
    "SELECT source.path, links.ordinal, target.id FROM nodes AS source"
    " CROSS JOIN links ON links.source = source.key JOIN nodes AS target ON target.key = target_node"
    " ORDER BY source.path, links.ordinal",
    f"SELECT {_PROBLEMS} FROM all_problems ORDER BY {_PROBLEMS}",
)


class Digest:
    """Collects the documents' hashes, by path."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, digests: bytes) -> None:
        """Take 32 bytes for each document, in the order of their paths."""
        self._hash.update(digests)

    def hexdigest(self, db: Connection) -> str:
        """Add what only the resolved cache knows, and return the digest; the end."""
        for sql in _WHOLE:
            for row in db.execute(sql):
                self._hash.update(_json(row))
        return self._hash.hexdigest()


def of_tables(db: Connection) -> str:
    """Return the digest computed from the tables alone."""
    digest = Digest()
    for document in _documents(db):
        digest.add(hashlib.sha256(_json(document)).digest())
    return digest.hexdigest(db)


def _documents(db: Connection) -> Iterator[list[Any]]:
    for *fields, key in db.execute(_DOCUMENTS):
        yield [*fields, *(db.execute(sql, (key,)).fetchall() for sql in _SELECTS)]


_encode = json.JSONEncoder(check_circular=False, separators=(",", ":"), default=bytes.hex).encode


def _json(value: Any) -> bytes:
    return _encode(value).encode()
