"""Rules in SQL: their rows are problems, and they may do nothing but read, for a while."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from caches import cache_of
from processes import descendants, is_gone, start

from mdcache.checking import rule, rules
from mdcache.config.policy import Rule
from mdcache.errors import UsageError, WorkError
from mdcache.model import Problem
from mdcache.store import connections
from mdcache.store.connections import Connection


@pytest.fixture
def db() -> Iterator[Connection]:
    with closing(connections.open_draft()) as db:
        db.execute("CREATE TABLE pages (path TEXT, line INTEGER, text TEXT)")
        db.execute("INSERT INTO pages VALUES ('a.md', 3, 'one'), ('b.md', 5, 'two')")
        yield db


def found(db: Connection, sql: str, limit_s: float = rules.TIME_LIMIT_S) -> list[Problem]:
    return rules.run(db, [Rule("a-rule", sql)], limit_s)


def refused(db: Connection, sql: str, limit_s: float = rules.TIME_LIMIT_S) -> str:
    with pytest.raises(UsageError) as caught:
        found(db, sql, limit_s)
    return str(caught.value)


def test_each_row_is_a_problem(db: Connection) -> None:
    assert found(db, "SELECT path, line, 7 AS column, text AS message FROM pages") == [
        Problem("a.md", 3, 7, "a-rule", "error", "one"),
        Problem("b.md", 5, 7, "a-rule", "error", "two"),
    ]


def test_line_and_column_may_be_left_out_or_make_no_sense(db: Connection) -> None:
    assert found(db, "SELECT 'a.md' AS Path, 4.5 AS MESSAGE") == [Problem("a.md", 1, 1, "a-rule", "error", "4.5")]
    for line in ("0", "-1", "NULL", "'three'", "2.5"):
        assert found(db, f"SELECT path, text AS message, {line} AS line FROM pages LIMIT 1")[0].line == 1


def test_rules_run_in_their_order_and_leave_the_connection_as_it_was(db: Connection) -> None:
    asked = [Rule("b", "SELECT 'x' AS path, 1 AS message"), Rule("a", "SELECT 'y' AS path, 2 AS message")]
    assert [one.code for one in rules.run(db, asked)] == ["b", "a"]
    refused(db, "DELETE FROM pages")
    db.execute("INSERT INTO pages VALUES ('c.md', 1, 'three')")


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELEC 1", 'does not run: near "SELEC": syntax error'),
        ("SELECT path, 1 AS message FROM nothere", "does not run: no such table: nothere"),
        ("SELECT path, json(text) AS message FROM pages", "does not run: malformed JSON"),
        ("SELECT 1; SELECT 2", "does not run: You can only execute one statement at a time"),
        ("SELECT ? AS path, 1 AS message", "does not run: Incorrect number of bindings"),
        ("SELECT 'a' AS path, char(0xd800) AS message", "does not run: Could not decode to UTF-8"),
        ("SELECT path FROM pages", "its rows have no column message"),
        ("SELECT 1", "its rows have no column message and no column path"),
        ("", "its rows have no column message and no column path"),
        ("EXPLAIN SELECT 1", "its rows have no column message and no column path"),
        ("SELECT NULL AS path, 1 AS message", "a row has no path or no message"),
        ("SELECT '' AS path, 1 AS message", "a row has no path or no message"),
        ("SELECT 'a' AS path, NULL AS message", "a row has no path or no message"),
        ("SELECT x'00' AS path, 1 AS message", "a row has no path or no message"),
        ("SELECT 'a' AS path, x'00' AS message", "a row has no path or no message"),
    ],
)
def test_a_rule_that_does_not_run_is_told_with_its_name(db: Connection, sql: str, said: str) -> None:
    assert refused(db, sql).startswith(f"rule 'a-rule'{'' if said.startswith('does') else ':'} {said}")


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM pages",
        "INSERT INTO pages VALUES ('x', 1, 'x') RETURNING path, text AS message",
        "UPDATE pages SET line = 1",
        "CREATE TEMP TABLE t (a)",
        "DROP TABLE pages",
        "ATTACH 'other.db' AS other",
        "VACUUM",
        "VACUUM INTO 'other.db'",
        "BEGIN",
        "PRAGMA writable_schema = 1",
        "PRAGMA query_only = 0",
        "PRAGMA database_list",
        "SELECT file AS path, name AS message FROM pragma_database_list",
        "SELECT load_extension('x') AS path, 1 AS message",
        "SELECT 'a' AS path, fts3_tokenizer('simple') AS message",
    ],
)
def test_a_rule_may_only_read(db: Connection, sql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = refused(db, sql)
    assert "it may only read" in said or "not authorized" in said
    assert not list(tmp_path.iterdir())
    assert db.execute("SELECT count(*) FROM pages").fetchone() == (2,)


@pytest.mark.parametrize("function", ["readfile('/etc/hostname')", "writefile('a', 'b')", "edit('a')"])
def test_no_function_reaches_a_file(db: Connection, function: str) -> None:
    assert "no such function" in refused(db, f"SELECT 'a' AS path, {function} AS message")


ENDLESS = "WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) SELECT 'a' AS path, x AS message FROM t"


def test_a_rule_that_never_ends_is_ended(db: Connection) -> None:
    began = time.monotonic()
    assert refused(db, f"{ENDLESS} WHERE x < 0", 0.2) == "rule 'a-rule': it ran longer than 0.2 seconds"
    assert time.monotonic() - began < 10
    assert found(db, "SELECT 'a' AS path, 1 AS message", 5)


def test_rules_have_a_time_together(db: Connection) -> None:
    slow = f"SELECT 'a' AS path, max(message) AS message FROM ({ENDLESS} LIMIT 300000)"
    asked = [Rule(f"r{number}", slow) for number in range(50)]
    with pytest.raises(UsageError, match=r"rule 'r\d+': those before it ran longer than 0\.2 seconds"):
        rules.run(db, asked, limit_of_all_s=0.2)


def test_rules_may_find_so_much_together(db: Connection) -> None:
    many = f"{ENDLESS} LIMIT {rule.ROWS_LIMIT}"
    with pytest.raises(UsageError, match="the rules find more than 20000 problems together"):
        rules.run(db, [Rule(f"r{number}", many) for number in range(50)])


UNINTERRUPTIBLE = "SELECT 'a' AS path, instr(zeroblob(8000000), zeroblob(4000000) || x'01') AS message"


def test_a_rule_that_nothing_interrupts_is_killed(db: Connection) -> None:
    assert refused(db, UNINTERRUPTIBLE, 0.2) == "rule 'a-rule': it ran longer than 0.2 seconds"
    assert found(db, "SELECT 'a' AS path, 1 AS message")


SCRIPT = """
from mdcache.checking import rule, rules
from mdcache.config.policy import Rule
from mdcache.store import connections
print(flush=True)
rules.run(connections.open_draft(), [Rule("a-rule", input())], 60)
"""


def has_deleted(pid: int) -> bool:
    """Whether a process has a file open that has no name any more."""
    with contextlib.suppress(OSError):
        return any(os.readlink(link).endswith(" (deleted)") for link in Path(f"/proc/{pid}/fd").iterdir())
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT"])
def test_a_rule_ends_with_the_process_that_asks(name: str, tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with start((sys.executable, "-c", SCRIPT), tmp_path, stdin=subprocess.PIPE, env=environment) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdout.readline()
        process.stdin.write(UNINTERRUPTIBLE + "\n")
        process.stdin.flush()
        while not any(map(has_deleted, found := descendants(process.pid))):
            pass  # until it has the draft, and runs
        process.send_signal(signal.Signals[name])
        process.communicate(timeout=30)
    assert all(is_gone(pid) for pid in found)
    assert list(tmp_path.iterdir()) == []


def test_the_live_cache_is_judged_as_it_lies_there(vault: Callable[..., Path]) -> None:
    folder = vault({"a.md": "# A\n"})
    with cache_of(folder) as cache:
        assert found(cache.db, "SELECT path, title AS message FROM nodes")[0][:6] == (
            "a.md",
            1,
            1,
            "a-rule",
            "error",
            "A",
        )


def test_a_draft_that_cannot_be_copied_is_one_clear_error(db: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with pytest.raises(WorkError, match="cannot make a temporary file: No such file or directory"):
        found(db, "SELECT 'a' AS path, 1 AS message")


def test_a_rule_that_finds_no_end_of_problems_is_wrong(db: Connection) -> None:
    assert len(found(db, f"{ENDLESS} LIMIT {rule.ROWS_LIMIT}")) == rule.ROWS_LIMIT
    assert refused(db, ENDLESS) == "rule 'a-rule': it finds more than 10000 problems"


@pytest.mark.parametrize(
    "value",
    ["zeroblob(2e9)", "zeroblob(999999999)", "printf('%900000000d', 1)", "replace(hex(zeroblob(5e7)), '0', 'xxxxxxx')"],
)
def test_huge_values_end_a_rule_and_not_the_process(db: Connection, value: str) -> None:
    said = refused(db, f"SELECT 'a' AS path, {value} AS message")
    assert "string or blob too big" in said or "needs more than 384 MB" in said
    assert found(db, "SELECT 'a' AS path, 1 AS message")


def test_of_long_messages_the_beginning_is_kept(db: Connection) -> None:
    (problem,) = found(db, "SELECT printf('%5000d', 1) AS path, printf('%-5000d', 1) AS message")
    assert (len(problem.path), len(problem.message)) == (1000, 1000)
