"""Decide what SQL that is not ours may do: queries, rules, and the user's triggers and views.

SQLite asks the authorizer of a connection about each action of a statement while it prepares the statement. It does not
ask about the body of a trigger or view when that is created, only when it is used; the last argument then names the
innermost trigger or view.
"""

from __future__ import annotations

from collections.abc import Callable

from mdcache.store.connections import constant

Authorizer = Callable[[int, str | None, str | None, str | None, str | None], int]

_READS = frozenset(("SQLITE_SELECT", "SQLITE_READ", "SQLITE_RECURSIVE"))
_WRITES = frozenset(("SQLITE_INSERT", "SQLITE_UPDATE", "SQLITE_DELETE"))
_CREATES = frozenset(
    (
        "SQLITE_CREATE_TABLE",
        "SQLITE_CREATE_INDEX",
        "SQLITE_CREATE_VIEW",
        "SQLITE_CREATE_TRIGGER",
        "SQLITE_CREATE_VTABLE",
    )
)
_MODULES = frozenset(("fts5", "fts5vocab"))
_FORBIDDEN_FUNCTIONS = frozenset(("load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"))
_HARMLESS_PRAGMAS = frozenset(
    (
        *("table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list"),
        *("function_list", "module_list", "compile_options", "collation_list", "data_version"),
    )
)
_ACTIONS = {
    name: number
    for name in (
        *_READS,
        *_WRITES,
        *_CREATES,
        "SQLITE_FUNCTION",
        "SQLITE_PRAGMA",
        "SQLITE_ATTACH",
        "SQLITE_DETACH",
        "SQLITE_REINDEX",
        "SQLITE_SAVEPOINT",
        "SQLITE_TRANSACTION",
    )
    if (number := constant(name)) is not None
}
_ACTIONS.setdefault("SQLITE_FUNCTION", 31)  # the C API's numbers, where the driver has no name for them
_ACTIONS.setdefault("SQLITE_SAVEPOINT", 32)
_ACTIONS.setdefault("SQLITE_RECURSIVE", 33)
_NAMES = {number: name for name, number in _ACTIONS.items()}
_OK, _DENY = 0, 1  # SQLITE_OK and SQLITE_DENY


def reading_only(action: int, first: str | None, second: str | None, _db: str | None, _source: str | None) -> int:
    """Return the answer for queries, rules and views: they may read, and nothing else."""
    name = _NAMES.get(action)
    if name in _READS:
        return _OK
    if name == "SQLITE_FUNCTION":
        return _DENY if (second or "").lower() in _FORBIDDEN_FUNCTIONS else _OK
    if name == "SQLITE_PRAGMA":
        return _OK if (first or "").lower() in _HARMLESS_PRAGMAS else _DENY
    return _DENY


_TELLING_PRAGMAS = frozenset(
    (
        *(
            "application_id",
            "database_list",
            "encoding",
            "foreign_keys",
            "freelist_count",
            "journal_mode",
            "page_count",
        ),
        *("page_size", "query_only", "recursive_triggers", "schema_version", "user_version"),
    )
)
_TRANSACTIONS = frozenset(("SQLITE_SAVEPOINT", "SQLITE_TRANSACTION"))
_GUESTS = _TRANSACTIONS | {"SQLITE_ATTACH", "SQLITE_DETACH"}


def reading_as_guest(action: int, first: str | None, second: str | None, db: str | None, source: str | None) -> int:
    """For connections that another program opened on a cache: reading, in transactions, beside other databases."""
    name = _NAMES.get(action)
    if name in _GUESTS:
        return _OK
    if name == "SQLITE_PRAGMA" and second is None and (first or "").lower() in _TELLING_PRAGMAS:
        return _OK
    return reading_only(action, first, second, db, source)


def reading_without(views: frozenset[str]) -> Authorizer:
    """Return the authorizer for reading, in transactions, a database with views of somebody else's, which are not used.

    Args:
        views: their names, in lower case.
    """

    def authorize(action: int, first: str | None, second: str | None, db: str | None, source: str | None) -> int:
        if source is not None and source.lower() in views:
            return _DENY
        if _NAMES.get(action) in _TRANSACTIONS:
            return _OK
        return reading_only(action, first, second, db, source)

    return authorize


def applying_user_ddl(builtin: frozenset[str]) -> Authorizer:
    """Return the authorizer for the user's DDL: it may create things, and write to its own tables.

    A trigger with the name of one of ours would pass for ours when it fires, so no name that is built in may be
    created. Writing to sqlite_schema is allowed: CREATE does that.

    Args:
        builtin: the names of everything that is built in, in lower case.
    """

    def authorize(action: int, first: str | None, second: str | None, db: str | None, source: str | None) -> int:
        name = _NAMES.get(action)
        if db == "temp":
            return _DENY
        if name in _CREATES:
            foreign = name == "SQLITE_CREATE_VTABLE" and (second or "").lower() not in _MODULES
            return _DENY if foreign or (first or "").lower() in builtin else _OK
        if name in _WRITES:
            return _DENY if (first or "").lower() in builtin else _OK
        if name == "SQLITE_REINDEX":
            return _OK  # what CREATE INDEX does at its end
        return reading_only(action, first, second, db, source)

    return authorize


def writing_with_user_triggers(builtin: frozenset[str], builtin_sources: frozenset[str]) -> Authorizer:
    """Return the authorizer for our own writing while the user's triggers are in force.

    What comes from a trigger or view of the user's may read, and write to the user's own tables. Our own statements may
    do everything. Our triggers and views may read and write, no more: a WITH of the user's may bear the name of one.

    Args:
        builtin: the names of our tables, in lower case.
        builtin_sources: the names of our triggers and views, in lower case.
    """

    def authorize(action: int, first: str | None, second: str | None, db: str | None, source: str | None) -> int:
        if source is None:
            return _OK
        if _NAMES.get(action) in _WRITES:
            is_ours = source.lower() in builtin_sources
            return _DENY if not is_ours and ((first or "").lower() in builtin or db == "temp") else _OK
        return reading_only(action, first, second, db, source)

    return authorize
