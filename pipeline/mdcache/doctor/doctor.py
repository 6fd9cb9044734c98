"""Look at a setup and report what is wrong: settings, disks, cache, limits, locks, watchers, hooks.

Nothing is written, and nothing fails: what cannot be looked at is itself a check. It describes this moment; whether
cache and files agree is for verify to say.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress

from mdcache import imports, process, state, times
from mdcache.config.settings import Settings
from mdcache.doctor import checks
from mdcache.doctor.checks import ERROR, OK, WARNING, Ages, Check, Inotify
from mdcache.errors import Damaged, MdcacheError, WorkError
from mdcache.files import git, scan
from mdcache.hooks import hook
from mdcache.model import Entry
from mdcache.paths import up
from mdcache.store import connections, lock, made, place, watchstate
from mdcache.store import record as records
from mdcache.store.cache import Cache, folder_of, opened
from mdcache.syncing import fit
from mdcache.trusted import Strange
from mdcache.watching.inotify import limit

# What a rebuild needs at its peak, as a multiple of the cache.
_ROOM = 3
_LARGE_LOG = 64_000_000
# Services that copy folders: what their folders are called, and what they leave in them.
_SERVICES = (
    ("Dropbox", r"Dropbox( \(.*\))?", (".dropbox", ".dropbox.cache")),
    ("OneDrive", r"OneDrive( ?- ?.*)?", ()),
    ("iCloud Drive", r"Mobile Documents|com~apple~CloudDocs|iCloud ?Drive", ()),
    ("Google Drive", r"Google ?Drive(-.*)?", (".tmp.driveupload", ".tmp.drivedownload")),
    ("Nextcloud", r"Nextcloud", (".nextcloudsync.log",)),
    ("ownCloud", r"ownCloud", (".owncloudsync.log",)),
    ("Syncthing", r"(?!)", (".stfolder",)),
)


def without_settings(why: str) -> tuple[Check, ...]:
    """Return the checks that can be made when the settings cannot be read."""
    return Check("settings", ERROR, why, "no command works with them", "fix what it names"), _sqlite(), _imports()


def diagnose(settings: Settings) -> tuple[Check, ...]:
    """Return every check, in an order in which one may explain the next."""
    return tuple(_checks(settings))


def healthy(found: tuple[Check, ...]) -> bool:
    """Return whether nothing asks for anything to be done."""
    return all(check.level == OK for check in found)


def _checks(settings: Settings) -> Iterator[Check]:
    roots = settings.roots
    saw = settings.file or "none: what the cache remembers holds"
    nothing = "no settings, and no cache that remembers any", "no documents are named", "mdcache init"
    yield Check("settings", OK, saw) if roots else Check("settings", WARNING, *nothing)
    yield _sqlite()
    yield _imports()
    yield _state()
    yield from map(_root, roots)
    folders, size = sum(1 for _ in scan.folders(settings.tree())), 0
    if roots and all(map(os.path.isdir, roots)):
        documents, size = _documents(settings, folders)
        yield documents
    yield from _cache(settings, size)
    watcher, limits = watchstate.read(settings.database), _limits()
    if limits and roots:
        observing = watcher is not None and bool(watcher.alive) and watcher.state.method == "inotify"
        yield checks.inotify(limits, folders, observing)
    yield _writer(settings.database)
    yield _watcher(watcher, settings.watch.reconcile_s)
    yield from _hooks(settings.base)


def _sqlite() -> Check:
    version = tuple(int(part) for part in connections.SQLITE_VERSION.split("."))
    options: tuple[str, ...] = ()
    with suppress(WorkError), closing(connections.open_memory()) as db:  # too old: the version says it
        options = tuple(option for (option,) in db.execute("PRAGMA compile_options"))
    return checks.sqlite(version, options, _shell(), sys.executable)


def _imports() -> Check:
    folder = imports.working_folder()
    named = imports.entries(imports.variable(), folder)
    return checks.shadows(imports.shadows(named), imports.shadows((folder,)))


def _state() -> Check:
    """Judge the folder in which it is remembered what was made here."""
    if why := state.unfit("made"):
        return Check("state", WARNING, why, "no cache counts as made here, and none is rebuilt", state.REMEDY)
    return Check("state", OK, state.folders()[0])


def _shell() -> str:
    program = shutil.which("sqlite3")
    try:
        said = program and subprocess.run((program, "--version"), capture_output=True, timeout=5).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.decode("ascii", "replace").split(" ")[0] if said else ""


# Documents


def _root(path: str) -> Check:
    if not os.path.isdir(path):
        means = "nothing is rebuilt or synced, and what is cached stays"
        fix = "bring it back (is a disk not mounted?), or name other docs in the settings"
        return Check("root", ERROR, f"{path} is not there", means, fix)
    kind = place.file_system_at(path)
    if place.is_network(kind):
        saw = f"{path} is on a network file system ({kind})"
        return Check("root", WARNING, saw, "what other machines change is not announced here", "mdcache watch --poll")
    return Check("root", OK, f"{path} ({kind})" if kind else path)


def _documents(settings: Settings, folders: int) -> tuple[Check, int]:
    """Return what a scan shows, and how many bytes the documents have."""
    number = size = 0
    unreadable: list[str] = []
    try:
        for found in (one for one in scan.scan(settings.tree()) if isinstance(one, Entry)):
            number, size = number + 1, size + found.stamp.size
            if not os.access(os.path.join(settings.base, found.path), os.R_OK):
                unreadable.append(found.path)
    except WorkError as why:
        fix = "mdcache allow" if isinstance(why, Strange) else "chmod u+rx the folder, or exclude it"
        return Check("documents", ERROR, str(why), "nothing is rebuilt or synced", fix), size
    if unreadable:
        saw = f"{len(unreadable):,} of {number:,} cannot be read, as {unreadable[0]}"
        return Check("documents", WARNING, saw, "they are problems, and not in the cache", "chmod u+r them"), size
    if not number:
        fix = "look at docs, include and exclude in the settings"
        return Check("documents", WARNING, "none", "the cache stays empty", fix), size
    return Check("documents", OK, f"{number:,} in {folders:,} folders"), size


# The cache


def _cache(settings: Settings, documents: int) -> Iterator[Check]:
    """Judge the file at the database's path; documents: how many bytes they have."""
    path = settings.database
    there, live = os.path.exists(path), True
    try:
        live = place.judge(path).live or not there
        yield _health(settings, there)
        yield from _record(path)
    except MdcacheError as why:
        yield Check("cache", ERROR, str(why), "it is neither read nor written", "name another with --db")
    if live:  # one that was published is only read, wherever it lies
        folder = next(filter(os.path.isdir, up(os.path.dirname(path))))
        found = os.statvfs(folder)
        yield _permissions(path, folder)
        yield checks.file_system(place.file_system_at(folder), bool(found.f_flag & os.ST_RDONLY), folder)
        free_inodes = found.f_favail if found.f_files else None
        needed = _ROOM * (connections.sizes(path).file or documents)
        yield checks.space(found.f_bavail * found.f_frsize, free_inodes, needed)
        yield _synced(path)


def _health(settings: Settings, there: bool) -> Check:
    path, rebuild = settings.database, "mdcache rebuild" if settings.roots else "mdcache rebuild DOCS"
    if not there:
        return Check("cache", WARNING, f"none at {path}", "there is nothing to search", rebuild)
    try:
        with opened(path, settings.base) as cache:
            if not cache.made_here:
                return _of_others(cache, rebuild)
            found = [said for (said,) in cache.db.execute("PRAGMA quick_check(1)")]
            if found != ["ok"]:
                raise Damaged(f"{path} is damaged: {found[0]}")
            misfit = fit.misfit(cache, settings) or fit.schema_misfit(cache, settings) if settings.roots else None
    except Damaged as why:
        return Check("cache", ERROR, str(why), "what is read from it may be wrong", rebuild)
    except WorkError as why:
        return Check("cache", ERROR, str(why), "nothing can be read from it", "fix what it names")
    if misfit:
        return Check("cache", WARNING, misfit, "it is not what it should be", "mdcache sync")
    size, log = connections.sizes(path)
    if log > max(_LARGE_LOG, size):
        means = "a program reads without a pause, so that the log cannot be folded back"
        return Check("cache", WARNING, f"{log:,} bytes in {path}-wal", means, "end that program")
    return Check("cache", OK, f"{path}, {size:,} bytes")


def _of_others(cache: Cache, rebuild: str) -> Check:
    """Judge a cache that was not made here; nothing in it is looked at."""
    saw = f"{cache.path} was not made here"
    if cache.meta.published:
        return Check("cache", OK, saw, f"it is only read, and texts only below {folder_of(cache.path)}")
    return Check("cache", WARNING, saw, "it is only read: sync, watch and check do without it", rebuild)


def _record(path: str) -> Iterator[Check]:
    """Say where it is remembered that the cache was made here; nothing where it was not."""
    if made.known(path) and (file := made.record_of(path)):
        yield Check("made here", OK, f"{file} says so")


def _permissions(path: str, folder: str) -> Check:
    names = [
        name for name in (path, *(path + end for end in ("-wal", "-shm", ".lock", ".watch"))) if os.path.exists(name)
    ]
    unwritable = [] if os.access(folder, os.W_OK | os.X_OK) else [folder]
    unwritable += [name for name in names if not os.access(name, os.R_OK | os.W_OK)]
    if unwritable:
        means = "readers and writers of a live cache need it"
        fix = "chmod or chown it, or name a cache elsewhere with --db"
        return Check("permissions", ERROR, f"{unwritable[0]} cannot be written to", means, fix)
    return Check("permissions", OK, "the cache and its folder can be written to")


def _synced(path: str) -> Check:
    for folder in up(os.path.dirname(path)):
        if service := service_of(folder):
            saw = f"the cache is in {folder}, which looks like a folder of {service}"
            means = "it copies database and log one by one, and may replace them under their readers"
            return Check("synced folder", WARNING, saw, means, "keep the cache elsewhere: MDCACHE_DB or --db")
    return Check("synced folder", OK, "none that shows")


def service_of(folder: str) -> str | None:
    """Return the service whose folders are called like this one, or that has left its mark in it."""
    for service, called, marks in _SERVICES:
        if re.fullmatch(called, os.path.basename(folder)):
            return service
        if any(os.path.lexists(os.path.join(folder, mark)) for mark in marks):
            return service
    return None


# Limits, and others at work


def _limits() -> Inotify | None:
    """Return the limits that hold on Linux, and what our own processes use of them; None elsewhere."""
    watches, instances = limit("watches"), limit("instances")
    if not (watches and instances):
        return None
    used = [watches for pid in os.listdir("/proc") if pid.isdigit() for watches in observed_by(pid)]
    return Inotify(watches, instances, sum(used), len(used))


def observed_by(pid: str) -> Iterator[int]:
    """Yield how many folders each observer of a process of ours watches."""
    with suppress(OSError):  # it has ended, or is not ours
        for descriptor in os.listdir(f"/proc/{pid}/fd") if os.stat(f"/proc/{pid}").st_uid == os.getuid() else ():
            if os.readlink(f"/proc/{pid}/fd/{descriptor}") == "anon_inode:inotify":
                yield _content(f"/proc/{pid}/fdinfo/{descriptor}").count("inotify wd:")


def _content(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def _writer(path: str) -> Check:
    try:
        record = lock.read(path)
    except WorkError as why:
        return Check("lock", ERROR, str(why), "nothing can be written", "move that file away, or use another --db")
    if hidden := records.hidden(lock.path_of(path), "a lock"):
        return Check("lock", WARNING, hidden, "whether somebody writes cannot be seen", "ask as the user whose it is")
    leftover = os.path.exists(place.build_path(path))
    return checks.writer_lock(record, lock.is_held(path), _runs(record), times.age_s(record.since) or 0.0, leftover)


def _runs(record: lock.Record) -> bool | None:
    """Return whether the process that a lock names runs; None where that cannot be seen from here."""
    holder = record.holder
    if holder is None:
        return process.exists(record.pid)
    return process.runs(holder) if process.is_within_reach(holder) else None


def _watcher(seen: watchstate.Seen | None, reconcile_s: float) -> Check:
    if seen is None:
        return Check("watcher", OK, "none")
    state, who = seen.state, seen.process
    ages = Ages(times.age_s(state.since) or 0.0, times.age_s(state.last_reconcile), times.age_s(state.last_event))
    halted = who is not None and process.is_within_reach(who) and process.is_halted(who)
    return checks.watcher(seen, halted, ages, reconcile_s)


def _hooks(folder: str) -> Iterator[Check]:
    """Yield nothing outside a repository."""
    with suppress(MdcacheError):
        found = hook.standing(git.repository(folder))
        idle = next((one for one in found if one.idle), None)
        if idle:
            means = "git does not run mdcache there"
            yield Check("hooks", WARNING, f"{idle.path} {idle.idle}", means, idle.fix or "mdcache hook install")
        else:
            yield Check("hooks", OK, "in force" if found else "none of mdcache")
