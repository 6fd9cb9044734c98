"""Judge what was seen of a setup: pure functions of plain values. Each check says what was seen and the one fix.

An error is what does not work, a warning what works, but not as well as it should: both ask for something to be done.
What needs nothing done is ok, however odd.
"""

from __future__ import annotations

from typing import NamedTuple

from mdcache.store import connections, lock, place
from mdcache.store.watchstate import Seen, State
from mdcache.watching.inotify import Limit

OK, WARNING, ERROR = "ok", "warning", "error"
# Seconds after which a writer that still works, and a watcher that has not reported, are worth a look.
_LONG_S = 600.0
_PENDING_S = 60.0
_GRACE_S = 60.0
# Below this a disk counts as full: nothing can be written to it.
_FULL_BYTES, _FULL_INODES = 1_000_000, 4
# The first sqlite3 shell that reads contentless full-text indexes with deletes.
_SHELL = (3, 43)


class Check(NamedTuple):
    """One line of the report. means and fix are None when there is nothing to explain or to do."""

    check: str
    level: str
    saw: str
    means: str | None = None
    fix: str | None = None


def sqlite(version: tuple[int, ...], options: tuple[str, ...], shell: str, program: str) -> Check:
    """Judge the SQLite that program uses; shell is the version of the sqlite3 command, '' without one."""
    said = ".".join(map(str, version))
    if version < connections.NEEDED:
        needed = ".".join(map(str, connections.NEEDED))
        saw = f"SQLite {said} of {program}"
        return Check("sqlite", ERROR, saw, f"it cannot hold a cache, which needs {needed}", "pip install pysqlite3")
    if "ENABLE_FTS5" not in options:
        saw = f"SQLite {said} of {program} without FTS5"
        return Check("sqlite", ERROR, saw, "there can be no full-text index", "pip install pysqlite3")
    old = shell and tuple(int(part) for part in shell.split(".") if part.isdigit()) < _SHELL
    means = "the shell reads the tables, but not sections_fts: use mdcache query" if old else None
    return Check("sqlite", OK, f"{said} with FTS5" + (f"; the sqlite3 shell is {shell}" if shell else ""), means)


def shadows(on_path: tuple[tuple[str, str], ...], here: tuple[tuple[str, str], ...]) -> Check:
    """Judge modules, by name and file, that are called as what mdcache needs: on PYTHONPATH, and in the working folder.

    mdcache imports its own, unless the module is called mdcache: whatever starts Python may take those.
    """
    found = on_path or here
    files, names = ", ".join(file for _, file in found), ", ".join(dict.fromkeys(name for name, _ in found))
    if on_path:
        means = f"with this PYTHONPATH Python imports that in place of {names}"
        fix = "unset PYTHONPATH, or take that folder out of it (an empty entry is the working folder), or rename it"
        return Check("imports", WARNING, files, means, fix)
    if here:
        means = f"python started in this folder imports that in place of {names}; mdcache and python -P do not"
        return Check("imports", OK, files, means)
    return Check("imports", OK, "none is shadowed")


def file_system(kind: str, read_only: bool, folder: str) -> Check:
    """Judge where the folder of a live cache lies; kind is as in /proc/mounts, '' when unknown."""
    if place.is_network(kind):
        saw = f"the cache is on a network file system ({kind})"
        return Check("file system", ERROR, saw, "SQLite's locks fail there", "name a cache on a local disk with --db")
    if read_only:
        saw = f"{folder} is on a read-only file system"
        return Check("file system", ERROR, saw, "a live cache cannot be there", "name a cache elsewhere with --db")
    return Check("file system", OK, kind or "local")


def space(free_bytes: int, free_inodes: int | None, needed: int) -> Check:
    """Judge the room for a rebuild, which may need so many bytes; a disk that does not count inodes has None."""
    saw = f"{free_bytes:,} bytes free"
    if free_bytes < _FULL_BYTES or (free_inodes is not None and free_inodes < _FULL_INODES):
        inodes = "" if free_bytes < _FULL_BYTES else f", {free_inodes} files"
        return Check("space", ERROR, f"{saw}{inodes}: the disk is full", "nothing can be written", "make room there")
    if free_bytes < needed:
        return Check("space", WARNING, saw, f"a rebuild may need {needed:,}", "make room there")
    return Check("space", OK, saw)


class Inotify(NamedTuple):
    """What Linux lets a user observe (watches are folders, instances are observers), and how much is in use."""

    max_watches: Limit
    max_instances: Limit
    watches: int
    instances: int


def inotify(seen: Inotify, folders: int, observing: bool) -> Check:
    """Judge whether folders can be watched; observing: a running watcher's own are among those in use."""
    watches = seen.watches + (0 if observing else folders)
    instances = seen.instances + (0 if observing else 1)
    means = f"the watcher compares all files every few seconds{' from the next start on' if observing else ''}"
    if watches > seen.max_watches.value:
        saw = f"{folders:,} folders, {seen.watches:,} watched already, and {_allowed(seen.max_watches)}"
        return Check("inotify", WARNING, saw, means, _sysctl(seen.max_watches, watches))
    if instances > seen.max_instances.value:
        saw = f"{seen.instances:,} observers, and {_allowed(seen.max_instances)}"
        return Check("inotify", WARNING, saw, means, _sysctl(seen.max_instances, instances))
    saw = f"{folders:,} folders, {seen.watches:,} watched, and {_allowed(seen.max_watches)}"
    return Check("inotify", OK, saw)


def _allowed(limit: Limit) -> str:
    return f"{limit.value:,} may be ({limit.name})"


def _sysctl(limit: Limit, needed: int) -> str:
    """Return the command that allows twice what is needed, as a power of two."""
    return f"sudo sysctl {limit.name}={1 << (2 * needed - 1).bit_length()}"


def writer_lock(record: lock.Record, held: bool, alive: bool | None, age_s: float, leftover: bool) -> Check:
    """Judge the writer lock.

    alive: the process that it names runs, None where that cannot be seen; leftover: a build lies beside the cache.
    """
    holder = lock.named(record)
    if held and alive is False:
        means = f"{holder} has ended, a process that it left behind has not"
        return Check("lock", ERROR, "held by a process that it does not name", means, "find it with fuser, and end it")
    if held and age_s > _LONG_S:
        fix = f"wait, or kill {record.pid}" if alive else "wait, or end it there"
        return Check("lock", WARNING, f"held by {holder}", "nobody else can write meanwhile", fix)
    if leftover and not held:
        means = "a rebuild was killed, or this was copied while one ran"
        return Check("lock", WARNING, "a build that nobody works on", means, "mdcache rebuild")
    return Check("lock", OK, f"held by {holder}" if held else "free")


class Ages(NamedTuple):
    """Seconds since a watcher started, compared everything, and saw an event; None for what has not happened yet."""

    start: float
    reconcile: float | None = None
    event: float | None = None


def watcher(seen: Seen, halted: bool, ages: Ages, reconcile_s: float) -> Check:
    """Judge a watcher by its state file. halted: its process is stopped, as by ^Z."""
    state = seen.state
    where = f", {seen.elsewhere}" if seen.elsewhere else ""
    who = f"process {state.pid} since {state.since}{where}"
    if seen.alive is None:
        means, fix = "whether the cache is kept fresh cannot be seen", "ask as the user whose it is"
        return Check("watcher", WARNING, seen.elsewhere or "", means, fix)
    if not seen.alive:
        return Check(
            "watcher", WARNING, f"{who} was killed", "the cache is no longer kept fresh", "mdcache watch --detach"
        )
    if halted:
        means = "the cache is not kept fresh meanwhile"
        return Check("watcher", WARNING, f"{who} is halted", means, f"kill -CONT {state.pid}")
    if state.degraded:
        means = "it is not as prompt or as sure as it should be"
        return Check("watcher", WARNING, f"{who}: {state.degraded}", means, "fix what it names")
    if _is_stuck(state, ages, reconcile_s):
        saw = f"{who} has been silent for too long"
        fix = "stop it there, then start it again" if where else "mdcache watch --stop, then start it again"
        return Check("watcher", WARNING, saw, "it may be stuck", fix)
    return Check("watcher", OK, f"{who}, by {state.method}")


def _is_stuck(state: State, ages: Ages, reconcile_s: float) -> bool:
    """A watcher compares everything every reconcile_s, and looks at what was announced within seconds."""
    if not state.ready:
        return ages.start > _LONG_S
    silent = ages.start if ages.reconcile is None else ages.reconcile
    late = bool(state.pending) and (ages.event or 0.0) > _PENDING_S
    return late or silent > 3 * reconcile_s + _GRACE_S
