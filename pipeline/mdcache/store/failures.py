"""Say in our words what SQLite and its driver raise."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from mdcache import stops
from mdcache.errors import Damaged, MdcacheError, UsageError, WorkError
from mdcache.store.connections import MALFORMED, PAGE_SIZE, DatabaseError, SqliteError, constant

USER_DDL_FAILS = "a trigger or view of the schema files fails"

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

# What pysqlite3 raises out of a backup has only the text.
_BY_TEXT = {
    "database or disk is full": "SQLITE_FULL",
    MALFORMED: "SQLITE_CORRUPT",
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
    return status in (constant("SQLITE_BUSY"), constant("SQLITE_LOCKED"))


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
        raise in_words(DatabaseError(MALFORMED), path) from error


def refused(error: Exception) -> bool:
    """Whether the authorizer said no."""
    return name_of(error).startswith("SQLITE_AUTH")


def user_error(error: Exception, what: str) -> UsageError:
    """What SQLite says of the user's own SQL. Raises KeyboardInterrupt when that is what ended the statement."""
    pass_on_interrupt(error)
    said = "it may only read" if refused(error) else str(error)
    return UsageError(f"{what}: {said}")
