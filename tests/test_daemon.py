"""The watcher as a program: how it starts, ends, and goes into the background."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from caches import settings_of
from processes import (
    MDCACHE,
    PATIENCE_S,
    descendants,
    is_gone,
    mdcache,
    one_line,
    run,
    start,
)
from watching import FILES, Watched, watched

from mdcache.errors import WorkError
from mdcache.store import watchstate
from mdcache.syncing import sync
from mdcache.watching import daemon


@pytest.fixture
def base(vault: Callable[..., Path]) -> Path:
    return vault(FILES)


@pytest.fixture
def watcher(base: Path) -> Iterator[Watched]:
    with watched(base) as found:
        yield found


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
        daemon.detach(live, (sys.executable, "-c", "import os, sys; os.unlink(sys.argv[1])", live.database + ".log"))


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
