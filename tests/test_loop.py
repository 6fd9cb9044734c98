"""The watcher beside all that people and programs do to files, as a process: soon the cache is what a rebuild makes.

And as a generator.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest
from caches import settings_of
from processes import (
    MDCACHE,
    PATIENCE_S,
    UNPRIVILEGED,
    WATCHES,
    limit,
    limited,
    may_limit,
    mdcache,
    needs,
    one_line,
    run,
    start,
)
from watching import FILES, QUEUE, Watched, flood, watched

from mdcache.store import connections, lock, watchstate
from mdcache.syncing import sync
from mdcache.watching import loop
from mdcache.watching.work import Done, Order, What, carry_out


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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_a_repository_that_somebody_else_makes_above_takes_no_documents_away(watcher: Watched) -> None:
    before = watcher.ids()
    (watcher.base / ".gitignore").write_text("*.md\n")
    (watcher.base / "made").mkdir()
    for name in ("made", ".gitignore"):
        os.chown(watcher.base / name, 1, 1)
    (watcher.base / "made").rename(watcher.base / ".git")
    (watcher.docs / "new.md").write_text("# New\n")
    watcher.until(lambda: ".git: it belongs to daemon" in (watcher.state.degraded or ""))
    assert watcher.ids() == before
    for name in (".git", ".gitignore"):
        os.chown(watcher.base / name, 0, 0)
    watcher.until(lambda: watcher.ids() == set())
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


# Without an observer, or with one that fails


def test_without_an_observer_it_compares_now_and_then(base: Path) -> None:
    (base / "mdcache.toml").write_text('docs = ["docs"]\n[watch]\npoll_s = 0.1\n')
    with watched(base, "--poll") as watcher:
        assert (watcher.state.method, watcher.state.degraded) == ("poll", None)
        (watcher.docs / "a").rename(watcher.docs / "b")
        watcher.until(lambda: "docs/b/two" in watcher.ids())
        watcher.keeps_the_law()


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


def test_a_folder_that_takes_the_name_of_one_that_moved_out_is_followed(watcher: Watched) -> None:
    """The four moves after which watchdog's own reader stumbles: see test_recursive."""
    for number in range(3):
        (watcher.docs / "a").rename(watcher.base / "a")
        (watcher.docs / "a").mkdir()
        (watcher.docs / "a/seen.md").write_text("# Seen\n")
        watcher.until(lambda: "a/seen" in watcher.ids())
        (watcher.docs / "a/seen.md").unlink()
        (watcher.docs / "a").rmdir()
        run(("rm", "-r", "a"), watcher.base)
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


# As a generator


def test_it_yields_the_first_look_and_each_that_changed_something(base: Path) -> None:
    live, stop = settings_of(base), threading.Event()
    batches = loop.watch(lambda: live, stop)
    first = next(batches)
    assert (first.added, first.generation, first.rebuilt) == (4, 1, "there is no cache yet")
    (base / "docs/new.md").write_text("# New\n")
    (base / "docs/one.md").unlink()
    done = [next(batches)]
    while sum(batch.added + batch.removed for batch in done) < 2:
        done.append(next(batches))
    assert all(batch.rebuilt is None and batch.generation == 1 and batch.seconds > 0 for batch in done)
    stop.set()
    assert list(batches) == []
    assert sync.stale(live) is None and watchstate.read(live.database) is None
    assert connections.sizes(live.database).log == 0
    assert next(loop.watch(lambda: live, threading.Event()))[:3] == (0, 0, 0)


def test_it_changes_nothing_of_its_process_and_leaves_nothing_behind(base: Path) -> None:
    def process() -> tuple[object, ...]:
        handlers = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
        return handlers, threading.excepthook, sys.excepthook, dict(os.environ), threading.active_count()

    live, before = settings_of(base), process()
    batches = loop.watch(lambda: live, threading.Event())
    next(batches)
    assert process()[:-1] == before[:-1]
    batches.close()
    assert process() == before
    assert watchstate.read(live.database) is None


def test_it_runs_in_a_thread_and_is_stopped_from_another(base: Path) -> None:
    live, stop, batches = settings_of(base), threading.Event(), SimpleQueue[loop.Batch]()

    def keep_fresh() -> None:
        for batch in loop.watch(lambda: live, stop):
            batches.put(batch)

    thread = threading.Thread(target=keep_fresh)
    thread.start()
    assert batches.get(timeout=PATIENCE_S).added == 4
    (base / "docs/new.md").write_text("# New\n")
    assert batches.get(timeout=PATIENCE_S).added == 1
    stop.set()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_a_stop_that_was_set_before_ends_it_before_it_begins(base: Path) -> None:
    stop = threading.Event()
    stop.set()
    assert list(loop.watch(lambda: settings_of(base), stop)) == []
    assert {file.name for file in base.iterdir()} == {"docs"}


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), sync.Interrupted("some changes are in")])
def test_an_interrupt_that_is_no_stop_reaches_the_caller(
    base: Path, interrupt: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = settings_of(base)

    def interrupted(order: Order, progress: Callable[[int], None]) -> Done:
        if order.what is What.LOOK and order.within:
            raise interrupt
        return carry_out(order, progress)

    monkeypatch.setattr(loop, "carry_out", interrupted)
    batches = loop.watch(lambda: live, threading.Event())
    next(batches)
    (base / "docs/new.md").write_text("# New\n")
    with pytest.raises(KeyboardInterrupt):
        next(batches)
    assert watchstate.read(live.database) is None


def test_a_stop_ends_the_look_in_hand_and_no_error_is_told(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    live, stop, said = settings_of(base), threading.Event(), list[str]()

    def stopped_meanwhile(order: Order, progress: Callable[[int], None]) -> Done:
        if order.what is What.LOOK and order.within:
            stop.set()
            progress(1)
        return carry_out(order, progress)

    monkeypatch.setattr(loop, "carry_out", stopped_meanwhile)
    batches = loop.watch(lambda: live, stop, say=said.append)
    next(batches)
    (base / "docs/new.md").write_text("# New\n")
    assert list(batches) == [] and said == []
