"""Open SQLite databases: the one module that imports the driver, with one function for each use of a database.

Each sets its pragmas in the right order, and closes the connection where one of them fails.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import math
import os
import resource
import stat
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from mdcache.errors import WorkError

if TYPE_CHECKING:
    import sqlite3 as driver
else:
    # As sqlite-utils does: the newer SQLite where it is installed, else the platform's.
    try:
        driver = importlib.import_module("pysqlite3.dbapi2")
    except ImportError:
        driver = importlib.import_module("sqlite3")

Connection = driver.Connection
SqliteError = driver.Error
DatabaseError = driver.DatabaseError
DriverWarning = driver.Warning
SQLITE_VERSION: str = driver.sqlite_version

NEEDED = (3, 44)
"""The oldest SQLite: contentless deletes came with 3.43; integrity_check looks into FTS5 since 3.44."""
APPLICATION_ID = 0x6D646361
"""'mdca' in the header of every cache: a database with another id is not ours to replace."""
SIDES = ("-wal", "-shm", "-journal")
"""What SQLite appends to a database's name for the files that it keeps beside it."""
FORMAT = 1
"""user_version: what this version of mdcache writes. A newer one is not replaced except by an explicit rebuild."""
PAGE_SIZE = 8192
_BUSY_MS = 5000
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024
# What it may take to load a schema: looks, each after so many steps of SQLite's machine, which are enough for tens of
# thousands of tables; seconds of the processor; memory. A row of the schema is parsed within 7 steps.
_LOADING_STEPS, _LOADING_LOOKS, _LOADING_S, _LOADING_BYTES = 20, 30_000, 0.5, 200 << 20
_BUILD_CACHE_KIB = 64_000
# SQLite opens lazily: only a statement that reads shows whether the file, its log and its schema can be read.
_TOUCH = "SELECT 1 FROM sqlite_schema LIMIT 1"
NULL = math.nan
"""What to bind for NULL in many rows: SQLite stores NaN as NULL.

At each None the driver searches for an adapter, in vain: 950 ns instead of 45, a third of the time that it takes to
load short documents. To register one would be quick too (135 ns), but it would hold for all others in the process.
"""
MALFORMED = "database disk image is malformed"
"""SQLite's own words for damage, also for what its driver cannot decode."""


def check_version() -> None:
    """Raise WorkError when SQLite is too old to hold a cache."""
    if driver.sqlite_version_info < NEEDED:
        wanted = ".".join(map(str, NEEDED))
        raise WorkError(
            f"SQLite {SQLITE_VERSION} of {sys.executable} is too old, mdcache needs {wanted}: pip install pysqlite3"
        )


def open_build(path: str) -> Connection:
    """Return a connection to a new database that nobody reads: no journal, no sync, exclusive.

    A crash leaves a broken file behind, which the next writer removes.
    """
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
    """Return a connection to a new database that nobody else can see.

    It lies in memory; an SQLite that is not built so keeps what grows too large in a file without a name.
    """
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


def open_copy(path: str) -> Connection:
    """Return a connection to an empty file, to copy a draft into: no journal, no sync."""
    db = _connect(path)
    _run(db, "PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA mmap_size=0", "PRAGMA trusted_schema=OFF")
    return db


def open_settled(path: str) -> Connection:
    """Return a connection that reads those pages of a build which are final, while another one writes others.

    It takes no locks and assumes that nothing changes: only the process that builds can know that this holds.
    """
    db = _connect(uri(path, "ro") + "&immutable=1", uri=True)
    _run(db, "PRAGMA mmap_size=0", _TOUCH)
    return db


def open_live(path: str, wait_s: float = _BUSY_MS / 1000) -> Connection:
    """Return a connection to write to the live cache: only the holder of the writer lock may.

    A file that is no WAL database is made one. wait_s: how long to wait for other programs that lock it, in seconds.
    """
    insist_on_plain(path)
    db = _connect(uri(path, "rw"), uri=True)
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


def open_unread(path: str, wait_s: float) -> Connection:
    """Return a connection to a cache, to overwrite it: nothing is read, for all but its header may be damaged."""
    insist_on_plain(path)
    db = _connect(uri(path, "rw"), uri=True)
    _run(db, f"PRAGMA busy_timeout={round(wait_s * 1000)}", "PRAGMA mmap_size=0")
    return db


def open_reader(path: str) -> Connection:
    """Return a connection to read a cache, whatever the journal mode of the file.

    Raises WorkError when what lies beside it is no plain file.
    """
    insist_on_plain(path)
    db = _connect(uri(path, "ro"), uri=True)
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


def insist_on_plain(path: str) -> None:
    """Make sure that SQLite meets plain files alone beside a database: to open a FIFO it would wait for ever.

    A link would have it read, or write to, what lies elsewhere. Raises WorkError.
    """
    for side in SIDES:
        try:
            found = os.lstat(path + side)
        except (OSError, ValueError):
            continue  # what cannot be looked at cannot be opened either
        if not stat.S_ISREG(found.st_mode):
            raise odd(path + side)


def odd(name: str) -> WorkError:
    """Return what is said of a name beside a database that is no plain file."""
    return WorkError(f"{name} is no plain file: remove it, or name another database with --db")


def has_journal(path: str) -> bool:
    """Return whether a rollback journal lies beside a cache. No cache writes one: it is foreign, perhaps an attack.

    To open the cache for writing would play it back, and older versions of SQLite delete the file that it names.
    """
    return _size(path + "-journal") > 0


def open_memory() -> Connection:
    """Return a connection to a throw-away database in memory."""
    db = _connect(":memory:")
    _run(db, "PRAGMA trusted_schema=OFF")
    return db


def _connect(name: str, uri: bool = False) -> Connection:
    check_version()
    # Few cached statements: each keeps the values it was run with last, and those of load hold megabytes of text.
    return driver.connect(
        name, isolation_level=None, uri=uri, check_same_thread=False, timeout=_BUSY_MS / 1000, cached_statements=20
    )


def uri(path: str, mode: str) -> str:
    """Return the URI under which SQLite opens the file with this name, whatever bytes are in it."""
    return f"file:{quote(os.fsencode(os.path.abspath(path)))}?mode={mode}"


@contextlib.contextmanager
def loading(db: Connection) -> Iterator[None]:
    """Limit what statements within the context may take to load a schema.

    SQLite reads the schema like any table, and parses what stands in each row. The pages of a crafted file may lead in
    circles, or lead many rows to one text. Raises DatabaseError when it takes more, also if SQLite could do without, as
    without statistics: the next connection that attaches it would try again.
    """
    is_too_much = _load()
    db.set_progress_handler(is_too_much, _LOADING_STEPS)
    try:
        yield
    except SqliteError as error:
        if is_too_much():
            raise DatabaseError(MALFORMED) from error
        raise
    finally:
        db.set_progress_handler(None, 0)
    if is_too_much():
        raise DatabaseError(MALFORMED)


def _load() -> Callable[[], bool]:
    """Return what says whether loading a schema that begins now takes too much: once it is true, it stays so."""
    looks = itertools.count(1)
    until, most = time.thread_time() + _LOADING_S, peak_bytes() + _LOADING_BYTES
    return lambda: next(looks) > _LOADING_LOOKS or time.thread_time() > until or peak_bytes() > most


def _run(db: Connection, *statements: str) -> None:
    try:
        with loading(db):
            for statement in statements:
                db.execute(statement)
    except UnicodeDecodeError as error:
        db.close()
        raise DatabaseError(MALFORMED) from error  # see failures.speaking
    except SqliteError:
        db.close()
        raise


class Sizes(NamedTuple):
    """The sizes of a database and of its write-ahead log in bytes; 0 for a file that is missing or out of reach."""

    file: int
    log: int


def sizes(path: str) -> Sizes:
    """Return the sizes of the database at path."""
    return Sizes(_size(path), _size(path + "-wal"))


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def peak_bytes() -> int:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _PEAK_UNIT


def scalar(db: Connection, sql: str, *parameters: Any) -> Any:
    """Return the first column of the first row; None when there is no row."""
    row = db.execute(sql, parameters).fetchone()
    return row[0] if row else None


def file_of(db: Connection) -> str:
    """Return the path of the file of a database; '' for one that has none, or none with a name."""
    return os.fsdecode(scalar(db, "SELECT CAST(file AS BLOB) FROM pragma_database_list WHERE name = 'main'") or b"")


def constant(name: str) -> int | None:
    """Return the number that SQLite's C API has for a name; None where the driver does not know it."""
    return getattr(driver, name, None)
