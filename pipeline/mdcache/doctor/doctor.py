"""What is wrong with a setup: pure judgements over what symptoms has seen. Each names its cause, and one fix.

A warning is what works, but not as well as it should; an error is what does not. Both ask for something to be done.
What needs nothing done is ok, however odd.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mdcache.doctor.symptoms import CacheFile, Documents, FileSystem, Inotify, Root, Sqlite, Symptoms, Watcher, Writer
from mdcache.hooks.hook import Standing
from mdcache.store import connections, place

OK, WARNING, ERROR = "ok", "warning", "error"
# A writer that works for longer, and a watcher that has been silent for longer, are looked at.
_LONG_S = 600.0
_PENDING_S = 60.0
_GRACE_S = 60.0
# What a rebuild needs at its peak, as a multiple of the cache.
_ROOM = 3
_LARGE_LOG = 64_000_000
_FULL_BYTES, _FULL_INODES = 1_000_000, 4
# The shell that reads contentless full-text indexes with deletes.
_SHELL = (3, 43)


class Check(NamedTuple):
    """One line of the report. means and fix are None when there is nothing to say or to do."""

    check: str
    level: str
    saw: str
    means: str | None = None
    fix: str | None = None


def diagnose(seen: Symptoms) -> tuple[Check, ...]:
    """Every check, in an order in which one may explain the next."""
    return tuple(_checks(seen))


def healthy(checks: tuple[Check, ...]) -> bool:
    """Whether nothing asks for anything to be done."""
    return all(check.level == OK for check in checks)


def _checks(seen: Symptoms) -> Iterator[Check]:
    yield judge_settings(seen.settings_file, seen.settings_error, bool(seen.roots))
    yield judge_sqlite(seen.sqlite)
    for root in seen.roots:
        yield judge_root(root)
    if seen.documents and all(root.there for root in seen.roots) and seen.roots:
        yield judge_documents(seen.documents)
    if seen.cache:
        yield from _of_cache(seen, seen.cache)
    if seen.inotify and seen.documents and seen.roots:
        yield judge_inotify(seen.inotify, seen.documents.folders, seen.watcher)
    if seen.writer:
        yield judge_lock(seen.writer)
        yield judge_watcher(seen.watcher, seen.reconcile_s)
    if seen.hooks is not None:
        yield judge_hooks(seen.hooks)


def _of_cache(seen: Symptoms, cache: CacheFile) -> Iterator[Check]:
    yield judge_cache(cache, bool(seen.roots))
    if not cache.live:
        return
    yield judge_permissions(cache)
    if cache.file_system:
        yield judge_file_system(cache.file_system)
        yield judge_space(cache, cache.file_system, seen.documents.size if seen.documents else 0)
    yield judge_synced(cache)


def judge_settings(file: str | None, error: str | None, has_roots: bool) -> Check:
    if error:
        return Check("settings", ERROR, error, "no command works with them", "mend what it names")
    if not has_roots:
        return Check(
            "settings",
            WARNING,
            "no settings, and no cache that remembers any",
            "no documents are named",
            "mdcache init",
        )
    return Check("settings", OK, file or "none: what the cache remembers holds")


def judge_sqlite(seen: Sqlite) -> Check:
    version = ".".join(map(str, seen.version))
    if seen.version < connections.NEEDED:
        needed = ".".join(map(str, connections.NEEDED))
        saw = f"SQLite {version} of {seen.program}"
        return Check("sqlite", ERROR, saw, f"it cannot hold a cache, which needs {needed}", "pip install pysqlite3")
    if "ENABLE_FTS5" not in seen.options:
        saw = f"SQLite {version} of {seen.program} without FTS5"
        return Check("sqlite", ERROR, saw, "there can be no full-text index", "pip install pysqlite3")
    old = seen.shell and _version(seen.shell) < _SHELL
    shell = f"; the sqlite3 shell is {seen.shell}" if seen.shell else ""
    means = "the shell reads the tables, but not sections_fts: use mdcache query" if old else None
    return Check("sqlite", OK, f"{version} with FTS5{shell}", means)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def judge_root(root: Root) -> Check:
    if not root.there:
        return Check(
            "root",
            ERROR,
            f"{root.path} is not there",
            "nothing is rebuilt or synced, and what is cached stays",
            "bring it back (is a disk not mounted?), or name other docs in the settings",
        )
    kind = root.file_system.kind if root.file_system else ""
    if place.is_network(kind):
        return Check(
            "root",
            WARNING,
            f"{root.path} is on a network file system ({kind})",
            "what other machines change is not announced here",
            "mdcache watch --poll",
        )
    return Check("root", OK, f"{root.path}{_kind(kind)}", _oddities(root.file_system))


def _kind(kind: str) -> str:
    return f" ({kind})" if kind else ""


def _oddities(seen: FileSystem | None) -> str | None:
    """What is good to know of a file system, and needs nothing done."""
    said = []
    if seen and seen.ignores_case:
        said.append("names that differ only by case are one file here, and two elsewhere")
    if seen and seen.whole_seconds:
        said.append("stamps are whole seconds, so that files written just now are read twice")
    return "; ".join(said) or None


def judge_documents(seen: Documents) -> Check:
    if seen.unlisted:
        return Check(
            "documents", ERROR, seen.unlisted, "nothing is rebuilt or synced", "chmod u+rx the folder, or exclude it"
        )
    if seen.unreadable:
        saw = f"{len(seen.unreadable):,} of {seen.number:,} cannot be read, as {seen.unreadable[0]}"
        return Check("documents", WARNING, saw, "they are problems, and not in the cache", "chmod u+r them")
    if not seen.number:
        return Check(
            "documents", WARNING, "none", "the cache stays empty", "look at docs, include and exclude in the settings"
        )
    return Check("documents", OK, f"{seen.number:,} in {seen.folders:,} folders")


def judge_cache(seen: CacheFile, has_roots: bool) -> Check:
    rebuild = "mdcache rebuild" if has_roots else "mdcache rebuild DOCS"
    if seen.refused:
        return Check("cache", ERROR, seen.refused, "it is neither read nor written", "name another with --db")
    if seen.unread:
        return Check("cache", ERROR, seen.unread, "nothing can be read from it", "mend what it names")
    if not seen.there:
        return Check("cache", WARNING, f"none at {seen.path}", "there is nothing to search", rebuild)
    if seen.damage:
        return Check("cache", ERROR, seen.damage, "what is read from it may be wrong", rebuild)
    if seen.misfit and has_roots:
        return Check("cache", WARNING, seen.misfit, "it is not what it should be", "mdcache sync")
    if seen.wal_size > max(_LARGE_LOG, seen.size):
        return Check(
            "cache",
            WARNING,
            f"{seen.wal_size:,} bytes in {seen.path}-wal",
            "a program reads without a pause, so that the log cannot be folded back",
            "end that program",
        )
    return Check("cache", OK, f"{seen.path}, {seen.size:,} bytes")


def judge_permissions(seen: CacheFile) -> Check:
    if seen.unwritable:
        return Check(
            "permissions",
            ERROR,
            f"{seen.unwritable[0]} cannot be written to",
            "readers and writers of a live cache need it",
            "chmod or chown it, or name a cache elsewhere with --db",
        )
    return Check("permissions", OK, "the cache and its folder can be written to")


def judge_file_system(seen: FileSystem) -> Check:
    name = "file system"
    if place.is_network(seen.kind):
        saw = f"the cache is on a network file system ({seen.kind})"
        return Check(name, ERROR, saw, "SQLite's locks fail there", "name a cache on a local disk with --db")
    if seen.read_only:
        saw = f"{seen.folder} is on a read-only file system"
        return Check(name, ERROR, saw, "a live cache cannot be there", "name a cache elsewhere with --db")
    return Check(name, OK, seen.kind or "local", _oddities(seen))


def judge_space(cache: CacheFile, seen: FileSystem, documents: int) -> Check:
    wanted = _ROOM * (cache.size or documents)
    saw = f"{seen.free_bytes:,} bytes free"
    if seen.free_bytes < _FULL_BYTES or (seen.free_inodes is not None and seen.free_inodes < _FULL_INODES):
        inodes = "" if seen.free_bytes < _FULL_BYTES else f", {seen.free_inodes} files"
        return Check("space", ERROR, f"{saw}{inodes}: the disk is full", "nothing can be written", "make room there")
    if seen.free_bytes < wanted:
        return Check("space", WARNING, saw, f"a rebuild may need {wanted:,}", "make room there")
    return Check("space", OK, saw)


def judge_synced(seen: CacheFile) -> Check:
    if not seen.synced:
        return Check("synced folder", OK, "none that shows")
    service, folder = seen.synced
    return Check(
        "synced folder",
        WARNING,
        f"the cache is in {folder}, which looks like a folder of {service}",
        "it copies database and log one by one, and may replace them under their readers",
        "keep the cache elsewhere: MDCACHE_DB or --db",
    )


def judge_inotify(seen: Inotify, folders: int, watcher: Watcher | None) -> Check:
    observing = watcher is not None and watcher.alive and watcher.state.method == "inotify"
    watches = seen.watches + (0 if observing else folders)
    # One for the observer, one for its probe of the limit.
    instances = seen.instances + (0 if observing else 2)
    means = f"the watcher compares all files every few seconds{' from the next start on' if observing else ''}"
    if watches > seen.max_watches:
        saw = f"{folders:,} folders, {seen.watches:,} watched already, and {seen.max_watches:,} may be"
        return Check("inotify", WARNING, saw, means, _sysctl("max_user_watches", watches))
    if instances > seen.max_instances:
        saw = f"{seen.instances:,} observers of {seen.max_instances:,} that may be"
        return Check("inotify", WARNING, saw, means, _sysctl("max_user_instances", instances))
    return Check("inotify", OK, f"{folders:,} folders, {seen.watches:,} watched of {seen.max_watches:,} that may be")


def _sysctl(name: str, needed: int) -> str:
    """Twice what is needed, as a power of two."""
    return f"sudo sysctl fs.inotify.{name}={1 << (2 * needed - 1).bit_length()}"


def judge_lock(seen: Writer) -> Check:
    if seen.foreign:
        return Check("lock", ERROR, seen.foreign, "nothing can be written", "move that file away, or use another --db")
    holder = f"{seen.record.command} (process {seen.record.pid}, since {seen.record.since})"
    if seen.held and not seen.alive:
        means = f"{holder} has ended, a process that it left behind has not"
        return Check("lock", ERROR, "held by a process that it does not name", means, "find it with fuser, and end it")
    if seen.held and seen.age_s > _LONG_S:
        means = "nobody else can write meanwhile"
        return Check("lock", WARNING, f"held by {holder}", means, f"wait, or kill {seen.record.pid}")
    if seen.leftover and not seen.held:
        return Check("lock", WARNING, "a build that nobody works on", "a rebuild was killed", "mdcache rebuild")
    return Check("lock", OK, f"held by {holder}" if seen.held else "free")


def judge_watcher(seen: Watcher | None, reconcile_s: float) -> Check:
    if seen is None:
        return Check("watcher", OK, "none")
    state = seen.state
    who = f"process {state.pid} since {state.since}"
    again = "mdcache watch --stop, then start it again"
    if not seen.alive:
        return Check(
            "watcher", WARNING, f"{who} was killed", "the cache is no longer kept fresh", "mdcache watch --detach"
        )
    if seen.halted:
        means = "the cache is not kept fresh meanwhile"
        return Check("watcher", WARNING, f"{who} is halted", means, f"kill -CONT {state.pid}")
    if state.degraded:
        means = "it is not as prompt or as sure as it should be"
        return Check("watcher", WARNING, f"{who}: {state.degraded}", means, "mend what it names")
    if _is_stuck(seen, reconcile_s):
        return Check("watcher", WARNING, f"{who} has been silent for too long", "it may be stuck", again)
    return Check("watcher", OK, f"{who}, by {state.method}")


def _is_stuck(seen: Watcher, reconcile_s: float) -> bool:
    """It compares everything every reconcile_s, and sees to what was announced within seconds."""
    if not seen.state.ready:
        return seen.age_s > _LONG_S
    silent = seen.age_s if seen.reconcile_age_s is None else seen.reconcile_age_s
    late = bool(seen.state.pending) and (seen.event_age_s or 0.0) > _PENDING_S
    return late or silent > 3 * reconcile_s + _GRACE_S


def judge_hooks(seen: tuple[Standing, ...]) -> Check:
    for one in seen:
        if one.idle:
            means = "git does not run mdcache there"
            return Check("hooks", WARNING, f"{one.path} {one.idle}", means, one.fix)
    return Check("hooks", OK, "in force" if seen else "none of mdcache")
