"""The watcher as a process, beside all that people and programs do to files: soon the cache is what a rebuild makes."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from caches import settings_of
from processes import (
    MDCACHE,
    PATIENCE_S,
    UNPRIVILEGED,
    WATCHES,
    descendants,
    is_gone,
    limit,
    limited,
    may_limit,
    mdcache,
    needs,
    one_line,
    run,
    start,
)
from watching import QUEUE, Watched, flood, watched

from mdcache.errors import WorkError
from mdcache.store import connections, lock, watchstate
from mdcache.syncing import sync
from mdcache.watching import watch

LINKED = "---\ntags: [t]\n---\n# {0}\n\nwords of {0} [[two]] [x](../c/three.md) [[gone]]\n\n## Sub\n\n- [ ] task\n"
FILES = {f"docs/{name}.md": LINKED.format(name.rpartition("/")[2]) for name in ("one", "a/two", "a/b/deep", "c/three")}


@pytest.fixture
def base(vault: Callable[..., Path]) -> Path:
    return vault(FILES)


@pytest.fixture
def watcher(base: Path) -> Iterator[Watched]:
    with watched(base) as found:
        yield found


own_limits = pytest.mark.skipif(not may_limit(), reason="limits of its own need Linux's user namespaces")


# What happens to documents


def test_a_new_document_appears(watcher: Watched) -> None:
    (watcher.docs / "new.md").write_text("# New [[one]]\n")
    watcher.until(lambda: "new" in watcher.ids())
    watcher.keeps_the_law()


def test_an_edit_is_seen_soon_after_it_is_made(watcher: Watched) -> None:
    (watcher.docs / "one.md").write_text("# Edited\n")
    watcher.until_titled("Edited", within_s=5)
    watcher.keeps_the_law()


def test_a_document_that_is_deleted_leaves(watcher: Watched) -> None:
    (watcher.docs / "a/two.md").unlink()
    watcher.until(lambda: "a/two" not in watcher.ids())
    watcher.keeps_the_law()


def test_a_rename_is_followed_twice(watcher: Watched) -> None:
    (watcher.docs / "one.md").rename(watcher.docs / "uno.md")
    (watcher.docs / "uno.md").rename(watcher.docs / "a/un.md")
    watcher.until(lambda: "a/un" in watcher.ids())
    watcher.keeps_the_law()


def test_a_document_that_moves_out_and_comes_back_changed(watcher: Watched) -> None:
    (watcher.docs / "one.md").rename(watcher.base / "one.md")
    watcher.until(lambda: "one" not in watcher.ids())
    (watcher.base / "one.md").write_text("# Back\n")
    (watcher.base / "one.md").rename(watcher.docs / "one.md")
    watcher.until(lambda: "one" in watcher.ids())
    watcher.keeps_the_law()


def test_an_edit_that_leaves_size_and_time_as_they_were_is_seen(watcher: Watched) -> None:
    file = watcher.docs / "one.md"
    before = file.stat()
    file.write_bytes(file.read_bytes().swapcase())
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    watcher.until_titled("ONE")
    watcher.keeps_the_law()


def test_atomic_saves_are_seen(watcher: Watched) -> None:
    for folder in (watcher.docs, watcher.base):  # a temporary file beside the document, and one from elsewhere
        (folder / "tmp123").write_text(f"# Saved from {folder.name}\n")
        (folder / "tmp123").replace(watcher.docs / "one.md")
        watcher.until_titled(f"Saved from {folder.name}")
    watcher.keeps_the_law()


def test_a_save_as_vim_does_it_is_seen(watcher: Watched) -> None:
    file = watcher.docs / "one.md"
    (watcher.docs / "4913").write_text("")
    (watcher.docs / "4913").unlink()
    file.rename(watcher.docs / "one.md~")
    file.write_text("# By vim\n")
    (watcher.docs / "one.md~").unlink()
    watcher.until_titled("By vim")
    watcher.keeps_the_law()


def test_a_name_that_is_no_utf8_is_a_problem_and_then_none(watcher: Watched) -> None:
    name = os.fsencode(watcher.docs) + b"/b\xe4d.md"
    with open(name, "w") as file:
        file.write("# Bad\n")
    watcher.until(lambda: watcher.value("SELECT count(*) FROM problems WHERE code = 'odd-name'") == 1)
    os.unlink(name)
    watcher.until(lambda: watcher.value("SELECT count(*) FROM problems WHERE code = 'odd-name'") == 0)
    watcher.keeps_the_law()


def test_what_is_ignored_changes_with_the_gitignore_file(watcher: Watched) -> None:
    (watcher.docs / "a/.gitignore").write_text("two.md\n")
    watcher.until(lambda: "a/two" not in watcher.ids())
    watcher.keeps_the_law()
    (watcher.docs / "a/.gitignore").unlink()
    watcher.until(lambda: "a/two" in watcher.ids())
    watcher.keeps_the_law()


def test_a_gitignore_file_above_the_documents_counts_too(watcher: Watched, git: Callable[..., str]) -> None:
    git(watcher.base, "init")
    (watcher.base / ".gitignore").write_text("two.md\n")
    watcher.until(lambda: "a/two" not in watcher.ids())
    watcher.keeps_the_law()


# Folders


def test_a_folder_that_moves_twice_and_is_written_to_is_followed(watcher: Watched) -> None:
    (watcher.docs / "a").rename(watcher.docs / "moved")
    (watcher.docs / "moved/two.md").write_text("# After the first move\n")
    (watcher.docs / "moved").rename(watcher.docs / "c/again")
    (watcher.docs / "c/again/b/late.md").write_text("# After the second move\n")
    watcher.until(lambda: "c/again/b/late" in watcher.ids())
    watcher.keeps_the_law()
    (watcher.docs / "c/again/b/late.md").write_text("# Much later\n")
    watcher.until_titled("Much later")
    watcher.keeps_the_law()


def test_a_folder_that_moves_out_and_in_again_is_followed(watcher: Watched) -> None:
    for number in ("first", "second"):
        (watcher.docs / "a").rename(watcher.base / "away")
        watcher.until(lambda: "a/two" not in watcher.ids())
        (watcher.base / "away/two.md").write_text(f"# Written elsewhere {number}\n")
        (watcher.base / "away").rename(watcher.docs / "a")
        watcher.until(lambda: "a/two" in watcher.ids())
        watcher.keeps_the_law()
        (watcher.docs / "a/b/deep.md").write_text(f"# Written here {number}\n")
        watcher.until_titled(f"Written here {number}")
    watcher.keeps_the_law()


def test_folders_that_are_made_and_filled_at_once_are_followed(watcher: Watched) -> None:
    for number in range(20):
        deep = watcher.docs / f"new{number}/x/y/z"
        deep.mkdir(parents=True)
        (deep / "file.md").write_text(f"# {number}\n")
    watcher.until(lambda: len(watcher.ids()) == 24)
    watcher.keeps_the_law()


def test_a_folder_that_is_deleted_leaves_with_all_its_documents(watcher: Watched) -> None:
    run(("rm", "-r", "docs/a"), watcher.base)
    watcher.until(lambda: watcher.ids() == {"one", "c/three"})
    watcher.keeps_the_law()


def test_links_that_lead_in_circles_are_not_followed(watcher: Watched) -> None:
    (watcher.docs / "a/up").symlink_to("..")
    (watcher.docs / "a/self").symlink_to("self")
    (watcher.docs / "a/linked.md").symlink_to("two.md")
    (watcher.docs / "a/real.md").write_text("# Real\n")
    watcher.until(lambda: "a/real" in watcher.ids())
    watcher.keeps_the_law()


@pytest.mark.slow
def test_a_checkout_of_many_files_is_followed(base: Path, vault: Callable[..., Path], git: Callable[..., str]) -> None:
    git(base, "init")
    vault({f"docs/many/{i % 20}/f{i}.md": f"# First {i} [[f{i + 1}]]\n" for i in range(700)}, into=base)
    git(base, "add", ".")
    git(base, "commit", "-qm", "first")
    git(base, "checkout", "-qb", "other")
    git(base, "rm", "-rq", "docs/many/3", "docs/one.md")
    vault({f"docs/many/{i % 30}/f{i}.md": f"# Second {i} [[f{i + 2}]]\n" for i in range(400, 1100)}, into=base)
    git(base, "add", ".")
    git(base, "commit", "-qm", "second")
    with watched(base) as watcher:
        for branch in ("main", "other"):
            git(base, "checkout", "-q", branch)
            watcher.keeps_the_law()


# The root


def test_a_root_that_goes_away_and_comes_back_loses_nothing(watcher: Watched) -> None:
    before = watcher.ids()
    watcher.docs.rename(watcher.base / "elsewhere")
    watcher.until(lambda: "cannot list" in (watcher.state.degraded or ""))
    assert watcher.ids() == before
    (watcher.base / "elsewhere/meanwhile.md").write_text("# Meanwhile\n")
    (watcher.base / "elsewhere").rename(watcher.docs)
    watcher.until(lambda: "meanwhile" in watcher.ids() and watcher.state.degraded is None)
    (watcher.docs / "later.md").write_text("# Later\n")
    watcher.until(lambda: "later" in watcher.ids())
    watcher.keeps_the_law()


def test_a_root_that_is_deleted_and_made_again_is_another_folder(watcher: Watched) -> None:
    run(("rm", "-r", "docs"), watcher.base)
    watcher.until(lambda: "cannot list" in (watcher.state.degraded or ""))
    watcher.docs.mkdir()
    (watcher.docs / "fresh.md").write_text("# Fresh\n")
    watcher.until(lambda: watcher.ids() == {"fresh"})
    (watcher.docs / "later.md").write_text("# Later\n")
    watcher.until(lambda: "later" in watcher.ids())
    watcher.keeps_the_law()


def test_a_root_that_is_exchanged_at_once_is_noticed(watcher: Watched, vault: Callable[..., Path]) -> None:
    vault({"other/new.md": "# New\n"}, into=watcher.base)
    watcher.docs.rename(watcher.base / "old")
    (watcher.base / "other").rename(watcher.docs)
    watcher.until(lambda: watcher.ids() == {"new"})
    (watcher.docs / "later.md").write_text("# Later\n")
    watcher.until(lambda: "later" in watcher.ids())
    watcher.keeps_the_law()


def test_one_root_that_is_missing_does_not_hold_up_the_other(base: Path, vault: Callable[..., Path]) -> None:
    vault({"more/x.md": "# X\n", "mdcache.toml": 'docs = ["docs", "more"]\n'}, into=base)
    with watched(base) as watcher:
        (base / "more").rename(base / "gone")
        watcher.until(lambda: "cannot list" in (watcher.state.degraded or ""))
        (watcher.docs / "new.md").write_text("# New\n")
        watcher.until(lambda: {"docs/new", "more/x"} <= watcher.ids())
        (base / "gone").rename(base / "more")
        watcher.until(lambda: watcher.state.degraded is None)
        watcher.keeps_the_law()


@pytest.mark.skipif(sys.platform != "linux", reason="setpriv is Linux's")
def test_a_folder_that_cannot_be_listed_holds_up_nothing_else(base: Path) -> None:
    with watched(base, before=UNPRIVILEGED) as watcher:
        (watcher.docs / "a").chmod(0)
        watcher.until(lambda: "cannot list" in (watcher.state.degraded or ""))
        for number in range(3):
            (watcher.docs / f"new{number}.md").write_text(f"# New {number}\n")
        watcher.until_titled("New 2", within_s=10)
        assert {"a/two", "a/b/deep"} < watcher.ids()
        (watcher.docs / "a").chmod(0o755)
        (watcher.docs / "a/two.md").unlink()
        watcher.until(lambda: "a/two" not in watcher.ids() and watcher.state.degraded is None)
        watcher.keeps_the_law()


@pytest.mark.skipif(sys.platform != "linux", reason="setpriv is Linux's")
def test_a_document_that_cannot_be_read_does_not_hide_what_else_fails(base: Path) -> None:
    with watched(base, before=UNPRIVILEGED) as watcher:
        (watcher.docs / "one.md").chmod(0)
        watcher.until(lambda: watcher.value("SELECT count(*) FROM problems WHERE code = 'unreadable'"))
        (watcher.docs / "a").chmod(0)
        watcher.until(lambda: "cannot list" in (watcher.state.degraded or ""))
        batches = watcher.state.batches
        (watcher.docs / "new.md").write_text("# New\n")
        watcher.until(lambda: watcher.state.batches > batches)
        assert "cannot list" in (watcher.state.degraded or "")
        (watcher.docs / "a").chmod(0o755)
        (watcher.docs / "one.md").chmod(0o644)
        watcher.until(lambda: watcher.state.degraded is None and "one" in watcher.ids())
        watcher.keeps_the_law()


@pytest.mark.skipif(sys.platform != "linux", reason="setpriv is Linux's")
def test_a_cache_that_is_out_of_reach_does_not_end_it(base: Path) -> None:
    with watched(base, before=UNPRIVILEGED) as watcher:
        folder = Path(watcher.database).parent
        folder.chmod(0)
        try:
            assert watcher.stop() == 0, watcher.said()
        finally:
            folder.chmod(0o755)


# Settings and schema


def test_a_change_of_settings_or_schema_builds_a_new_generation(base: Path, vault: Callable[..., Path]) -> None:
    settings = 'docs = ["docs"]\nschema = ["views.sql"]\n'
    vault({"mdcache.toml": settings, "views.sql": "CREATE VIEW mine AS SELECT 1 AS n;\n"}, into=base)
    with watched(base) as watcher:
        reader = connections.open_reader(watcher.database)
        assert reader.execute("SELECT n FROM mine").fetchone() == (1,)
        (base / "views.sql").write_text("CREATE VIEW mine AS SELECT 2 AS n;\n")
        watcher.until(lambda: reader.execute("SELECT n FROM mine").fetchone() == (2,))
        (base / "mdcache.toml").write_text(settings + 'exclude = ["c/"]\n')
        watcher.until(lambda: "docs/c/three" not in watcher.ids())
        watcher.keeps_the_law()
        (watcher.docs / "a/new.md").write_text("# New\n")
        watcher.until(lambda: "docs/a/new" in watcher.ids())
        reader.close()
        watcher.keeps_the_law()


def test_settings_that_are_broken_leave_those_before_in_force(base: Path) -> None:
    (base / "mdcache.toml").write_text('docs = ["docs"]\n')
    with watched(base) as watcher:
        (base / "mdcache.toml").write_text("docs = [\n")
        watcher.until(lambda: "not valid TOML" in (watcher.state.degraded or ""))
        (watcher.docs / "new.md").write_text("# New\n")
        watcher.until(lambda: "docs/new" in watcher.ids())
        (base / "mdcache.toml").write_text('docs = ["docs/a"]\n')
        watcher.until(lambda: watcher.ids() == {"docs/a/two", "docs/a/b/deep"} and watcher.state.degraded is None)
        watcher.keeps_the_law()


def test_another_cache_in_the_settings_is_the_one_from_then_on(base: Path) -> None:
    """As is one that the settings name in vain, until they name one that can be had."""
    (base / "mdcache.toml").write_text('docs = ["docs"]\ndatabase = "cache/x.db"\n')
    (base / "foreign.db").write_text("precious\n")
    with watched(base, by_settings=True) as watcher:
        (base / "mdcache.toml").write_text('docs = ["docs"]\ndatabase = "foreign.db"\n')
        watcher.until(lambda: "foreign.db is not a cache" in (watcher.state.degraded or ""))
        (watcher.docs / "new.md").write_text("# New\n")
        watcher.until_titled("New")
        before = watcher.database
        watcher.database = str(base / "cache" / "y.db")
        (base / "mdcache.toml").write_text('docs = ["docs"]\ndatabase = "cache/y.db"\n')
        watcher.until(lambda: watcher.state.ready and watchstate.read(before) is None)
        (watcher.docs / "newer.md").write_text("# Newer\n")
        watcher.until_titled("Newer")
        watcher.keeps_the_law()
    assert (base / "foreign.db").read_text() == "precious\n"


# Beside others


def test_a_second_watcher_is_refused_and_told_of_the_first(watcher: Watched) -> None:
    said = one_line(mdcache(watcher.base, "watch", *watcher.named()), 3)
    assert f"process {watcher.process.pid} " in said
    assert watcher.state.ready


def test_rebuilds_and_syncs_beside_a_watcher_lose_nothing(watcher: Watched) -> None:
    for number in range(4):
        command = "rebuild" if number % 2 else "sync"
        process = start((*MDCACHE, command, *watcher.named()), watcher.base)
        for i in range(10):
            (watcher.docs / f"n{number}-{i}.md").write_text(f"# {number} {i}\n")
            (watcher.docs / f"n{number - 1}-{i}.md").unlink(missing_ok=True)
        assert process.communicate(timeout=PATIENCE_S)[1] == ""
        assert process.returncode == 0
    watcher.keeps_the_law()


def test_a_cache_that_is_removed_is_built_again(watcher: Watched) -> None:
    for name in ("", "-wal", "-shm"):
        Path(watcher.database + name).unlink(missing_ok=True)
    watcher.until(lambda: Path(watcher.database).exists())
    watcher.keeps_the_law()
    (watcher.docs / "new.md").write_text("# New\n")
    watcher.until(lambda: "new" in watcher.ids())


def test_while_another_writes_the_changes_wait(watcher: Watched) -> None:
    with lock.held(watcher.database, "somebody"):
        (watcher.docs / "new.md").write_text("# New\n")
        watcher.until(lambda: "is held by somebody" in (watcher.state.degraded or ""))
        assert watcher.state.pending
        assert "new" not in watcher.ids()
    watcher.until(lambda: "new" in watcher.ids())
    watcher.until(lambda: watcher.state.degraded is None and not watcher.state.pending)


def test_a_reader_that_stays_delays_the_checkpoint_and_nothing_else(watcher: Watched) -> None:
    reader = connections.open_reader(watcher.database)
    reader.execute("BEGIN")
    before = reader.execute("SELECT count(*) FROM nodes").fetchone()
    for number in range(3):
        (watcher.docs / f"new{number}.md").write_text(f"# New {number}\n")
        watcher.until_titled(f"New {number}", within_s=5)
    watcher.until(lambda: watcher.state.checkpoint)
    status = json.loads(mdcache(watcher.base, "status", *watcher.named()[-2:], "--json").stdout)
    assert status["checkpoint"]["busy"] or status["checkpoint"]["checkpointed"] < status["checkpoint"]["log"]
    assert status["wal_bytes"] > 0
    assert reader.execute("SELECT count(*) FROM nodes").fetchone() == before
    reader.close()
    watcher.until(lambda: watcher.state.checkpoint is None)
    watcher.keeps_the_law()


# Its life


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_with_nothing_left_undone(base: Path, name: str) -> None:
    with watched(base) as watcher:
        (watcher.docs / "new.md").write_text("# New\n")
        watcher.until(lambda: "new" in watcher.ids())
        watcher.process.send_signal(getattr(signal, name))
        assert watcher.process.wait(PATIENCE_S) == 0
        assert watcher.seen is None
        wal = Path(watcher.database + "-wal")
        assert not wal.exists() or wal.stat().st_size == 0
        assert sync.stale(watcher.settings(watcher.database)) is None
        watcher.restart()


def test_one_that_is_killed_leaves_no_process_and_no_lock(watcher: Watched) -> None:
    (watcher.docs / "new.md").write_text("# New\n")
    watcher.until(lambda: watcher.state.pending)
    offspring = descendants(watcher.process.pid)
    watcher.process.kill()
    watcher.process.wait()
    assert all(is_gone(child) for child in offspring)
    status = json.loads(mdcache(watcher.base, "status", *watcher.named()[-2:], "--json").stdout)
    assert status["watcher"]["alive"] is False and status["pending"] is None
    assert mdcache(watcher.base, "sync", *watcher.named()).returncode == 0
    assert sync.stale(watcher.settings(watcher.database)) is None
    watcher.restart()
    watcher.keeps_the_law()


def test_what_happened_while_none_ran_is_found_at_the_start(watcher: Watched) -> None:
    assert watcher.stop() == 0
    (watcher.docs / "new.md").write_text("# New\n")
    (watcher.docs / "one.md").unlink()
    watcher.restart()
    assert watcher.ids() == {"a/two", "a/b/deep", "c/three", "new"}
    watcher.keeps_the_law()


def test_in_the_background_it_returns_when_it_is_ready_and_is_stopped_by_name(base: Path) -> None:
    cache = ("--db", "cache/x.db")
    assert mdcache(base, "watch", "docs", *cache, "--detach").returncode == 0
    try:
        status = json.loads(mdcache(base, "status", *cache, "--json").stdout)
        assert status["watcher"]["ready"] and status["documents"] == 4
        said = one_line(mdcache(base, "watch", "docs", *cache, "--detach"), 3)
        assert str(status["watcher"]["pid"]) in said
    finally:
        stopped = mdcache(base, "watch", *cache, "--stop")
    assert stopped.returncode == 0
    assert str(status["watcher"]["pid"]) in stopped.stdout
    assert is_gone(status["watcher"]["pid"])
    assert "generation 1 built" in (base / "cache/x.db.log").read_text()
    assert {path.stat().st_mode & 0o077 for path in (base / "cache").iterdir()} == {0}
    assert "no watcher" in mdcache(base, "watch", *cache, "--stop").stdout


def test_a_log_that_grows_long_is_put_aside_once(base: Path) -> None:
    cache, log, old = ("--db", "cache/x.db"), base / "cache/x.db.log", base / "cache/x.db.log.old"
    (base / "cache").mkdir()
    log.write_text("of old\n" * 200_000)
    assert mdcache(base, "watch", "docs", *cache, "--detach").returncode == 0
    try:
        assert old.read_text().startswith("of old\n") and "of old" not in log.read_text()
        with log.open("a") as file:
            file.write("much more\n" * 200_000)
        (base / "docs/new.md").write_text("# New\n")
        deadline = time.monotonic() + PATIENCE_S
        while "of old" in old.read_text() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert "much more" in old.read_text() and "1 added" in old.read_text()
    finally:
        assert mdcache(base, "watch", *cache, "--stop").returncode == 0
    assert log.read_text().endswith(" stopped\n") and log.read_text().count("\n") == 1


def test_a_watcher_whose_log_is_gone_leaves_no_last_words(base: Path) -> None:
    live = settings_of(base)
    with pytest.raises(WorkError, match="the watcher ended at once: see "):
        watch.detach(live, (sys.executable, "-c", "import os, sys; os.unlink(sys.argv[1])", live.database + ".log"))


def test_what_keeps_it_from_starting_is_said_at_once(base: Path) -> None:
    (base / "docs").rename(base / "elsewhere")
    for more in ((), ("--detach",)):
        assert "docs" in one_line(mdcache(base, "watch", "docs", "--db", "cache/x.db", *more), 3)
        assert "no watcher" in mdcache(base, "watch", "--stop", "--db", "cache/x.db").stdout


@pytest.mark.parametrize("name", ["log", "watch", "lock"])
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("../docs/one.md")], ids=["fifo", "link"])
def test_what_stands_in_the_way_is_neither_waited_for_nor_written_through(
    base: Path, name: str, make: Callable[[Path], None]
) -> None:
    (base / "cache").mkdir()
    make(base / f"cache/x.db.{name}")
    before = (base / "docs/one.md").read_bytes()
    assert f"x.db.{name}: " in one_line(mdcache(base, "watch", "docs", "--db", "cache/x.db", "--detach"), 3)
    assert (base / "docs/one.md").read_bytes() == before


def test_a_foreign_file_is_not_taken_for_a_cache(base: Path) -> None:
    (base / "x.db").write_text("precious\n")
    for more in ((), ("--detach",)):
        one_line(mdcache(base, "watch", "docs", "--db", "x.db", *more), 3)
    assert (base / "x.db").read_text() == "precious\n"
    assert {file.name for file in base.iterdir()} == {"docs", "x.db"}


@pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="needs to be somebody else, too")
def test_a_watcher_that_is_somebody_elses_cannot_be_stopped(tmp_path: Path) -> None:
    path = str(tmp_path / "x.db")
    stranger = start(("setpriv", "--reuid=65534", "sleep", "60"), tmp_path, stdout=None, stderr=None)
    with stranger, watchstate.held(path) as beacon:
        beacon.show(watchstate.State(pid=stranger.pid))
        done = run(("setpriv", "--bounding-set=-kill", *MDCACHE, "watch", "--stop", "--db", path), tmp_path)
        stranger.kill()
        assert f"cannot stop process {stranger.pid}: Operation not permitted" in one_line(done, 3)


@contextlib.contextmanager
def under_systemd(folder: Path, tmp_path: Path, docs: str) -> Iterator[tuple[socket.socket, subprocess.Popen[str]]]:
    """A watcher and the socket on which it is to tell how it fares."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE_S)
        environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        process = start((*MDCACHE, "watch", docs, "--db", "cache/x.db"), folder, env=environment)
        try:
            yield systemd, process
        finally:
            process.kill()
            process.communicate()


def test_systemd_is_told_when_it_is_ready_and_when_it_stops(base: Path, tmp_path: Path) -> None:
    with under_systemd(base, tmp_path, "docs") as (systemd, process):
        told = [systemd.recv(1000).decode() for _ in range(2)]
        assert told[0].startswith("STATUS=generation 1 built") and told[1] == "READY=1"
        process.terminate()
        assert systemd.recv(1000) == b"STOPPING=1"
        assert process.wait(PATIENCE_S) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a name is text")
def test_systemd_is_told_of_a_folder_whose_name_is_no_text(tmp_path: Path, vault: Callable[..., Path]) -> None:
    odd = vault({"one/a.md": "# A\n", "two/b.md": "# B\n"}, into=tmp_path / os.fsdecode(b"\xff"))
    assert mdcache(odd, "rebuild", "one", "--db", "cache/x.db").returncode == 0
    with under_systemd(odd, tmp_path, "two") as (systemd, _):
        assert "(it holds the documents of " in systemd.recv(1000).decode()
        assert systemd.recv(1000) == b"READY=1"


def test_without_an_observer_it_compares_now_and_then(base: Path) -> None:
    (base / "mdcache.toml").write_text('docs = ["docs"]\n[watch]\npoll_s = 0.1\n')
    with watched(base, "--poll") as watcher:
        assert (watcher.state.method, watcher.state.degraded) == ("poll", None)
        (watcher.docs / "a").rename(watcher.docs / "b")
        watcher.until(lambda: "docs/b/two" in watcher.ids())
        watcher.keeps_the_law()


# When the observer fails


def settings(watch: str) -> str:
    return f'docs = ["docs"]\n[watch]\n{watch}\n'


def test_what_no_event_announces_is_found_by_comparing(base: Path) -> None:
    """Writing to mapped memory changes a file, and tells nobody until that is closed."""
    (base / "mdcache.toml").write_text(settings("reconcile_s = 0.5"))
    with watched(base) as watcher, open(watcher.docs / "one.md", "r+b") as file:
        with mmap.mmap(file.fileno(), 0) as memory:
            at = memory.find(b"# one")
            memory[at : at + 5] = b"# eno"
            memory.flush()
            watcher.until_titled("eno")
        watcher.until(lambda: "had not been announced" in watcher.said())
        (watcher.docs / "new.md").write_text("# New\n")
        watcher.until_titled("New")
        watcher.keeps_the_law()


def test_a_reader_thread_that_dies_is_replaced(watcher: Watched) -> None:
    """The four moves that kill it: see test_observer."""
    for number in range(3):
        (watcher.docs / "a").rename(watcher.base / "a")
        (watcher.docs / "a").mkdir()
        (watcher.docs / "a/seen.md").write_text("# Seen\n")
        watcher.until(lambda: "a/seen" in watcher.ids())
        (watcher.docs / "a/seen.md").unlink()
        (watcher.docs / "a").rmdir()
        run(("rm", "-r", "a"), watcher.base)
        watcher.until(lambda number=number: watcher.said().count("has died") > number)  # type: ignore[misc]
        (watcher.docs / "a").mkdir()
        (watcher.docs / "a/after.md").write_text(f"# After {number}\n")
        watcher.until_titled(f"After {number}")
    watcher.keeps_the_law()


@own_limits
def test_with_too_many_folders_for_the_system_it_polls_and_says_so(base: Path) -> None:
    (base / "mdcache.toml").write_text(settings("reconcile_s = 0.5\npoll_s = 0.1"))
    with watched(base, before=limited(WATCHES, 2)) as watcher:
        assert watcher.state.method == "poll"
        assert "user.max_inotify_watches (now 2)" in (watcher.state.degraded or "")
        (watcher.docs / "new.md").write_text("# New\n")
        watcher.until_titled("New")
        limit(watcher.process.pid, WATCHES, 1000)
        watcher.until(lambda: watcher.state.method == "inotify" and watcher.state.degraded is None)
        (watcher.docs / "newer.md").write_text("# Newer\n")
        watcher.until_titled("Newer")
        watcher.keeps_the_law()


@own_limits
def test_a_limit_that_is_reached_later_is_noticed_too(base: Path) -> None:
    (base / "mdcache.toml").write_text(settings("reconcile_s = 0.5\npoll_s = 0.1"))
    with watched(base, before=limited(WATCHES, 1000)) as watcher:
        assert watcher.state.method == "inotify"
        limit(watcher.process.pid, WATCHES, 2)
        (watcher.docs / "late").mkdir()
        watcher.until(lambda: watcher.state.method == "poll" and watcher.state.degraded)
        (watcher.docs / "late/new.md").write_text("# New\n")
        watcher.until_titled("New")
        watcher.keeps_the_law()


@pytest.mark.slow
@pytest.mark.skipif(not QUEUE.exists(), reason="the queue is inotify's")
def test_a_flood_that_overflows_the_queue_loses_nothing(watcher: Watched) -> None:
    flood(watcher, 100, 12_000)


# When there is time


def test_a_cache_that_is_worn_is_refreshed_when_there_is_time(base: Path, vault: Callable[..., Path]) -> None:
    vault({f"docs/w{i}.md": "".join(f"## {j}\n\nwords\n" for j in range(30)) for i in range(20)}, into=base)
    with watched(base) as watcher:
        for i in range(12):
            (watcher.docs / f"w{i}.md").write_text("".join(f"## {j}\n\nother\n" for j in range(30)))
        watcher.until(lambda: "more than a tenth" in watcher.said())
        assert watcher.state.generation == 2
        watcher.keeps_the_law()


@needs("strace")  # it makes a disk fail for once
def test_what_could_not_be_read_for_once_is_read_soon(base: Path) -> None:
    """At the first look, and when a change is applied, which is the fourth opening."""
    fault = ("-P", f"{base}/docs/one.md", "-e", "inject=openat:error=EIO:when=1..4+3")
    with watched(base, before=("strace", "-D", "-f", "-qq", "-o", "trace", *fault)) as watcher:
        watcher.until_titled("one")
        (watcher.docs / "one.md").write_text("# Again\n")
        watcher.until_titled("Again")
        assert (base / "trace").read_text().count("(INJECTED)") == 2
        watcher.keeps_the_law()
