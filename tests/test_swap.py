from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pairs import LIVE, OTHER, Vault, build, matches, opened, pair_in
from processes import press_ctrl_c, start

from mdcache import stops
from mdcache.build import digest
from mdcache.errors import WorkError
from mdcache.store import connections, failures, place, swap
from mdcache.store.connections import Connection, SqliteError, scalar


@pytest.fixture
def folder(vault: Vault) -> Path:
    return pair_in(vault)


# Copy: under readers


def test_a_reader_keeps_its_snapshot_and_sees_the_new_generation_with_its_next_query(folder: Path) -> None:
    with (
        contextlib.closing(connections.open_reader(str(folder / LIVE))) as holding,
        contextlib.closing(connections.open_reader(str(folder / LIVE))) as reading,
        opened(folder) as (build_, live),
    ):
        holding.execute("BEGIN")
        assert matches(holding, "first") == matches(reading, "first") == 1
        assert swap.copy_into(build_, live, LIVE, 10).busy
        assert (matches(holding, "first"), matches(holding, "second")) == (1, 0)
        assert (matches(reading, "first"), matches(reading, "second")) == (0, 2)
        holding.execute("COMMIT")
        assert (matches(holding, "first"), matches(holding, "second")) == (0, 2)
        assert swap.checkpoint(live) == (False, 0, 0)


def test_a_target_that_another_program_keeps_locked_is_given_up(folder: Path) -> None:
    with contextlib.closing(connections.open_live(str(folder / LIVE))) as other, opened(folder) as (build_, live):
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(WorkError, match=r"live\.db is locked by another program: .*--wait"):
            swap.copy_into(build_, live, "live.db", 0.3)
        assert 0.3 < time.monotonic() - began < 30
        other.execute("COMMIT")
        assert matches(other, "first") == 1


def test_ctrl_c_ends_the_wait_for_a_locked_target(folder: Path) -> None:
    with contextlib.closing(connections.open_live(str(folder / LIVE))) as other, opened(folder) as (build_, live):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(KeyboardInterrupt), stops.until_too_late() as too_late:
            too_late()
            press_ctrl_c()
            swap.copy_into(build_, live, LIVE, 60)


def test_ctrl_c_that_comes_too_late_is_none(folder: Path) -> None:
    with opened(folder) as (build_, live), stops.until_too_late() as too_late:
        too_late()
        press_ctrl_c()
        swap.copy_into(build_, live, LIVE, 60)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_copy_that_fails_leaves_the_live_cache_as_it_was_and_gives_its_space_back(folder: Path) -> None:
    build(folder, OTHER)
    with opened(folder) as (build_, live):
        build_.execute("CREATE TABLE large AS SELECT randomblob(4000000) AS bytes")
        live.execute("PRAGMA max_page_count=200")
        with pytest.raises(SqliteError) as caught:
            swap.copy_into(build_, live, LIVE, 10)
        assert failures.name_of(caught.value) == "SQLITE_FULL"
        assert os.path.getsize(folder / (LIVE + "-wal")) == 0
        assert (matches(live, "first"), matches(live, "second")) == (1, 0)
        assert live.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_checkpoint_beside_a_held_snapshot_does_not_wait(folder: Path) -> None:
    with (
        contextlib.closing(connections.open_reader(str(folder / LIVE))) as holding,
        contextlib.closing(connections.open_live(str(folder / LIVE))) as live,
    ):
        holding.execute("BEGIN")
        assert matches(holding, "first") == 1
        live.execute("INSERT INTO meta VALUES ('x', 'y')")
        began = time.monotonic()
        busy, log, checkpointed = swap.checkpoint(live)
        assert busy
        assert log > 0
        assert checkpointed <= log
        assert time.monotonic() - began < 1
        assert scalar(live, "PRAGMA busy_timeout") == 5000


# Replace: where there is no sound live cache


def test_a_build_is_moved_over_what_is_damaged_and_its_side_files_and_keeps_its_permissions(folder: Path) -> None:
    target = folder / LIVE
    target.write_bytes(b"garbage")
    target.chmod(0o600)
    (folder / (LIVE + "-wal")).write_bytes(b"garbage")
    (folder / (LIVE + "-shm")).write_bytes(b"garbage")
    report = build(folder, LIVE)
    assert (report.generation, report.documents) == (2, 2)
    assert {file.name for file in folder.glob(LIVE + "*")} == {LIVE, LIVE + ".lock"}
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_build_becomes_a_wal_database_in_one_file(folder: Path) -> None:
    path = str(folder / "x.build")
    db = connections.open_build(path)
    db.execute("CREATE TABLE t (x)")
    swap.to_wal(db, path)
    assert place.parse_header(Path(path).read_bytes()[:100]) == (True, True, True, True)
    assert [file.name for file in folder.glob("x.build*")] == ["x.build"]


def test_a_build_with_side_files_is_not_published(folder: Path) -> None:
    path = str(folder / "x.build")
    db = connections.open_build(path)
    (folder / "x.build-journal").touch()
    with pytest.raises(WorkError, match="did not become a WAL database"):
        swap.to_wal(db, path)


# Fifty generations, each with documents of its own, under readers in other processes

LAST = 51


def documents(generation: int) -> int:
    return 20 + generation % 7


def write_documents(folder: Path, generation: int) -> None:
    for number in range(30):
        path = folder / f"d{number}.md"
        path.unlink(missing_ok=True)
        if number < documents(generation):
            path.write_text(f"# Document {number}\n\nmarker{generation} [next](d{number + 1}.md)\n")


def publishes_fifty(path: str) -> None:
    folder, name = os.path.split(path)
    for generation in range(2, LAST + 1):
        write_documents(Path(folder), generation)
        assert build(Path(folder), name).generation == generation


def look(db: Connection) -> int:
    """One generation, seen from all sides in one transaction."""
    db.execute("BEGIN")
    generation = int(scalar(db, "SELECT value FROM meta WHERE key = 'generation'"))
    assert scalar(db, "SELECT count(*) FROM nodes") == documents(generation)
    assert matches(db, f"marker{generation}") == matches(db, "marker*") == documents(generation)
    if generation % 10 == 0:
        assert digest.of_tables(db) == scalar(db, "SELECT value FROM meta WHERE key = 'digest'")
    db.execute("COMMIT")
    return generation


def keeps_a_connection(path: str) -> None:
    with contextlib.closing(connections.open_reader(path)) as db:
        print("ready", flush=True)
        while look(db) < LAST:
            pass


def opens_anew(path: str) -> None:
    print("ready", flush=True)
    generation = 0
    while generation < LAST:
        with contextlib.closing(connections.open_reader(path)) as db:
            generation = look(db)


def holds_snapshots(path: str) -> None:
    with (
        contextlib.closing(connections.open_reader(path)) as holding,
        contextlib.closing(connections.open_reader(path)) as reading,
    ):
        print("ready", flush=True)
        generation = 0
        while generation < LAST:
            holding.execute("BEGIN")
            held = int(scalar(holding, "SELECT value FROM meta WHERE key = 'generation'"))
            while (generation := look(reading)) < min(held + 3, LAST):
                assert matches(holding, f"marker{held}") == documents(held)
            assert matches(holding, "marker*") == documents(held)
            holding.execute("COMMIT")


@pytest.mark.slow
def test_readers_see_one_generation_at_a_time_through_fifty_rebuilds(vault: Vault) -> None:
    folder = vault({})
    write_documents(folder, 1)
    build(folder, LIVE)

    def begin(task: Callable[[str], None]) -> subprocess.Popen[str]:
        script = f"import sys, test_swap; test_swap.{task.__name__}(sys.argv[1])"
        process = start((sys.executable, "-c", script, str(folder / LIVE)), Path(__file__).parent)
        stack.callback(process.wait)
        stack.callback(process.kill)
        return process

    with contextlib.ExitStack() as stack:
        readers = [begin(task) for task in (keeps_a_connection, opens_anew, holds_snapshots)]
        for reader in readers:
            assert reader.stdout
            assert reader.stdout.readline() == "ready\n"
        for process in (begin(publishes_fifty), *readers):
            assert process.communicate(timeout=100) == ("", "")
            assert process.returncode == 0
