"""Every command ends soon after Ctrl-C or SIGTERM, whatever it is in the middle of, and leaves no process behind."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import MDCACHE, PATIENCE_S, descendants, freeze, is_gone, mdcache, start

pytestmark = pytest.mark.slow

BOTH = pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
# A second or two, on a machine that has other things to do.
SOON_S = 8.0
# One step of SQLite that nothing interrupts, for hours.
STEP = "SELECT instr(zeroblob(16000000), zeroblob(8000000) || x'01')"
ENDLESS = "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"


@pytest.fixture
def folder(vault: Callable[..., Path]) -> Path:
    found = vault({f"d/{number}.md": f"# {number}\n\n[x](none.md)\n" for number in range(40)})
    (found / "mdcache.toml").write_text('docs = ["d"]\n')
    assert mdcache(found, "rebuild").returncode == 0
    return found


@contextlib.contextmanager
def busy(folder: Path, *arguments: str, **options: object) -> Iterator[subprocess.Popen[str]]:
    """A command that will not end by itself, and has begun what it does."""
    with start((*MDCACHE, *arguments), folder, **options) as process:
        try:
            until(lambda: catches(process.pid))
            yield process
        finally:
            process.kill()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def catches(pid: int) -> bool:
    """Whether a process has its handlers."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(next(line for line in status.splitlines() if line.startswith("SigCgt:")).split()[1], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


def works(pid: int) -> bool:
    """Whether a process has used more of a processor than a start takes: it is in its long step."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) / os.sysconf("SC_CLK_TCK") > 1.0
    return False


def writes(pid: int) -> bool:
    """Whether a process waits in write(2)."""
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state == "S" and Path(f"/proc/{pid}/syscall").read_text().split()[0] in ("1", "64")
    return False


@contextlib.contextmanager
def full_pipe() -> Iterator[int]:
    """The end of a pipe into which nothing more goes."""
    read, write = os.pipe()
    try:
        os.set_blocking(write, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(write, b"x" * 4096)
        os.set_blocking(write, True)
        yield write
    finally:
        os.close(write)
        os.close(read)


def ends(process: subprocess.Popen[str], how: signal.Signals, status: int = 130) -> None:
    """Assert that a process ends soon after a signal, with all that it has started."""
    theirs = descendants(process.pid)
    began = time.monotonic()
    process.send_signal(how)
    assert process.wait(PATIENCE_S) == status
    assert time.monotonic() - began < SOON_S
    assert all(map(is_gone, theirs))


@BOTH
def test_a_step_of_sqlite_that_nothing_interrupts(folder: Path, how: signal.Signals) -> None:
    with busy(folder, "query", STEP) as process:
        until(lambda: works(process.pid))
        ends(process, how)
        assert process.stderr is not None
        assert process.stderr.read() == "mdcache: interrupted in the middle of a step: the cache is sound\n"


@BOTH
def test_a_pipe_that_nobody_reads(folder: Path, how: signal.Signals) -> None:
    with full_pipe() as write, busy(folder, "query", "--csv", ENDLESS, stdout=write) as process:
        until(lambda: writes(process.pid))
        ends(process, how)


@BOTH
def test_pipes_of_both_streams_that_nobody_reads(folder: Path, how: signal.Signals) -> None:
    with full_pipe() as write, busy(folder, "status", stdout=write, stderr=write) as process:
        until(lambda: writes(process.pid))
        ends(process, how)


@pytest.mark.parametrize("command", ["rebuild", "sync"])
def test_one_that_wrote_and_cannot_say_so(folder: Path, command: str) -> None:
    """Its cache is new, so no status that says it is as it was."""
    (folder / "d/new.md").write_text("# New\n")
    with full_pipe() as write, busy(folder, command, stdout=write) as process:
        until(lambda: writes(process.pid))
        ends(process, signal.SIGTERM, -signal.SIGKILL)
    assert mdcache(folder, "verify").returncode == 0


@BOTH
def test_stdin_that_says_nothing(folder: Path, how: signal.Signals) -> None:
    with busy(folder, "query", "-", stdin=subprocess.PIPE) as process:
        ends(process, how)


@BOTH
@pytest.mark.parametrize("command", ["rebuild", "sync"])
def test_a_live_cache_that_another_program_keeps_locked(folder: Path, command: str, how: signal.Signals) -> None:
    with contextlib.closing(sqlite3.connect(folder / ".mdcache/cache.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        (folder / "d/new.md").write_text("# New\n")
        with busy(folder, command, "--wait", "1000") as process:
            until(lambda: command == "sync" or (folder / ".mdcache/cache.db.build").exists())
            ends(process, how)
    assert mdcache(folder, "sync").returncode == 0
    assert mdcache(folder, "verify").returncode == 0


@BOTH
def test_a_lock_whose_holder_stands_still(folder: Path, how: signal.Signals) -> None:
    with contextlib.closing(sqlite3.connect(folder / ".mdcache/cache.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with busy(folder, "rebuild", "--wait", "1000") as holder:
            until(lambda: (folder / ".mdcache/cache.db.build").exists())
            freeze(holder)
            with busy(folder, "rebuild", "--wait", "1000") as process:
                ends(process, how)


@BOTH
def test_workers_that_stand_still(folder: Path, how: signal.Signals) -> None:
    (folder / "d/z.md").write_text("# Z\n\n" + "word " * 200_000)
    with busy(folder, "rebuild", "--workers", "2") as process:
        until(lambda: len(descendants(process.pid)) >= 3 or process.poll() is not None)
        theirs = descendants(process.pid)
        for one in theirs:
            os.kill(one, signal.SIGSTOP)
        if process.poll() is None:
            ends(process, how)
        assert all(map(is_gone, theirs))
    assert mdcache(folder, "verify").returncode == 0


@BOTH
def test_a_rule_in_such_a_step(folder: Path, how: signal.Signals) -> None:
    (folder / "mdcache.toml").write_text(f"""docs = ["d"]\n[check.rules]\nslow = "{STEP} AS path, 1 AS message"\n""")
    with busy(folder, "check") as process:
        until(lambda: any(works(one) for one in descendants(process.pid)))
        ends(process, how)


@BOTH
def test_a_git_that_does_not_answer(folder: Path, tmp_path: Path, how: signal.Signals) -> None:
    program = tmp_path / "git"
    program.write_text("#!/bin/sh\ntrap '' INT TERM\nexec sleep 1000\n")
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with busy(folder, "check", "--rev", "HEAD", env=environment) as process:
        until(lambda: bool(descendants(process.pid)))
        ends(process, how)


def test_a_follower_that_nobody_reads_from(folder: Path) -> None:
    with full_pipe() as write, busy(folder, "changes", "--follow", stdout=write) as process:
        until(lambda: writes(process.pid))
        ends(process, signal.SIGINT, -signal.SIGKILL)


STUCK = """
import sqlite3, sys
from mdcache import stops
stops.listen()
with stops.until_too_late() as too_late:
    too_late()
    print("now", flush=True)
    sqlite3.connect(":memory:").execute(%r).fetchone()
"""


@BOTH
def test_what_cannot_be_undone_is_ended_by_a_second_signal_alone(tmp_path: Path, how: signal.Signals) -> None:
    with start((sys.executable, "-c", STUCK % STEP), tmp_path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(how)
        process.send_signal(how)  # as `timeout` sends it twice
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(3)
        ends(process, how, -signal.SIGKILL)


def test_a_program_that_calls_the_library(folder: Path) -> None:
    (folder / "mdcache.toml").write_text(f"""docs = ["d"]\n[check.rules]\nslow = "{STEP} AS path, 1 AS message"\n""")
    with start((sys.executable, "-c", "import mdcache; mdcache.check()"), folder) as process:
        try:
            until(lambda: any(works(one) for one in descendants(process.pid)))
            ends(process, signal.SIGINT, -signal.SIGINT)
        finally:
            process.kill()


OWN = """
import signal, sqlite3
from mdcache import stops
signal.signal(signal.SIGTERM, lambda *_: None)
stops.stand_by(1.0)
print("now", flush=True)
sqlite3.connect(":memory:").execute(%r).fetchone()
"""


def test_one_that_ends_in_order_is_ended_when_it_does_not(tmp_path: Path) -> None:
    with start((sys.executable, "-c", OWN % STEP), tmp_path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        ends(process, signal.SIGTERM)
