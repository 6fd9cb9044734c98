"""The schema in force: the built-in DDL and the user's, applied statement by statement, and the fingerprint."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.resources
import json
import os
import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib.machinery import PathFinder
from typing import Any, NamedTuple

import mdcache
from mdcache.errors import UsageError
from mdcache.store import authorizer, connections, failures
from mdcache.store.connections import SQLITE_VERSION, Connection, DriverWarning, SqliteError, complete_statement

_INDEXES = "50-indexes.sql"
_LIVE_ONLY = "-- live only"
_STEPS = 1_000_000
# Texts, quoted names and comments of SQL, and a RAISE(IGNORE) that stands in none of them.
_ASIDE = r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|/\*.*?(?:\*/|\Z)"""
_BLANK = r"(?>[\s\ufeff]|--[^\n]*|/\*.*?(?:\*/|\Z))*+"
_IGNORES = re.compile(rf"(?:{_ASIDE})|(\braise{_BLANK}\({_BLANK}ignore\b)", re.IGNORECASE | re.DOTALL)


class Script(NamedTuple):
    """A file of DDL: how to name it to a user, and its text."""

    name: str
    text: str


class Schema(NamedTuple):
    """The built-in scripts in reading order, and the user's scripts."""

    builtin: tuple[Script, ...]
    user: tuple[Script, ...]

    def text(self) -> str:
        return "\n".join(f"-- {script.name}\n\n{script.text}" for script in (*self.builtin, *self.user))

    def of(self, published: bool) -> Schema:
        """Return the schema of a file: of a published one without the lines that are marked as live only."""
        if not published:
            return self
        return self._replace(builtin=tuple(Script(name, _without_live_only(text)) for name, text in self.builtin))


def _without_live_only(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.rstrip().endswith(_LIVE_ONLY))


@cache
def builtin() -> tuple[Script, ...]:
    """Return the scripts that are shipped. They are looked up by the package's name, as editable installs need it."""
    folder = importlib.resources.files("mdcache.schema")
    scripts = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return tuple(Script(script.name, script.read_text(encoding="utf-8")) for script in scripts)


def schema(user: tuple[Script, ...] = ()) -> Schema:
    """Return the schema in force with these scripts of the user's."""
    return Schema(builtin(), user)


def statements(text: str) -> list[str]:
    """Return the statements of a script, without those that are only white space and comments.

    What stands after the last complete statement is one too, so that SQLite can say what is wrong with it.
    """
    found, start = [], 0
    for index, char in enumerate(text):
        if char == ";" and complete_statement(text[start : index + 1]):
            found.append(text[start : index + 1])
            start = index + 1
    found.append(text[start:])
    return [statement for statement in found if _has_code(statement)]


def _has_code(statement: str) -> bool:
    """Return whether anything is left of a statement without its comments."""
    return _without_leading_comments(statement) not in ("", ";")


def _without_leading_comments(statement: str) -> str:
    rest = statement.strip()
    while rest.startswith(("--", "/*")):
        rest = rest.partition("\n" if rest.startswith("--") else "*/")[2].lstrip()
    return rest


class Names(NamedTuple):
    """The names of built-in tables and views (shadow tables included), and of triggers and views as sources."""

    tables: frozenset[str]
    sources: frozenset[str]


def apply_tables(db: Connection, schema: Schema) -> Names:
    """Make everything but the built-in indexes; the authorizer for the user's triggers and views is then in force.

    Raises UsageError with file, statement and SQLite's message when the user's DDL does not apply.
    """
    for script in schema.builtin:
        if script.name != _INDEXES:
            _apply(db, script)
    names = _names(db)
    if schema.user:
        # SQLite asks the driver now and then whether to go on: without that, Ctrl-C does not end an endless trigger.
        db.set_progress_handler(lambda: 0, _STEPS)
        _apply_user(db, schema.user, names)
    return names


def apply_indexes(db: Connection, schema: Schema) -> None:
    """Make the built-in indexes, once the rows are in: sorting them once is cheaper than inserting each in place."""
    for script in schema.builtin:
        if script.name == _INDEXES:
            _apply(db, script)


def _apply(db: Connection, script: Script) -> None:
    # Not executescript: that would commit the transaction that is open.
    for statement in statements(script.text):
        db.execute(statement)


def builtin_names() -> Names:
    """Return the names that the user's DDL may not touch, for connections to a cache that exists."""
    db = connections.open_memory()
    try:
        return apply_tables(db, Schema(builtin(), ()))
    finally:
        db.close()


def _names(db: Connection) -> Names:
    rows = db.execute(
        "SELECT lower(name), type FROM sqlite_schema WHERE type IN ('table', 'view', 'trigger')"
    ).fetchall()
    tables = frozenset(name for name, type_ in rows if type_ != "trigger")
    return Names(tables, frozenset(name for name, type_ in rows if type_ != "table"))


class _Made(NamedTuple):
    """A view or trigger of the user's: where it is declared, and the table or view that it belongs to."""

    script: str
    statement: str
    type: str
    table: str


def _apply_user(db: Connection, scripts: tuple[Script, ...], names: Names) -> None:
    """Apply the user's scripts statement by statement.

    SQLite compiles a view or trigger only when it is used, and it may name tables that are made later. So after each
    statement all views and triggers that have not compiled yet are tried again; those that fail to the end are errors.
    """
    applying = authorizer.applying_user_ddl(names.tables | names.sources)
    using = authorizer.writing_with_user_triggers(names.tables, names.sources)
    failing: list[tuple[_Made, SqliteError]] = []
    unproven: list[_Made] = []
    for script in scripts:
        for statement in statements(script.text):
            db.set_authorizer(applying)
            unproven += _made_by(db, script.name, statement, names)
            db.set_authorizer(using)
            failing = [(one, error) for one in unproven if (error := _failure(db, one))]
            unproven = [one for one, _ in failing]
    for one, error in failing:
        raise _refused(one.script, one.statement, error) from error


def _made_by(db: Connection, script: str, statement: str, names: Names) -> list[_Made]:
    last = connections.scalar(db, "SELECT max(rowid) FROM sqlite_schema")
    try:
        db.execute(statement)
    except (SqliteError, DriverWarning) as error:
        raise _refused(script, statement, error) from error
    new = "SELECT type, tbl_name FROM sqlite_schema WHERE rowid > ? AND type IN ('view', 'trigger')"
    made = [_Made(script, statement, *row) for row in db.execute(new, (last,))]
    if any(one.type == "trigger" and one.table.lower() in names.tables for one in made) and _ignores(statement):
        raise UsageError(
            f"{script}: {_shown_short(statement)}: RAISE(IGNORE) would keep rows out of the built-in tables: use it in"
            " triggers on tables of your own"
        )
    return made


def _ignores(statement: str) -> bool:
    """Return whether a trigger may raise IGNORE: what fires it is then silently left undone."""
    return any(found[1] for found in _IGNORES.finditer(statement))


def _refused(script: str, statement: str, error: Exception) -> UsageError:
    failures.pass_on_interrupt(error)
    said = "not allowed in a schema file" if failures.refused(error) else str(error)
    return UsageError(f"{script}: {_shown_short(statement)}: {said}")


def _shown_short(statement: str) -> str:
    shown = " ".join(_without_comments(statement).split())
    return shown if len(shown) <= 80 else shown[:77] + "..."


def _failure(db: Connection, one: _Made) -> SqliteError | None:
    """Return why a view or trigger cannot be used: SQLite compiles it as a part of the statements that use it."""
    try:
        for statement in _uses(db, one):
            db.execute(f"EXPLAIN {statement}")
    except SqliteError as error:
        return error
    return None


def _uses(db: Connection, one: _Made) -> list[str]:
    table = _quoted(one.table)
    if one.type == "view":
        return [f"SELECT * FROM {table}"]
    if connections.scalar(db, "SELECT type FROM sqlite_schema WHERE name = ?", one.table) == "view":
        return []  # which of INSERT, UPDATE and DELETE the view takes is not known
    columns = db.execute(f"PRAGMA table_xinfo({table})").fetchall()
    assigned = ", ".join(f"{_quoted(name)} = NULL" for _, name, *_, hidden in columns if not hidden)
    return [f"INSERT INTO {table} DEFAULT VALUES", f"UPDATE {table} SET {assigned}", f"DELETE FROM {table}"]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _without_comments(statement: str) -> str:
    return "\n".join(line for line in statement.splitlines() if not line.lstrip().startswith("--"))


class Object(NamedTuple):
    """A row of sqlite_schema. sql: None for an index that SQLite makes by itself."""

    type: str
    name: str
    table: str
    sql: str | None

    @property
    def is_virtual(self) -> bool:
        """Whether it is a table whose rows a module makes up."""
        return (self.sql or "").startswith("CREATE VIRTUAL")


_OBJECTS = "SELECT type, name, tbl_name, sql FROM sqlite_schema"
_STATISTICS = frozenset(("sqlite_stat1", "sqlite_stat4"))  # what ANALYZE writes


def live_objects(db: Connection) -> frozenset[Object]:
    """Return all objects of a database, whatever they are."""
    return frozenset(Object(*row) for row in db.execute(_OBJECTS))


@cache
def builtin_objects(published: bool = False) -> frozenset[Object]:
    """Return the objects that every cache has; with published, those of a published file."""
    return expected_objects(schema().of(published))


@cache
def expected_objects(schema: Schema) -> frozenset[Object]:
    """Return the objects of a new cache of the schema in force.

    Raises UsageError when the user's DDL does not apply.
    """
    db = connections.open_memory()
    try:
        names = apply_tables(db, Schema(schema.builtin, ()))
        apply_indexes(db, schema)
        db.set_authorizer(authorizer.applying_user_ddl(names.tables | names.sources))
        for script in schema.user:
            for statement in statements(script.text):
                if _declares(statement):
                    _made_by(db, script.name, statement, names)
        db.set_authorizer(None)
        return live_objects(db)
    finally:
        db.close()


def _declares(statement: str) -> bool:
    """Return whether a statement may make an object: what fills the user's tables need not run to know their names."""
    return _without_leading_comments(statement)[:6].upper() == "CREATE"


def misfit(db: Connection, schema: Schema) -> str | None:
    """Return the name of an object that the schema in force does not make as it is, or makes; None when there is none.

    Statistics of ANALYZE are no object of the schema: a program that reads the cache may have left them.
    """
    live = (one for one in live_objects(db) if one.name not in _STATISTICS)
    return min((one.name for one in expected_objects(schema).symmetric_difference(live)), default=None)


def objects(db: Connection) -> dict[str, str]:
    """Return the SQL of every table, view, trigger and index that was declared, by 'type name'."""
    return _shown(live_objects(db))


def declared(schema: Schema) -> dict[str, str]:
    """Return what objects() gives for a new cache of the schema in force."""
    return _shown(expected_objects(schema))


def _shown(found: Iterable[Object]) -> dict[str, str]:
    by_name = sorted(found, key=lambda one: one.name)
    return {f"{one.type} {one.name}": one.sql for one in by_name if one.sql and "sections_fts_" not in one.name}


def difference(live: Connection, schema: Schema) -> list[str]:
    """Return a unified diff from what a live cache declares to the schema in force; empty when they are alike."""
    here, there = declared(schema), objects(live)
    old = [line for name in sorted(there) for line in f"-- {name}\n{there[name]}".splitlines()]
    new = [line for name in sorted(here) for line in f"-- {name}\n{here[name]}".splitlines()]
    return list(difflib.unified_diff(old, new, "live", "in force", lineterm=""))


def fingerprint(schema: Schema, rows: Any) -> str:
    """Return the SHA-256 of everything that decides the cache's rows; rows is what the settings contribute, as JSON."""
    decisive = {
        "mdcache": mdcache.__version__,
        "format": connections.FORMAT,
        "pyromark": _version("pyromark", "pyromark"),
        "yaml": _version("yaml", "pyyaml"),
        "sqlite": SQLITE_VERSION,  # its tokenizer's tables come with it
        "unicode": unicodedata.unidata_version,
        "ddl": [list(script) for script in schema.builtin] + [script.text for script in schema.user],
        "rows": rows,
    }
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


@cache
def _version(module: str, distribution: str) -> str:
    """Return the version of a parser, from the name of the folder that its installer left beside it.

    A sync that finds no change must not wait for the parsers' imports, and importlib.metadata takes longer than both.
    """
    found = PathFinder.find_spec(module)
    beside = os.path.dirname(os.path.dirname(found.origin or "")) if found else ""
    for name in os.listdir(beside) if beside else ():
        stem, _, version = name.removesuffix(".dist-info").rpartition("-")
        if stem.lower() == distribution and name.endswith(".dist-info"):
            return version
    return str(importlib.import_module(module).__version__)
