"""What SQLite and its driver raise, in our words."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from mdcache import stops
from mdcache.errors import Damaged, MdcacheError, UsageError, WorkError
from mdcache.store.connections import MALFORMED, PAGE_SIZE, DatabaseError, SqliteError, constant

USER_DDL_FAILS = "a trigger or view of the schema files fails"

# Prefixes of SQLite's names for errors.
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT")
_LOCKED = ("SQLITE_BUSY", "SQLITE_LOCKED")
_SQL = ("SQLITE_ERROR", "SQLITE_CONSTRAINT", "SQLITE_MISMATCH", "SQLITE_AUTH", "SQLITE_TOOBIG", "SQLITE_RANGE")
# What they mean to a user, and what to do about it.
_IN_WORDS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("SQLITE_FULL",), "no space left for {path}: a rebuild needs about three times the cache on that disk"),
    (_LOCKED, "{path} is locked by another program: close it, or try again"),
    (("SQLITE_READONLY", "SQLITE_PERM"), "{path} cannot be written to ({error}): allow it, or use another with --db"),
    (
        ("SQLITE_CANTOPEN",),
        "{path} cannot be opened ({error}): is it there? In a folder that is not writable use one of rebuild --output",
    ),
    (
        ("SQLITE_IOERR",),
        "{path} cannot be read or written ({error}): is the disk failing, is there a quota or a limit (ulimit -f)?",
    ),
)

# An error that pysqlite3 raises out of a backup has no name, only the text.
_BY_TEXT = {
    "database or disk is full": "SQLITE_FULL",
    MALFORMED: "SQLITE_CORRUPT",
    "file is not a database": "SQLITE_NOTADB",
    "database is locked": "SQLITE_BUSY",
    "attempt to write a readonly database": "SQLITE_READONLY",
    "unable to open database file": "SQLITE_CANTOPEN",
    "disk I/O error": "SQLITE_IOERR",
}
# What the driver says of text that is not UTF-8: mdcache writes none, but a user's query may make some.
_UNDECODABLE = "Could not decode to UTF-8"


def name_of(error: BaseException) -> str:
    """Return SQLite's name for an error, such as 'SQLITE_BUSY_SNAPSHOT'; '' when it has none."""
    return getattr(error, "sqlite_errorname", None) or _BY_TEXT.get(str(error), "")


def in_words(error: Exception, path: str) -> MdcacheError:
    """Return an error of SQLite's, met at the database at path, as one of ours.

    Raises KeyboardInterrupt when that is what ended the statement.
    """
    name = name_of(error)
    pass_on_interrupt(error)
    if name.startswith(_DAMAGED) or _is_undecodable(error):
        return Damaged(f"{path} is damaged ({error}): run mdcache rebuild")
    if name.startswith("SQLITE_IOERR") and is_full(path):
        name = "SQLITE_FULL"
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")) and (why := _unopened(path)):
        return WorkError(why)
    for names, words in _IN_WORDS:
        if name.startswith(names):
            return WorkError(words.format(path=path, error=error))
    return WorkError(f"{path}: {error}")


def _unopened(path: str) -> str | None:
    """Return what keeps SQLite from opening a live cache, also to read; None where that does not show.

    Permissions are asked for, nothing is opened: to close it again would drop SQLite's locks.
    """
    folder = os.path.dirname(path) or "."
    names = [name for name in (path, path + "-wal", path + "-shm") if os.path.lexists(name)]
    closed = next((name for name in names if not os.access(name, os.R_OK)), None)
    if closed:
        return f"cannot read {closed}: Permission denied: allow it, or ask as the user whose it is"
    if os.path.lexists(path) and not os.access(folder, os.W_OK | os.X_OK):
        return f"{path} cannot be opened: readers need a writable folder, too; for others there is rebuild --output"
    return None


def is_interrupt(error: BaseException) -> bool:
    """Return whether an error is Ctrl-C, or what SQLite makes of it.

    A KeyboardInterrupt in the progress handler ends the statement; in the authorizer it counts as a refusal.
    """
    if not isinstance(error, SqliteError):
        return isinstance(error, KeyboardInterrupt)
    return name_of(error) == "SQLITE_INTERRUPT" or (stops.asked() and is_about_sql(error))


def pass_on_interrupt(error: Exception) -> None:
    """Raise KeyboardInterrupt when that is what SQLite's error comes from."""
    if is_interrupt(error):
        raise KeyboardInterrupt from error


def is_full(path: str) -> bool:
    """Return whether the disk of a file is full: where shared memory finds no room, SQLite says I/O error."""
    try:
        found = os.statvfs(os.path.dirname(path) or ".")
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < PAGE_SIZE


def is_damage(error: Exception) -> bool:
    """Return whether a file that was opened is damaged; SQLITE_ERROR is raised for a header that makes no sense."""
    return name_of(error).startswith((*_DAMAGED, "SQLITE_ERROR")) or _is_undecodable(error)


def _is_undecodable(error: Exception) -> bool:
    return str(error).startswith(_UNDECODABLE)


def is_locked(status: int) -> bool:
    """Return whether a status of the backup API says that another program holds a lock."""
    return status in (constant("SQLITE_BUSY"), constant("SQLITE_LOCKED"))


def is_about_sql(error: BaseException) -> bool:
    """Return whether a statement is to blame, not the file: so do errors in a user's trigger or view look."""
    return name_of(error).startswith(_SQL)


@contextlib.contextmanager
def speaking(path: str, with_user_ddl: bool = False) -> Iterator[None]:
    """Turn what SQLite raises within the context into our errors.

    The driver raises UnicodeDecodeError where SQLite quotes a damaged schema that is no text.

    Args:
        path: of the database, for the message.
        with_user_ddl: whether an error in a statement is one in the user's triggers and views.
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
    """Return whether the authorizer has refused a statement."""
    return name_of(error).startswith("SQLITE_AUTH")


def user_error(error: Exception, what: str) -> UsageError:
    """Return an error of SQLite's in the user's own SQL as one of ours; what names that SQL.

    Raises KeyboardInterrupt when that is what ended the statement.
    """
    pass_on_interrupt(error)
    said = "it may only read" if refused(error) else str(error)
    return UsageError(f"{what}: {said}")
