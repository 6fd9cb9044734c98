from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from caches import rows_at

from mdcache.store import authorizer, connections, failures
from mdcache.store.connections import Connection, SqliteError


@pytest.fixture
def guarded(tmp_path: Path) -> Connection:
    db = connections.open_live(rows_at(str(tmp_path / "x.db")))
    db.execute("CREATE INDEX i ON t (x)")
    db.set_authorizer(authorizer.reading_only)
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
    with closing(guarded):
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
    with closing(guarded), pytest.raises(SqliteError) as caught:
        guarded.execute(sql)
    assert failures.refused(caught.value) or "not authorized" in str(caught.value)


def test_guests_read_in_transactions_beside_other_databases(guarded: Connection) -> None:
    guarded.set_authorizer(authorizer.reading_as_guest)
    with closing(guarded):
        for sql in ("BEGIN", "SAVEPOINT s", "SELECT count(*) FROM t", "RELEASE s", "COMMIT", "PRAGMA journal_mode"):
            guarded.execute(sql).fetchall()
        for sql in ("PRAGMA application_id", "PRAGMA database_list", "ATTACH ':memory:' AS m", "DETACH m"):
            guarded.execute(sql).fetchall()


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM t",
        "CREATE TABLE n (x)",
        "CREATE TEMP TABLE n (x)",
        "DROP TABLE t",
        "PRAGMA journal_mode=DELETE",
        "PRAGMA application_id=7",
        "PRAGMA recursive_triggers=ON",
        "PRAGMA wal_checkpoint",
        "PRAGMA optimize",
        "SELECT load_extension('x')",
        "VACUUM",
        "REINDEX",
        "ANALYZE",
    ],
)
def test_guests_do_no_more_than_read(guarded: Connection, sql: str) -> None:
    guarded.set_authorizer(authorizer.reading_as_guest)
    with closing(guarded), pytest.raises(SqliteError) as caught:
        guarded.execute(sql).fetchall()
    assert "not authorized" in str(caught.value)


def test_without_an_authorizer_all_is_allowed_again(guarded: Connection) -> None:
    with closing(guarded):
        guarded.set_authorizer(None)
        guarded.execute("DELETE FROM t")
