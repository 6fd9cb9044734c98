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
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.machinery import PathFinder
from typing import Any, NamedTuple

import mdcache
from mdcache.errors import UsageError
from mdcache.store import authorizer, bounds, connections, failures
from mdcache.store.bounds import Bound
from mdcache.store.connections import SQLITE_VERSION, Connection, DriverWarning, SqliteError

_INDEXES = "50-indexes.sql"
_LONGEST_REASON = 200  # characters of what SQLite says: it may quote a text that is open to the end of a file
_FEW = 3  # so many schema files are named in a message
_LIVE_ONLY = "-- live only"
STATEMENTS_LIMIT = 1_000
"""How many statements all schema files may have together: SQLite reads what they have made at each start."""
# Texts, quoted names and comments of SQL, and a RAISE(IGNORE) that stands in none of them.
_ASIDE = r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|/\*.*?(?:\*/|\Z)"""
_BLANK = r"(?>[\s\ufeff]|--[^\n]*|/\*.*?(?:\*/|\Z))*+"
# What SQLite looks at to find the end of a statement; what is open goes on to the end of the script.
_TOKENS = re.compile(
    r"""(?P<blank>(?:[ \t\n\f\r]|--[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z))+)"""
    r"""|(?P<mark>;)|(?P<word>[A-Za-z0-9_$\x80-\U0010ffff]+)"""
    r"""|'[^']*(?:'|\Z)|"[^"]*(?:"|\Z)|`[^`]*(?:`|\Z)|\[[^\]]*(?:\]|\Z)|.""",
    re.DOTALL,
)
_LEADING = re.compile(rf"{_BLANK}")
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
    ends = list(_ends(text))
    found = [text[start:end] for start, end in zip((0, *ends), (*ends, len(text)), strict=True)]
    return [statement for statement in found if _has_code(statement)]


def _ends(text: str) -> Iterator[int]:
    """Yield where the statements of a script end, each after its semicolon.

    A trigger has semicolons within: it ends with one that follows END, which follows another one. Only so much is
    looked at as decides that, and no character twice: a script may be a megabyte of semicolons in a text.
    """
    begun = ""  # what the statement may be, as far as its first words say: one of _BEGUN, or a trigger
    last = ""  # within a trigger: a semicolon, or END after one, if that came last
    for token in _TOKENS.finditer(text):
        if token["blank"]:
            continue
        word = token[0].lower() if token["mark"] or token["word"] else "'"
        if word == ";" and (begun != "trigger" or last == "end"):
            yield token.end()
            begun, last = "", ""
        elif begun == "trigger":
            last = word if word == ";" or (word, last) == ("end", ";") else ""
        else:
            begun = _BEGUN.get(begun, {}).get(word, "explain" if begun == "explain" else "other")


_BEGUN = {
    "": {"create": "create", "explain": "explain"},
    "explain": {"create": "create", **dict.fromkeys(("explain", "temp", "temporary", "trigger", "end"), "other")},
    "create": {"temp": "create", "temporary": "create", "trigger": "trigger"},
}
"""What a statement may be by its first words and the next one; other words make it none of these, but for EXPLAIN."""


def _has_code(statement: str) -> bool:
    """Return whether anything is left of a statement without its comments."""
    return _without_leading_comments(statement) not in ("", ";")


def _without_leading_comments(statement: str) -> str:
    return _LEADING.sub("", statement, count=1).rstrip()


class Names(NamedTuple):
    """The names of built-in tables and views (shadow tables included), and of triggers and views as sources."""

    tables: frozenset[str]
    sources: frozenset[str]


def apply_tables(db: Connection, schema: Schema) -> Names:
    """Make everything but the built-in indexes; the authorizer for the user's triggers and views is then in force.

    Raises UsageError with file, statement and SQLite's message when the user's DDL does not apply, or takes too much.
    """
    for script in schema.builtin:
        if script.name != _INDEXES:
            _apply(db, script)
    names = _names(db)
    if schema.user:
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


def _all_statements(scripts: tuple[Script, ...]) -> list[tuple[Script, str]]:
    """Return the statements of all scripts, each with its own. Raises UsageError when they are too many."""
    found = [(script, statement) for script in scripts for statement in statements(script.text)]
    if len(found) > STATEMENTS_LIMIT:
        script, _ = found[STATEMENTS_LIMIT]
        raise UsageError(f"{script.name}: the schema files have more than {STATEMENTS_LIMIT:,} statements together")
    return found


def _bound(db: Connection) -> Bound:
    return Bound(db, "the schema files", bounds.DDL_S)


def bound(db: Connection, schema: Schema) -> Bound:
    """Return what writing into a cache with the user's triggers and indexes may cost: without any it has no bound."""
    names = ", ".join(script.name for script in schema.user[:_FEW]) + ", ..." * (len(schema.user) > _FEW)
    return Bound(db, f"triggers or indexes of {names}", bounds.TRIGGERS_S if schema.user else None)


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
    bound = _bound(db)
    for script, statement in _all_statements(scripts):
        with bound.running(f"{script.name}: {_shown_short(statement)}"):
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
    said = "not allowed in a schema file" if failures.refused(error) else _shortened(str(error), _LONGEST_REASON)
    return UsageError(f"{script}: {_shown_short(statement)}: {said}")


def _shown_short(statement: str) -> str:
    return _shortened(" ".join(_without_comments(statement).split()), 80)


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 3] + "..."


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


_STATISTICS = frozenset(("sqlite_stat1", "sqlite_stat4"))  # what ANALYZE writes


def live_objects(db: Connection, name: str = "main") -> frozenset[Object]:
    """Return all objects of a database, whatever they are. name: that of an attached one."""
    rows = db.execute(f"SELECT type, name, tbl_name, sql FROM {_quoted(name)}.sqlite_schema")
    return frozenset(Object(*row) for row in rows)


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
        bound = _bound(db)
        db.set_authorizer(authorizer.applying_user_ddl(names.tables | names.sources))
        for script, statement in _all_statements(schema.user):
            if _declares(statement):
                with bound.running(f"{script.name}: {_shown_short(statement)}"):
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
