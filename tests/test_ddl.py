from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from caches import cache_of, settings_of
from hypothesis import given
from hypothesis import strategies as st

from mdcache.errors import UsageError
from mdcache.store import connections, ddl
from mdcache.store.cache import opened
from mdcache.store.ddl import Schema, Script, apply_tables, schema, statements

Vault = Callable[..., Path]

FILES = {"a.md": "---\nstatus: open\n---\n# A\n\n[[b]]\n", "b.md": "# B\n"}


def with_schema(vault: Vault, sql: str) -> Path:
    return vault({**FILES, "mdcache.toml": 'schema = ["own.sql"]\n', "own.sql": sql})


def rows(folder: Path, sql: str) -> list[tuple[object, ...]]:
    """Rebuild, then ask."""
    with cache_of(folder) as cache:
        return cache.db.execute(sql).fetchall()


def apply(*scripts: str) -> None:
    """Apply schema files to a fresh cache in memory."""
    user = tuple(Script(f"{number}.sql", text) for number, text in enumerate(scripts, 1))
    with closing(connections.open_memory()) as db:
        apply_tables(db, schema(user))


# Scripts


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        (" ;; ; -- nothing;\n /* nothing; */", 0),
        ("SELECT 1", 1),
        ("SELECT 1; SELECT ';'; SELECT 3", 3),
        ("CREATE TRIGGER t AFTER INSERT ON n BEGIN SELECT 1; SELECT 2; END; SELECT 3;", 2),
        ("-- a comment; with a mark\nSELECT 1;", 1),
        ("SELECT 1; -- after it\n", 1),
        ("SELECT 'open", 1),
        ("SELECT 1 /* open", 1),
    ],
)
def test_a_script_is_taken_apart_as_sqlite_reads_it(text: str, count: int) -> None:
    assert len(statements(text)) == count


SCRAPS = st.sampled_from(
    ["SELECT 1", ";", "'", '"', "--", "/*", "*/", "\n", " ", "BEGIN", "END", "CREATE TRIGGER t", "é"]
)


@given(st.lists(SCRAPS).map("".join))
def test_taking_apart_loses_nothing_but_blanks_and_comments(text: str) -> None:
    rest = text
    for statement in statements(text):
        before, found, rest = rest.partition(statement)
        assert found
        assert statements(before) == []
    assert statements(rest) == []


def as_sqlite_does(text: str) -> list[str]:
    """The statements of a script, cut where SQLite says that one is complete."""
    found, start = [], 0
    for index, char in enumerate(text):
        if char == ";" and sqlite3.complete_statement(text[start : index + 1]):
            found.append(text[start : index + 1])
            start = index + 1
    return [*found, text[start:]]


WORDS = st.sampled_from(
    [
        *(
            "create",
            "Temp",
            "TEMPORARY",
            "trigger",
            "explain",
            "query",
            "end",
            "ends",
            "x",
            "$end",
            "end1",
            "é",
            "end\u0301",
        ),
        *(";", ";", ";", " ", "\n", "\v", "\ufeff", "--", "-", "/*", "*/", "/", "'", '"', "`", "[", "]", "(", "."),
        *("create trigger ", "; end;", ";end ;", "; end x;", "explain create ", "create temp trigger "),
    ]
)


@given(st.lists(WORDS, max_size=40).flatmap(lambda words: st.sampled_from([" ".join(words), "".join(words)])))
def test_statements_end_where_sqlite_says(text: str) -> None:
    ours = [0, *ddl._ends(text), len(text)]
    assert [text[start:end] for start, end in pairwise(ours)] == as_sqlite_does(text)


@pytest.mark.parametrize(
    "text",
    [
        "CREATE VIEW v AS SELECT '" + "x;" * 490_000,
        'SELECT "' + ";" * 990_000,
        "SELECT [" + ";" * 990_000,
        "--\n" * 330_000,
        "-- ;\n" * 200_000,
        "/**/" * 250_000,
        "/*;*/" * 200_000,
        "/*" * 500_000,
        "/* ;" * 250_000,
        "CREATE TRIGGER t AFTER INSERT ON nodes BEGIN " + "SELECT 1; " * 99_000,
        "CREATE TRIGGER t AFTER INSERT ON nodes BEGIN " + "END " * 240_000,
        "EXPLAIN " * 120_000,
        " " * 1_000_000,
        "--" * 500_000,
        ";" * 1_000_000,
        "SELECT 1;" * 110_000,
        "'" * 999_999,
    ],
)
def test_a_script_of_a_megabyte_is_taken_apart_at_once(text: str) -> None:
    began = time.thread_time()
    statements(text)
    assert time.thread_time() - began < 3


def test_a_long_reason_is_shown_shortened() -> None:
    with pytest.raises(UsageError, match=r"unrecognized token: .*\.\.\.$") as raised:
        apply("CREATE VIEW v AS SELECT '" + "x;" * 490_000)
    assert len(str(raised.value)) < 400


def test_a_nul_in_a_schema_file_is_refused(vault: Vault) -> None:
    folder = with_schema(vault, "CREATE TABLE t\0 (x);")
    with pytest.raises(UsageError, match=r"the schema file own\.sql has a NUL$"):
        settings_of(folder)


def test_a_schema_file_is_a_megabyte_long_at_most(vault: Vault) -> None:
    settings_of(with_schema(vault, " " * 1_000_000))
    with pytest.raises(UsageError, match=r"own\.sql"):
        settings_of(with_schema(vault, " " * 1_000_001))


def test_the_builtin_scripts_are_read_in_the_order_of_their_numbers() -> None:
    names = [script.name for script in ddl.builtin()]
    assert names == sorted(names)
    assert names[0].startswith("10-")


# What the user may declare


def test_a_view_over_front_matter_is_there_after_the_next_rebuild(vault: Vault) -> None:
    folder = with_schema(vault, "CREATE VIEW open AS SELECT id FROM nodes WHERE meta ->> 'status' = 'open';")
    assert rows(folder, "SELECT id FROM open") == [("a",)]
    (folder / "own.sql").write_text("CREATE VIEW shut AS SELECT id FROM nodes WHERE meta ->> 'status' IS NULL;")
    assert rows(folder, "SELECT id FROM shut") == [("b",)]
    assert rows(folder, "SELECT name FROM sqlite_schema WHERE name = 'open'") == []


def test_a_trigger_may_write_to_a_table_of_its_own(vault: Vault) -> None:
    sql = """
        CREATE TRIGGER note AFTER INSERT ON links BEGIN INSERT INTO notes VALUES (new.target); END;
        CREATE TABLE notes (target TEXT);
        CREATE INDEX notes_by_target ON notes (target);
    """
    assert rows(with_schema(vault, sql), "SELECT target FROM notes") == [("b",)]


def test_a_full_text_index_of_ones_own_can_be_fed(vault: Vault) -> None:
    sql = """
        CREATE VIRTUAL TABLE titles USING fts5 (title);
        CREATE TRIGGER feed AFTER INSERT ON nodes BEGIN INSERT INTO titles VALUES (new.title); END;
    """
    assert rows(with_schema(vault, sql), "SELECT title FROM titles WHERE titles MATCH 'b'") == [("B",)]


def test_tables_may_be_filled_and_indexed_and_builtin_ones_indexed() -> None:
    apply(
        "CREATE TABLE levels (name TEXT); INSERT INTO levels VALUES ('low'), ('high'); UPDATE levels SET name = 'x';",
        "CREATE TABLE more AS SELECT * FROM levels; CREATE INDEX nodes_by_title ON nodes (title); REINDEX;",
    )


# What it may not


@pytest.mark.parametrize(
    "sql",
    [
        "ATTACH 'x.db' AS x;",
        "DETACH main;",
        "INSERT INTO nodes (id, path, title, hash, size) VALUES ('x', 'x', 'x', 'x', 1);",
        "UPDATE meta SET value = 'x';",
        "DELETE FROM sections_fts_data;",
        "DELETE FROM sqlite_sequence;",
        "INSERT INTO sections_fts (sections_fts, rank) VALUES ('rank', 'bm25(1)');",
        "INSERT INTO section_texts (key) VALUES (1);",
        "PRAGMA user_version = 77;",
        "PRAGMA application_id = 1;",
        "PRAGMA writable_schema = ON;",
        "PRAGMA journal_mode = WAL;",
        "DROP TABLE nodes;",
        "DROP VIEW edges;",
        "DROP TRIGGER sections_delete;",
        "CREATE TABLE x (a); DROP TABLE x;",
        "ALTER TABLE nodes ADD COLUMN x;",
        "CREATE TEMP TABLE x (a);",
        "CREATE TEMP TRIGGER x AFTER INSERT ON nodes BEGIN SELECT 1; END;",
        "CREATE VIRTUAL TABLE x USING dbstat;",
        "CREATE VIRTUAL TABLE x USING csv (filename = '/etc/passwd');",
        "BEGIN;",
        "COMMIT;",
        "SAVEPOINT x;",
        "VACUUM;",
        "VACUUM INTO 'x.db';",
        "ANALYZE;",
        "CREATE TRIGGER t AFTER INSERT ON links BEGIN UPDATE nodes SET title = 'mine'; END;",
        "CREATE TRIGGER t AFTER INSERT ON links BEGIN DELETE FROM tags; END;",
        "CREATE TRIGGER t BEFORE DELETE ON nodes BEGIN INSERT INTO history VALUES (1, '', '', '', '', '', ''); END;",
        "CREATE TABLE x (a); CREATE TRIGGER t AFTER INSERT ON x BEGIN DELETE FROM nodes; END;",
        "CREATE TRIGGER t AFTER INSERT ON nodes BEGIN INSERT INTO section_texts (key) VALUES (1); END;",
        # Named like one of ours, it would pass for ours when it fires.
        "CREATE TRIGGER section_texts AFTER INSERT ON nodes BEGIN UPDATE nodes SET title = 'mine'; END;",
        "CREATE TRIGGER Edges AFTER INSERT ON nodes BEGIN UPDATE nodes SET title = 'mine'; END;",
        "CREATE VIEW history_cap AS SELECT 1;",
        "CREATE TABLE nodes (x);",
    ],
)
def test_ddl_that_reaches_for_what_is_not_the_users_is_refused(sql: str) -> None:
    with pytest.raises(UsageError, match=r"1\.sql: .*: not allowed in a schema file"):
        apply(sql)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("CREATE TABLE", "1.sql: CREATE TABLE: incomplete input"),
        ("-- mine\nCREATE VIEW v AS\n  SELECT 1,;", '1.sql: CREATE VIEW v AS SELECT 1,;: near ";": syntax error'),
        ("SELECT load_extension('x');", "not authorized to use function: load_extension"),
        # A WITH that is named like one of ours passes for ours.
        (
            "CREATE TRIGGER t AFTER INSERT ON nodes BEGIN"
            " WITH edges AS (SELECT load_extension('x') AS a) SELECT a FROM edges; END;",
            "not authorized to use function: load_extension",
        ),
        ("CREATE TABLE t (a DEFAULT (load_extension('x'))); INSERT INTO t DEFAULT VALUES;", "unsafe use of"),
        ("CREATE VIEW v AS SELECT * FROM pragma_database_list;", "unsafe use of virtual table"),
        ("UPDATE sqlite_schema SET sql = '';", "table sqlite_master may not be modified"),
        ("CREATE TABLE t (a CHECK (a > 0)); INSERT INTO t VALUES (0);", "CHECK constraint failed: a > 0"),
        (
            "CREATE VIEW v AS SELECT titel FROM nodes;",
            "CREATE VIEW v AS SELECT titel FROM nodes;: no such column: titel",
        ),
        ("CREATE VIEW v AS SELECT * FROM w;", "no such table: main.w"),
        ("CREATE VIEW v AS SELECT section_text(key) FROM sections;", "no such function: section_text"),
        ("CREATE TRIGGER t AFTER INSERT ON nodes BEGIN INSERT INTO gone VALUES (1); END;", "no such table: main.gone"),
        ("CREATE TRIGGER t AFTER UPDATE ON nodes BEGIN SELECT new.titel; END;", "no such column: new.titel"),
    ],
)
def test_ddl_that_does_not_apply_is_refused_with_file_statement_and_sqlites_words(sql: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        apply(sql)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("table", sorted(ddl.builtin_names().tables - {"sections_fts", "sqlite_sequence"}))
def test_no_trigger_keeps_rows_out_of_a_builtin_table(table: str) -> None:
    views = ("edges", "problems", "section_texts", "unresolved_links")
    when = "INSTEAD OF" if table in views else "BEFORE"
    for action in ("INSERT", "UPDATE", "DELETE"):
        trigger = f"CREATE TRIGGER quiet {when} {action} ON {table} BEGIN SELECT RAISE(IGNORE); END;"
        with pytest.raises(UsageError) as raised:
            apply(trigger)
        assert str(raised.value).startswith(f"1.sql: CREATE TRIGGER quiet {when} {action} ON ")
        assert "RAISE(IGNORE) would keep rows out of the built-in tables" in str(raised.value)


@pytest.mark.parametrize(
    "trigger",
    [
        "CREATE TRIGGER t AFTER DELETE ON sections BEGIN SELECT RAISE(IGNORE); END;",
        'CREATE TRIGGER t BEFORE INSERT ON "ALL_Problems" BEGIN SELECT RAISE(IGNORE); END;',
        "CREATE TRIGGER t BEFORE INSERT ON main.[links] BEGIN SELECT raise /* x */ ( -- y\n ignore ); END;",
        "CREATE TRIGGER t BEFORE INSERT ON present BEGIN SELECT '/*', Raise(\ufeffIgnore), '*/'; END;",
        "CREATE TRIGGER t BEFORE INSERT ON nodes WHEN new.title = '--' BEGIN SELECT RAISE\f(IGNORE); END;",
        "CREATE TRIGGER t BEFORE INSERT ON nodes BEGIN SELECT CASE WHEN '''' THEN RAISE(IGNORE) END; END;",
        "CREATE TRIGGER t BEFORE INSERT ON sections_fts_data BEGIN SELECT RAISE(IGNORE); END;",
        "CREATE TRIGGER t BEFORE INSERT ON files WHEN new.path <> '/*' BEGIN SELECT RAISE(IGNORE); END; -- */",
        "CREATE TRIGGER IF NOT EXISTS t BEFORE UPDATE OF target_node ON links BEGIN SELECT RAISE(IGNORE); END;",
        "CREATE TABLE a (x); CREATE TRIGGER t AFTER INSERT ON nodes BEGIN"
        " INSERT INTO a SELECT 1 WHERE EXISTS (SELECT RAISE(IGNORE)); END;",
    ],
)
def test_no_spelling_hides_what_keeps_rows_out(trigger: str) -> None:
    with pytest.raises(UsageError, match=r"1\.sql: CREATE TRIGGER .*RAISE\(IGNORE\) would keep rows out"):
        apply(trigger)


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE a (x); CREATE TRIGGER t BEFORE INSERT ON a WHEN new.x < 0 BEGIN SELECT RAISE(IGNORE); END;",
        "CREATE TRIGGER t AFTER INSERT ON nodes WHEN new.title = 'raise(ignore)' BEGIN SELECT 1; END;",
        "CREATE TRIGGER t AFTER INSERT ON nodes BEGIN SELECT 1 /* RAISE(IGNORE) */; END; -- RAISE(IGNORE)",
        "CREATE TRIGGER t BEFORE INSERT ON nodes WHEN new.title = 'x' BEGIN SELECT RAISE(ABORT, 'ignore'); END;",
    ],
)
def test_triggers_that_keep_no_rows_out_are_as_welcome_as_before(script: str) -> None:
    apply(script)


def test_the_statement_that_is_wrong_is_named_not_its_neighbour() -> None:
    good = "CREATE TABLE notes (t); CREATE TRIGGER good AFTER INSERT ON nodes BEGIN INSERT INTO notes VALUES (1); END;"
    bad = "CREATE TRIGGER bad AFTER INSERT ON nodes BEGIN INSERT INTO nots VALUES (1); END;"
    with pytest.raises(UsageError, match=r"^2\.sql: CREATE TRIGGER bad "):
        apply(good, bad)
    with pytest.raises(UsageError, match=r"^1\.sql: CREATE TRIGGER bad "):
        apply(bad, good)


def test_what_refers_to_a_later_table_is_no_error() -> None:
    apply("CREATE VIEW both AS SELECT * FROM one;", "CREATE VIEW one AS SELECT * FROM notes; CREATE TABLE notes (t);")


def test_a_long_statement_is_shown_shortened() -> None:
    with pytest.raises(UsageError, match=r"1\.sql: SELECT 1, 1.{60,70}\.\.\.: near"):
        apply("SELECT 1" + ", 1" * 100 + ",;")


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("DROP TABLE nodes;", UsageError),
        ("CREATE TRIGGER t AFTER INSERT ON nodes BEGIN SELECT RAISE(ABORT, 'no thanks'); END;", UsageError),
        ("CREATE UNIQUE INDEX one ON nodes (title IS NULL);", UsageError),
        ("CREATE TRIGGER t BEFORE INSERT ON sections BEGIN SELECT RAISE(IGNORE); END;", UsageError),
        ("CREATE TRIGGER t AFTER INSERT ON meta WHEN new.value = '1' BEGIN SELECT RAISE(FAIL, 'no'); END;", UsageError),
    ],
)
def test_live_stays_as_it_is_when_the_schema_is_refused(vault: Vault, sql: str, kind: type[Exception]) -> None:
    folder = with_schema(vault, "CREATE VIEW good AS SELECT id FROM nodes;")
    with cache_of(folder):
        pass
    (folder / "own.sql").write_text(sql)
    with pytest.raises(kind), cache_of(folder):
        pass
    asked = settings_of(folder)
    with opened(asked.database, asked.base) as cache:
        assert cache.db.execute("SELECT count(*) FROM good").fetchone() == (2,)
    assert [file.name for file in (folder / ".mdcache").iterdir() if ".build" in file.name] == []


# What differs from the live cache


def test_the_difference_is_a_diff_from_live_to_what_is_in_force(vault: Vault) -> None:
    folder = with_schema(vault, "CREATE VIEW v AS SELECT 1;")
    with cache_of(folder) as cache:
        assert ddl.difference(cache.db, settings_of(folder).schema) == []
        (folder / "own.sql").write_text("CREATE VIEW v AS SELECT 2;")
        lines = ddl.difference(cache.db, settings_of(folder).schema)
    assert lines[:2] == ["--- live", "+++ in force"]
    assert [line for line in lines[2:] if line[0] in "+-"] == [
        "-CREATE VIEW v AS SELECT 1",
        "+CREATE VIEW v AS SELECT 2",
    ]


# The fingerprint


def test_the_fingerprint_is_of_what_decides_rows_and_of_nothing_else() -> None:
    one, other = Script("a.sql", "CREATE VIEW v AS SELECT 1;"), Script("a.sql", "CREATE VIEW v AS SELECT 2;")
    prints = [
        ddl.fingerprint(schema(), []),
        ddl.fingerprint(schema((one,)), []),
        ddl.fingerprint(schema((other,)), []),
        ddl.fingerprint(schema((one, other)), []),
        ddl.fingerprint(schema((other, one)), []),
        ddl.fingerprint(schema(), [["docs"]]),
        ddl.fingerprint(Schema(ddl.builtin()[:-1], ()), []),
    ]
    assert len(set(prints)) == len(prints)
    assert all(len(one) == 64 for one in prints)
    moved = one._replace(name="elsewhere/a.sql")
    assert ddl.fingerprint(schema((moved,)), []) == ddl.fingerprint(schema((one,)), [])
