"""The user's own SQL over the cache: read-only, with the texts of documents and sections at hand."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Any, NamedTuple

from mdcache.errors import UsageError
from mdcache.read import hydrate
from mdcache.store import authorizer, connections, failures, foreign, made, meta
from mdcache.store.cache import Cache
from mdcache.store.connections import APPLICATION_ID, Connection, SqliteError, scalar

Parameters = Sequence[Any] | Mapping[str, Any]

# Instructions of SQLite's between two calls of a handler that lets Python see Ctrl-C; without one a long query goes on.
_STEPS = 100_000
_FOREIGN = "a cache was not made here"


class Answer(NamedTuple):
    """Column names, made unique, and the rows as they come."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


def run(cache: Cache, sql: str, parameters: Parameters = (), attach: tuple[str, ...] = ()) -> Answer:
    """Run one statement and return its columns and rows.

    Args:
        parameters: values for ? or, by name, for :name.
        attach: files of databases to join, each under its name without extension.

    Raises:
        UsageError: with SQLite's message, when it does not run or wants to write.
    """
    db = cache.db
    db.set_authorizer(None)  # that of the query before would not let us attach
    attached = [_attach(cache, file) for file in attach]
    strange = {one.name: one.file for one in attached if one.is_strange}
    met: list[SqliteError] = []
    for name, function in hydrate.functions(cache).items():
        db.create_function(name, 1, _noting(met, function))
    if cache.made_here:
        db.set_progress_handler(lambda: 0, _STEPS)
        db.set_authorizer(authorizer.reading_only)
    else:
        foreign.confine(db)  # its handler bounds the query, too
    steps = _steps(cache, partial(db.execute, sql, parameters), strange, met)
    return Answer(next(steps), steps)


def _noting(met: list[SqliteError], function: Callable[[int], str | None]) -> Callable[[int], str | None]:
    """Wrap a function to note what it raises: SQLite passes on only that it did."""

    def noting(key: int) -> str | None:
        try:
            return function(key)
        except SqliteError as error:
            met.append(error)
            raise

    return noting


def _steps(
    cache: Cache, execute: Callable[[], Any], strange: Mapping[str, str], met: list[SqliteError]
) -> Iterator[tuple[Any, ...]]:
    """Yield the names of the columns, then the rows.

    strange: the attached caches that were not made here, which bound the query: files by name.
    """
    is_confined = bool(strange) or not cache.made_here
    with ExitStack() as stack:
        if strange:
            names = (*strange, *(() if cache.made_here else ("main",)))
            stack.enter_context(foreign.bounded(cache.db, next(iter(strange.values())), names=names))
        with _blaming_sql(is_confined, "cannot run the query", met):
            cursor = execute()
        yield _unique([column[0] for column in cursor.description or ()])
        yield from _rows(is_confined, cursor, met)


def _rows(is_confined: bool, cursor: Any, met: list[SqliteError]) -> Iterator[tuple[Any, ...]]:
    with _blaming_sql(is_confined, "the query failed", met):
        # Not the cursor itself: a reader who stops early would close it, perhaps after its connection.
        yield from iter(cursor.fetchone, None)


@contextmanager
def _blaming_sql(is_confined: bool, what: str, met: list[SqliteError]) -> Iterator[None]:
    """What is wrong with the statement is for the user to fix; what is wrong with the file is not.

    met: what our own functions met in the file.
    """
    try:
        yield
    except (SqliteError, connections.DriverWarning, ValueError) as error:
        if met:
            raise met[-1] from error
        if failures.name_of(error) and not failures.is_about_sql(error):
            raise
        if "not authorized" in str(error) and is_confined:
            raise UsageError(
                f"{what}: it may only read, and use no views that are not mdcache's: {_FOREIGN}"
            ) from error
        raise failures.user_error(error, what) from error


class _Attached(NamedTuple):
    """An attached database: under which name, its file, and whether it is a cache that was not made here."""

    name: str
    file: str
    is_strange: bool


def _attach(cache: Cache, file: str) -> _Attached:
    """Attach another database to read. Its name is that of its file; main and temp are SQLite's own.

    It is looked at with a connection of its own first, which limits what it takes to load a schema. Raises Damaged.
    """
    if not os.path.isfile(file):
        raise UsageError(f"no such database to attach: {file}")
    name = re.sub(r"\W", "_", os.path.basename(file).partition(".")[0])
    name = "attached" if name.lower() in ("", "main", "temp") else name
    path = os.path.realpath(file)
    try:
        with closing(connections.open_reader(path)) as db:
            is_strange = _is_strange(db, path)
        cache.db.execute(f'ATTACH ? AS "{name}"', (connections.uri(path, "ro"),))
    except SqliteError as error:
        raise failures.user_error(error, f"cannot attach {file} as {name}") from error
    return _Attached(name, path, is_strange)


def _is_strange(db: Connection, path: str) -> bool:
    """Return whether a database is a cache that was not made here. Raises Damaged."""
    if scalar(db, "PRAGMA application_id") != APPLICATION_ID:
        return False  # a database of the user's: whatever it declares was named
    foreign.insist_on_schema(db, path)
    return meta.read(db).generation_id not in made.known(path)


def _unique(names: list[str]) -> tuple[str, ...]:
    """Return the names with repeated ones told apart, `id, id_2`: rows are shown as objects."""
    found: list[str] = []
    for name in names:
        count = 2
        unique = name
        while unique in found:
            unique, count = f"{name}_{count}", count + 1
        found.append(unique)
    return tuple(found)
