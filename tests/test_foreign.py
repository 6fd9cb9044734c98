"""A cache that somebody else made, or changed, cannot hold up who reads it, nor who replaces it."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import time
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import crafted
import pytest
import sqlite_utils
from caches import cache_of, settings_of
from click.testing import CliRunner
from processes import mdcache, one_line

import mdcache as library
from mdcache.cli import main as cli
from mdcache.cli.pluginsearch import command as plugin_search
from mdcache.errors import Damaged, UsageError, WorkError
from mdcache.read import query
from mdcache.store import connections, ddl, foreign
from mdcache.store.cache import opened

pytestmark = pytest.mark.slow

Vault = Callable[..., Path]
Capture = pytest.CaptureFixture[str]

ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
LARGE = "SELECT zeroblob(900000000) AS value"
TABLES = sorted(one.name for one in ddl.builtin_objects() if one.type == "table" and "sqlite" not in one.name)
VIEWS = sorted(one.name for one in ddl.builtin_objects() if one.type == "view")


@pytest.fixture
def folder(vault: Vault) -> Path:
    """Two documents, and the cache of them."""
    made = vault({"a.md": "# A\n\n[[b]] text\n", "b.md": "# B\n"})
    with cache_of(made):
        pass
    return made


@pytest.fixture
def clone(folder: Path, tmp_path: Path) -> Path:
    """A copy of that: its cache was not made where it lies."""
    return Path(shutil.copytree(folder, tmp_path / "clone"))


def change(folder: Path, *statements: str) -> Path:
    """Change the cache of a folder as anyone can."""
    database = folder / ".mdcache/cache.db"
    with closing(connections.open_live(str(database))) as db:
        db.execute("PRAGMA foreign_keys=OFF")
        for statement in ("PRAGMA writable_schema=ON", *"; ".join(statements).split("; ")):
            db.execute(statement)
    return database


def turned_into_a_view(name: str) -> str:
    declared = f"CREATE VIEW {name} AS {ENDLESS} SELECT i AS key, i AS value FROM n"
    if not name.startswith("sections_fts_"):
        return f"DROP {'VIEW' if name in VIEWS else 'TABLE'} {name}; {declared}"
    return (
        f"UPDATE sqlite_schema SET type = 'view', rootpage = 0, tbl_name = name, sql = '{declared}'"
        f" WHERE name = '{name}'"
    )


def refusal(database: Path) -> str:
    began = time.monotonic()
    with pytest.raises(Damaged) as raised, opened(str(database), str(database.parent.parent)):
        pass
    assert time.monotonic() - began < foreign.LIMIT_S
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("name", [*TABLES, *VIEWS])
def test_an_endless_view_in_the_place_of_a_table_or_view_of_ours_is_not_read(folder: Path, name: str) -> None:
    assert f"its {name} is not that of a cache" in refusal(change(folder, turned_into_a_view(name)))


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (("DROP TABLE nodes", "CREATE VIRTUAL TABLE nodes USING fts5 (key, id, path, title, hash)"), "its nodes is"),
        (("DROP TABLE tags", "CREATE TABLE tags (node, tag, folded AS (zeroblob(900000000)))"), "its tags is"),
        (("DROP TABLE tags", "CREATE TABLE tags (node, tag, folded AS (hex(tag)) STORED)"), "its tags is"),
        (("DROP VIEW edges", f"CREATE VIEW edges AS {LARGE}"), "its edges is"),
        (("DROP VIEW Problems", "CREATE VIEW Problems AS SELECT * FROM all_problems"), "its Problems is"),
        (("DROP VIEW edges", "CREATE TABLE edges (source, target, type, weight)"), "its edges is"),
        (
            ("DROP TABLE sections_fts", "CREATE VIRTUAL TABLE sections_fts USING fts5 (title, content=edges)"),
            "sections",
        ),
        (("DROP TABLE sections_fts", "CREATE TABLE sections_fts (title)"), "sections_fts"),
        (("DROP TABLE meta", f"CREATE VIEW meta AS {LARGE}"), "its meta is"),
    ],
)
def test_what_is_declared_otherwise_is_damage(folder: Path, statements: tuple[str, ...], said: str) -> None:
    assert said in refusal(change(folder, *statements))


@pytest.mark.parametrize(
    "statements",
    [
        ("CREATE TABLE own (a); INSERT INTO own VALUES (1)",),
        ("DROP TABLE present", "CREATE TABLE present (node INTEGER, link INTEGER, more TEXT)"),
        ("DROP INDEX tags_by_tag", "CREATE INDEX other ON tags (tag)"),
        ("ANALYZE",),
    ],
)
def test_tables_with_other_columns_and_what_only_writers_meet_can_be_read(
    folder: Path, statements: tuple[str, ...]
) -> None:
    database = change(folder, *statements)
    with opened(str(database), str(folder)) as cache:
        assert cache.db.execute("SELECT count(*) FROM nodes").fetchone() == (2,)


def test_a_published_file_can_be_read(folder: Path, tmp_path: Path) -> None:
    published = tmp_path / "published.db"
    assert mdcache(folder, "rebuild", ".", "--output", str(published)).returncode == 0
    assert "text" in mdcache(folder, "search", "text", "--db", str(published)).stdout


READERS = (
    ("search", "text"),
    ("read", "a"),
    ("links", "a"),
    ("status",),
    ("query", "SELECT count(*) FROM nodes"),
    ("changes",),
    ("schema", "--diff"),
)


@pytest.mark.parametrize("command", READERS)
def test_every_reader_says_so_in_one_line(folder: Path, command: tuple[str, ...]) -> None:
    change(folder, *(turned_into_a_view(name) for name in ("nodes", "links", "problems", "sections", "files")))
    assert "is damaged (its files is not that of a cache): run mdcache rebuild" in one_line(
        mdcache(folder, *command), 3
    )


def test_verify_says_so_and_check_and_rebuild_do_without_it(folder: Path) -> None:
    change(folder, *(turned_into_a_view(name) for name in (*TABLES, *VIEWS) if name != "meta"))
    assert "is not that of a cache" in mdcache(folder, "verify", "--db", ".mdcache/cache.db").stdout
    assert mdcache(folder, "check").returncode == 0
    assert mdcache(folder, "doctor").returncode == 1
    assert mdcache(folder, "sync", ".").returncode == 0
    assert mdcache(folder, "verify").returncode == 0
    change(folder, *(turned_into_a_view(name) for name in (*TABLES, *VIEWS)))
    assert mdcache(folder, "rebuild", ".").returncode == 0
    assert mdcache(folder, "verify").returncode == 0


def test_the_library_reads_none_either(folder: Path) -> None:
    database = change(folder, turned_into_a_view("nodes"))
    with pytest.raises(Damaged, match="its nodes is not that of a cache"):
        library.open(database)


# What reading may cost


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (f"{ENDLESS} SELECT max(i) FROM n", "more than 0.2 seconds"),
        (f"{ENDLESS} SELECT i FROM n ORDER BY i", "more than"),
        (f"{ENDLESS} SELECT group_concat(hex(zeroblob(1000))) FROM n", "more than"),
    ],
)
def test_a_query_of_a_cache_from_elsewhere_ends(clone: Path, sql: str, said: str) -> None:
    path = str(clone / ".mdcache/cache.db")
    began = time.monotonic()
    with pytest.raises(WorkError, match=said) as raised, opened(path, str(clone), limit_s=0.2) as cache:
        list(query.run(cache, sql).rows)
    assert time.monotonic() - began < 4
    assert str(raised.value).startswith(f"{path} was not made here, and reading it takes more than")


def test_a_large_cache_may_be_read_for_longer(clone: Path) -> None:
    path = clone / ".mdcache/cache.db"
    with path.open("ab") as file:
        file.write(b"x" * (33 << 20))
    with pytest.raises(WorkError, match=r"more than 0\.6 seconds"), opened(str(path), str(clone), limit_s=0.2) as cache:
        list(query.run(cache, f"{ENDLESS} SELECT max(i) FROM n").rows)


def test_a_cache_that_is_large_by_its_holes_may_not(clone: Path) -> None:
    path = clone / ".mdcache/cache.db"
    os.truncate(path, 1 << 40)
    with pytest.raises(WorkError, match=r"more than 0\.2 seconds"), opened(str(path), str(clone), limit_s=0.2) as cache:
        list(query.run(cache, f"{ENDLESS} SELECT max(i) FROM n").rows)


def test_rows_that_are_sorted_do_not_fill_the_memory(clone: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    path = str(clone / ".mdcache/cache.db")
    sql = f"{ENDLESS} SELECT i, randomblob(10000) FROM n ORDER BY 2"
    with pytest.raises(WorkError, match="more than"), opened(path, str(clone)) as cache:
        list(query.run(cache, sql).rows)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000


def test_views_of_a_cache_from_elsewhere_are_not_used_and_tables_are(clone: Path) -> None:
    database = change(
        clone, f"CREATE VIEW own AS {LARGE}", "CREATE VIEW more AS SELECT * FROM own", "CREATE TABLE t AS SELECT 7 AS a"
    )
    with opened(str(database), str(clone)) as cache:
        for view in ("own", "more"):
            with pytest.raises(UsageError, match="views that are not mdcache's"):
                list(query.run(cache, f"SELECT * FROM {view}").rows)
        assert list(query.run(cache, "WITH own AS (SELECT a FROM t) SELECT a FROM t").rows) == [(7,)]
        assert list(query.run(cache, "SELECT count(*) FROM problems").rows) == [(0,)]


def test_a_cache_that_was_made_here_is_read_for_as_long_as_it_takes(folder: Path) -> None:
    change(folder, "CREATE VIEW own AS SELECT 7 AS a")
    asked = settings_of(folder)
    with opened(asked.database, asked.base, limit_s=0.0) as cache:
        sql = f"{ENDLESS} SELECT i FROM n LIMIT 1 OFFSET 500000"
        assert list(query.run(cache, sql).rows) == [(500001,)]
        assert list(query.run(cache, "SELECT a FROM own").rows) == [(7,)]


def test_a_single_long_step_is_ended_too(clone: Path) -> None:
    """A page that leads to itself a hundred times at each of ten levels has more rows than anyone can count."""
    database = change(clone, "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)")
    with closing(connections.open_live(str(database))) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 't'").fetchone()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages = db.execute("PRAGMA page_count").fetchone()[0]
    size, levels, fan = connections.PAGE_SIZE, 10, 100
    with open(database, "r+b") as file:
        file.seek((root - 1) * size)
        leaf = file.read(size)
        for level in range(levels):
            number = root if level == 0 else pages + level
            child = pages + level + 1
            file.seek((number - 1) * size)
            file.write(interior(child, fan, size))
        file.seek((pages + levels - 1) * size)
        file.write(leaf)
        file.seek(28)
        file.write((pages + levels).to_bytes(4, "big"))
    began = time.monotonic()
    with pytest.raises(WorkError, match="takes more than 0"), opened(str(database), str(clone), 0.5) as cache:
        list(query.run(cache, "SELECT count(*) FROM t").rows)
    assert time.monotonic() - began < 4


def interior(child: int, fan: int, size: int) -> bytes:
    """An interior page of a table, all of whose children are one page."""
    cells = [child.to_bytes(4, "big") + bytes((1,)) for _ in range(fan)]
    places, content, end = b"", b"", size
    for cell in cells:
        end -= len(cell)
        places += end.to_bytes(2, "big")
        content = cell + content
    head = b"\x05\0\0" + fan.to_bytes(2, "big") + end.to_bytes(2, "big") + b"\0" + child.to_bytes(4, "big")
    return (head + places).ljust(end, b"\0") + content


# Attached caches


def test_an_attached_cache_from_elsewhere_is_read_and_its_views_are_not_used(folder: Path, clone: Path) -> None:
    other = change(clone, f"CREATE VIEW own AS {ENDLESS} SELECT i FROM n").rename(clone / "other.db")
    asked = settings_of(folder)
    with opened(asked.database, asked.base) as cache:
        answer = query.run(cache, "SELECT count(*) FROM nodes JOIN other.nodes AS o USING (hash)", (), (str(other),))
        assert list(answer.rows) == [(2,)]
    with opened(asked.database, asked.base) as cache, pytest.raises(UsageError, match="views that are not mdcache's"):
        query.run(cache, "SELECT * FROM other.own", (), (str(other),))


def test_an_attached_cache_from_elsewhere_bounds_the_query(folder: Path, clone: Path) -> None:
    other = (clone / ".mdcache/cache.db").rename(clone / "other.db")
    asked = settings_of(folder)
    with opened(asked.database, asked.base) as cache, pytest.raises(WorkError, match="more than 4 seconds") as raised:
        query.run(cache, f"{ENDLESS} SELECT max(i) FROM n, other.nodes", (), (str(other),))
    assert str(raised.value).startswith(str(other))


def test_an_attached_cache_with_endless_views_in_the_place_of_tables_is_damaged(folder: Path, clone: Path) -> None:
    other = change(clone, turned_into_a_view("nodes")).rename(clone / "other.db")
    asked = settings_of(folder)
    with (
        opened(asked.database, asked.base) as cache,
        pytest.raises(Damaged, match=r"other\.db is damaged \(its nodes is"),
    ):
        query.run(cache, "SELECT count(*) FROM other.nodes", (), (str(other),))


def test_a_database_of_ones_own_is_attached_with_all_that_it_declares(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.db"
    with closing(sqlite3.connect(own)) as db:
        db.execute("CREATE VIEW v AS SELECT 7 AS a")
    asked = settings_of(folder)
    with opened(asked.database, asked.base) as cache:
        assert list(query.run(cache, "SELECT a FROM own.v", (), (str(own),)).rows) == [(7,)]
    other = vaultless(folder, tmp_path / "second")
    with opened(asked.database, asked.base) as cache:
        assert list(query.run(cache, "SELECT a FROM cache.v", (), (str(other),)).rows) == [(7,)]


def vaultless(folder: Path, copy: Path) -> Path:
    """A second folder whose cache was made where it lies, with a view of the user's."""
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(".mdcache"))
    (copy / "mdcache.toml").write_text('docs = ["."]\nschema = ["own.sql"]\n')
    (copy / "own.sql").write_text("CREATE VIEW v AS SELECT 7 AS a;")
    with cache_of(copy) as cache:
        return Path(cache.path)


# What opening may cost


def by_option(file: Path, main: Path) -> int:
    return cli.run(["-C", str(main), "--db", str(file), "search", "text"])


def by_finding(file: Path, _: Path) -> int:
    return cli.run(["-C", str(file.parent.parent), "search", "text"])


def by_attaching(file: Path, main: Path) -> int:
    shutil.copy(file, file.with_name("other.db"))
    sql = "SELECT count(*) FROM other.nodes"
    return cli.run(["-C", str(main), "query", sql, "--attach", str(file.with_name("other.db"))])


def by_library(file: Path, _: Path) -> int:
    with pytest.raises(Damaged, match="is damaged"):
        library.open(file)
    return 3


def by_plugin(file: Path, _: Path) -> int:
    with sqlite_utils.Database(file):
        pass  # nothing is read yet
    return 3 * CliRunner().invoke(plugin_search, [str(file), "text"]).exit_code


WAYS = (by_option, by_finding, by_attaching, by_library, by_plugin)


@pytest.mark.parametrize(
    ("make", "way"),
    [
        *((crafted.with_an_index_again_and_again, way) for way in WAYS),
        *((make, by_library) for make in crafted.ENDLESS[1:]),
        *((make, by_attaching) for make in crafted.ENDLESS[1:]),
    ],
)
def test_a_cache_that_takes_for_ever_to_open_is_damaged(
    folder: Path, clone: Path, make: Callable[[Path], None], way: Callable[[Path, Path], int], capfd: Capture
) -> None:
    file = clone / ".mdcache/cache.db"
    make(file)
    began = time.process_time()
    assert way(file, folder) == (2 if way is by_attaching else 3)
    assert time.process_time() - began < 3
    assert len(capfd.readouterr().err.splitlines()) == (way not in (by_library, by_plugin))


@pytest.mark.parametrize("make", crafted.ENDLESS[:2])
def test_a_cache_that_takes_for_ever_to_open_is_replaced(clone: Path, make: Callable[[Path], None]) -> None:
    make(clone / ".mdcache/cache.db")
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    assert mdcache(clone, "doctor").returncode == 1
    assert mdcache(clone, "rebuild", ".").returncode == 0
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 8
    assert mdcache(clone, "verify").returncode == 0


def test_facts_that_share_a_long_text_take_no_memory(clone: Path) -> None:
    file = clone / ".mdcache/cache.db"
    crafted.with_facts_that_share_a_long_text(file)
    tracemalloc.start()
    try:
        with opened(str(file), str(clone)) as cache:
            assert cache.roots, "what it says first is believed"
        assert tracemalloc.get_traced_memory()[1] < 50 << 20
    finally:
        tracemalloc.stop()


def test_a_database_of_ones_own_may_declare_much(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.db"
    with closing(sqlite3.connect(own, isolation_level=None)) as db:
        db.execute("BEGIN")
        for number in range(5000):
            db.execute(f"CREATE TABLE t{number} (a, b, c)")
        db.execute("COMMIT")
    asked = settings_of(folder)
    with opened(asked.database, asked.base) as cache:
        assert list(query.run(cache, "SELECT count(*) FROM own.t4999", (), (str(own),)).rows) == [(0,)]
