from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import start

from mdcache import stops
from mdcache.build import digest, rebuild
from mdcache.config import settings
from mdcache.errors import UsageError, WorkError
from mdcache.model import Report
from mdcache.store import database, publish
from mdcache.store.database import Connection, SqliteError, scalar

Vault = Callable[..., Path]
LIVE, OTHER = "live.db", "other.db"


@pytest.fixture
def folder(vault: Vault) -> Path:
    """With a live cache of one document, and another cache of two."""
    made = vault({"a.md": "# One\n\nfirst"})
    build(made, LIVE)
    vault({"a.md": "# Two\n\nsecond [b](b.md)", "b.md": "# B\n\nsecond"}, into=made)
    build(made, OTHER)
    return made


def build(folder: Path, name: str, **options: object) -> Report:
    asked = settings.load(settings.Asked(str(folder), database=name, docs=(".",)), {})
    return rebuild.rebuild(asked, rebuild.Options(workers=0, **options))  # type: ignore[arg-type]


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[tuple[Connection, Connection]]:
    """The other cache, in the part of the build, and the live one."""
    with (
        database.closing(database.open_live(str(folder / OTHER))) as build_,
        database.closing(database.open_live(str(folder / LIVE))) as live,
    ):
        yield build_, live


def matches(db: Connection, word: str) -> int:
    return int(scalar(db, "SELECT count(*) FROM sections_fts WHERE sections_fts MATCH ?", word))


# Judge: what may be written to


def test_nothing_and_a_file_without_bytes_count_as_none(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for name in ("nothing", "empty"):
        assert publish.judge(str(tmp_path / name)) == (str(tmp_path / name), False, False)


def test_a_cache_is_known_by_its_header(folder: Path) -> None:
    assert publish.judge(str(folder / LIVE)) == (str(folder / LIVE), True, True)


def test_a_published_file_is_ours_and_not_live(folder: Path) -> None:
    build(folder, LIVE, output=str(folder / "site.db"))
    assert publish.judge(str(folder / "site.db"), for_output=True) == (str(folder / "site.db"), True, False)


def test_a_live_cache_is_no_place_for_an_output_that_is_moved_there(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"live\.db is a live cache"):
        build(folder, LIVE, output=str(folder / LIVE))


@pytest.mark.parametrize("kind", ["text", "database", "pipe", "folder", "link to a device"])
@pytest.mark.parametrize("published", [False, True])
def test_what_is_not_ours_is_refused(folder: Path, tmp_path: Path, kind: str, published: bool) -> None:
    path = tmp_path / "x.db"
    if published:
        (tmp_path / "x.db.lock").write_bytes((folder / (LIVE + ".lock")).read_bytes())
    if kind == "text":
        path.write_text("dear diary " * 50)
    elif kind == "database":
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TABLE mine (x)")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    before = sorted(tmp_path.iterdir())
    if kind == "text" and published:
        # Only its header could tell, and the lock remembers that a cache of ours was here: it is one that was damaged.
        assert publish.judge(str(path)) == (str(path), True, False)
    else:
        with pytest.raises(WorkError, match=r"x\.db is (not a cache of mdcache|no file)"):
            publish.judge(str(path))
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(("name", "told"), [("x.db.lock", "not a lock of mdcache"), ("x.db.build", "in the way")])
def test_what_others_keep_beside_the_path_is_refused(tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / name).write_text("all: test lint\n")
    with pytest.raises(WorkError, match=told):
        publish.judge(str(tmp_path / "x.db"))


def test_a_build_that_a_crash_has_left_is_ours_whatever_it_holds(folder: Path) -> None:
    (folder / (LIVE + ".build")).write_bytes(b"\0" * 5000)
    publish.judge(str(folder / LIVE))
    build(folder, LIVE)
    assert not (folder / (LIVE + ".build")).exists()


MOUNTS = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:26 / /home rw - nfs4 server:/home rw
31 30 0:27 / /home/ann/my\\040disk rw - xfs /dev/sdb rw
32 22 0:28 / /mnt rw shared:1 - ext4 /dev/sdc rw
33 32 0:29 / /mnt rw shared:1 - fuse.sshfs host: rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/x.db", "ext4"),
        ("/home", "nfs4"),
        ("/homestead/x.db", "ext4"),
        ("/home/ann/x.db", "nfs4"),
        ("/home/ann/my disk/x.db", "xfs"),
        ("/mnt/x.db", "fuse.sshfs"),
    ],
)
def test_the_file_system_of_a_path_is_that_of_the_last_and_longest_mount(path: str, kind: str) -> None:
    assert publish.file_system_of(path, MOUNTS) == kind


# Prove: what may be published


def expected(db: Connection) -> publish.Expected:
    documents, sections = (scalar(db, f"SELECT count(*) FROM {table}") for table in ("nodes", "sections"))
    return publish.Expected(documents, sections, scalar(db, "SELECT value FROM meta WHERE key = 'fingerprint'"))


def prove(db: Connection, wanted: publish.Expected) -> None:
    """As a rebuild does: the index by a second connection, which sees what is in the file."""
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    index = publish.IndexProof(scalar(db, "SELECT file FROM pragma_database_list WHERE name = 'main'"))
    with contextlib.closing(index):
        publish.prove(db, "x.build", wanted, index)


def test_a_proof_that_is_given_up_leaves_no_thread(folder: Path) -> None:
    before = threading.active_count()
    publish.IndexProof(str(folder / LIVE)).close()
    assert threading.active_count() == before


def test_where_no_thread_can_be_had_there_is_no_proof(folder: Path, threadless: None) -> None:  # noqa: ARG001
    with pytest.raises(WorkError, match="the proof cannot begin: can't start new thread"):
        publish.IndexProof(str(folder / LIVE))


def test_a_whole_build_is_proven(folder: Path) -> None:
    with opened(folder) as (db, _):
        prove(db, expected(db))


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("INSERT INTO tags VALUES (77, 'x')", "has a row in tags without its nodes"),
        ("DELETE FROM nodes WHERE path = 'b.md'", "has .* documents, sections and indexed sections, not"),
        ("DELETE FROM sections_fts WHERE rowid = 1", "has .* documents, sections and indexed sections, not"),
        ("DELETE FROM sections_fts_data WHERE id > 10", "is not sound"),
        ("UPDATE meta SET value = '' WHERE key = 'fingerprint'", "is not marked"),
        ("PRAGMA application_id = 1", "is not marked"),
    ],
)
def test_a_build_that_is_not_whole_is_not_published(folder: Path, harm: str, told: str) -> None:
    with opened(folder) as (db, _):
        wanted = expected(db)
        db.execute("PRAGMA foreign_keys=" + ("OFF" if "tags" in harm else "ON"))
        db.execute(harm)
        with pytest.raises(WorkError, match=rf"the build x\.build {told}"):
            prove(db, wanted)


# Copy: under readers


def test_a_reader_keeps_its_snapshot_and_sees_the_new_generation_with_its_next_query(folder: Path) -> None:
    with (
        database.closing(database.open_reader(str(folder / LIVE))) as holding,
        database.closing(database.open_reader(str(folder / LIVE))) as reading,
        opened(folder) as (build_, live),
    ):
        holding.execute("BEGIN")
        assert matches(holding, "first") == matches(reading, "first") == 1
        assert publish.copy_into(build_, live, LIVE, 10).busy
        assert (matches(holding, "first"), matches(holding, "second")) == (1, 0)
        assert (matches(reading, "first"), matches(reading, "second")) == (0, 2)
        holding.execute("COMMIT")
        assert (matches(holding, "first"), matches(holding, "second")) == (0, 2)
        assert publish.checkpoint(live) == (False, 0, 0)


def test_a_target_that_another_program_keeps_locked_is_given_up(folder: Path) -> None:
    with database.closing(database.open_live(str(folder / LIVE))) as other, opened(folder) as (build_, live):
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(WorkError, match=r"live\.db is locked by another program: .*--wait"):
            publish.copy_into(build_, live, "live.db", 0.3)
        assert 0.3 < time.monotonic() - began < 30
        other.execute("COMMIT")
        assert matches(other, "first") == 1


def test_ctrl_c_ends_the_wait_for_a_locked_target(folder: Path) -> None:
    with database.closing(database.open_live(str(folder / LIVE))) as other, opened(folder) as (build_, live):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(KeyboardInterrupt), stops.until_too_late() as too_late:
            too_late()
            os.kill(os.getpid(), signal.SIGINT)
            publish.copy_into(build_, live, LIVE, 60)


def test_ctrl_c_that_comes_too_late_is_none(folder: Path) -> None:
    with opened(folder) as (build_, live), stops.until_too_late() as too_late:
        too_late()
        os.kill(os.getpid(), signal.SIGINT)
        publish.copy_into(build_, live, LIVE, 60)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_copy_that_fails_leaves_the_live_cache_as_it_was_and_gives_its_space_back(folder: Path) -> None:
    build(folder, OTHER)
    with opened(folder) as (build_, live):
        build_.execute("CREATE TABLE large AS SELECT randomblob(4000000) AS bytes")
        live.execute("PRAGMA max_page_count=200")
        with pytest.raises(SqliteError) as caught:
            publish.copy_into(build_, live, LIVE, 10)
        assert database.name_of(caught.value) == "SQLITE_FULL"
        assert os.path.getsize(folder / (LIVE + "-wal")) == 0
        assert (matches(live, "first"), matches(live, "second")) == (1, 0)
        assert live.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_checkpoint_beside_a_held_snapshot_does_not_wait(folder: Path) -> None:
    with (
        database.closing(database.open_reader(str(folder / LIVE))) as holding,
        database.closing(database.open_live(str(folder / LIVE))) as live,
    ):
        holding.execute("BEGIN")
        assert matches(holding, "first") == 1
        live.execute("INSERT INTO meta VALUES ('x', 'y')")
        began = time.monotonic()
        busy, log, checkpointed = publish.checkpoint(live)
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
    db = database.open_build(path)
    db.execute("CREATE TABLE t (x)")
    publish.to_wal(db, path)
    assert publish.parse_header(Path(path).read_bytes()[:100]) == (True, True, True, True)
    assert [file.name for file in folder.glob("x.build*")] == ["x.build"]


def test_a_build_with_side_files_is_not_published(folder: Path) -> None:
    path = str(folder / "x.build")
    db = database.open_build(path)
    (folder / "x.build-journal").touch()
    with pytest.raises(WorkError, match="did not become a WAL database"):
        publish.to_wal(db, path)


# The folder


def test_our_own_folder_keeps_itself_out_of_git(tmp_path: Path) -> None:
    ignore = tmp_path / "docs" / ".mdcache" / ".gitignore"
    publish.make_folder(str(ignore.parent / "cache.db"))
    assert ignore.read_text() == "*\n"
    ignore.write_text("")
    publish.make_folder(str(ignore.parent / "cache.db"))
    assert ignore.read_text() == "*\n"
    ignore.write_text("# mine\n")
    publish.make_folder(str(ignore.parent / "cache.db"))
    assert ignore.read_text() == "# mine\n"


def test_a_folder_of_others_gets_no_gitignore(tmp_path: Path) -> None:
    publish.make_folder(str(tmp_path / "x" / "cache.db"))
    assert list((tmp_path / "x").iterdir()) == []


@pytest.mark.parametrize("target", ["../docs/empty.md", "../nothing.md"])
def test_a_gitignore_that_is_a_link_leads_nowhere(vault: Vault, tmp_path: Path, target: str) -> None:
    folder = vault({"docs/empty.md": "", ".mdcache/": ""}, tmp_path)
    (folder / ".mdcache" / ".gitignore").symlink_to(target)
    publish.make_folder(str(folder / ".mdcache" / "cache.db"))
    assert (folder / "docs" / "empty.md").read_bytes() == b""
    assert not (folder / "nothing.md").exists()


def test_a_gitignore_that_is_a_fifo_holds_nobody_up(vault: Vault) -> None:
    folder = vault({".mdcache/": ""}) / ".mdcache"
    os.mkfifo(folder / ".gitignore")
    publish.make_folder(str(folder / "cache.db"))


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WorkError, match=r"cannot write to .*file/x: Not a directory"):
        publish.make_folder(str(tmp_path / "file" / "x" / "cache.db"))


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
    with database.closing(database.open_reader(path)) as db:
        print("ready", flush=True)
        while look(db) < LAST:
            pass


def opens_anew(path: str) -> None:
    print("ready", flush=True)
    generation = 0
    while generation < LAST:
        with database.closing(database.open_reader(path)) as db:
            generation = look(db)


def holds_snapshots(path: str) -> None:
    with (
        database.closing(database.open_reader(path)) as holding,
        database.closing(database.open_reader(path)) as reading,
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


def test_readers_see_one_generation_at_a_time_through_fifty_rebuilds(vault: Vault) -> None:
    folder = vault({})
    write_documents(folder, 1)
    build(folder, LIVE)

    def begin(task: Callable[[str], None]) -> subprocess.Popen[str]:
        script = f"import sys, test_publish; test_publish.{task.__name__}(sys.argv[1])"
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
