"""The one module that opens SQLite connections: in the right order, with an authorizer, with errors in our words."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from mdcache import stops
from mdcache.errors import Damaged, MdcacheError, UsageError, WorkError

if TYPE_CHECKING:
    import sqlite3
else:
    # As sqlite-utils does: the newer SQLite where it is installed, else the platform's.
    try:
        sqlite3 = importlib.import_module("pysqlite3.dbapi2")
    except ImportError:
        import sqlite3

Connection = sqlite3.Connection
SqliteError = sqlite3.Error
DriverWarning = sqlite3.Warning
complete_statement = sqlite3.complete_statement
SQLITE_VERSION: str = sqlite3.sqlite_version

# Without an adapter the driver searches for one at every NULL that it binds, in vain: 900 ns instead of 100, a third
# of the time that it takes to load short documents.
sqlite3.register_adapter(type(None), lambda null: null)

NEEDED = (3, 44)
"""Contentless deletes came with 3.43; integrity_check looks into FTS5 since 3.44."""
APPLICATION_ID = 0x6D646361
"""'mdca' in the header of every cache: what has another is not ours to replace."""
FORMAT = 1
"""user_version: what this version of mdcache writes. A newer one is not replaced except by an explicit rebuild."""
PAGE_SIZE = 8192
_BUSY_MS = 5000
_BUILD_CACHE_KIB = 64_000
# SQLite opens lazily: only a statement that reads shows whether the file, its log and its schema can be read.
_TOUCH = "SELECT count(*) FROM sqlite_schema"


def check_version() -> None:
    """Raises WorkError when SQLite is too old to hold a cache."""
    if sqlite3.sqlite_version_info < NEEDED:
        wanted = ".".join(map(str, NEEDED))
        raise WorkError(
            f"SQLite {SQLITE_VERSION} of {sys.executable} is too old, mdcache needs {wanted}: pip install pysqlite3"
        )


def open_build(path: str) -> Connection:
    """A new database that nobody reads: no journal, no sync, exclusive. A crash leaves a file that is removed."""
    db = _connect(path)
    _run(
        db,
        f"PRAGMA page_size={PAGE_SIZE}",
        "PRAGMA locking_mode=EXCLUSIVE",
        "PRAGMA journal_mode=OFF",
        "PRAGMA synchronous=OFF",
        f"PRAGMA cache_size=-{_BUILD_CACHE_KIB}",
        "PRAGMA temp_store=MEMORY",
        "PRAGMA foreign_keys=OFF",
        "PRAGMA mmap_size=0",
        "PRAGMA trusted_schema=OFF",
        f"PRAGMA application_id={APPLICATION_ID}",
        f"PRAGMA user_version={FORMAT}",
    )
    return db


def open_draft() -> Connection:
    """A database that nobody else can see, in memory; an SQLite not built so spills it to a file that has no name."""
    db = _connect("")
    _run(
        db,
        f"PRAGMA page_size={PAGE_SIZE}",
        "PRAGMA journal_mode=OFF",
        "PRAGMA synchronous=OFF",
        f"PRAGMA cache_size=-{_BUILD_CACHE_KIB}",
        "PRAGMA mmap_size=0",
        "PRAGMA trusted_schema=OFF",
    )
    return db


def open_settled(path: str) -> Connection:
    """The pages of a build that are not written to any more, read beside the connection that goes on writing others.

    Without locks, and as if it never changed: only whoever builds it may know that this is so.
    """
    db = _connect(_uri(path, "ro") + "&immutable=1", uri=True)
    _run(db, "PRAGMA mmap_size=0", _TOUCH)
    return db


def open_live(path: str, wait_s: float = _BUSY_MS / 1000) -> Connection:
    """The live cache, to write to: only the holder of the writer lock may.

    wait_s: for other programs that lock it. A file that is no WAL database is made one.
    """
    db = _connect(_uri(path, "rw"), uri=True)
    _run(
        db,
        f"PRAGMA busy_timeout={round(wait_s * 1000)}",
        "PRAGMA journal_mode=WAL",
        "PRAGMA synchronous=NORMAL",
        "PRAGMA temp_store=MEMORY",
        "PRAGMA foreign_keys=ON",
        "PRAGMA mmap_size=0",
        "PRAGMA trusted_schema=OFF",
        _TOUCH,
    )
    return db


def open_target(path: str, wait_s: float) -> Connection:
    """The live cache, to be overwritten by a backup: all but its header may be damaged.

    SQLite may call it damaged when its schema could not be read for once. Who would believe that, and move another
    file to its place, would do so under its readers.
    """
    try:
        return open_live(path, wait_s)
    except SqliteError as error:
        if not is_damage(error):
            raise
    db = _connect(_uri(path, "rw"), uri=True)
    _run(db, f"PRAGMA busy_timeout={round(wait_s * 1000)}", "PRAGMA mmap_size=0")
    return db


def open_reader(path: str) -> Connection:
    """The live cache, to read from, whatever the journal mode of the file."""
    db = _connect(_uri(path, "ro"), uri=True)
    _run(
        db,
        f"PRAGMA busy_timeout={_BUSY_MS}",
        "PRAGMA temp_store=MEMORY",
        "PRAGMA mmap_size=0",
        "PRAGMA trusted_schema=OFF",
        "PRAGMA query_only=ON",
        _TOUCH,
    )
    return db


def has_journal(path: str) -> bool:
    """Whether a rollback journal lies beside a cache, which never writes one: it is of others, and may mean harm.

    Whoever opens the cache to write would play it back, and older versions of SQLite delete the file that it names.
    """
    return _size(path + "-journal") > 0


def open_memory() -> Connection:
    """A throw-away database in memory."""
    db = _connect(":memory:")
    _run(db, "PRAGMA trusted_schema=OFF")
    return db


def _connect(name: str, uri: bool = False) -> Connection:
    check_version()
    # Few: each statement keeps the values it was run with last, and those of load hold megabytes of text.
    return sqlite3.connect(
        name, isolation_level=None, uri=uri, check_same_thread=False, timeout=_BUSY_MS / 1000, cached_statements=20
    )


def _uri(path: str, mode: str) -> str:
    return f"file:{quote(os.fsencode(os.path.abspath(path)))}?mode={mode}"


def _run(db: Connection, *statements: str) -> None:
    try:
        for statement in statements:
            db.execute(statement)
    except UnicodeDecodeError as error:
        db.close()
        raise sqlite3.DatabaseError(_MALFORMED) from error  # see speaking
    except SqliteError:
        db.close()
        raise


@contextlib.contextmanager
def closing(db: Connection) -> Iterator[Connection]:
    """Close the connection at the end, whatever happens."""
    try:
        yield db
    finally:
        db.close()


class Sizes(NamedTuple):
    """Bytes of a database and of its write-ahead log; 0 for what is not there, or out of reach."""

    file: int
    log: int


def sizes(path: str) -> Sizes:
    return Sizes(_size(path), _size(path + "-wal"))


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


# Prefixes of SQLite's names for errors, and what they mean to a user.
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT")
_LOCKED = ("SQLITE_BUSY", "SQLITE_LOCKED")
_SQL = ("SQLITE_ERROR", "SQLITE_CONSTRAINT", "SQLITE_MISMATCH", "SQLITE_AUTH", "SQLITE_TOOBIG", "SQLITE_RANGE")
_IN_WORDS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("SQLITE_FULL",), "no space left for {path}: a rebuild needs about three times the cache on that disk"),
    (_LOCKED, "{path} is locked by another program: close it, or try again"),
    (("SQLITE_READONLY", "SQLITE_PERM"), "{path} cannot be written to ({error}): allow it, or use another with --db"),
    (
        ("SQLITE_CANTOPEN",),
        "{path} cannot be opened ({error}): readers need a writable folder; for others there is rebuild --output",
    ),
    (
        ("SQLITE_IOERR",),
        "{path} cannot be read or written ({error}): is the disk failing, is there a quota or a limit (ulimit -f)?",
    ),
)

_MALFORMED = "database disk image is malformed"
# What pysqlite3 raises out of a backup has only the text.
_BY_TEXT = {
    "database or disk is full": "SQLITE_FULL",
    _MALFORMED: "SQLITE_CORRUPT",
    "file is not a database": "SQLITE_NOTADB",
    "database is locked": "SQLITE_BUSY",
    "attempt to write a readonly database": "SQLITE_READONLY",
    "unable to open database file": "SQLITE_CANTOPEN",
    "disk I/O error": "SQLITE_IOERR",
}
# What the driver says of text that is no UTF-8: we write none, but a user's query may make some.
_UNDECODABLE = "Could not decode to UTF-8"


def name_of(error: BaseException) -> str:
    """SQLite's name for an error, '' when it has none: 'SQLITE_BUSY_SNAPSHOT'."""
    return getattr(error, "sqlite_errorname", None) or _BY_TEXT.get(str(error), "")


def in_words(error: Exception, path: str) -> MdcacheError:
    """What SQLite says, as one of our errors. Raises KeyboardInterrupt when that is what ended the statement."""
    name = name_of(error)
    pass_on_interrupt(error)
    if name.startswith(_DAMAGED) or _is_undecodable(error):
        return Damaged(f"{path} is damaged ({error}): run mdcache rebuild")
    if name.startswith("SQLITE_IOERR") and _is_full(path):
        name = "SQLITE_FULL"
    for names, words in _IN_WORDS:
        if name.startswith(names):
            return WorkError(words.format(path=path, error=error))
    return WorkError(f"{path}: {error}")


def is_interrupt(error: BaseException) -> bool:
    """Whether this is Ctrl-C, or what SQLite makes of it.

    In the progress handler it ends the statement; in the authorizer it passes for a 'no'.
    """
    if not isinstance(error, SqliteError):
        return isinstance(error, KeyboardInterrupt)
    return name_of(error) == "SQLITE_INTERRUPT" or (stops.asked() and is_about_sql(error))


def pass_on_interrupt(error: Exception) -> None:
    """Raises KeyboardInterrupt when that is what SQLite's error comes from."""
    if is_interrupt(error):
        raise KeyboardInterrupt from error


def _is_full(path: str) -> bool:
    """When the shared memory of a WAL database finds no room, SQLite speaks of an I/O error."""
    try:
        found = os.statvfs(os.path.dirname(path) or ".")
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < PAGE_SIZE


def is_damage(error: Exception) -> bool:
    """Whether a file that is opened turns out damaged; SQLITE_ERROR is a header that makes no sense."""
    return name_of(error).startswith((*_DAMAGED, "SQLITE_ERROR")) or _is_undecodable(error)


def _is_undecodable(error: Exception) -> bool:
    return str(error).startswith(_UNDECODABLE)


def is_locked(status: int) -> bool:
    """Whether a status of the backup API says that another program is in the way."""
    return status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_about_sql(error: BaseException) -> bool:
    """Whether a statement is to blame, not the file: what a user's trigger or view does wrong."""
    return name_of(error).startswith(_SQL)


@contextlib.contextmanager
def speaking(path: str, with_user_ddl: bool = False) -> Iterator[None]:
    """Turn what SQLite raises into our errors; its driver chokes where it quotes a schema that is no text.

    with_user_ddl: what is wrong with a statement is to be blamed on the user's triggers and views.
    """
    try:
        yield
    except SqliteError as error:
        if with_user_ddl and is_about_sql(error):
            raise user_error(error, USER_DDL_FAILS) from error
        raise in_words(error, path) from error
    except UnicodeDecodeError as error:
        raise in_words(sqlite3.DatabaseError(_MALFORMED), path) from error


# The authorizer. SQLite asks it while a statement is prepared, and while a trigger or view is used (not when it is
# created), naming the innermost trigger or view.

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
    name: getattr(sqlite3, name)
    for name in (
        *_READS,
        *_WRITES,
        *_CREATES,
        "SQLITE_FUNCTION",
        "SQLITE_PRAGMA",
        "SQLITE_REINDEX",
        "SQLITE_TRANSACTION",
    )
    if hasattr(sqlite3, name)
}
_ACTIONS.setdefault("SQLITE_FUNCTION", 31)  # the C API's numbers, where the driver has no name for them
_ACTIONS.setdefault("SQLITE_RECURSIVE", 33)
_NAMES = {number: name for name, number in _ACTIONS.items()}
_OK, _DENY = sqlite3.SQLITE_OK, sqlite3.SQLITE_DENY


def reading_only(action: int, first: str | None, second: str | None, _db: str | None, _source: str | None) -> int:
    """For queries, rules and views: reading, and nothing else."""
    name = _NAMES.get(action)
    if name in _READS:
        return _OK
    if name == "SQLITE_FUNCTION":
        return _DENY if (second or "").lower() in _FORBIDDEN_FUNCTIONS else _OK
    if name == "SQLITE_PRAGMA":
        return _OK if (first or "").lower() in _HARMLESS_PRAGMAS else _DENY
    return _DENY


def applying_user_ddl(builtin: frozenset[str]) -> Authorizer:
    """For the user's DDL: it may create tables, indexes, views and triggers, and write to its own tables.

    builtin: the names of whatever is built in, in lower case. A trigger with the name of one of ours would pass for
    ours when it fires. Writing to sqlite_schema is what CREATE does.
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
    """For our own writing while the user's triggers are in force.

    What comes from a user's trigger or view (source) may read, and write to the user's own tables; what is ours may do
    all. Our triggers and views read and write, and no more: a WITH of the user's may bear the name of one.
    """

    def authorize(action: int, first: str | None, second: str | None, db: str | None, source: str | None) -> int:
        if source is None:
            return _OK
        if _NAMES.get(action) in _WRITES:
            is_ours = source.lower() in builtin_sources
            return _DENY if not is_ours and ((first or "").lower() in builtin or db == "temp") else _OK
        return reading_only(action, first, second, db, source)

    return authorize


def refused(error: Exception) -> bool:
    """Whether the authorizer said no."""
    return name_of(error).startswith("SQLITE_AUTH")


def set_authorizer(db: Connection, authorizer: Authorizer | None) -> None:
    """Put an authorizer in force; None lifts it."""
    db.set_authorizer(authorizer)


def scalar(db: Connection, sql: str, *parameters: Any) -> Any:
    """The first column of the first row, or None."""
    row = db.execute(sql, parameters).fetchone()
    return row[0] if row else None


USER_DDL_FAILS = "a trigger or view of the schema files fails"


def user_error(error: Exception, what: str) -> UsageError:
    """What SQLite says of the user's own SQL. Raises KeyboardInterrupt when that is what ended the statement."""
    pass_on_interrupt(error)
    said = "it may only read" if refused(error) else str(error)
    return UsageError(f"{what}: {said}")
