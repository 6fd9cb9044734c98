"""Judge the place of a database before anything is written to it, and prepare it."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import stat
from collections.abc import Iterator
from itertools import takewhile
from typing import NamedTuple

from mdcache import process
from mdcache.errors import UsageError, WorkError, doing
from mdcache.paths import lies_in, up
from mdcache.store import connections, lock, watchstate
from mdcache.store.connections import APPLICATION_ID, PAGE_SIZE, SIDES

_OTHERS = stat.S_IWGRP | stat.S_IWOTH
PUT_ASIDE = ".old"
"""What is appended to the name of a watcher's log that has grown long."""
_FOLDER = ".mdcache"
_NETWORK = re.compile(r"nfs4?|cifs|smb3|smbfs|9p|afs|ceph|lustre|davfs|fuse\.(sshfs|glusterfs|s3fs|rclone)")


class Header(NamedTuple):
    """What the first 100 bytes of a file say. well_formed: SQLite would open it; if not, the others are False too.

    ours: our application id. live: of a cache that readers may have open, in WAL mode with our page size.
    """

    well_formed: bool
    ours: bool
    wal: bool
    live: bool


def parse_header(raw: bytes) -> Header:
    """Return what the first bytes of a file say; see https://sqlite.org/fileformat.html#the_database_header."""
    if not (len(raw) >= 100 and raw.startswith(b"SQLite format 3\0") and raw[21:24] == b"\x40\x20\x20"):
        return Header(False, False, False, False)
    ours = int.from_bytes(raw[68:72], "big") == APPLICATION_ID
    wal = raw[18:20] == b"\2\2"
    return Header(True, ours, wal, ours and wal and int.from_bytes(raw[16:18], "big") == PAGE_SIZE)


class Target(NamedTuple):
    """A database path that may be written to.

    exists: there is a file, ours, perhaps damaged; live: as in Header, under this name alone, and nothing waits to be
    rolled back into it.
    """

    path: str
    exists: bool
    live: bool = False


def judge(path: str, for_output: bool = False) -> Target:
    """Return whether a path may be written to, and what is there, before anything is made beside it.

    Ours is a file with our application id in its header, or one without any well-formed header for which the lock file
    records a completed publish on this machine: a clone may bring a lock file beside any file. A crash may leave an
    empty file, and what SQLite keeps beside one: these count as nothing if the lock file names a process of ours that
    ran here, else they are somebody's, as many an `__init__.py` is. Never call this while a connection to the path is
    open in this process: closing a descriptor drops SQLite's locks.

    Args:
        path: of the database.
        for_output: whether a build will be moved there, in which case a live cache is refused.

    Raises:
        WorkError: what is there, or beside it, is not ours to replace, or others may have it in their hands; or the
            file system is a network's.
        UsageError: a live cache stands where an output should go; or the path lies within git's own folder.
    """
    _refuse_git(path)
    _refuse_network(path)
    _refuse_odd(path)
    for name in (path, *(path + side for side in SIDES)):
        _refuse_of_others(name, for_output)
    raw, record = _first_bytes(path), lock.read(path)
    header, ran_here = parse_header(raw or b""), record.ran_here()
    if raw and not header.ours and (header.well_formed or not (record.published and ran_here)):
        raise WorkError(f"{path} is not a cache of mdcache: it stays untouched, name another file with --db")
    if raw == b"" and not ran_here:
        raise WorkError(f"{path} is an empty file, and not of mdcache: remove it, or name another file with --db")
    if for_output and header.wal:
        raise UsageError(f"{path} is a live cache, not made with --output: rebuild it with --db, or name another file")
    if not ran_here:
        _refuse_leftovers(path, raw is None)
    return Target(path, bool(raw), header.live and not connections.has_journal(path) and _has_one_name(path))


def _has_one_name(path: str) -> bool:
    """Return whether a file has no other name: SQLite finds its log by name, so writers would not see each other's."""
    with doing(f"look at {path}"):
        return os.stat(path).st_nlink == 1


def _refuse_leftovers(path: str, is_new: bool) -> None:
    """Raise WorkError when something lies where a build goes, or what goes with it, that no process of ours has left.

    is_new: there is no database at path, so nothing that SQLite keeps beside it can be ours either.
    """
    build = build_path(path)
    leftover = _first_bytes(build)
    there = [build] if leftover is not None and not parse_header(leftover).ours else []
    names = (*(build + side for side in SIDES if leftover is None), *(path + side for side in SIDES if is_new))
    for name in (*there, *filter(os.path.lexists, names)):
        raise WorkError(f"{name} is in the way and not ours: remove it, or name another database with --db")


def _refuse_odd(path: str) -> None:
    """Raise WorkError when anything that is kept for a database is there, and is no plain file."""
    for name in sorted(own_files(path) - {path}):
        with contextlib.suppress(OSError, ValueError):
            if not stat.S_ISREG(os.lstat(name).st_mode):
                raise connections.odd(name)


def _first_bytes(path: str) -> bytes | None:
    """Return the first 100 bytes of a file; None when there is none."""
    with doing(f"read {path}"):
        try:
            # O_NONBLOCK: to open a FIFO must not wait for its other end.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise WorkError(f"{path} is no file: name another with --db")
            return os.read(descriptor, 100)
        finally:
            os.close(descriptor)


def _refuse_of_others(name: str, for_output: bool) -> None:
    """Raise WorkError for a file of another user, root excepted, or one that others may write to.

    What is written there is theirs to read and to change. An output is replaced, not written to, so its mode is free.
    """
    with doing(f"look at {name}"):
        try:
            found = os.stat(name)
        except FileNotFoundError:
            return
    if not stat.S_ISREG(found.st_mode):
        return
    if found.st_uid not in (os.geteuid(), 0):
        raise WorkError(f"{name} belongs to another user, {process.user_name(found.st_uid)}: name another with --db")
    if found.st_mode & _OTHERS and not for_output:
        mode = oct(stat.S_IMODE(found.st_mode))[2:]
        raise WorkError(f"{name} may be written to by others (mode {mode}): chmod go-w {shlex.quote(name)}")


def _refuse_git(path: str) -> None:
    """Raise UsageError for a path within git's own folder, where git takes what is written for its own: locks, hooks.

    A bare repository may hold work trees: what lies in one of those does not belong to git.
    """
    in_work_tree = False
    for folder in up(path):
        in_work_tree = in_work_tree or (folder != path and os.path.lexists(os.path.join(folder, ".git")))
        if _is_called_git(folder) or (not in_work_tree and _is_git_dir(folder)):
            raise UsageError(f"{path} lies in git's own folder {folder}: name a database elsewhere with --db")


def _is_called_git(name: str) -> bool:
    """Return whether this is .git by another spelling: in letters of any case, or as the disk itself compares names."""
    folder, last = os.path.split(name)
    with contextlib.suppress(OSError):
        return last.lower() == ".git" or os.path.samefile(name, os.path.join(folder, ".git"))
    return False


def _is_git_dir(folder: str) -> bool:
    """Return whether a folder holds what git's own do: a bare repository, or what belongs to a linked work tree."""
    is_whole = all(os.path.isdir(os.path.join(folder, name)) for name in ("objects", "refs"))
    is_linked = all(os.path.isfile(os.path.join(folder, name)) for name in ("commondir", "gitdir"))
    return os.path.isfile(os.path.join(folder, "HEAD")) and (is_whole or is_linked)


def is_network(kind: str) -> bool:
    """Return whether file systems of this type lie on other machines."""
    return bool(_NETWORK.fullmatch(kind))


def file_system_at(path: str) -> str:
    """Return the type of the file system that a path lies on; '' where the system does not say."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            mounts = file.read()
    except OSError:
        return ""
    return file_system_of(os.path.realpath(path), mounts)


def _refuse_network(path: str) -> None:
    """Raise WorkError on a network file system: WAL needs shared memory, and locks there cannot be trusted."""
    kind = file_system_at(path)
    if is_network(kind):
        raise WorkError(
            f"{path} is on a network file system ({kind}), where SQLite's locks fail: use --db on a local disk"
        )


def file_system_of(path: str, mountinfo: str) -> str:
    """Return the type of the file system that a path lies on: that of the last of the longest mount points.

    mountinfo: the text of /proc/self/mountinfo, see proc(5).
    """
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
        make_folders(folder)
        if os.path.basename(folder) == _FOLDER:
            _keep_out_of_git(folder)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise WorkError(f"cannot write to {folder}: name a database in another folder with --db")


def make_folders(folder: str) -> None:
    """Make a folder and those above it that are missing, which nobody else may write to, whatever umask says.

    A user who may write to the folder of a cache can put another one in its place. Raises OSError.
    """
    for one in reversed([*takewhile(lambda way: not os.path.lexists(way), up(folder))]):
        with contextlib.suppress(FileExistsError):
            os.mkdir(one, 0o755)


def _keep_out_of_git(folder: str) -> None:
    path = os.path.join(folder, ".gitignore")
    with contextlib.suppress(FileNotFoundError):
        found = os.lstat(path)
        # An empty file is what a full disk or a kill has left. A link may have come with a clone, to lead us elsewhere.
        if found.st_size or not stat.S_ISREG(found.st_mode):
            return
    with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o644)) as file:
        file.write("*\n")


def found_with(path: str) -> tuple[str, ...]:
    """Return what is there before a database that was found is believed: its file, and our default folder around it."""
    folder = os.path.dirname(path)
    return (folder, path) if os.path.basename(folder) == _FOLDER else (path,)


def own_files(path: str) -> frozenset[str]:
    """Return the paths of all files that are kept for a database: its own, and those beside it."""
    bases = (path, build_path(path))
    beside = (lock.path_of(path), watchstate.path_of(path), log_path(path), log_path(path) + PUT_ASIDE)
    return frozenset((*bases, *(base + side for base in bases for side in SIDES), *beside))


def log_path(path: str) -> str:
    """Return where the log of a database's watcher in the background lies."""
    return path + ".log"


def build_path(path: str) -> str:
    """Return where the build of a database lies: in the same folder, so that it can be moved into place."""
    return path + ".build"


@contextlib.contextmanager
def build_file(path: str, mode: int) -> Iterator[str]:
    """Give the path of an empty file for a build, as a context. Leftovers are removed before, and the build after.

    The build is removed on failure too: on a small disk a failed one would make even reads fail.

    Args:
        path: of the database.
        mode: the permissions of the build, and later of the cache where there is none yet.

    Raises:
        WorkError: the file cannot be made, or a leftover cannot be removed.
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
    """Remove a database that nobody has open, and its side files. Raises WorkError."""
    for name in (path, *(path + side for side in SIDES)):
        with doing(f"remove {name}"), contextlib.suppress(FileNotFoundError):
            os.unlink(name)
