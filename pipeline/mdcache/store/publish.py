"""Stage 5, publish: prove the build, then swap it in under readers that go on reading.

Renaming a new file over a WAL database that anyone has open corrupts it. So where the live cache is sound, the build
is copied into it with SQLite's backup API, as one WAL transaction: readers keep their snapshot and see the whole new
generation with their next query. Only where there is no sound live cache is the build moved into place.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

from mdcache import stops
from mdcache.errors import UsageError, WorkError, doing
from mdcache.paths import lies_in
from mdcache.store import database, lock
from mdcache.store.database import APPLICATION_ID, PAGE_SIZE, Connection, SqliteError, scalar

_SIDES = ("-wal", "-shm", "-journal")
_NETWORK = re.compile(r"nfs4?|cifs|smb3|smbfs|9p|afs|ceph|lustre|davfs|fuse\.(sshfs|glusterfs|s3fs|rclone)")


class Header(NamedTuple):
    """What the first 100 bytes of a file say. well_formed: SQLite would open it; else all the others are False.

    ours: our application id. live: of a cache that readers may have open, in WAL mode with our page size.
    """

    well_formed: bool
    ours: bool
    wal: bool
    live: bool


def parse_header(raw: bytes) -> Header:
    """The header of a SQLite database; see https://sqlite.org/fileformat.html#the_database_header."""
    if not (len(raw) >= 100 and raw.startswith(b"SQLite format 3\0") and raw[21:24] == b"\x40\x20\x20"):
        return Header(False, False, False, False)
    ours = int.from_bytes(raw[68:72], "big") == APPLICATION_ID
    wal = raw[18:20] == b"\2\2"
    return Header(True, ours, wal, ours and wal and int.from_bytes(raw[16:18], "big") == PAGE_SIZE)


class Target(NamedTuple):
    """A database path that may be written to.

    exists: there is a file, ours, perhaps damaged; live: as in Header, and nothing waits to be rolled back into it.
    """

    path: str
    exists: bool
    live: bool = False


def judge(path: str, for_output: bool = False) -> Target:
    """Look at a path before anything is made beside it. Raises WorkError for what is not ours to replace.

    Ours is a file with our application id in its header, or one without any well-formed header to which the lock file
    records a completed publish. A file without any bytes counts as none. for_output: the file will be moved there, so
    a live cache is refused. Never call this while a connection to the path is open in this process: closing a
    descriptor drops SQLite's locks.
    """
    _refuse_network(path)
    raw, record = _first_bytes(path), lock.read(path)
    header = parse_header(raw)
    if raw and not header.ours and (header.well_formed or not record.published):
        raise WorkError(f"{path} is not a cache of mdcache: it stays untouched, name another file with --db")
    if for_output and header.wal:
        raise UsageError(f"{path} is a live cache, not made with --output: rebuild it with --db, or name another file")
    leftover = _first_bytes(build_path(path))
    if leftover and not record.pid and not parse_header(leftover).ours:
        raise WorkError(f"{build_path(path)} is in the way and not ours: name another database with --db")
    return Target(path, bool(raw), header.live and not database.has_journal(path))


def _first_bytes(path: str) -> bytes:
    """Of a file, b'' when there is none."""
    with doing(f"read {path}"):
        try:
            # O_NONBLOCK: to open a FIFO must not wait for its other end.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except FileNotFoundError:
            return b""
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise WorkError(f"{path} is no file: name another with --db")
            return os.read(descriptor, 100)
        finally:
            os.close(descriptor)


def is_network(kind: str) -> bool:
    """Whether file systems of this type lie on other machines."""
    return bool(_NETWORK.fullmatch(kind))


def file_system_at(path: str) -> str:
    """The type of the file system that a path lies on; '' where the system does not say."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            mounts = file.read()
    except OSError:
        return ""
    return file_system_of(os.path.realpath(path), mounts)


def _refuse_network(path: str) -> None:
    """WAL needs shared memory, and locks on network file systems cannot be trusted."""
    kind = file_system_at(path)
    if is_network(kind):
        raise WorkError(
            f"{path} is on a network file system ({kind}), where SQLite's locks fail: use --db on a local disk"
        )


def file_system_of(path: str, mountinfo: str) -> str:
    """The type of the file system that a path lies on; mountinfo is as in proc(5)."""
    best, kind = "", ""
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        point = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), fields[4]) if len(fields) > 4 else ""
        if point and lies_in(path, point) and len(point) >= len(best):
            best, kind = point, right.split(" ")[0]
    return kind


def make_folder(path: str) -> None:
    """Make the folder of a database; our own default folder keeps itself out of git. Raises WorkError."""
    folder = os.path.dirname(path)
    with doing(f"write to {folder}"):
        os.makedirs(folder, exist_ok=True)
        if os.path.basename(folder) == ".mdcache":
            _keep_out_of_git(folder)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise WorkError(f"cannot write to {folder}: name a database in another folder with --db")


def _keep_out_of_git(folder: str) -> None:
    path = os.path.join(folder, ".gitignore")
    with contextlib.suppress(FileNotFoundError):
        found = os.lstat(path)
        # An empty file is what a full disk or a kill has left. A link may have come with a clone, to lead us elsewhere.
        if found.st_size or not stat.S_ISREG(found.st_mode):
            return
    with open(path, "w") as file:
        file.write("*\n")


def build_path(path: str) -> str:
    return path + ".build"


@contextlib.contextmanager
def build_file(path: str, mode: int) -> Iterator[str]:
    """An empty file for a build, with leftovers removed before, and the build itself after, on failure too.

    mode: who may read it, and later the cache, if there is none yet whose mode it takes.
    """
    build = build_path(path)
    remove(build)
    with doing(f"make {build}"):
        os.close(os.open(build, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode))
    try:
        yield build
    finally:
        with contextlib.suppress(WorkError):
            remove(build)


def remove(path: str) -> None:
    """Remove a database that nobody has open, and its side files."""
    for name in (path, *(path + side for side in _SIDES)):
        with doing(f"remove {name}"), contextlib.suppress(FileNotFoundError):
            os.unlink(name)


class Expected(NamedTuple):
    """What a build must hold."""

    documents: int
    sections: int
    fingerprint: str


class IndexProof:
    """The proof of the full-text index, most of the work of all proofs, in a thread beside what is still to be done.

    Begun when the index is written and committed; from then on nothing writes to its tables. Raises WorkError when the
    system has no thread to spare.
    """

    def __init__(self, path: str) -> None:
        self._found: list[str] = []
        self._error: SqliteError | None = None
        self._db = database.open_settled(path)
        self._thread = threading.Thread(target=self._run)
        try:
            self._thread.start()
        except RuntimeError as error:
            self._db.close()
            raise WorkError(f"the proof cannot begin: {error}: is there a limit (ulimit -u, ulimit -v)?") from error

    def _run(self) -> None:
        try:
            self._found = [row[0] for row in self._db.execute("PRAGMA integrity_check(sections_fts)")]
        except SqliteError as error:
            self._error = error

    def close(self) -> None:
        """Give it up, if it still runs."""
        if self._thread.is_alive():
            self._db.interrupt()
        self._done()

    def _done(self) -> None:
        # Closed before the build becomes the live cache: closing a file drops this process's locks on it.
        self._thread.join()
        self._db.close()

    def found(self) -> list[str]:
        """['ok'], or what is wrong. Raises what SQLite raised."""
        self._done()
        if self._error:
            raise self._error
        return self._found


def prove(db: Connection, path: str, expected: Expected, index: IndexProof) -> None:
    """Raises WorkError unless the build is whole: what fails is not published."""
    tables = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'sections_fts'").fetchall()
    for (name,) in tables:
        quoted = name.replace('"', '""')
        _insist_on_ok([row[0] for row in db.execute(f'PRAGMA integrity_check("{quoted}")')], path)
    _insist_on_ok(index.found(), path)
    broken = db.execute("PRAGMA foreign_key_check").fetchone()
    if broken:
        raise WorkError(f"the build {path} has a row in {broken[0]} without its {broken[2]}: it is not published")
    counts = tuple(scalar(db, f"SELECT count(*) FROM {name}") for name in ("nodes", "sections", "sections_fts_docsize"))
    wanted = (expected.documents, expected.sections, expected.sections)
    if counts != wanted:
        raise WorkError(
            f"the build {path} has {counts} documents, sections and indexed sections, not {wanted}: it is not published"
        )
    marks = (scalar(db, "SELECT value FROM meta WHERE key = 'fingerprint'"), scalar(db, "PRAGMA application_id"))
    if marks != (expected.fingerprint, APPLICATION_ID):
        raise WorkError(f"the build {path} is not marked as it must be: it is not published")


def _insist_on_ok(found: list[str], path: str) -> None:
    if found != ["ok"]:
        raise WorkError(f"the build {path} is not sound ({found[0]}): it is not published, is the disk failing?")


def open_live(target: Target, wait_s: float) -> Connection | None:
    """The live cache, to change it; None when there is none, or when it is damaged.

    It opens, is ours, in WAL mode and with our page size. Raises SqliteError when it is there and cannot be had, be it
    locked, full or forbidden.
    """
    if not target.live:
        return None
    try:
        return database.open_live(target.path, wait_s)
    except SqliteError as error:
        if database.is_damage(error):
            return None
        raise


def open_target(target: Target, wait_s: float) -> Connection | None:
    """The live cache, to copy into; None when there is none, or when its header is damaged. Raises SqliteError."""
    return database.open_target(target.path, wait_s) if target.live else None


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
        if database.is_locked(status):
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
    """Fold the log back into the database. That someone or something is in the way is no error: it can wait.

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
    left = [side for side in _SIDES if os.path.exists(build_name + side)]
    if mode != "wal" or left:
        raise WorkError(f"the build {build_name} did not become a WAL database: it is not published")


def replace(build_name: str, path: str) -> None:
    """Move a closed build into the place of a live cache that is missing or damaged, durably."""
    folder = os.path.dirname(path)
    with doing(f"move the build to {path}"):
        with contextlib.suppress(FileNotFoundError):
            os.chmod(build_name, stat.S_IMODE(os.stat(path).st_mode))
        _fsync(build_name)
        for side in _SIDES:
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
