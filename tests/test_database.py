from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from mdcache.errors import Damaged, MdcacheError, UsageError, WorkError
from mdcache.store import database
from mdcache.store.database import Connection, SqliteError, scalar


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A WAL database of 300 rows."""
    path = str(tmp_path / "x.db")
    db = database.open_build(path)
    db.execute("CREATE TABLE t (x)")
    db.executemany("INSERT INTO t VALUES (?)", [(f"{number} " * 200,) for number in range(300)])
    db.close()
    database.open_live(path).close()
    return path


def pragmas(db: Connection, *names: str) -> dict[str, object]:
    return {name: scalar(db, f"PRAGMA {name}") for name in names}


def test_a_build_has_no_journal_and_belongs_to_one(tmp_path: Path) -> None:
    with database.closing(database.open_build(str(tmp_path / "x.db.build"))) as db:
        assert pragmas(db, "journal_mode", "synchronous", "locking_mode", "page_size", "trusted_schema") == {
            "journal_mode": "off",
            "synchronous": 0,
            "locking_mode": "exclusive",
            "page_size": 8192,
            "trusted_schema": 0,
        }
        assert pragmas(db, "application_id", "user_version") == {"application_id": 0x6D646361, "user_version": 1}


def test_the_live_cache_is_written_to_in_wal_mode(path: str) -> None:
    with database.closing(database.open_live(path, 0.25)) as db:
        assert pragmas(db, "journal_mode", "synchronous", "foreign_keys", "busy_timeout", "trusted_schema") == {
            "journal_mode": "wal",
            "synchronous": 1,
            "foreign_keys": 1,
            "busy_timeout": 250,
            "trusted_schema": 0,
        }


def test_a_reader_waits_for_others_and_writes_nothing(path: str) -> None:
    with database.closing(database.open_reader(path)) as db:
        assert pragmas(db, "busy_timeout", "query_only", "mmap_size", "trusted_schema", "temp_store") == {
            "busy_timeout": 5000,
            "query_only": 1,
            "mmap_size": 0,
            "trusted_schema": 0,
            "temp_store": 2,
        }
        with pytest.raises(SqliteError, match="readonly"):
            db.execute("DELETE FROM t")


@pytest.mark.parametrize("open_", [database.open_reader, database.open_live])
def test_opening_makes_no_file(tmp_path: Path, open_: Callable[[str], Connection]) -> None:
    with pytest.raises(SqliteError, match="unable to open"):
        open_(str(tmp_path / "none.db"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("open_", [database.open_reader, database.open_live])
def test_a_file_that_cannot_be_read_is_seen_when_it_is_opened(path: str, open_: Callable[[str], Connection]) -> None:
    os.truncate(path, 8192)
    with open(path, "r+b") as file:
        file.seek(100)
        file.write(random.Random(1).randbytes(4000))
    with pytest.raises(SqliteError) as caught:
        open_(path)
    assert database.is_damage(caught.value)


def test_odd_names_of_files_are_taken_as_they_are(tmp_path: Path) -> None:
    for name in ("a?mode=memory.db", "a#b%41.db", "ä ö.db", ":memory:", os.fsdecode(b"caf\xe9.db")):
        database.open_build(str(tmp_path / name)).close()
        with database.closing(database.open_reader(str(tmp_path / name))) as db:
            assert scalar(db, "PRAGMA application_id") == database.APPLICATION_ID


def test_an_old_sqlite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "NEEDED", (99, 0))
    with pytest.raises(WorkError, match=r"SQLite .* of .* is too old, mdcache needs 99.0: pip install pysqlite3"):
        database.open_memory()


# In words


def said(path: str, cause: Callable[[], object]) -> MdcacheError:
    with pytest.raises(MdcacheError) as caught, database.speaking(path):
        cause()
    assert "\n" not in str(caught.value)
    assert path in str(caught.value)
    return caught.value


def test_a_full_disk_in_words(path: str) -> None:
    with database.closing(database.open_live(path)) as db:
        db.execute("PRAGMA max_page_count=1")
        error = said(path, lambda: db.execute("INSERT INTO t SELECT zeroblob(100000) FROM t"))
    assert str(error) == f"no space left for {path}: a rebuild needs about three times the cache on that disk"


def test_a_full_disk_in_words_when_the_driver_only_gives_the_text(path: str, tmp_path: Path) -> None:
    with (
        database.closing(database.open_live(path)) as db,
        database.closing(database.open_build(str(tmp_path / "small.db"))) as small,
    ):
        small.execute("PRAGMA max_page_count=2")
        assert str(said(path, lambda: db.backup(small))).startswith("no space left")


def test_a_locked_database_in_words(path: str) -> None:
    with database.closing(database.open_live(path)) as holder, database.closing(database.open_live(path, 0)) as db:
        holder.execute("BEGIN IMMEDIATE")
        assert "is locked by another program" in str(said(path, lambda: db.execute("DELETE FROM t")))


def test_a_damaged_database_in_words(path: str) -> None:
    with open(path, "r+b") as file:
        file.seek(8192)
        file.write(random.Random(1).randbytes(100_000))
    with database.closing(database.open_reader(path)) as db:
        error = said(path, lambda: db.execute("SELECT * FROM t").fetchall())
    assert isinstance(error, Damaged)
    assert "is damaged" in str(error)
    assert str(error).endswith(": run mdcache rebuild")


def test_what_is_no_database_in_words(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("dear diary " * 100)
    assert isinstance(said(str(tmp_path / "x.db"), lambda: database.open_reader(str(tmp_path / "x.db"))), Damaged)


def test_a_database_that_may_not_be_written_in_words(path: str) -> None:
    with database.closing(database.open_reader(path)) as db:
        assert "cannot be written to" in str(said(path, lambda: db.execute("DELETE FROM t")))


def test_a_database_that_is_not_there_in_words(path: str) -> None:
    error = said(path + "x", lambda: database.open_reader(path + "x"))
    assert "cannot be opened" in str(error)
    assert "rebuild --output" in str(error)


def test_bad_sql_in_words(path: str) -> None:
    with database.closing(database.open_reader(path)) as db, pytest.raises(SqliteError) as caught:
        db.execute("SELECT missing FROM t")
    assert database.is_about_sql(caught.value)
    assert str(database.in_words(caught.value, path)) == f"{path}: no such column: missing"
    error = database.user_error(caught.value, "the rule 'x'")
    assert isinstance(error, UsageError)
    assert str(error) == "the rule 'x': no such column: missing"


# The authorizer


@pytest.fixture
def guarded(path: str) -> Connection:
    db = database.open_live(path)
    db.execute("CREATE INDEX i ON t (x)")
    database.set_authorizer(db, database.reading_only)
    return db


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*), upper(max(x)) FROM t",
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT sum(i) FROM n",
        "PRAGMA table_info(t)",
        "SELECT * FROM pragma_table_list",
        "EXPLAIN QUERY PLAN SELECT * FROM t",
    ],
)
def test_what_only_reads_is_allowed(guarded: Connection, sql: str) -> None:
    with database.closing(guarded):
        assert guarded.execute(sql).fetchall()


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM t",
        "INSERT INTO t VALUES (1)",
        "UPDATE t SET x = 1",
        "CREATE TABLE n (x)",
        "CREATE TEMP TABLE n (x)",
        "CREATE TEMP VIEW v AS SELECT 1",
        "DROP TABLE t",
        "ALTER TABLE t RENAME TO u",
        "ATTACH ':memory:' AS m",
        "DETACH main",
        "PRAGMA query_only=OFF",
        "PRAGMA journal_mode=DELETE",
        "PRAGMA user_version=7",
        "PRAGMA writable_schema=ON",
        "PRAGMA wal_checkpoint",
        "SELECT load_extension('x')",
        "BEGIN",
        "SAVEPOINT s",
        "VACUUM",
        "VACUUM INTO '/tmp/x'",
        "REINDEX",
        "ANALYZE",
    ],
)
def test_what_does_more_than_read_is_not(guarded: Connection, sql: str) -> None:
    with database.closing(guarded), pytest.raises(SqliteError) as caught:
        guarded.execute(sql)
    assert database.refused(caught.value) or "not authorized" in str(caught.value)


def test_without_an_authorizer_all_is_allowed_again(guarded: Connection) -> None:
    with database.closing(guarded):
        database.set_authorizer(guarded, None)
        guarded.execute("DELETE FROM t")
