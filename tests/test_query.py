from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from caches import cache_of, settings_of
from odd import ODD, put

from mdcache.cli.query import statement_of
from mdcache.errors import Damaged, UsageError, WorkError
from mdcache.read import query
from mdcache.store import connections, failures
from mdcache.store.cache import Cache, opened

Vault = Callable[..., Path]


@pytest.fixture
def folder(vault: Vault) -> Path:
    return vault({"a.md": "# A\n\nOne.\n", "b.md": "---\nn: 7\n---\n[[a]]\n"})


@pytest.fixture
def cache(folder: Path) -> Iterator[Cache]:
    with cache_of(folder) as cache:
        yield cache


def run(cache: Cache, sql: str, *attach: Path) -> list[tuple[Any, ...]]:
    return list(query.run(cache, sql, (), tuple(map(str, attach))).rows)


def test_rows_come_with_the_names_of_their_columns(cache: Cache) -> None:
    answer = query.run(cache, "SELECT id, path FROM nodes ORDER BY id")
    assert answer.columns == ("id", "path")
    assert list(answer.rows) == [("a", "a.md"), ("b", "b.md")]


def test_columns_of_one_name_are_told_apart(cache: Cache) -> None:
    assert query.run(cache, "SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS a").columns == ("a", "a_2", "a_2_2", "a_3")


def test_a_statement_that_says_nothing_has_no_columns(cache: Cache) -> None:
    for nothing in ("", " ", "-- nothing", ";"):
        assert query.run(cache, nothing).columns == ()


def test_texts_are_read_from_the_files(cache: Cache, folder: Path) -> None:
    assert run(cache, "SELECT section_text(key) FROM sections WHERE heading = 'A'") == [("# A\n\nOne.\n",)]
    assert run(cache, "SELECT document_text(key) FROM nodes WHERE id = 'b'") == [("---\nn: 7\n---\n[[a]]\n",)]
    (folder / "b.md").write_text("changed")
    assert run(cache, "SELECT document_text(key) FROM nodes WHERE id = 'b'") == [(None,)]


def test_full_text_search_and_json_are_at_hand(cache: Cache) -> None:
    assert run(cache, "SELECT count(*) FROM sections_fts WHERE sections_fts MATCH 'one'") == [(1,)]
    assert run(cache, "SELECT meta ->> 'n' FROM nodes WHERE id = 'b'") == [(7,)]


WRITES = [
    "INSERT INTO tags VALUES (1, 'x', 'x')",
    "UPDATE nodes SET title = ''",
    "DELETE FROM nodes",
    "REPLACE INTO meta VALUES ('a', 'b')",
    "WITH x AS (SELECT 1) INSERT INTO tags SELECT 1, 'x', 'x'",
    "CREATE TABLE x (a)",
    "CREATE TEMP TABLE x (a)",
    "CREATE TEMP VIEW x AS SELECT 1",
    "DROP TABLE nodes",
    "ALTER TABLE nodes ADD COLUMN x",
    "ATTACH 'x.db' AS x",
    "DETACH main",
    "BEGIN",
    "SAVEPOINT x",
    "VACUUM",
    "VACUUM INTO 'x.db'",
    "REINDEX",
    "ANALYZE",
    "PRAGMA query_only = OFF",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA writable_schema = ON",
    "PRAGMA user_version = 7",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "SELECT * FROM pragma_journal_mode",
    "INSERT INTO sections_fts (sections_fts) VALUES ('rebuild')",
    "EXPLAIN DELETE FROM nodes",
]


@pytest.mark.parametrize("sql", WRITES)
def test_a_query_may_only_read(cache: Cache, folder: Path, sql: str) -> None:
    before = (folder / ".mdcache/cache.db").read_bytes()
    with pytest.raises(UsageError, match="it may only read"):
        run(cache, sql)
    assert (folder / ".mdcache/cache.db").read_bytes() == before
    assert not (folder / "x.db").exists()


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT load_extension('x')", "not authorized to use function: load_extension"),
        ("SELECT readfile('/etc/passwd')", "no such function: readfile"),
        ("SELECT 1; SELECT 2", "one statement at a time"),
        ("SELEKT 1", 'near "SELEKT": syntax error'),
        ("SELECT nothere FROM nodes", "no such column: nothere"),
        ("SELECT section_text()", "wrong number of arguments"),
        ("SELECT '\0'", "null character"),
        ("SELECT '\udcff'", "surrogates not allowed"),
    ],
)
def test_what_does_not_run_is_refused_with_sqlites_words(cache: Cache, sql: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"cannot run the query: .*{said}"):
        run(cache, sql)


def test_what_fails_on_the_way_is_the_users_error_too(cache: Cache) -> None:
    answer = query.run(cache, "SELECT json_extract(value, '$') FROM (SELECT '1' AS value UNION ALL SELECT '{')")
    with pytest.raises(UsageError, match="malformed JSON"):
        list(answer.rows)


def test_an_endless_query_can_be_interrupted(cache: Cache) -> None:
    endless = "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
    before = signal.signal(signal.SIGVTALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.1)
    try:
        with pytest.raises(KeyboardInterrupt), failures.speaking(cache.path):
            run(cache, endless)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def test_a_damaged_cache_is_not_the_users_error(folder: Path) -> None:
    with cache_of(folder) as cache:
        page = cache.db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'tags_by_tag'").fetchone()[0]
    with open(folder / ".mdcache/cache.db", "r+b") as file:
        file.seek((page - 1) * 8192)
        file.write(b"\xff" * 8192)
    asked = settings_of(folder)
    with pytest.raises(Damaged, match="run mdcache rebuild"), opened(asked.database, asked.base) as cache:
        run(cache, "SELECT count(*) FROM tags INDEXED BY tags_by_tag WHERE folded > ''")


@pytest.mark.parametrize(
    ("file", "name"), [("stars.db", "stars"), ("my-notes.v2.db", "my_notes"), ("main.db", "attached")]
)
def test_another_database_is_joined_under_its_files_name(cache: Cache, tmp_path: Path, file: str, name: str) -> None:
    (hash_,) = cache.db.execute("SELECT hash FROM nodes WHERE id = 'a'").fetchone()
    other = sqlite3.connect(tmp_path / file)
    other.execute("CREATE TABLE marks (hash TEXT, mark INTEGER)")
    with other:
        other.execute("INSERT INTO marks VALUES (?, 5)", (hash_,))
    other.close()
    sql = f"SELECT id, mark FROM nodes JOIN {name}.marks USING (hash)"
    assert run(cache, sql, tmp_path / file) == [("a", 5)]


def test_another_database_is_not_written_to(cache: Cache, tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE t (a)").connection.close()
    with pytest.raises(UsageError, match="it may only read"):
        run(cache, "INSERT INTO other.t VALUES (1)", tmp_path / "other.db")


def test_what_is_no_database_is_not_attached(cache: Cache, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such database to attach"):
        run(cache, "SELECT 1", tmp_path / "nothere.db")
    assert not (tmp_path / "nothere.db").exists()
    with pytest.raises(UsageError, match="cannot attach"):
        run(cache, "SELECT 1", folder / "a.md")


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("side", connections.SIDES)
def test_no_database_is_attached_beside_which_lies_what_is_no_plain_file(
    cache: Cache, tmp_path: Path, side: str, kind: str
) -> None:
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE t (a)").connection.close()
    put(kind, tmp_path / f"other.db{side}")
    with pytest.raises(WorkError, match=f"other.db{side} is no plain file"):
        run(cache, "SELECT 1", tmp_path / "other.db")


@pytest.mark.parametrize("kind", [kind for kind in ODD if kind != "link"])
def test_sql_is_read_from_a_plain_file(tmp_path: Path, kind: str) -> None:
    put(kind, tmp_path / "x.sql")
    with pytest.raises(UsageError, match=r"cannot read the SQL from x\.sql: "):
        statement_of("@x.sql", str(tmp_path))


def test_sql_is_read_through_a_link_and_from_what_a_shell_passes(tmp_path: Path) -> None:
    (tmp_path / "real.sql").write_text("SELECT 1")
    (tmp_path / "link.sql").symlink_to("real.sql")
    assert statement_of("@link.sql", str(tmp_path)) == "SELECT 1"
    incoming, outgoing = os.pipe()
    os.write(outgoing, b"SELECT 2")
    os.close(outgoing)
    assert statement_of(f"@/dev/fd/{incoming}", str(tmp_path)) == "SELECT 2"
    os.close(incoming)
