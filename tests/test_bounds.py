"""What SQL of somebody else's costs has an end, whatever it is in the middle of; what is ordinary goes on."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from caches import cache_of, query, settings_of
from processes import mdcache

from mdcache.build import rebuild
from mdcache.errors import UsageError
from mdcache.store import bounds, connections, ddl
from mdcache.store.bounds import Bound, Exceeded
from mdcache.store.connections import Connection, SqliteError
from mdcache.store.ddl import Script
from mdcache.syncing import sync

Vault = Callable[..., Path]

COUNT = "(WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c)"
LARGE = "hex(zeroblob(450000000))"
# A single step of SQLite that nothing interrupts, for hours.
STEP = "instr(zeroblob(16000000), zeroblob(8000000) || x'01')"
DOUBLING = "CREATE VIEW v0 AS SELECT 1 AS x;" + "".join(
    f"CREATE VIEW v{n} AS SELECT a.x FROM v{n - 1} AS a, v{n - 1} AS b;" for n in range(1, 30)
)
ENDLESS_S = 600.0


def on(event: str, what: str) -> str:
    return f"CREATE TABLE t (x); CREATE TRIGGER fires {event} BEGIN {what}; END;"


@pytest.fixture
def db() -> Iterator[Connection]:
    with closing(connections.open_memory()) as opened:
        yield opened


@contextmanager
def limits_as_before() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    yield
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


# Where it ends


def test_an_endless_statement_ends_in_time(db: Connection) -> None:
    bound, began = Bound(db, "it", 0.2), time.thread_time()
    said = r"^mine: it takes more than 0\.2 seconds$"
    with limits_as_before(), pytest.raises(Exceeded, match=said), bound.running("mine"):
        db.execute(f"SELECT {COUNT}")
    assert time.thread_time() - began < 5


def test_time_is_of_all_that_runs_together(db: Connection) -> None:
    bound = Bound(db, "it", 0.2)
    with pytest.raises(Exceeded, match=r"^it: it takes more than"):
        for _ in range(1_000_000):
            with bound.running():
                db.execute("SELECT 1")
    with pytest.raises(Exceeded), bound.running():
        pass


def test_what_is_not_within_costs_nothing(db: Connection) -> None:
    bound = Bound(db, "it", 0.05)
    with bound.running():
        db.execute("SELECT 1")
    began = time.thread_time()
    while time.thread_time() - began < 0.1:
        db.execute("SELECT 1").fetchall()
    rows = "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 1000000) SELECT count(*) FROM c"
    assert db.execute(rows).fetchone() == (1_000_000,)
    with bound.running():
        assert db.execute("SELECT 1").fetchone() == (1,)


def test_documents_add_to_what_is_allowed(db: Connection) -> None:
    bound = Bound(db, "it", 0.1)
    bound.allow(100, 1_000_000)
    with pytest.raises(Exceeded, match=r"more than 0\.8 seconds"), bound.running():
        db.execute(f"SELECT {COUNT}")


def test_without_a_limit_there_is_no_bound(db: Connection) -> None:
    bound = Bound(db, "it", None)
    bound.allow(1, 1)
    with limits_as_before(), bound.running():
        assert len(db.execute("SELECT zeroblob(300000000)").fetchone()[0]) == 300_000_000
    assert db.execute("PRAGMA max_page_count").fetchone()[0] > 1 << 30


def test_large_values_end_what_makes_them(db: Connection) -> None:
    bound = Bound(db, "it", ENDLESS_S)
    with limits_as_before(), pytest.raises(Exceeded, match="more than 224 MB of memory"), bound.running():
        db.execute(f"SELECT length({LARGE})")


def test_a_database_grows_no_further(tmp_path: Path) -> None:
    db = connections.open_build(str(tmp_path / "x.db"))
    bound = Bound(db, "it", ENDLESS_S)
    with closing(db), pytest.raises(Exceeded, match="more than 128 MB of the cache"), bound.running():
        db.execute("CREATE TABLE t (x DEFAULT (zeroblob(200000000)), y)")
        db.execute("INSERT INTO t (y) VALUES (1)")


def test_other_errors_stay_what_they_are(db: Connection) -> None:
    with limits_as_before(), pytest.raises(SqliteError, match="no such table"), Bound(db, "it", 10).running():
        db.execute("SELECT * FROM none")


# Schema files


@pytest.mark.parametrize(
    "sql",
    [
        f"CREATE TABLE t AS SELECT {COUNT} AS x;",
        f"CREATE TABLE t (x); INSERT INTO t SELECT {COUNT};",
        f"CREATE TABLE t (x); INSERT INTO t VALUES (1); UPDATE t SET x = {COUNT};",
        f"SELECT {COUNT};",
        "CREATE TABLE t (x); INSERT INTO t SELECT 1 FROM "
        + ", ".join(f"sqlite_schema AS s{n}" for n in range(30))
        + ";",
    ],
)
def test_a_schema_file_that_never_ends_is_refused(sql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "DDL_S", 0.2)
    said = r"^own\.sql: [A-Z].*: it takes more than 0\.2 seconds$"
    with closing(connections.open_memory()) as db, pytest.raises(Exceeded, match=said):
        ddl.apply_tables(db, ddl.schema((Script("own.sql", sql),)))


def test_a_table_of_an_endless_query_is_refused_where_schemas_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "DDL_S", 0.2)
    with pytest.raises(Exceeded, match=r"^own\.sql: CREATE TABLE t AS"):
        ddl.expected_objects(ddl.schema((Script("own.sql", f"CREATE TABLE t AS SELECT {COUNT} AS x;"),)))


@pytest.mark.parametrize("value", [LARGE, "printf('%900000000d', 1)", "hex(randomblob(400000000))"])
def test_a_schema_file_with_a_large_value_is_refused(value: str) -> None:
    with closing(connections.open_memory()) as db, pytest.raises(Exceeded, match="MB of memory"):
        ddl.apply_tables(db, ddl.schema((Script("own.sql", f"CREATE TABLE t (x); INSERT INTO t VALUES ({value});"),)))


@pytest.mark.parametrize(
    "statement",
    ["CREATE TABLE t{} (x);", "CREATE VIEW t{} AS SELECT 1;", "SELECT {};", "CREATE INDEX t{} ON nodes (id);"],
)
def test_statements_have_a_number(statement: str) -> None:
    sql = "".join(statement.format(number) for number in range(ddl.STATEMENTS_LIMIT + 1))
    said = r"^2\.sql: the schema files have more than 1,000 statements together$"
    with closing(connections.open_memory()) as db, pytest.raises(UsageError, match=said):
        ddl.apply_tables(db, ddl.schema((Script("1.sql", "SELECT 1;"), Script("2.sql", sql))))


# Triggers and indexes


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (on("AFTER INSERT ON nodes", f"INSERT INTO t SELECT {COUNT}"), "seconds"),
        (on("AFTER INSERT ON links", f"INSERT INTO t SELECT {COUNT}"), "seconds"),
        (on("AFTER UPDATE ON links", f"INSERT INTO t SELECT {COUNT}"), "seconds"),
        (on("BEFORE INSERT ON all_problems", f"INSERT INTO t SELECT {COUNT}"), "seconds"),
        (on("AFTER INSERT ON files", f"INSERT INTO t SELECT {COUNT}"), "seconds"),
        (on("AFTER INSERT ON meta", f"INSERT INTO t SELECT {COUNT}"), "seconds"),
        (on(f"AFTER INSERT ON nodes WHEN {COUNT}", "INSERT INTO t VALUES (1)"), "seconds"),
        (on("AFTER INSERT ON nodes", f"INSERT INTO t VALUES ({LARGE})"), "MB of memory"),
        (f"CREATE INDEX i ON nodes ({LARGE});", "MB of memory"),
        (f"CREATE INDEX i ON nodes (key) WHERE length({LARGE}) > 1;", "MB of memory"),
        (
            f"CREATE TABLE g (a, x AS ({LARGE}) STORED);"
            "CREATE TRIGGER fires AFTER INSERT ON nodes BEGIN INSERT INTO g VALUES (1); END;",
            "MB of memory",
        ),
        (
            "CREATE TABLE z (a, x DEFAULT (zeroblob(900000000)));"
            "CREATE TRIGGER fires AFTER INSERT ON nodes BEGIN INSERT INTO z (a) VALUES (1); END;",
            "MB of the cache",
        ),
    ],
)
def test_triggers_and_indexes_that_take_too_much_are_refused(
    vault: Vault, sql: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "TRIGGERS_S", 0.3)
    folder = vault({"a.md": "# A\n\n[[b]] [x](none.md) [y](mdcache.toml)\n", "b.md": "# B\n"})
    with cache_of(folder):
        pass
    before = Path(settings_of(folder).database).read_bytes()
    (folder / "mdcache.toml").write_text('schema = ["own.sql"]\n')
    (folder / "own.sql").write_text(sql)
    asked = settings_of(folder)
    with limits_as_before(), pytest.raises(Exceeded, match=rf"^triggers or indexes of own\.sql: .* {said}$"):
        rebuild.rebuild(asked, rebuild.Options())
    assert Path(asked.database).read_bytes() == before
    assert not [file.name for file in Path(asked.database).parent.iterdir() if ".build" in file.name]


def test_a_trigger_that_takes_too_long_for_a_change_is_tried_in_a_build(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = on("AFTER UPDATE ON nodes", f"INSERT INTO t SELECT {COUNT}")
    folder = vault({"a.md": "# A\n", "b.md": "# B\n", "mdcache.toml": 'schema = ["own.sql"]\n', "own.sql": sql})
    with cache_of(folder):
        pass
    (folder / "a.md").write_text("# Changed\n")
    monkeypatch.setattr(bounds, "TRIGGERS_S", 0.3)
    told: list[str] = []
    report = sync.sync(settings_of(folder), sync.Options(), explain=told.append)
    assert report.rebuilt
    assert told == ["triggers or indexes of own.sql: it takes more than 0.3 seconds"]
    assert query(settings_of(folder), "SELECT title FROM nodes ORDER BY path") == [("Changed",), ("B",)]


def test_triggers_that_do_a_little_for_each_row_go_on(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "TRIGGERS_S", 0.3)
    sql = on("AFTER INSERT ON links", "INSERT INTO t VALUES (new.target)")
    files = {f"{number}.md": f"# {number}\n\n" + f"[[{number + 1}]]\n" * 20 for number in range(600)}
    folder = vault({**files, "mdcache.toml": 'schema = ["own.sql"]\n', "own.sql": sql})
    with cache_of(folder) as cache:
        assert cache.db.execute("SELECT count(*) FROM t").fetchone() == (12_000,)


# What nothing interrupts


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sql", "blamed"),
    [
        (f"CREATE TABLE t (x); INSERT INTO t SELECT {STEP};", "own.sql: INSERT INTO t"),
        (on("AFTER INSERT ON nodes", f"INSERT INTO t SELECT {STEP}"), "triggers or indexes of own.sql: "),
        (f"CREATE INDEX i ON nodes ({STEP});", "triggers or indexes of own.sql: "),
        (DOUBLING, "own.sql: CREATE VIEW v"),
    ],
)
@pytest.mark.parametrize("command", ["rebuild", "sync", "check"])
def test_a_step_that_nothing_interrupts_ends_the_command(vault: Vault, sql: str, blamed: str, command: str) -> None:
    folder = vault({"a.md": "# A\n", "mdcache.toml": 'docs = ["."]\n'})
    assert mdcache(folder, "rebuild").returncode == 0
    (folder / "mdcache.toml").write_text('docs = ["."]\nschema = ["own.sql"]\n')
    (folder / "own.sql").write_text(sql)
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = mdcache(folder, command)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 2
    assert done.stdout == ""
    said = done.stderr.splitlines()[-1]
    assert said.startswith(f"mdcache: {blamed}")
    assert said.endswith("seconds")
    assert len(done.stderr.splitlines()) == (2 if command == "sync" else 1)  # sync has said why it rebuilds the cache
    assert ended.ru_utime - began.ru_utime < 5
    (folder / "mdcache.toml").write_text('docs = ["."]\n')
    assert mdcache(folder, "search", "A").returncode == 0
    assert mdcache(folder, "sync", "--check").returncode == 0
