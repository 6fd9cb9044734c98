"""What two caches hold, compared without keys: row by row by document, and the full-text index term by term.

Everything streams, on both sides in one order, so that memory is that of one document, or of one term.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from mdcache.build import columns as tables
from mdcache.build.columns import Column, Role, Table, names
from mdcache.merge import merged
from mdcache.store.connections import Connection, scalar

NODES = tables.NODES.name
INDEX = "sections_fts"


class Difference(NamedTuple):
    """A document whose rows of a table are not the same on both sides; None for a side that has no such rows.

    path is None for what belongs to no document. Rows of nodes have the hash of the document first.
    """

    path: str | None
    table: str
    left: Any = None
    right: Any = None


class _Part(NamedTuple):
    """Rows of one table with paths and ordinals in place of keys: the path first, all in one order."""

    table: str
    sql: str


def _of(table: Table) -> _Part:
    """The rows of a table that belong to documents."""
    joins = "".join(_JOINS.get(column.role, "") for column in table.compared)
    return _within(table.name, table, ", ".join(map(_compared, table.compared)), joins)


def _within(name: str, table: Table, columns: str, joins: str) -> _Part:
    order = ", ".join(map(str, range(1, columns.count(",") + 3)))
    rows = f"nodes CROSS JOIN {table.name} AS one ON one.{table.owner} = nodes.key {joins}"
    return _Part(name, f"SELECT nodes.path, {columns} FROM {rows} ORDER BY {order}")


def _by_path(table: Table, *first: str) -> _Part:
    """The rows of a table that has the paths itself; first: the columns to begin with."""
    columns = sorted(
        table.compared, key=lambda column: first.index(column.name) if column.name in first else len(first)
    )
    return _Part(table.name, f"SELECT {names(columns)} FROM {table.name} ORDER BY {names(columns)}")


# Of the same document: by its ordinal alone, another's would pass for one of its own.
_JOINS = {
    Role.SECTION: " JOIN sections AS section ON section.key = one.section AND section.node = nodes.key",
    Role.TARGET: " LEFT JOIN nodes AS other ON other.key = target_node",
}


def _compared(column: Column) -> str:
    if column.role is Role.SECTION:
        return "section.ordinal"
    return "other.path" if column.role is Role.TARGET else f'one."{column.name}"'


_NODES = _by_path(tables.NODES, "path", "hash")
_PARTS = (
    *map(_of, tables.PARTS),
    _by_path(tables.PROBLEMS),
    # How many terms each column of a section has: ranking asks.
    _within(INDEX, tables.SECTIONS, "ordinal, sz", f"JOIN {INDEX}_docsize AS indexed ON indexed.id = one.key"),
)
_FILES = _by_path(tables.FILES)


def differences(left: Connection, right: Connection, with_files: bool = True) -> Iterator[Difference]:
    """What differs, document by document and table by table; with_files: the stat cache, too, which some caches lack.

    Of documents that only one side has, or that have another hash, nothing but that is told. Both connections may make
    temporary tables. Raises SqliteError.
    """
    aside = set()
    for found in _in_part(left, right, _NODES):
        if not (found.left and found.right and found.left[0][0] == found.right[0][0]):
            aside.add(found.path)
        yield found
    for part in (*_PARTS, _FILES) if with_files else _PARTS:
        yield from (found for found in _in_part(left, right, part) if found.path not in aside)
    yield from _in_index(left, right, aside)


def _in_part(left: Connection, right: Connection, part: _Part) -> Iterator[Difference]:
    here, there = (_documents(db.execute(part.sql)) for db in (left, right))
    for path, one, other in merged(here, there, itemgetter(0)):
        mine, theirs = one and one[1], other and other[1]
        if mine != theirs:
            yield Difference(path, part.table, mine, theirs)


def _documents(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for path, group in groupby(rows, itemgetter(0)):
        yield path, tuple(row[1:] for row in group)


# The full-text index. SQLite joins all occurrences of a term into one text, seven times as fast as Python would take
# them in one by one; only terms whose texts differ are looked into. A place stands for a section, by the same number on
# both sides: 0 for a section that there is not, NULL for one of a document that is left aside.

_STRAY = 0
_PLACES = "CREATE TEMP TABLE places (key INTEGER PRIMARY KEY, place INTEGER)"
_VOCABULARY = f"CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, {INDEX}, instance)"
_TERMS = f"""
    SELECT term, group_concat(at || ' ' || col || ' ' || offset, ',' ORDER BY at, col, offset)
    FROM (SELECT term, CASE WHEN key IS NULL THEN {_STRAY} ELSE place END AS at, col, offset
          FROM temp.vocabulary LEFT JOIN temp.places ON key = doc)
    GROUP BY term ORDER BY term"""
_SECTIONS = (
    "SELECT path, ordinal, sections.key FROM nodes CROSS JOIN sections ON node = nodes.key ORDER BY path, ordinal"
)


def _in_index(left: Connection, right: Connection, aside: set[str | None]) -> Iterator[Difference]:
    for db in (left, right):
        db.execute(_PLACES)
        db.execute(_VOCABULARY)
    _number(left, right, aside)
    here, there = (db.execute(_TERMS) for db in (left, right))
    places: set[int] = set()
    for _, one, other in merged(here, there, itemgetter(0)):
        mine, theirs = ((side and side[1]) or "" for side in (one, other))
        if mine != theirs:
            places |= {int(at.partition(" ")[0]) for at in {*mine.split(",")} ^ {*theirs.split(",")} if at}
    for path in sorted({_path_of(left, right, place) for place in places}, key=str):
        yield Difference(path, INDEX)
    for db in (left, right):
        db.execute("DROP TABLE temp.vocabulary")
        db.execute("DROP TABLE temp.places")


def _number(left: Connection, right: Connection, aside: set[str | None]) -> None:
    """Give each section its place: left's key, or less than 0 where left has no such section."""
    rows: tuple[list[tuple[int, int | None]], ...] = ([], [])
    for (path, _), one, other in merged(left.execute(_SECTIONS), right.execute(_SECTIONS), itemgetter(0, 1)):
        at = None if path in aside else one[2] if one else -other[2] if other else _STRAY
        for db, side, numbered in zip((left, right), (one, other), rows, strict=True):
            if side:
                numbered.append((side[2], at))
            if len(numbered) >= _ROWS:
                _write(db, numbered)
    for db, numbered in zip((left, right), rows, strict=True):
        _write(db, numbered)


_ROWS = 10_000


def _write(db: Connection, numbered: list[tuple[int, int | None]]) -> None:
    db.executemany("INSERT INTO temp.places VALUES (?, ?)", numbered)
    numbered.clear()


def _path_of(left: Connection, right: Connection, place: int) -> str | None:
    sql = "SELECT path FROM sections JOIN nodes ON nodes.key = node WHERE sections.key = ?"
    path = scalar(left if place > 0 else right, sql, abs(place))
    return None if path is None else str(path)
