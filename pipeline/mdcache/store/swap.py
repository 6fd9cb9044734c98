"""Publish a proven build: it becomes the live cache under readers that go on reading.

The obvious way, to rename the new file over the old one, corrupts a WAL database that anyone has open, or mixes two
generations: open connections keep the old file, but its -wal and -shm are found by name. A publish by renaming was
killed at 82 points, and all 82 left a bad state; integrity_check can even call it sound.

So the holder of the writer lock goes through these steps:

1. It builds beside the live cache, in a file that nobody reads (place.build_file), and proves it (proof.prove). So far
   the live cache is untouched, and a crash leaves a file that the next writer removes.
2. Where there is a live cache (Target.live: it is ours, in WAL mode, with our page size), the build is copied into it
   with SQLite's backup API (copy_into). That is one WAL transaction over all pages: open transactions keep their
   snapshot, new ones see the whole new generation, and no connection needs to be opened again. Damaged pages of the
   live cache are overwritten. Until the commit a crash or a full disk leaves the old generation.
3. The log, now as long as the build, is folded back into the file (checkpoint). A reader that holds a snapshot may put
   that off: nothing is lost, the next checkpoint does it.
4. Where there is no live cache, or its header is damaged, the build is moved to its path instead: it becomes a WAL
   database of one file (to_wal); its bytes are made durable, the side files that the old one has left are removed, and
   then it is renamed (replace). With a -wal of the old one beside it, the new file would be read as a mixture of both.

This was killed at 540 points, and "no space left" and "I/O error" were injected wherever it writes: readers of the full
text that stayed open throughout saw neither an error nor a mixture.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from typing import NamedTuple

from mdcache import stops
from mdcache.errors import WorkError, doing
from mdcache.store import connections, failures, made
from mdcache.store.connections import SIDES, Connection, SqliteError, scalar
from mdcache.store.place import Target


def open_live(target: Target, wait_s: float) -> Connection | None:
    """Return the live cache, to change it; None when there is none, or when it is damaged.

    Raises SqliteError when it is there but cannot be opened: it is locked, the disk is full, access is denied.
    """
    if not target.live:
        return None
    try:
        live = connections.open_live(target.path, wait_s)
    except SqliteError as error:
        if failures.is_damage(error):
            return None
        raise
    made.mark_log(target.path)
    return live


def open_target(target: Target, wait_s: float) -> Connection | None:
    """Return the live cache, to copy into; None when there is none, or when its header is damaged. Raises SqliteError.

    A transient read error looks like damage: SQLite says so when it could not read the schema once. Replacing the file
    then would corrupt open readers, so it is opened without reading anything instead.
    """
    if not target.live:
        return None
    return open_live(target, wait_s) or connections.open_unread(target.path, wait_s)


class Checkpoint(NamedTuple):
    """What wal_checkpoint answered: whether another connection was in the way, frames in the log, frames copied back.

    log is -1 when it could not be done at all: nothing is lost, the frames stay in the log for the next checkpoint.
    """

    busy: bool
    log: int
    checkpointed: int


def copy_into(build: Connection, live: Connection, path: str, wait_s: float) -> Checkpoint:
    """Copy the build into the live cache as one WAL transaction, then fold the log back.

    Args:
        build: the proven build.
        live: the live cache.
        path: of the live cache, for the message.
        wait_s: how long to wait for other programs that lock it, in seconds.

    Raises:
        WorkError: another program keeps it locked for longer.
        SqliteError: it cannot be written. In both cases the live cache is as it was.
    """
    deadline = time.monotonic() + wait_s

    def give_up(status: int, _remaining: int, _total: int) -> None:
        # Called after each try: without it, Python's backup retries a busy target for ever.
        if failures.is_locked(status):
            stops.let_through()
            if time.monotonic() > deadline:
                raise WorkError(f"{path} is locked by another program: close it, or wait longer with --wait")

    live.execute("PRAGMA busy_timeout=100")
    try:
        build.backup(live, pages=-1, progress=give_up, sleep=0.05)
    except BaseException:
        with contextlib.suppress(SqliteError), connections.loading(live):
            checkpoint(live)  # frees the space that a failed copy has taken in the log
        raise
    return checkpoint(live)


def checkpoint(live: Connection, mode: str = "TRUNCATE") -> Checkpoint:
    """Fold the log back into the database, and return what SQLite answered. That it could not be done is no error.

    mode: TRUNCATE empties the log's file; PASSIVE leaves it as long as it is, and is over sooner.
    """
    try:
        wait_ms = scalar(live, "PRAGMA busy_timeout")
        # With a timeout it would wait for all of that time, in vain, while a reader holds a snapshot.
        live.execute("PRAGMA busy_timeout=0")
        try:
            busy, log, checkpointed = live.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        finally:
            live.execute(f"PRAGMA busy_timeout={wait_ms}")
    except SqliteError:
        return Checkpoint(True, -1, -1)
    return Checkpoint(bool(busy), log, checkpointed)


def to_wal(build: Connection, build_name: str) -> None:
    """Make the build a WAL database and close it. Raises WorkError unless it did and left no side file."""
    mode = scalar(build, "PRAGMA journal_mode=WAL")
    build.close()
    left = [side for side in SIDES if os.path.exists(build_name + side)]
    if mode != "wal" or left:
        raise WorkError(f"the build {build_name} did not become a WAL database: it is not published")


def replace(build_name: str, path: str) -> None:
    """Move a closed build to the path of a live cache that is missing or damaged, durably. Raises WorkError."""
    folder = os.path.dirname(path)
    with doing(f"move the build to {path}"):
        with contextlib.suppress(FileNotFoundError):
            # One that others may write to would not count as made here.
            os.chmod(build_name, stat.S_IMODE(os.stat(path).st_mode) & ~(stat.S_IWGRP | stat.S_IWOTH))
        _fsync(build_name)
        for side in SIDES:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path + side)
        _fsync(folder)
        os.replace(build_name, path)
    with contextlib.suppress(OSError):  # published already; without this a power cut may bring back the old file
        _fsync(folder)


def _fsync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
