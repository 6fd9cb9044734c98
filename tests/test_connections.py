from __future__ import annotations

import os
import random
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from caches import rows_at
from odd import ODD, put

from mdcache.errors import WorkError
from mdcache.store import connections, failures
from mdcache.store.connections import Connection, SqliteError, scalar


@pytest.fixture
def path(tmp_path: Path) -> str:
    return rows_at(str(tmp_path / "x.db"))


def pragmas(db: Connection, *names: str) -> dict[str, object]:
    return {name: scalar(db, f"PRAGMA {name}") for name in names}


def test_a_build_has_no_journal_and_belongs_to_one(tmp_path: Path) -> None:
    with closing(connections.open_build(str(tmp_path / "x.db.build"))) as db:
        assert pragmas(db, "journal_mode", "synchronous", "locking_mode", "page_size", "trusted_schema") == {
            "journal_mode": "off",
            "synchronous": 0,
            "locking_mode": "exclusive",
            "page_size": 8192,
            "trusted_schema": 0,
        }
        assert pragmas(db, "application_id", "user_version") == {"application_id": 0x6D646361, "user_version": 1}


def test_the_live_cache_is_written_to_in_wal_mode(path: str) -> None:
    with closing(connections.open_live(path, 0.25)) as db:
        assert pragmas(db, "journal_mode", "synchronous", "foreign_keys", "busy_timeout", "trusted_schema") == {
            "journal_mode": "wal",
            "synchronous": 1,
            "foreign_keys": 1,
            "busy_timeout": 250,
            "trusted_schema": 0,
        }


def test_a_reader_waits_for_others_and_writes_nothing(path: str) -> None:
    with closing(connections.open_reader(path)) as db:
        assert pragmas(db, "busy_timeout", "query_only", "mmap_size", "trusted_schema", "temp_store") == {
            "busy_timeout": 5000,
            "query_only": 1,
            "mmap_size": 0,
            "trusted_schema": 0,
            "temp_store": 2,
        }
        with pytest.raises(SqliteError, match="readonly"):
            db.execute("DELETE FROM t")


@pytest.mark.parametrize("open_", [connections.open_reader, connections.open_live])
def test_opening_makes_no_file(tmp_path: Path, open_: Callable[[str], Connection]) -> None:
    with pytest.raises(SqliteError, match="unable to open"):
        open_(str(tmp_path / "none.db"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("open_", [connections.open_reader, connections.open_live])
def test_a_file_that_cannot_be_read_is_seen_when_it_is_opened(path: str, open_: Callable[[str], Connection]) -> None:
    os.truncate(path, 8192)
    with open(path, "r+b") as file:
        file.seek(100)
        file.write(random.Random(1).randbytes(4000))
    with pytest.raises(SqliteError) as caught:
        open_(path)
    assert failures.is_damage(caught.value)


def test_null_is_stored_as_null_whatever_the_type_of_the_column() -> None:
    with closing(connections.open_memory()) as db:
        db.execute("CREATE TABLE t (a TEXT, b INTEGER, c REAL, d BLOB, e ANY) STRICT")
        db.execute("INSERT INTO t VALUES (?, ?, ?, ?, ?)", [connections.NULL] * 5)
        assert db.execute("SELECT * FROM t").fetchall() == [(None,) * 5]


def test_odd_names_of_files_are_taken_as_they_are(tmp_path: Path) -> None:
    for name in ("a?mode=memory.db", "a#b%41.db", "ä ö.db", ":memory:", os.fsdecode(b"caf\xe9.db")):
        connections.open_build(str(tmp_path / name)).close()
        with closing(connections.open_reader(str(tmp_path / name))) as db:
            assert scalar(db, "PRAGMA application_id") == connections.APPLICATION_ID


def test_an_old_sqlite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "NEEDED", (99, 0))
    with pytest.raises(WorkError, match=r"SQLite .* of .* is too old, mdcache needs 99.0: pip install pysqlite3"):
        connections.open_memory()


# What lies beside a database


@pytest.mark.parametrize("side", connections.SIDES)
@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize(
    "opening",
    [
        connections.open_reader,
        lambda path: connections.open_live(path, 0.0),
        lambda path: connections.open_unread(path, 0.0),
    ],
)
def test_sqlite_opens_nothing_but_plain_files_beside_a_database(
    tmp_path: Path, opening: Callable[[str], Connection], kind: str, side: str
) -> None:
    path = rows_at(str(tmp_path / "x.db"))
    put(kind, tmp_path / f"x.db{side}")
    with pytest.raises(WorkError, match=f"x.db{side} is no plain file: remove it, or name another database with --db"):
        opening(path)
    if kind == "link":
        assert (tmp_path / "target").read_text() == "precious"
