"""Read a cache that somebody else may have made: its schema is looked over, and what reading it costs is bounded.

A file may say that it is a cache and declare anything: a view named nodes whose rows never end, a column that is
computed and takes a gigabyte. Reading executes such declarations, so they are compared with ours before any table is
read. What is left, rows and pages of any kind, cannot do more than take time and memory, and both have a limit.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mdcache import stops
from mdcache.errors import Damaged, WorkError
from mdcache.store import authorizer, bounds, connections, ddl, failures
from mdcache.store.connections import Connection, SqliteError

LIMIT_S = 4.0
"""How long a cache that was not made here is read, in all: seconds from when it is opened until it is closed."""
_FOR_EACH_BYTES = 16 << 20
"""A larger one takes longer in earnest: it has the limit once more for each so many bytes that are really there."""
_MEMORY_BYTES = 300 << 20
_MEMORY = f"more than {_MEMORY_BYTES >> 20} MB of memory"
# Where the driver can set them. A value may be as long as a document; our own statements stay far below the others.
_LIMITS = {"LENGTH": 64 << 20, "EXPR_DEPTH": 200, "COMPOUND_SELECT": 50, "VDBE_OP": 100_000}
_MAIN = ("main",)


def insist_on_schema(db: Connection, path: str) -> None:
    """Make sure that what readers read is declared as ours is. What is missing holds nobody up.

    Tables must be tables whose columns are stored: other versions may have had others. The full-text index and the
    views must be ours to the letter: what they say is executed. Triggers and indexes do nothing when a cache is read.

    Args:
        db: a connection to a cache, of which nothing was read yet.
        path: of the cache, for the message.

    Raises:
        Damaged: something is not what it must be.
    """
    live = {one.name.lower(): one for one in ddl.live_objects(db)}
    for wanted in sorted(ddl.builtin_objects(), key=lambda one: one.name):
        found = live.get(wanted.name.lower())
        if wanted.type not in ("table", "view") or found in (None, wanted):
            continue
        if not (_is_stored(db, found, wanted) or found in ddl.builtin_objects(published=True)):
            raise Damaged(f"{path} is damaged (its {found.name} is not that of a cache): run mdcache rebuild")


def _is_stored(db: Connection, found: ddl.Object, wanted: ddl.Object) -> bool:
    """Return whether a table holds rows of its own, all columns of which are stored."""
    if (found.type, wanted.type) != ("table", "table") or wanted.is_virtual or found.is_virtual:
        return False
    computed = "SELECT count(*) FROM pragma_table_xinfo(?) WHERE hidden > 1"
    return bool(connections.scalar(db, computed, found.name) == 0)


@contextlib.contextmanager
def bounded(db: Connection, path: str, limit_s: float = LIMIT_S, names: Sequence[str] = _MAIN) -> Iterator[None]:
    """Confine a connection to reading for a limited time and with limited memory, as a context.

    Args:
        db: a connection to a cache that was not made here, whose schema was looked over.
        path: of the cache, for the message.
        limit_s: how long it may be read, in all; so long again for each 16 MiB that it takes of a disk.
        names: of the databases of this connection that were not made here.

    Raises:
        WorkError: it took longer, or more memory.
    """
    limit_s *= 1 + _real_bytes(path) // _FOR_EACH_BYTES
    until, most = time.monotonic() + limit_s, connections.peak_bytes() + _MEMORY_BYTES

    def exceeded() -> str | None:
        if time.monotonic() > until:
            return f"more than {limit_s:g} seconds"
        return _MEMORY if connections.peak_bytes() > most else None

    db.set_authorizer(None)
    db.set_progress_handler(lambda: exceeded() is not None, bounds.STEPS)
    db.execute("PRAGMA temp_store=FILE")
    for name, number in _limits(db):
        db.setlimit(name, number)
    confine(db, names)
    watchdog = threading.Timer(limit_s, _interrupt, (db,))
    watchdog.daemon = True
    try:
        with contextlib.suppress(RuntimeError):  # no thread to spare: the handler sees to all but single long steps
            watchdog.start()
        yield
    except (KeyboardInterrupt, SqliteError, MemoryError) as error:
        spent = exceeded() or _MEMORY
        if isinstance(error, MemoryError) or (exceeded() and not stops.asked() and failures.is_interrupt(error)):
            raise WorkError(f"{path} was not made here, and reading it takes {spent}: run mdcache rebuild") from None
        raise
    finally:
        watchdog.cancel()
        with contextlib.suppress(SqliteError):  # a caller that gave up reading rows has closed it by now
            db.set_progress_handler(None, 0)
            db.set_authorizer(None)


def _real_bytes(path: str) -> int:
    """Return how much of a disk a file takes; 0 where it is out of reach. One with holes may be as long as it likes."""
    try:
        return os.stat(path).st_blocks * 512
    except OSError:
        return 0


def _interrupt(db: Connection) -> None:
    """End the statement that runs now, from another thread: a single step of it may be a long one."""
    with contextlib.suppress(SqliteError):  # it is closed by now
        db.interrupt()


def confine(db: Connection, names: Sequence[str] = _MAIN) -> None:
    """Let a connection read, but use no view of a cache that is not ours: that is SQL of somebody else's."""
    ours = {one.name.lower() for one in ddl.builtin_objects() if one.type == "view"}
    db.set_authorizer(None)  # to look
    found = {one.name.lower() for name in names for one in ddl.live_objects(db, name) if one.type == "view"}
    db.set_authorizer(authorizer.reading_without(frozenset(found - ours)))


class _Limit(NamedTuple):
    category: int
    number: int


def _limits(db: Connection) -> Iterator[_Limit]:
    """Yield the limits that the driver lets a connection have."""
    for name, number in _LIMITS.items():
        category = connections.constant(f"SQLITE_LIMIT_{name}")
        if category is not None and hasattr(db, "setlimit"):
            yield _Limit(category, number)
