"""Swap a proven build in under readers that go on reading.

Renaming a new file over a WAL database that anyone has open corrupts it. So where the live cache is sound, the build
is copied into it with SQLite's backup API, as one WAL transaction: readers keep their snapshot and see the whole new
generation with their next query. Only where there is no sound live cache is the build moved into place.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from typing import NamedTuple

from mdcache import stops
from mdcache.errors import WorkError, doing
from mdcache.store import connections, failures
from mdcache.store.connections import Connection, SqliteError, scalar
from mdcache.store.place import SIDES, Target


def open_live(target: Target, wait_s: float) -> Connection | None:
    """The live cache, to change it; None when there is none, or when it is damaged.

    It opens, is ours, in WAL mode and with our page size. Raises SqliteError when it is there and cannot be had, be it
    locked, full or forbidden.
    """
    if not target.live:
        return None
    try:
        return connections.open_live(target.path, wait_s)
    except SqliteError as error:
        if failures.is_damage(error):
            return None
        raise


def open_target(target: Target, wait_s: float) -> Connection | None:
    """Return the live cache, to copy into; None when there is none, or when its header is damaged. Raises SqliteError.

    A transient read error looks like damage: SQLite says so when it could not read the schema once. Replacing the file
    then would corrupt open readers, so it is opened without reading anything instead.
    """
    if not target.live:
        return None
    return open_live(target, wait_s) or connections.open_unread(target.path, wait_s)


class Checkpoint(NamedTuple):
    """What wal_checkpoint answered: whether someone was in the way, frames in the log, frames copied back.

    log is -1 when it could not be done at all: nothing is lost, the frames stay in the log for the next one.
    """

    busy: bool
    log: int
    checkpointed: int


def copy_into(build: Connection, live: Connection, path: str, wait_s: float) -> Checkpoint:
    """Copy the build into the live cache as one WAL transaction, then fold the log back.

    Raises WorkError when another program keeps the live cache locked for longer than wait_s, or what SQLite raises
    when it cannot be written; the live cache is then as it was.
    """
    deadline = time.monotonic() + wait_s

    def give_up(status: int, _remaining: int, _total: int) -> None:
        # Called after each try: Python's backup would retry a busy target for ever.
        if failures.is_locked(status):
            stops.let_through()
            if time.monotonic() > deadline:
                raise WorkError(f"{path} is locked by another program: close it, or wait longer with --wait")

    live.execute("PRAGMA busy_timeout=100")
    try:
        build.backup(live, pages=-1, progress=give_up, sleep=0.05)
    except BaseException:
        checkpoint(live)  # gives back what a failed copy has written to the log
        raise
    return checkpoint(live)


def checkpoint(live: Connection, mode: str = "TRUNCATE") -> Checkpoint:
    """Fold the log back into the connections. That someone or something is in the way is no error: it can wait.

    PASSIVE leaves the log's file as long as it is, and is over sooner.
    """
    try:
        wait_ms = scalar(live, "PRAGMA busy_timeout")
        # Beside a snapshot that is held it would wait for all of that time, in vain.
        live.execute("PRAGMA busy_timeout=0")
        try:
            busy, log, checkpointed = live.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        finally:
            live.execute(f"PRAGMA busy_timeout={wait_ms}")
    except SqliteError:
        return Checkpoint(True, -1, -1)
    return Checkpoint(bool(busy), log, checkpointed)


def to_wal(build: Connection, build_name: str) -> None:
    """Make the build a WAL database, closed cleanly: no side file may be left."""
    mode = scalar(build, "PRAGMA journal_mode=WAL")
    build.close()
    left = [side for side in SIDES if os.path.exists(build_name + side)]
    if mode != "wal" or left:
        raise WorkError(f"the build {build_name} did not become a WAL database: it is not published")


def replace(build_name: str, path: str) -> None:
    """Move a closed build into the place of a live cache that is missing or damaged, durably."""
    folder = os.path.dirname(path)
    with doing(f"move the build to {path}"):
        with contextlib.suppress(FileNotFoundError):
            os.chmod(build_name, stat.S_IMODE(os.stat(path).st_mode))
        _fsync(build_name)
        for side in SIDES:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path + side)
        _fsync(folder)
        os.replace(build_name, path)
    with contextlib.suppress(OSError):  # it is published: if this fails, a power cut may bring back what was there
        _fsync(folder)


def _fsync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
