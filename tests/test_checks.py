"""Judgements of plain values: limits that not every machine has. What is really there is in test_doctor."""

from __future__ import annotations

from typing import Any

import pytest

from mdcache.doctor import checks
from mdcache.doctor.checks import ERROR, OK, WARNING, Ages, Check, Inotify
from mdcache.store.lock import Record
from mdcache.store.watchstate import Seen, State
from mdcache.watching.inotify import Limit

LIMITS = Inotify(
    Limit("fs.inotify.max_user_watches", 100), Limit("user.max_inotify_instances", 10), watches=0, instances=0
)
HOLDER = Record(7, "mdcache rebuild", "2026-01-01T00:00:00.000+00:00", 3)
STATE = State(pid=9, since="2026-01-01T00:00:00.000+00:00", method="inotify", ready=True)
FTS5 = ("ENABLE_FTS5", "THREADSAFE=1")


def complete(check: Check, level: str) -> Check:
    """The check, which is of this level, and says what to do unless that is nothing."""
    assert check.level == level
    assert bool(check.fix) == (level != OK)
    assert level == OK or (check.saw and check.means)
    return check


# SQLite


@pytest.mark.parametrize("version", [(3, 31, 1), (3, 43, 2)])
def test_an_old_sqlite_is_an_error(version: tuple[int, ...]) -> None:
    found = complete(checks.sqlite(version, FTS5, "", "python3"), ERROR)
    assert found.fix == "pip install pysqlite3"


def test_a_sqlite_without_full_text_search_is_an_error() -> None:
    assert "FTS5" in complete(checks.sqlite((3, 53, 0), ("THREADSAFE=1",), "", "python3"), ERROR).saw


@pytest.mark.parametrize(("shell", "says"), [("3.40.1", True), ("3.43.0", False), ("", False)])
def test_an_old_shell_is_mentioned_and_needs_nothing_done(shell: str, says: bool) -> None:
    assert bool(complete(checks.sqlite((3, 53, 0), FTS5, shell, "python3"), OK).means) == says


# Disks


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "9p", "fuse.sshfs", "ceph"])
def test_a_cache_on_a_network_file_system_is_an_error(kind: str) -> None:
    assert kind in complete(checks.file_system(kind, False, "/notes"), ERROR).saw


@pytest.mark.parametrize("kind", ["ext4", "btrfs", "apfs", "tmpfs", "overlay", "vfat", "fuseblk", ""])
def test_a_cache_on_a_local_file_system_is_fine(kind: str) -> None:
    complete(checks.file_system(kind, False, "/notes"), OK)


def test_a_read_only_file_system_is_an_error() -> None:
    assert "/notes" in complete(checks.file_system("ext4", True, "/notes"), ERROR).saw


@pytest.mark.parametrize(
    ("free", "inodes", "level"),
    [(0, 10**6, ERROR), (10**9, 0, ERROR), (2_999_999, None, WARNING), (3_000_000, None, OK), (3_000_000, 10**6, OK)],
)
def test_a_disk_has_room_for_a_rebuild_or_not(free: int, inodes: int | None, level: str) -> None:
    complete(checks.space(free, inodes, 3_000_000), level)


# inotify


def test_fewer_watches_than_folders_are_worth_a_warning_that_names_the_sysctl() -> None:
    found = complete(checks.inotify(LIMITS, 101, observing=False), WARNING)
    assert found.fix == "sudo sysctl fs.inotify.max_user_watches=256"


@pytest.mark.parametrize(("watches", "level"), [(96, WARNING), (95, OK)])
def test_what_others_watch_counts(watches: int, level: str) -> None:
    complete(checks.inotify(LIMITS._replace(watches=watches), 5, observing=False), level)


def test_the_folders_that_the_watcher_watches_do_not_count_twice() -> None:
    complete(checks.inotify(LIMITS._replace(watches=99), 5, observing=True), OK)


def test_no_room_for_one_more_observer_is_worth_a_warning() -> None:
    found = complete(checks.inotify(LIMITS._replace(instances=10), 5, observing=False), WARNING)
    assert found.fix == "sudo sysctl user.max_inotify_instances=32"
    complete(checks.inotify(LIMITS._replace(instances=9), 5, observing=False), OK)


# Others at work


def test_a_lock_that_is_held_names_its_holder() -> None:
    found = checks.writer_lock(HOLDER, held=True, alive=True, age_s=5.0, leftover=True)
    assert complete(found, OK).saw == "held by mdcache rebuild (process 7, since 2026-01-01T00:00:00.000+00:00)"


def test_a_lock_that_nobody_holds_is_free_whoever_it_names() -> None:
    assert checks.writer_lock(HOLDER, False, False, 10.0**6, False) == Check("lock", OK, "free")


@pytest.mark.parametrize(
    ("held", "alive", "age_s", "leftover", "level"),
    [(True, False, 5.0, False, ERROR), (True, True, 601.0, False, WARNING), (False, False, 5.0, True, WARNING)],
    ids=["held by another", "held for long", "a build left behind"],
)
def test_a_lock_that_is_in_the_way_is_reported(
    held: bool, alive: bool, age_s: float, leftover: bool, level: str
) -> None:
    complete(checks.writer_lock(HOLDER, held, alive, age_s, leftover), level)


def judged(
    change: dict[str, Any], ages: Ages, alive: bool | None = True, halted: bool = False, elsewhere: str | None = None
) -> Check:
    """What is said of a watcher that compares everything every 300 s."""
    return checks.watcher(Seen(STATE._replace(**change), alive, elsewhere), halted, ages, 300.0)


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (judged({}, Ages(3600.0, 100.0), alive=False), "was killed"),
        (judged({}, Ages(3600.0, 100.0), halted=True), "is halted"),
        (judged({"degraded": "cannot list /notes"}, Ages(3600.0, 100.0)), "cannot list /notes"),
        (judged({}, Ages(3600.0, 961.0)), "silent"),
        (judged({}, Ages(3600.0, None)), "silent"),
        (judged({"pending": 3}, Ages(3600.0, 100.0, 61.0)), "silent"),
        (judged({"ready": False}, Ages(601.0, 100.0)), "silent"),
        (judged({}, Ages(3600.0, 961.0), elsewhere="from another pid namespace (container)"), "container"),
        (judged({"pid": 0}, Ages(0.0), alive=None, elsewhere="cannot read x.watch"), "cannot read x.watch"),
    ],
    ids=["killed", "halted", "degraded", "stale", "never", "pending", "not ready", "stuck elsewhere", "hidden"],
)
def test_a_watcher_that_does_not_do_its_work_is_worth_a_warning(found: Check, word: str) -> None:
    assert word in complete(found, WARNING).saw


@pytest.mark.parametrize(
    "found",
    [
        judged({}, Ages(3600.0, 959.0)),
        judged({"pending": 3}, Ages(3600.0, 100.0, 5.0)),
        judged({"ready": False}, Ages(5.0)),
        judged({}, Ages(3600.0, 959.0), elsewhere="by another user (bob)"),
    ],
    ids=["compared not long ago", "busy", "starting", "elsewhere"],
)
def test_a_watcher_that_does_its_work_is_fine(found: Check) -> None:
    complete(found, OK)
