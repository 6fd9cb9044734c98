"""Stage 3, load: batches of rows into the tables, many rows a statement.

One statement a row makes FTS5 flush at every row. Statements of a fixed number of rows are prepared once, and their
boundaries depend on the documents alone, so that the same documents give the same bytes.
"""

from __future__ import annotations

from typing import Any

from mdcache.build import columns
from mdcache.build.columns import NODES, SECTIONS, TABLES, Role, Table
from mdcache.build.layout import Batch
from mdcache.store.connections import NULL, Connection

# Larger is hardly faster and holds more text in memory; smaller leaves more segments to search (measured on 39,000
# sections: 1,000 rows 0.47 s and 39 segments, 5,000 rows 0.53 s and 8).
_ROWS = 2048
# Held back at most, in bytes of documents, until a statement is full.
_BYTES = 8 << 20

# A document that changed keeps its row, so that what points at it need not be found again.
_OVERWRITE = " ON CONFLICT (key) DO UPDATE SET " + ", ".join(
    f'"{column.name}" = excluded."{column.name}"' for column in NODES.written if column.role is not Role.NODE_KEY
)


class Loader:
    """Puts batches into a cache, in order. Nothing is certain to be in the tables before flush.

    sections: the highest section key that is taken. Nodes whose key exists are overwritten; their parts must be gone.
    """

    def __init__(self, db: Connection, sections: int = 0) -> None:
        self._inserters = [_Inserter(db, table) for table in TABLES]
        self._sections = self._inserters[TABLES.index(SECTIONS)]
        self._held = 0
        self._last_section = sections
        self.documents = self.sections = 0

    def add(self, batch: Batch, at_once: bool = False) -> None:
        """at_once: nothing is held back, and each table is complete before the next, as foreign keys need it."""
        for inserter, rows in zip(self._inserters, batch.rows, strict=True):
            inserter.add(rows, self._last_section + 1)
            if at_once:
                inserter.flush()
        self.documents += batch.documents
        self.sections += batch.sections
        self._last_section += batch.sections
        self._held += batch.text_bytes
        if self._held > _BYTES:
            self._sections.flush()
            self._held = 0

    def flush(self) -> None:
        for inserter in self._inserters:
            inserter.flush()


class _Inserter:
    """The statements for one table."""

    def __init__(self, db: Connection, table: Table) -> None:
        self._db = db
        written = table.written
        self._width = len(written)
        self._sections = [at for at, column in enumerate(written) if column.role in (Role.SECTION_KEY, Role.SECTION)]
        # OR FAIL: otherwise a statement journal is opened, and that makes FTS5 flush, in inserts into other tables too.
        self._head = f"INSERT OR FAIL INTO {table.view or table.name} ({columns.names(written)}) VALUES "
        self._row = "(" + ",".join("?" * self._width) + ")"
        self._tail = _OVERWRITE if table is NODES else ""
        self._rows: list[Any] = []

    def add(self, rows: list[Any], first_section: int) -> None:
        for column in self._sections:
            rows[column :: self._width] = [section + first_section for section in rows[column :: self._width]]
        self._rows += rows
        self._insert(_ROWS)

    def flush(self) -> None:
        """The rest, in a statement of its own."""
        self._insert(len(self._rows) // self._width)

    def _insert(self, size: int) -> None:
        step, start = size * self._width, 0
        while step and start + step <= len(self._rows):
            sql = self._head + ",".join([self._row] * size) + self._tail
            values = [NULL if value is None else value for value in self._rows[start : start + step]]
            self._db.execute(sql, values)
            start += step
        del self._rows[:start]
