"""Judgements over plain values: what cannot be had everywhere is put as a value. Real ones are in test_symptoms."""

from __future__ import annotations

from typing import Any

import pytest

from mdcache.doctor import doctor
from mdcache.doctor.doctor import ERROR, OK, WARNING, Check
from mdcache.doctor.symptoms import CacheFile, Documents, FileSystem, Inotify, Root, Sqlite, Symptoms, Watcher, Writer
from mdcache.hooks.hook import Standing
from mdcache.store.lock import Record
from mdcache.store.watchstate import State

LOCAL = FileSystem("/notes/.mdcache", "ext4", False, 10**9, 10**6, False, False)
SQLITE = Sqlite((3, 53, 0), "/usr/bin/python3", ("ENABLE_FTS5", "THREADSAFE=1"), "3.53.0")
CACHE = CacheFile("/notes/.mdcache/cache.db", True, True, 10**6, 0, None, None, None, None, (), None, LOCAL)
LIMITS = Inotify(max_watches=100, max_instances=10, watches=0, instances=0)
FREE = Writer(Record(), False, False, 0.0, None, False)
HOLDER = Record(7, "mdcache rebuild", "2026-01-01T00:00:00Z", 3)
STATE = State(pid=9, since="2026-01-01T00:00:00Z", method="inotify", ready=True)
WATCHER = Watcher(STATE, True, False, 3600.0, 100.0, None)
DOCUMENTS = Documents(12, 34_000, 5, (), None)
WELL = Symptoms(
    "/notes/mdcache.toml",
    None,
    300.0,
    SQLITE,
    (Root("/notes", True, LOCAL._replace(folder="/notes")),),
    DOCUMENTS,
    CACHE,
    LIMITS,
    FREE,
    WATCHER,
    (Standing("/notes/.git/hooks/pre-commit", None, None),),
)


def sick(seen: Symptoms) -> list[Check]:
    """The checks that ask for something to be done; each says all there is to say."""
    found = [check for check in doctor.diagnose(seen) if check.level != OK]
    assert all(check.saw and check.means and check.fix for check in found)
    assert doctor.healthy(doctor.diagnose(seen)) == (not found)
    return found


def only(seen: Symptoms, check: str, level: str) -> Check:
    """The one check that is not ok."""
    (found,) = sick(seen)
    assert (found.check, found.level) == (check, level)
    return found


def with_cache(**changes: Any) -> Symptoms:
    return WELL._replace(cache=CACHE._replace(**changes))


def test_all_is_well_where_nothing_is_wrong() -> None:
    assert sick(WELL) == []
    assert all(check.fix is None for check in doctor.diagnose(WELL))


def test_each_check_has_one_line() -> None:
    names = [check.check for check in doctor.diagnose(WELL)]
    assert names == [
        *("settings", "sqlite", "root", "documents", "cache", "permissions", "file system", "space"),
        *("synced folder", "inotify", "lock", "watcher", "hooks"),
    ]


# Settings and SQLite


def test_settings_that_cannot_be_read_are_an_error() -> None:
    seen = Symptoms(None, "mdcache.toml is not valid TOML: line 1", 0.0, SQLITE)
    assert only(seen, "settings", ERROR).saw == "mdcache.toml is not valid TOML: line 1"


def test_without_settings_and_without_a_cache_there_is_something_to_do() -> None:
    nothing = WELL._replace(settings_file=None, roots=(), cache=CACHE._replace(there=False))
    assert [(check.check, check.fix) for check in sick(nothing)] == [
        ("settings", "mdcache init"),
        ("cache", "mdcache rebuild DOCS"),
    ]


def test_a_cache_that_remembers_its_documents_needs_no_settings() -> None:
    assert sick(WELL._replace(settings_file=None)) == []


@pytest.mark.parametrize("version", [(3, 31, 1), (3, 43, 2)])
def test_an_old_sqlite_is_an_error(version: tuple[int, ...]) -> None:
    found = only(WELL._replace(sqlite=SQLITE._replace(version=version, options=())), "sqlite", ERROR)
    assert found.fix == "pip install pysqlite3"


def test_a_sqlite_without_full_text_search_is_an_error() -> None:
    assert "FTS5" in only(WELL._replace(sqlite=SQLITE._replace(options=("THREADSAFE=1",))), "sqlite", ERROR).saw


@pytest.mark.parametrize(("shell", "says"), [("3.40.1", True), ("3.43.0", False), ("", False)])
def test_an_old_shell_is_told_of_and_needs_nothing_done(shell: str, says: bool) -> None:
    found = doctor.judge_sqlite(SQLITE._replace(shell=shell))
    assert (found.level, bool(found.means)) == (OK, says)


# Documents


def test_a_root_that_is_gone_is_an_error() -> None:
    assert "/gone" in only(WELL._replace(roots=(Root("/gone", False, None),)), "root", ERROR).saw


def test_a_root_on_a_network_file_system_is_to_be_polled() -> None:
    root = Root("/share", True, LOCAL._replace(kind="nfs4"))
    assert only(WELL._replace(roots=(root,)), "root", WARNING).fix == "mdcache watch --poll"


def test_a_root_on_a_read_only_file_system_is_fine() -> None:
    assert sick(WELL._replace(roots=(Root("/cd", True, LOCAL._replace(read_only=True)),))) == []


@pytest.mark.parametrize(
    ("change", "word"), [({"ignores_case": True}, "case"), ({"whole_seconds": True}, "whole seconds")]
)
def test_an_odd_file_system_is_told_of_and_needs_nothing_done(change: dict[str, Any], word: str) -> None:
    odd = LOCAL._replace(**change)
    for found in (doctor.judge_root(Root("/odd", True, odd)), doctor.judge_file_system(odd)):
        assert found.level == OK
        assert word in (found.means or "")


def test_a_folder_that_cannot_be_listed_is_an_error() -> None:
    seen = DOCUMENTS._replace(unlisted="cannot list /notes/x: Permission denied")
    assert only(WELL._replace(documents=seen), "documents", ERROR).saw == seen.unlisted


def test_documents_that_cannot_be_read_are_counted() -> None:
    found = only(WELL._replace(documents=DOCUMENTS._replace(unreadable=("a.md", "b.md"))), "documents", WARNING)
    assert found.saw == "2 of 12 cannot be read, as a.md"


def test_no_documents_at_all_are_worth_a_warning() -> None:
    only(WELL._replace(documents=DOCUMENTS._replace(number=0)), "documents", WARNING)


# The cache


@pytest.mark.parametrize(
    ("change", "level", "fix"),
    [
        ({"refused": "x.db is not a cache of mdcache"}, ERROR, "name another with --db"),
        ({"unread": "no space left for x.db"}, ERROR, "mend what it names"),
        ({"damage": "x.db is damaged"}, ERROR, "mdcache rebuild"),
        ({"there": False}, WARNING, "mdcache rebuild"),
        ({"misfit": "settings, schema or versions have changed"}, WARNING, "mdcache sync"),
        ({"wal_size": 100_000_000}, WARNING, "end that program"),
    ],
)
def test_a_file_that_is_no_sound_current_cache_is_told_of(change: dict[str, Any], level: str, fix: str) -> None:
    assert only(with_cache(**change), "cache", level).fix == fix


def test_a_log_that_is_no_longer_than_the_cache_is_fine() -> None:
    assert sick(with_cache(wal_size=100_000_000, size=200_000_000)) == []


def test_what_cannot_be_written_to_is_named() -> None:
    assert "/notes/.mdcache" in only(with_cache(unwritable=("/notes/.mdcache",)), "permissions", ERROR).saw


def test_a_published_cache_is_only_read_so_that_nothing_need_be_writable() -> None:
    read_only = LOCAL._replace(read_only=True, free_bytes=0)
    assert sick(with_cache(live=False, unwritable=("/notes",), file_system=read_only)) == []


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "9p", "fuse.sshfs", "ceph"])
def test_a_cache_on_a_network_file_system_is_an_error(kind: str) -> None:
    assert kind in only(with_cache(file_system=LOCAL._replace(kind=kind)), "file system", ERROR).saw


@pytest.mark.parametrize("kind", ["ext4", "btrfs", "apfs", "tmpfs", "overlay", "vfat", "fuseblk", ""])
def test_a_cache_on_a_local_file_system_is_fine(kind: str) -> None:
    assert sick(with_cache(file_system=LOCAL._replace(kind=kind))) == []


def test_a_read_only_file_system_is_an_error() -> None:
    only(with_cache(file_system=LOCAL._replace(read_only=True)), "file system", ERROR)


@pytest.mark.parametrize(
    ("free", "inodes", "level"),
    [(0, 10**6, ERROR), (10**9, 0, ERROR), (2_999_999, None, WARNING), (3_000_000, None, OK), (3_000_000, 10**6, OK)],
)
def test_a_disk_has_room_for_a_rebuild_or_not(free: int, inodes: int | None, level: str) -> None:
    found = doctor.judge_space(CACHE, LOCAL._replace(free_bytes=free, free_inodes=inodes), 0)
    assert found.level == level


def test_without_a_cache_the_documents_say_how_much_room_it_needs() -> None:
    small = LOCAL._replace(free_bytes=10_000_000)
    nothing = CACHE._replace(there=False, size=0)
    assert doctor.judge_space(nothing, small, 5_000_000).level == WARNING
    assert doctor.judge_space(nothing, small, 1_000_000).level == OK


def test_a_cache_in_a_synced_folder_is_worth_a_warning() -> None:
    found = only(with_cache(synced=("Dropbox", "/home/you/Dropbox")), "synced folder", WARNING)
    assert "Dropbox" in found.saw


# inotify


def test_fewer_watches_than_folders_are_worth_a_warning_that_names_the_sysctl() -> None:
    seen = WELL._replace(documents=DOCUMENTS._replace(folders=101), watcher=None)
    assert only(seen, "inotify", WARNING).fix == "sudo sysctl fs.inotify.max_user_watches=256"


def test_what_others_watch_counts() -> None:
    used = LIMITS._replace(watches=96)
    assert only(WELL._replace(inotify=used, watcher=None), "inotify", WARNING)
    assert sick(WELL._replace(inotify=used._replace(watches=95), watcher=None)) == []


def test_the_folders_that_the_watcher_watches_do_not_count_twice() -> None:
    assert sick(WELL._replace(inotify=LIMITS._replace(watches=99))) == []


def test_no_room_for_one_more_observer_is_worth_a_warning() -> None:
    seen = WELL._replace(inotify=LIMITS._replace(instances=9), watcher=None)
    assert "max_user_instances" in (only(seen, "inotify", WARNING).fix or "")


def test_where_there_is_no_inotify_nothing_is_said_of_it() -> None:
    assert "inotify" not in [check.check for check in doctor.diagnose(WELL._replace(inotify=None))]


# Others at work


def test_a_lock_that_is_held_names_its_holder() -> None:
    found = doctor.judge_lock(Writer(HOLDER, True, True, 5.0, None, True))
    assert (found.level, found.saw) == (OK, "held by mdcache rebuild (process 7, since 2026-01-01T00:00:00Z)")


def test_a_lock_that_nobody_holds_is_free_whoever_it_names() -> None:
    assert doctor.judge_lock(Writer(HOLDER, False, False, 10**6, None, False)) == Check("lock", OK, "free")


@pytest.mark.parametrize(
    ("seen", "level"),
    [
        (Writer(HOLDER, True, False, 5.0, None, False), ERROR),
        (Writer(HOLDER, True, True, 601.0, None, False), WARNING),
        (Writer(HOLDER, False, False, 5.0, None, True), WARNING),
        (FREE._replace(foreign="x.db.lock is not a lock of mdcache"), ERROR),
    ],
    ids=["held by another", "held for long", "a build left behind", "foreign"],
)
def test_a_lock_that_is_in_the_way_is_told_of(seen: Writer, level: str) -> None:
    only(WELL._replace(writer=seen), "lock", level)


@pytest.mark.parametrize(
    ("seen", "word"),
    [
        (WATCHER._replace(alive=False), "was killed"),
        (WATCHER._replace(halted=True), "is halted"),
        (WATCHER._replace(state=STATE._replace(degraded="cannot list /notes")), "cannot list /notes"),
        (WATCHER._replace(reconcile_age_s=961.0), "silent"),
        (WATCHER._replace(reconcile_age_s=None), "silent"),
        (WATCHER._replace(state=STATE._replace(pending=3), event_age_s=61.0), "silent"),
        (WATCHER._replace(state=STATE._replace(ready=False), age_s=601.0), "silent"),
    ],
    ids=["killed", "halted", "degraded", "stale", "never", "pending", "not ready"],
)
def test_a_watcher_that_does_not_do_its_work_is_worth_a_warning(seen: Watcher, word: str) -> None:
    assert word in only(WELL._replace(watcher=seen), "watcher", WARNING).saw


@pytest.mark.parametrize(
    "seen",
    [
        WATCHER._replace(reconcile_age_s=959.0),
        WATCHER._replace(state=STATE._replace(pending=3), event_age_s=5.0),
        WATCHER._replace(state=STATE._replace(ready=False), age_s=5.0, reconcile_age_s=None),
        None,
    ],
    ids=["compared not long ago", "busy", "starting", "none"],
)
def test_a_watcher_that_does_its_work_is_fine(seen: Watcher | None) -> None:
    assert sick(WELL._replace(watcher=seen)) == []


# Hooks


def test_a_hook_that_git_does_not_run_is_worth_a_warning() -> None:
    idle = Standing("/notes/.git/hooks/post-merge", "is gone", "mdcache hook install")
    found = only(WELL._replace(hooks=(*(WELL.hooks or ()), idle)), "hooks", WARNING)
    assert (found.saw, found.fix) == ("/notes/.git/hooks/post-merge is gone", "mdcache hook install")


def test_without_hooks_nothing_is_amiss() -> None:
    assert sick(WELL._replace(hooks=())) == []
    assert "hooks" not in [check.check for check in doctor.diagnose(WELL._replace(hooks=None))]
