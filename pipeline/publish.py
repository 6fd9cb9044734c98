"""Stage 5, publish: prove the build, then swap it in under readers that go on reading.

Renaming a new file over a WAL database that anyone has open corrupts it. So where the live cache is sound, the build
is copied into it with SQLite's backup API, as one WAL transaction: readers keep their snapshot and see the whole new
generation with their next query. Only where there is no sound live cache is the build moved into place.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import NamedTuple

from pipeline import database, lock
from pipeline.database import APPLICATION_ID, PAGE_SIZE, Connection, SqliteError, scalar
from pipeline.errors import WorkError

_HEADER = 100
_MAGIC = b"SQLite format 3\0"
_SIDES = ("-wal", "-shm", "-journal")
_NETWORK = frozenset(
    (
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "afs",
        "ceph",
        "fuse.sshfs",
        "fuse.glusterfs",
        "fuse.s3fs",
        "lustre",
        "davfs",
    )
)


class Target(NamedTuple):
    """A database path that may be written to. exists: there is a file, ours, perhaps damaged."""

    path: str
    exists: bool


def judge(path: str) -> Target:
    """Look at a path before anything is made beside it. Raises WorkError for what is not ours to replace.

    Ours is a file with our application id in its header, or one to which the lock file records a completed publish.
    A file without any bytes counts as none. Never call this while a connection to the path is open in this process:
    closing a descriptor drops SQLite's locks.
    """
    _refuse_network(path)
    if os.path.isdir(path):
        raise WorkError(f"{path} is a folder: name a file with --db")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return Target(path, False)
    except OSError as error:
        raise WorkError(f"cannot read {path}: {error.strerror}") from error
    with open(descriptor, "rb") as file:
        header = file.read(_HEADER) if os.path.isfile(path) else b"?"
    if not header:
        return Target(path, False)
    ours = header.startswith(_MAGIC) and int.from_bytes(header[68:72], "big") == APPLICATION_ID
    if not ours and not lock.read(path).published:
        raise WorkError(f"{path} is not a cache of mdcache: it stays untouched, name another file with --db")
    return Target(path, True)


def make_folder(path: str) -> None:
    """Make the folder of a database; our own default folder keeps itself out of git."""
    folder = os.path.dirname(path)
    try:
        os.makedirs(folder, exist_ok=True)
        if os.path.basename(folder) == ".mdcache":
            with contextlib.suppress(FileExistsError), open(os.path.join(folder, ".gitignore"), "x") as file:
                file.write("*\n")
    except OSError as error:
        raise WorkError(f"cannot write to {folder}: {error.strerror}") from error


def _refuse_network(path: str) -> None:
    """WAL needs shared memory, and locks on network file systems cannot be trusted."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            mounts = file.read()
    except OSError:
        return
    kind = file_system_of(os.path.realpath(path), mounts)
    if kind in _NETWORK:
        raise WorkError(
            f"{path} is on a network file system ({kind}), where SQLite's locks fail: use --db on a local disk"
        )


def file_system_of(path: str, mountinfo: str) -> str:
    """The type of the file system that a path lies on; mountinfo is as in proc(5)."""
    best, kind = "", ""
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        point = left.split(" ")[4].replace("\\040", " ") if left.count(" ") >= 4 else ""
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if point and inside and len(point) >= len(best):
            best, kind = point, right.split(" ")[0]
    return kind


def build_path(path: str) -> str:
    return path + ".build"


@contextlib.contextmanager
def build_file(path: str) -> Iterator[str]:
    """A path for a build, with leftovers removed before, and the build itself after, on failure too."""
    build = build_path(path)
    remove(build)
    try:
        yield build
    finally:
        with contextlib.suppress(WorkError):
            remove(build)


def remove(path: str) -> None:
    """Remove a database that nobody has open, and its side files."""
    for name in (path, *(path + side for side in _SIDES)):
        try:
            os.unlink(name)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise WorkError(f"cannot remove {name}: {error.strerror}") from error


class Expected(NamedTuple):
    """What a build must hold."""

    documents: int
    sections: int
    fingerprint: str


def prove(db: Connection, path: str, expected: Expected) -> None:
    """Raises WorkError unless the build is whole: what fails is not published."""
    found = [row[0] for row in db.execute("PRAGMA integrity_check(3)")]
    if found != ["ok"]:
        raise WorkError(f"the build {path} is not sound ({found[0]}): it is not published, is the disk failing?")
    broken = db.execute("PRAGMA foreign_key_check").fetchone()
    if broken:
        raise WorkError(f"the build {path} has a row in {broken[0]} without its {broken[2]}: it is not published")
    counts = (scalar(db, "SELECT count(*) FROM nodes"), scalar(db, "SELECT count(*) FROM sections"))
    if counts != expected[:2]:
        raise WorkError(
            f"the build {path} has {counts} documents and sections, not {expected[:2]}: it is not published"
        )
    print_ = scalar(db, "SELECT value FROM meta WHERE key = 'fingerprint'")
    if print_ != expected.fingerprint or scalar(db, "PRAGMA application_id") != APPLICATION_ID:
        raise WorkError(f"the build {path} is not marked as it must be: it is not published")


def open_sound(path: str) -> Connection | None:
    """The live cache to copy into; None when there is none, or it must be replaced as a file.

    It must open, be ours, be in WAL mode and have our page size. Raises WorkError when it is locked by another program.
    """
    try:
        db = database.open_live(path)
    except SqliteError as error:
        return _unless_locked(error, path)
    try:
        if (
            scalar(db, "PRAGMA application_id") == APPLICATION_ID
            and scalar(db, "PRAGMA journal_mode") == "wal"
            and scalar(db, "PRAGMA page_size") == PAGE_SIZE
            and scalar(db, "SELECT count(*) FROM sqlite_schema") is not None
        ):
            return db
    except SqliteError as error:
        db.close()
        return _unless_locked(error, path)
    db.close()
    return None


def _unless_locked(error: SqliteError, path: str) -> None:
    """A live cache that another program keeps locked is sound, only not to be had now."""
    found = database.in_words(error, path)
    if "SQLITE_BUSY" in str(getattr(error, "sqlite_errorname", "")) or "SQLITE_FULL" in str(
        getattr(error, "sqlite_errorname", "")
    ):
        raise found from error


class Checkpoint(NamedTuple):
    """What wal_checkpoint answered: whether someone was in the way, frames in the log, frames copied back."""

    busy: bool
    log: int
    checkpointed: int


def copy_into(build: Connection, live: Connection, path: str, wait_s: float) -> Checkpoint:
    """Copy the build into the live cache as one WAL transaction, then fold the log back.

    Raises WorkError when another program keeps the live cache locked for longer than wait_s.
    """
    deadline = time.monotonic() + wait_s

    def give_up(_status: int, remaining: int, _total: int) -> None:
        # Called after each try: Python's backup would retry a busy target for ever.
        if remaining and time.monotonic() > deadline:
            raise WorkError(f"{path} is locked by another program: close it, or wait longer with --wait")

    live.execute("PRAGMA busy_timeout=100")
    build.backup(live, pages=-1, progress=give_up, sleep=0.05)
    return checkpoint(live)


def checkpoint(live: Connection) -> Checkpoint:
    """Fold the log back into the database. Readers with a snapshot may be in the way: that is no error."""
    live.execute("PRAGMA busy_timeout=0")
    try:
        busy, log, checkpointed = live.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except SqliteError as error:
        if "SQLITE_BUSY" not in str(getattr(error, "sqlite_errorname", "")):
            raise
        return Checkpoint(True, -1, -1)
    return Checkpoint(bool(busy), log, checkpointed)


def to_wal(build: Connection, build_name: str) -> None:
    """Make the build a WAL database, closed cleanly: no side file may be left."""
    mode = scalar(build, "PRAGMA journal_mode=WAL")
    build.close()
    left = [side for side in _SIDES if os.path.exists(build_name + side)]
    if mode != "wal" or left:
        raise WorkError(f"the build {build_name} did not become a WAL database: it is not published")


def replace(build_name: str, path: str) -> None:
    """Move a closed build into the place of a live cache that is missing or damaged, durably."""
    folder = os.path.dirname(path)
    try:
        _fsync(build_name)
        for side in _SIDES:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path + side)
        _fsync(folder)
        os.replace(build_name, path)
        _fsync(folder)
    except OSError as error:
        raise WorkError(f"cannot move the build to {path}: {error.strerror}") from error


def _fsync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
