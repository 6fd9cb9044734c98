"""What can be seen of a setup, as plain values: doctor judges them. Nothing is written, and nothing fails.

Only the standing of things at this moment: whoever wants to know whether cache and files agree asks verify.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from itertools import chain, islice
from typing import NamedTuple

from mdcache.config.settings import Settings
from mdcache.errors import Damaged, MdcacheError, WorkError
from mdcache.files import git
from mdcache.files.scan import scan
from mdcache.hooks import hook
from mdcache.model import Entry
from mdcache.paths import up
from mdcache.store import connections, lock, place, watchstate
from mdcache.store.cache import opened
from mdcache.syncing import sync

_SAMPLE = 100
_SYNC_MARKS = (
    (".dropbox", "Dropbox"),
    (".dropbox.cache", "Dropbox"),
    (".stfolder", "Syncthing"),
    (".nextcloudsync.log", "Nextcloud"),
    (".owncloudsync.log", "ownCloud"),
    (".tmp.driveupload", "Google Drive"),
    (".tmp.drivedownload", "Google Drive"),
)


class Sqlite(NamedTuple):
    """The SQLite that mdcache uses, and the version of the sqlite3 shell on the PATH, '' without one."""

    version: tuple[int, ...]
    program: str
    options: tuple[str, ...]
    shell: str


class FileSystem(NamedTuple):
    """Where a folder lies. kind is as in /proc/mounts, '' when nobody says; None where nothing is known.

    whole_seconds: no file here has a stamp within a second.
    """

    folder: str
    kind: str
    read_only: bool
    free_bytes: int
    free_inodes: int | None
    ignores_case: bool | None
    whole_seconds: bool


class Root(NamedTuple):
    """A folder of documents; there: it is one."""

    path: str
    there: bool
    file_system: FileSystem | None


class Documents(NamedTuple):
    """What a scan sees. unlisted: why it cannot be done; folders: all below the roots, ignored ones, too."""

    number: int
    size: int
    folders: int
    unreadable: tuple[str, ...]
    unlisted: str | None


class CacheFile(NamedTuple):
    """The file at the database's path.

    live: it is kept up to date, or will be; else it was published, and is only read. refused: why it is not ours to
    write to; unread: why it cannot be opened; damage: what is wrong with it; misfit: why the next sync builds it anew;
    unwritable: files that cannot be written to, or the folder; synced: the name of a service that copies the folder,
    and where that shows.
    """

    path: str
    there: bool
    live: bool
    size: int
    wal_size: int
    refused: str | None
    unread: str | None
    damage: str | None
    misfit: str | None
    unwritable: tuple[str, ...]
    synced: tuple[str, str] | None
    file_system: FileSystem | None


class Inotify(NamedTuple):
    """What Linux allows a user to observe, and what the processes that we can see use of it."""

    max_watches: int
    max_instances: int
    watches: int
    instances: int


class Writer(NamedTuple):
    """The writer lock. foreign: why the lock file is none of ours; alive: the process runs that it names."""

    record: lock.Record
    held: bool
    alive: bool
    age_s: float
    foreign: str | None
    leftover: bool


class Watcher(NamedTuple):
    """A watcher; ages are seconds, None until it has happened. halted: its process is stopped, as by ^Z."""

    state: watchstate.State
    alive: bool
    halted: bool
    age_s: float
    reconcile_age_s: float | None
    event_age_s: float | None


class Symptoms(NamedTuple):
    """All of it. settings_error: why there are no settings; then what depends on them is None or empty."""

    settings_file: str | None
    settings_error: str | None
    reconcile_s: float
    sqlite: Sqlite
    roots: tuple[Root, ...] = ()
    documents: Documents | None = None
    cache: CacheFile | None = None
    inotify: Inotify | None = None
    writer: Writer | None = None
    watcher: Watcher | None = None
    hooks: tuple[hook.Standing, ...] | None = None
    """None outside a repository, () where they were never installed."""


def without_settings(error: str) -> Symptoms:
    """What can be seen when the settings cannot be read."""
    return Symptoms(None, error, 0.0, _sqlite())


def observe(settings: Settings) -> Symptoms:
    """Look at everything."""
    path = settings.database
    cache = _cache(settings)
    return Symptoms(
        settings.file,
        None,
        settings.watch.reconcile_s,
        _sqlite(),
        tuple(_root(root) for root in settings.roots),
        _documents(settings),
        cache,
        _inotify(),
        _writer(path),
        _watcher(path),
        _hooks(settings.base),
    )


# SQLite


def _sqlite() -> Sqlite:
    version = tuple(int(part) for part in connections.SQLITE_VERSION.split("."))
    options: tuple[str, ...] = ()
    try:
        with closing(connections.open_memory()) as db:
            options = tuple(option for (option,) in db.execute("PRAGMA compile_options"))
    except WorkError:
        pass  # too old: the version says it
    return Sqlite(version, sys.executable, options, _shell())


def _shell() -> str:
    program = shutil.which("sqlite3")
    if not program:
        return ""
    try:
        said = subprocess.run((program, "--version"), capture_output=True, encoding="utf-8", timeout=5).stdout
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    return said.split(" ")[0]


# Folders


def _root(path: str) -> Root:
    there = os.path.isdir(path)
    return Root(path, there, file_system(path) if there else None)


def file_system(folder: str) -> FileSystem | None:
    """What is known of where a folder lies; None when it cannot be looked at."""
    try:
        found = os.statvfs(folder)
        with os.scandir(folder) as entries:
            some = list(islice(entries, _SAMPLE))
    except OSError:
        return None
    read_only = bool(found.f_flag & os.ST_RDONLY)
    free = found.f_bavail * found.f_frsize
    inodes = found.f_favail if found.f_files else None
    return FileSystem(
        folder, place.file_system_at(folder), read_only, free, inodes, _ignores_case(some), _whole_seconds(some)
    )


def _ignores_case(entries: list[os.DirEntry[str]]) -> bool | None:
    """Whether a name in the other case leads to the same file; None when no name tells."""
    names = {entry.name for entry in entries}
    for entry in entries:
        if (other := entry.name.swapcase()) not in names:
            return os.path.lexists(os.path.join(os.path.dirname(entry.path), other))
    return None


def _whole_seconds(entries: list[os.DirEntry[str]]) -> bool:
    """By the time of the last change of a file's stamps, which no program can set."""
    stamps = []
    for entry in entries:
        try:
            stamps.append(entry.stat(follow_symlinks=False).st_ctime_ns)
        except OSError:
            continue
    return len(stamps) >= 3 and not any(stamp % 1_000_000_000 for stamp in stamps)


def _documents(settings: Settings) -> Documents:
    count = size = 0
    unreadable: list[str] = []
    unlisted = None
    try:
        for found in scan(settings.tree()):
            if isinstance(found, Entry):
                count, size = count + 1, size + found.size
                if not os.access(os.path.join(settings.base, found.path), os.R_OK):
                    unreadable.append(found.path)
    except WorkError as error:
        unlisted = str(error)
    return Documents(count, size, sum(map(_folders, settings.roots)), tuple(unreadable), unlisted)


def _folders(root: str) -> int:
    """How many an observer would have to watch. They may nest deeper than Python's calls do, and os.walk with them."""
    count, left = 0, [root]
    while left:
        with suppress(OSError), os.scandir(left.pop()) as entries:
            left += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
            count += 1
    return count


# The cache


def _cache(settings: Settings) -> CacheFile:
    path = settings.database
    there = os.path.exists(path)
    live, health = True, _Health()
    try:
        live = place.judge(path).live or not there
        health = _health(settings) if there else health
    except MdcacheError as error:
        health = _Health(refused=str(error))
    folder = _existing(os.path.dirname(path))
    return CacheFile(
        path,
        there,
        live,
        *connections.sizes(path),
        *health,
        tuple(_unwritable(path, folder)),
        synced(path),
        file_system(folder),
    )


class _Health(NamedTuple):
    """As in CacheFile."""

    refused: str | None = None
    unread: str | None = None
    damage: str | None = None
    misfit: str | None = None


def _health(settings: Settings) -> _Health:
    try:
        with opened(settings.database, settings.base) as cache:
            found = [said for (said,) in cache.db.execute("PRAGMA quick_check(1)")]
            if found != ["ok"]:
                return _Health(damage=f"{cache.path} is damaged: {found[0]}")
            return _Health(misfit=sync.misfit(cache, settings) if settings.roots else None)
    except Damaged as damage:
        return _Health(damage=str(damage))
    except WorkError as error:
        return _Health(unread=str(error))


def _unwritable(path: str, folder: str) -> Iterator[str]:
    if not os.access(folder, os.W_OK | os.X_OK):
        yield folder
    for name in (path, *(path + end for end in ("-wal", "-shm", ".lock", ".watch"))):
        if os.path.exists(name) and not os.access(name, os.R_OK | os.W_OK):
            yield name


def _existing(folder: str) -> str:
    """The folder, or the nearest above it that is there."""
    return next(filter(os.path.isdir, up(folder)))


def synced(path: str) -> tuple[str, str] | None:
    """The service that copies the folder of a database, and the folder where that shows."""
    found = ((_service(folder), folder) for folder in up(os.path.dirname(path)))
    return next(((service, folder) for service, folder in found if service), None)


_SERVICES = (
    (re.compile(r"Dropbox( \(.*\))?"), "Dropbox"),
    (re.compile(r"OneDrive( ?- ?.*)?"), "OneDrive"),
    (re.compile(r"Mobile Documents|com~apple~CloudDocs|iCloud ?Drive"), "iCloud Drive"),
    (re.compile(r"Google ?Drive(-.*)?"), "Google Drive"),
    (re.compile(r"Nextcloud"), "Nextcloud"),
    (re.compile(r"ownCloud"), "ownCloud"),
)


def _service(folder: str) -> str | None:
    """The service whose folders are called like this one, or that has left its mark in it."""
    name = os.path.basename(folder)
    called = (service for pattern, service in _SERVICES if pattern.fullmatch(name))
    marked = (service for mark, service in _SYNC_MARKS if os.path.lexists(os.path.join(folder, mark)))
    return next(chain(called, marked), None)


# Limits


_INOTIFY = "/proc/sys/fs/inotify/"


def _inotify() -> Inotify | None:
    try:
        watches, instances = (int(_content(_INOTIFY + name)) for name in ("max_user_watches", "max_user_instances"))
    except (OSError, ValueError):
        return None
    used = [_observed_by(pid) for pid in os.listdir("/proc") if pid.isdigit()]
    return Inotify(watches, instances, sum(map(sum, used)), sum(map(len, used)))


def _observed_by(pid: str) -> list[int]:
    """How many folders each observer of a process of ours watches; nothing of those that we may not look into."""
    found = []
    try:
        if os.stat(f"/proc/{pid}").st_uid != os.getuid():
            return []
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            if os.readlink(f"/proc/{pid}/fd/{descriptor}") == "anon_inode:inotify":
                found.append(_content(f"/proc/{pid}/fdinfo/{descriptor}").count("inotify wd:"))
    except OSError:
        pass  # it has ended, or is none of ours
    return found


def _content(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


# Others at work


def _writer(path: str) -> Writer:
    record, foreign = lock.Record(), None
    try:
        record = lock.read(path)
    except WorkError as error:
        foreign = str(error)
    leftover = os.path.exists(place.build_path(path))
    return Writer(record, lock.is_held(path), _runs(record.pid), _age(record.since) or 0.0, foreign, leftover)


def _watcher(path: str) -> Watcher | None:
    seen = watchstate.read(path)
    if seen is None:
        return None
    state = seen.state
    return Watcher(
        state,
        seen.alive,
        _is_halted(state.pid),
        _age(state.since) or 0.0,
        _age(state.last_reconcile),
        _age(state.last_event),
    )


def _hooks(folder: str) -> tuple[hook.Standing, ...] | None:
    try:
        return tuple(hook.standing(git.repository(folder)))
    except MdcacheError:
        return None


def _runs(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's
    return True


def _is_halted(pid: int) -> bool:
    try:
        return _content(f"/proc/{pid}/stat").rpartition(") ")[2][:1] in ("T", "t")
    except OSError:
        return False


def _age(stamp: str | None) -> float | None:
    """Seconds since a time as watchstate and lock write it."""
    try:
        then = datetime.strptime(stamp or "", "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    return time.time() - then.timestamp()
