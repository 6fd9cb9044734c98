"""Tell whether an error of ours comes from rows that make no sense: types that no table of ours takes, odd numbers.

Readers trust what was published: to look at each value would cost more than to read it. SQLite checks the types of
columns only when rows are written, so a file that somebody else wrote, or damaged, may hold anything. When our code
stumbles over a cache, its rows are looked at once; only if they are as they must be is it a fault in the code.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from mdcache.errors import Damaged
from mdcache.store import connections, ddl
from mdcache.store.connections import Connection

_STUMBLES = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, AssertionError, RecursionError)
_MAY_BE_NEGATIVE = frozenset(("files",))  # times before 1970


@contextlib.contextmanager
def insisted_on(db: Connection, path: str) -> Iterator[None]:
    """Raise Damaged for an error that our code meets within the context, if the rows of a cache explain it.

    Args:
        db: a connection to the cache.
        path: of the cache, for the message.
    """
    try:
        yield
    except _STUMBLES as error:
        if isinstance(error, UnicodeDecodeError):
            raise  # see failures.speaking
        odd = nonsense(db)
        if odd is None:
            raise
        raise Damaged(f"{path} is damaged (a row of {odd} makes no sense): run mdcache rebuild") from error


def nonsense(db: Connection) -> str | None:
    """Return a table of ours with a row that makes no sense; None when there is none. Raises SqliteError."""
    for column in _columns():
        if connections.scalar(db, f"SELECT 1 FROM {column.table} WHERE {column.odd} LIMIT 1"):
            return column.table
    return None


class _Column(NamedTuple):
    """A column of ours. odd: the expression that is true of values that make no sense."""

    table: str
    odd: str


@cache
def _columns() -> tuple[_Column, ...]:
    db = connections.open_memory()
    try:
        ddl.apply_tables(db, ddl.schema())
        rows = db.execute(
            'SELECT s.name, x.name, lower(x.type), x."notnull" OR x.pk FROM sqlite_schema AS s,'
            " pragma_table_xinfo(s.name) AS x WHERE s.type = 'table' AND s.sql LIKE '%STRICT%' ORDER BY 1, 2"
        ).fetchall()
    finally:
        db.close()
    return tuple(_Column(table, _odd(table, *column)) for table, *column in rows)


def _odd(table: str, name: str, type_: str, needed: bool) -> str:
    quoted = f'"{name}"'
    allowed = (type_,) if needed else (type_, "null")
    tests = [f"typeof({quoted}) NOT IN ({', '.join(map(repr, allowed))})"]
    if type_ == "integer" and table not in _MAY_BE_NEGATIVE:
        tests.append(f"{quoted} NOT BETWEEN 0 AND {1 << 62}")
    if name == "path":
        tests.append(f"instr({quoted}, char(0))")
    if (table, name) == ("sections", "end"):
        tests.append('"end" < start')
    return " OR ".join(tests)
