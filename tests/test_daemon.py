"""The watcher as a program: how it starts, ends, and goes into the background."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from caches import settings_of
from processes import (
    MDCACHE,
    PATIENCE_S,
    descendants,
    freeze,
    is_gone,
    mdcache,
    needs,
    one_line,
    run,
    start,
)
from watching import FILES, Watched, until, watched

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


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
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


@contextlib.contextmanager
def at_a_terminal(base: Path, *before: str) -> Iterator[tuple[subprocess.Popen[str], Callable[[], None]]]:
    """A watcher at a terminal of its own, and what closes that."""
    controller, terminal = pty.openpty()
    closed = contextlib.ExitStack()
    closed.callback(os.close, controller)
    process = start(
        (*before, *MDCACHE, "watch", "docs"),
        base,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(terminal)
    with closed, process:
        try:
            until_ready(process, base)
            yield process, closed.close
        finally:
            process.kill()


def test_one_whose_terminal_closes_ends_in_order(base: Path) -> None:
    with at_a_terminal(base) as (watcher, close):
        (base / "docs/new.md").write_text("# New\n")
        until_written_to(base, 2)
        close()
        assert watcher.wait(PATIENCE_S) == 0
    wal = base / ".mdcache/cache.db-wal"
    assert not wal.exists() or wal.stat().st_size == 0
    assert status_of(base) == {}


def test_one_under_nohup_goes_on_without_its_terminal(base: Path) -> None:
    with at_a_terminal(base, "nohup") as (watcher, close):
        close()
        (base / "docs/new.md").write_text("# New\n")
        until_written_to(base, 2)
        assert f"stopped process {watcher.pid}" in mdcache(base, "watch", "--stop").stdout
        assert watcher.wait(PATIENCE_S) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "broken",
    ["docs = [\n", 'docs = ["gone/../.."]\n', "schema = ['none.sql']\n", "watch = 5\n", "nonsense = 1\n", b"\xff"],
    ids=["no TOML", "outside", "no schema", "type", "unknown", "no text"],
)
def test_it_is_stopped_beside_settings_that_are_broken(base: Path, broken: str | bytes) -> None:
    file, good = base / "mdcache.toml", 'docs = ["docs"]\ndatabase = "cache/y.db"\n'
    file.write_text(good)
    assert mdcache(base, "watch", "--detach").returncode == 0
    spoilt = broken if isinstance(broken, bytes) else broken.encode()
    file.write_bytes(b'database = "cache/y.db"\n' + spoilt)
    assert mdcache(base / "docs", "watch", "--stop").stdout.startswith("stopped process ")
    one_line(mdcache(base, "watch", "--stop"), 2)
    file.write_text(good)
    assert "no watcher" in mdcache(base, "watch", "--stop").stdout


@pytest.mark.parametrize("more", [("--detach",), ("--poll",), ("--detach", "--poll")])
def test_to_start_and_to_stop_at_once_is_refused(base: Path, more: tuple[str, ...]) -> None:
    assert "--stop ends a watcher" in one_line(mdcache(base, "watch", "docs", "--stop", *more), 2)
    assert "--stop ends a watcher" in one_line(mdcache(base, "watch", "docs", *more, "--stop"), 2)
    assert {file.name for file in base.iterdir()} == {"docs"}


def test_one_whose_working_folder_is_removed_goes_on(base: Path) -> None:
    (base / "started").mkdir()
    cache = ("--db", str(base / "x.db"))
    assert mdcache(base / "started", "watch", "../docs", *cache, "--detach").returncode == 0
    (base / "started").rmdir()
    (base / "docs/new.md").write_text("# New\n")
    until(lambda: "1 added" in (base / "x.db.log").read_text())
    assert mdcache(base, "watch", "--stop", *cache).stdout.startswith("stopped process")


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
    assert f"x.db.{name} is no plain file: " in one_line(
        mdcache(base, "watch", "docs", "--db", "cache/x.db", "--detach"), 3
    )
    assert (base / "docs/one.md").read_bytes() == before


def test_a_foreign_file_is_not_taken_for_a_cache(base: Path) -> None:
    (base / "x.db").write_text("precious\n")
    for more in ((), ("--detach",)):
        one_line(mdcache(base, "watch", "docs", "--db", "x.db", *more), 3)
    assert (base / "x.db").read_text() == "precious\n"
    assert {file.name for file in base.iterdir()} == {"docs", "x.db"}


# A cache that is removed under its watcher


@pytest.fixture
def cleaned(base: Path) -> Iterator[tuple[Path, int]]:
    """A base with a watcher in the background whose folder has just been removed, and its process id."""
    assert mdcache(base, "watch", "docs", "--detach").returncode == 0
    pid = status_of(base)["pid"]
    shutil.rmtree(base / ".mdcache")
    yield base, pid
    mdcache(base, "watch", "--stop")
    assert is_gone(pid)


def test_a_watcher_whose_cache_is_removed_builds_it_again_and_is_seen_and_stopped(cleaned: tuple[Path, int]) -> None:
    base, pid = cleaned
    until(lambda: (base / ".mdcache/cache.db.log").exists() and (base / ".mdcache/cache.db").exists())
    until(lambda: mdcache(base, "search", "words").returncode == 0)
    assert status_of(base)["pid"] == pid
    assert "generation 1 built (there is no cache yet)" in (base / ".mdcache/cache.db.log").read_text()
    assert str(pid) in one_line(mdcache(base, "watch", "docs", "--detach"), 3)
    (base / "docs/new.md").write_text("# New\n")
    until(lambda: mdcache(base, "read", "new").returncode == 0)
    assert mdcache(base, "watch", "--stop").stdout == f"stopped process {pid}\n"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing shows in the first moment")
def test_it_is_stopped_also_in_the_moment_before_it_has_noticed(cleaned: tuple[Path, int]) -> None:
    base, pid = cleaned
    assert mdcache(base, "watch", "--stop").stdout == f"stopped process {pid}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing shows in the first moment")
def test_no_second_one_starts_in_the_moment_before_it_has_noticed(cleaned: tuple[Path, int]) -> None:
    base, pid = cleaned
    said = one_line(mdcache(base, "watch", "docs"), 3)
    assert str(pid) in said or "a process that is just starting" in said
    until(lambda: mdcache(base, "status").returncode == 0)  # it builds the cache again in its own time
    assert status_of(base)["pid"] == pid


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing shows of it")
def test_one_that_cannot_notice_for_now_is_named(cleaned: tuple[Path, int]) -> None:
    base, pid = cleaned
    os.kill(pid, signal.SIGSTOP)
    shutil.rmtree(base / ".mdcache", ignore_errors=True)
    try:
        named = f"is watched by process {pid} still, whose state file was removed"
        assert named in one_line(mdcache(base, "watch", "--stop"), 3)
        assert named in one_line(mdcache(base, "watch", "docs", "--detach"), 3)
    finally:
        os.kill(pid, signal.SIGCONT)


def test_one_that_finds_another_in_its_place_ends(base: Path) -> None:
    with watched(base) as watcher:
        first, state = watcher.process, Path(watcher.database + ".watch")
        freeze(first)
        state.rename(state.with_name("aside"))
        watcher.restart()
        first.send_signal(signal.SIGCONT)
        assert first.wait(PATIENCE_S) == 3
        assert watcher.state.pid == watcher.process.pid
        watcher.keeps_the_law()


def test_one_whose_documents_went_with_its_cache_waits_for_both(base: Path) -> None:
    assert mdcache(base, "watch", "docs", "--detach").returncode == 0
    pid, away = status_of(base)["pid"], base.with_name("away")
    base.rename(away)
    until(lambda: "cannot list" in (status_of(away)["degraded"] or ""))
    assert not base.exists()
    away.rename(base)
    until(lambda: status_of(base)["degraded"] is None)
    assert mdcache(base, "watch", "--stop").stdout == f"stopped process {pid}\n"


# A watcher that is not here


def until_ready(process: subprocess.Popen[str], base: Path) -> watchstate.State:
    """Wait until a watcher is ready; return its state."""

    def ready() -> watchstate.State | None:
        assert process.poll() is None, process.communicate()
        seen = watchstate.read(str(base / ".mdcache/cache.db"))
        return seen.state if seen and seen.alive and seen.state.ready else None

    return until(ready)


def until_written_to(base: Path, batches: int) -> None:
    """Wait until a watcher has written so many batches."""
    until(lambda: (seen := watchstate.read(str(base / ".mdcache/cache.db"))) and seen.state.batches >= batches)


def status_of(folder: Path, *before: str) -> dict[str, Any]:
    """What status says of the watcher, and that it says the same to people."""
    told = run((*before, *MDCACHE, "status", "--json"), folder)
    assert told.returncode == 0, told
    watcher = json.loads(told.stdout)["watcher"]
    said = run((*before, *MDCACHE, "status"), folder).stdout
    assert ((watcher["elsewhere"] or f"process {watcher['pid']}") if watcher else "none") in said.splitlines()[-1]
    return dict(watcher or {})


def doctor_on(check: str, folder: Path, *before: str) -> dict[str, Any]:
    checks = json.loads(run((*before, *MDCACHE, "doctor", "--json"), folder).stdout)["checks"]
    return next(dict(one) for one in checks if one["check"] == check)


APART = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc")
# A process of the number that the state names, in a namespace where that is another one.
SAME_NUMBER = """
for i in $(seq 100); do sleep 60 & [ $! -ge $1 ] && break; done
kill -0 $1 || exit 99
shift; "$@"; echo "exit $?" >&2
kill -0 $! && echo lives >&2
"""


@needs("unshare")
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process id has one meaning")
def test_a_watcher_of_another_container_is_seen_and_gets_no_signal(base: Path) -> None:
    if run((*APART, "true"), base).returncode:
        pytest.skip("this system lets nobody make a namespace")
    where = "from another pid namespace (container)"
    with start((*APART, "sh", "-c", 'sleep 0; "$@" & wait', "sh", *MDCACHE, "watch", "docs"), base) as container:
        try:
            seen = until_ready(container, base)
            refused = f"is watched {where}: stop it there"
            assert refused in one_line(mdcache(base, "watch", "--stop"), 3)
            stop = (*MDCACHE, "watch", "--stop")
            told = run((*APART, "sh", "-c", SAME_NUMBER, "sh", str(seen.pid), *stop), base).stderr
            assert refused in told and told.endswith("exit 3\nlives\n")
            found = status_of(base)
            assert (found["alive"], found["elsewhere"]) == (True, where)
            check = doctor_on("watcher", base)
            assert check["level"] == "ok" and where in check["saw"]
            assert f"{where}: stop it there" in one_line(mdcache(base, "watch", "docs"), 3)
            (base / "docs/new.md").write_text("# New\n")
            until_written_to(base, 2)
        finally:
            container.kill()
            container.communicate()
    found = status_of(base)
    assert found["alive"] is False  # it was killed with its container
    assert "no watcher is running" in mdcache(base, "watch", "--stop").stdout


# Started and stopped in one namespace whose /proc is that of another.
WITHIN = '"$@" docs --detach && "$@" --stop'


@needs("unshare")
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process id has one meaning")
@pytest.mark.parametrize(
    "apart",
    [APART, APART[:-1], APART[:3]],
    ids=["a container", "the /proc of another namespace", "another user namespace"],
)
def test_a_watcher_is_stopped_in_its_own_namespace_whatever_that_shows(base: Path, apart: tuple[str, ...]) -> None:
    if run((*apart, "true"), base).returncode:
        pytest.skip("this system lets nobody make a namespace")
    done = run((*apart, "sh", "-c", WITHIN, "sh", *MDCACHE, "watch"), base)
    assert done.returncode == 0 and "stopped process " in done.stdout, done


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there are no user namespaces")
@needs("unshare")
def test_a_watcher_is_stopped_from_another_user_namespace(base: Path) -> None:
    apart = ("unshare", "--user", "--map-root-user")
    if run((*apart, "true"), base).returncode:
        pytest.skip("this system lets nobody make a namespace")
    assert mdcache(base, "watch", "docs", "--detach").returncode == 0
    done = run((*apart, *MDCACHE, "watch", "--stop"), base)
    assert done.returncode == 0 and "stopped process " in done.stdout, done


@pytest.fixture
def open_base(vault: Callable[..., Path]) -> Iterator[Path]:
    """A base that every user can look into."""
    with tempfile.TemporaryDirectory() as folder:
        base = vault(FILES, into=Path(folder).resolve() / "base")
        base.parent.chmod(0o755)
        yield base


NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def as_nobody(base: Path) -> tuple[str, ...]:
    """The words before a command that nobody runs; skips where nobody can run Python."""
    if sys.platform != "linux" or os.getuid() or run((*NOBODY, *MDCACHE, "--version"), base).returncode:
        pytest.skip("needs to be somebody else, too")
    return NOBODY


def test_a_watcher_of_another_user_is_told_of_by_all_that_would_tell_of_it(open_base: Path) -> None:
    before = as_nobody(open_base)
    assert mdcache(open_base, "watch", "docs", "--detach").returncode == 0
    try:
        for name in ("cache.db", "cache.db-wal", "cache.db-shm"):
            (open_base / ".mdcache" / name).chmod(0o644)
        whose = "cache.db.watch: Permission denied (a watcher of another user, root)"
        assert whose in one_line(run((*before, *MDCACHE, "watch", "--stop"), open_base), 3)
        found = status_of(open_base, *before)
        assert found["alive"] is None and whose in found["elsewhere"]
        assert whose in doctor_on("watcher", open_base, *before)["saw"]
    finally:
        assert mdcache(open_base, "watch", "--stop").returncode == 0
    assert status_of(open_base, *before) == {}
    assert "no watcher" in run((*before, *MDCACHE, "watch", "--stop"), open_base).stdout


def test_a_state_that_others_may_read_says_whose_the_watcher_is_and_root_stops_it(open_base: Path) -> None:
    before = as_nobody(open_base)
    for folder in (open_base, open_base / "docs"):
        os.chown(folder, 65534, 65534)
    other = ("setpriv", "--reuid=65533", "--regid=65533", "--clear-groups")
    theirs = {**os.environ, "MDCACHE_STATE": str(open_base / "state")}
    with start((*before, *MDCACHE, "watch", "docs"), open_base, env=theirs) as watcher:
        try:
            until_ready(watcher, open_base)
            for name in ("cache.db", "cache.db-wal", "cache.db-shm", "cache.db.watch"):
                (open_base / ".mdcache" / name).chmod(0o644)
            refused = "by another user (nobody): stop it there"
            assert refused in one_line(run((*other, *MDCACHE, "watch", "--stop"), open_base), 3)
            assert status_of(open_base, *other)["elsewhere"] == "by another user (nobody)"
            assert f"stopped process {watcher.pid}" in mdcache(open_base, "watch", "--stop").stdout
            assert watcher.wait(PATIENCE_S) == 0
        finally:
            watcher.kill()


# A state that names a process which is not the watcher


def test_a_process_that_a_forged_state_names_gets_no_signal(tmp_path: Path) -> None:
    path = str(tmp_path / "x.db")
    innocent = start(("sleep", "60"), tmp_path, stdout=None, stderr=None)
    with innocent, watchstate.held(path) as beacon:
        beacon.show(watchstate.State(pid=innocent.pid))
        assert "may be another: find it with fuser" in one_line(mdcache(tmp_path, "watch", "--stop", "--db", path), 3)
        with pytest.raises(subprocess.TimeoutExpired):
            innocent.wait(0.2)
        innocent.kill()


def test_what_a_killed_watcher_left_names_no_process_that_has_its_number_now(watcher: Watched) -> None:
    watcher.process.kill()
    watcher.process.wait()
    innocent = start(("sleep", "60"), watcher.base, stdout=None, stderr=None)
    with innocent:
        state = Path(watcher.database + ".watch")
        content = state.read_text().replace(f'"pid": {watcher.process.pid}', f'"pid": {innocent.pid}')
        with state.open("r+") as file:
            file.write(content)
        assert "no watcher" in mdcache(watcher.base, "watch", "--stop", "--db", watcher.database).stdout
        with pytest.raises(subprocess.TimeoutExpired):
            innocent.wait(0.2)
        innocent.kill()
    watcher.restart()


def test_one_that_stands_still_is_said_to_and_ends_when_it_goes_on(watcher: Watched) -> None:
    freeze(watcher.process)
    said = one_line(mdcache(watcher.base, "watch", "--stop", "--wait", "0.1", "--db", watcher.database), 3)
    assert f"kill -CONT {watcher.process.pid}" in said
    watcher.process.send_signal(signal.SIGCONT)
    assert watcher.process.wait(PATIENCE_S) == 0
    watcher.restart()


def test_a_copy_of_a_cache_says_nothing_of_the_watcher_of_the_original(watcher: Watched) -> None:
    copy = watcher.base.parent / "copy"
    shutil.copytree(watcher.base, copy)
    named = ("--db", str(copy / "cache/x.db"))

    def is_quiet() -> bool:
        told = json.loads(mdcache(copy, "status", *named, "--json").stdout)
        stopped = mdcache(copy, "watch", "--stop", *named)
        return told["watcher"] is None and (stopped.returncode, stopped.stdout) == (0, "no watcher is running\n")

    assert is_quiet() and watcher.process.poll() is None
    watcher.process.kill()
    watcher.process.wait()
    shutil.rmtree(copy)
    shutil.copytree(watcher.base, copy)
    assert is_quiet()
    watcher.restart()


def test_one_whose_folder_was_renamed_is_stopped_where_it_is_now_and_by_any_name(base: Path) -> None:
    assert mdcache(base, "watch", "docs", "--detach").returncode == 0
    moved, link = base.with_name("moved"), base.with_name("link")
    base.rename(moved)
    link.symlink_to(moved)
    pid = json.loads(mdcache(moved, "status", "--json").stdout)["watcher"]["pid"]
    assert str(pid) in one_line(mdcache(link, "watch", "docs"), 3)
    assert f"stopped process {pid}" in mdcache(link, "watch", "--stop").stdout
    assert is_gone(pid)
    moved.rename(base)
