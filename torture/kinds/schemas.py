"""Schema files and rules of a clone: SQL that never ends, that is never enough, that keeps answers away."""

from __future__ import annotations

import json
from functools import partial

from torture.kinds import CHECKS, FINDS, ODD, REFUSES, WRITES, Kind, put
from torture.stranger import Place

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
_DOUBLING = "CREATE VIEW v0 AS SELECT 1 AS x;" + "".join(
    f"CREATE VIEW v{n} AS SELECT a.x FROM v{n - 1} AS a, v{n - 1} AS b;" for n in range(1, 30)
)
_ON = "CREATE TRIGGER t {} BEGIN {}; END;"
# What lies in schema.sql.
_SCHEMAS = {
    "an endless view": f"CREATE VIEW v AS {ENDLESS} SELECT x FROM c;",
    "a table of an endless query": f"CREATE TABLE t AS {ENDLESS} SELECT x FROM c;",
    "rows of an endless query": f"CREATE TABLE t (x); INSERT INTO t {ENDLESS} SELECT x FROM c;",
    "an endless count": f"CREATE TABLE t (x); INSERT INTO t SELECT count(*) FROM ({ENDLESS} SELECT x FROM c);",
    "an endless trigger": "CREATE TABLE t (x);" + _ON.format("AFTER INSERT ON nodes", f"INSERT INTO t {ENDLESS} SELECT x FROM c"),
    "an endless trigger of links": "CREATE TABLE t (x);" + _ON.format("AFTER INSERT ON links", f"INSERT INTO t SELECT count(*) FROM ({ENDLESS} SELECT x FROM c)"),
    "an endless condition": "CREATE TABLE t (x);" + _ON.format(f"AFTER INSERT ON nodes WHEN (SELECT count(*) FROM ({ENDLESS} SELECT x FROM c))", "INSERT INTO t VALUES (1)"),
    "a trigger that calls itself": "CREATE TABLE t (x); CREATE TRIGGER a AFTER INSERT ON t BEGIN INSERT INTO t VALUES (1), (2); END;" + _ON.format("AFTER INSERT ON nodes", "INSERT INTO t VALUES (1)"),
    "views that double": _DOUBLING + "CREATE TABLE t (x); INSERT INTO t SELECT count(*) FROM v29;",
    "views that double, and nobody reads": _DOUBLING,
    "a gigabyte of zeros": "CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(1000000000));",
    "a gigabyte of letters": "CREATE TABLE t (x); INSERT INTO t VALUES (hex(randomblob(400000000)));",
    "printed spaces": "CREATE TABLE t (x); INSERT INTO t VALUES (printf('%900000000d', 1));",
    "a default of zeros": "CREATE TABLE t (a, x DEFAULT (zeroblob(900000000)));" + _ON.format("AFTER INSERT ON nodes", "INSERT INTO t (a) VALUES (1)"),
    "a gigabyte in a trigger": "CREATE TABLE t (x);" + _ON.format("AFTER INSERT ON nodes", "INSERT INTO t VALUES (hex(zeroblob(450000000)))"),
    "a generated column": "CREATE TABLE t (a, x AS (hex(zeroblob(450000000))) STORED);" + _ON.format("AFTER INSERT ON nodes", "INSERT INTO t VALUES (1)"),
    "an index of zeros": "CREATE TABLE t (a); CREATE INDEX i ON t (hex(zeroblob(a)));" + _ON.format("AFTER INSERT ON nodes", "INSERT INTO t VALUES (450000000)"),
    "an index on ours": "CREATE INDEX i ON nodes (hex(zeroblob(450000000)));",
    "a pattern that never matches": "CREATE TABLE t (x); INSERT INTO t SELECT hex(zeroblob(50000)) LIKE '" + "%0" * 20_000 + "1';",
    "a glob that never matches": "CREATE TABLE t (x); INSERT INTO t SELECT hex(zeroblob(40000)) GLOB '" + "*0" * 20_000 + "1';",
    "replacements": "CREATE TABLE t (x); INSERT INTO t SELECT " + "replace(" * 8 + "'0'" + ", '0', '0000000000')" * 8 + ";",
    "a product": "CREATE TABLE t (x); INSERT INTO t SELECT count(*) FROM " + ", ".join(f"sqlite_master AS m{n}" for n in range(30)) + ";",
    "20,000 tables": "".join(f"CREATE TABLE t{n} (x);" for n in range(20_000)),
    "10,000 triggers": "CREATE TABLE t (x);" + "".join(f"CREATE TRIGGER t{n} AFTER INSERT ON nodes BEGIN INSERT INTO t VALUES ({n}); END;" for n in range(10_000)),
    "10,000 views": "".join(f"CREATE VIEW v{n} AS SELECT * FROM nodes;" for n in range(10_000)),
    "5,000 indexes": "CREATE TABLE t (x);" + "".join(f"CREATE INDEX i{n} ON t (x);" for n in range(5_000)),
    "a deep expression": "CREATE VIEW v AS SELECT " + "(" * 300_000 + "1" + ")" * 300_000 + ";",
    "a long expression": "CREATE VIEW v AS SELECT 1" + "+1" * 400_000 + ";",
    "a long union": "CREATE VIEW v AS SELECT 1" + " UNION SELECT 1" * 60_000 + ";",
    "a long list of values": "CREATE TABLE t (x); INSERT INTO t VALUES (1)" + ",(1)" * 240_000 + ";",
    "a long text": "CREATE VIEW v AS SELECT '" + "x" * 990_000 + "';",
    "an open text": "CREATE VIEW v AS SELECT '" + "x;" * 490_000,
    "open comments": "/*" * 500_000,
    "lines of comments": "--\n" * 330_000,
    "semicolons": ";" * 1_000_000,
    "open triggers": "CREATE TRIGGER t AFTER INSERT ON nodes BEGIN " + "SELECT 1; " * 99_000,
    "many statements that are whole": "SELECT 1;" * 110_000,
    "RAISE(IGNORE) on problems": _ON.format("BEFORE INSERT ON all_problems", "SELECT RAISE(IGNORE)"),
    "RAISE(IGNORE) on links": _ON.format("BEFORE INSERT ON links", "SELECT RAISE(IGNORE)"),
    "RAISE(IGNORE) on nodes": _ON.format("BEFORE INSERT ON nodes", "SELECT RAISE(IGNORE)"),
    "RAISE(IGNORE) on files": _ON.format("BEFORE INSERT ON files", "SELECT RAISE(IGNORE)"),
    "RAISE(IGNORE) on sections": _ON.format("BEFORE INSERT ON sections", "SELECT RAISE(IGNORE)"),
    "RAISE(IGNORE) on updates": _ON.format("BEFORE UPDATE ON links", "SELECT RAISE(IGNORE)"),
    "RAISE(IGNORE) on deletes": _ON.format("BEFORE DELETE ON nodes", "SELECT RAISE(IGNORE)"),
    "RAISE(IGNORE) on the feed": _ON.format("BEFORE INSERT ON history", "SELECT RAISE(IGNORE)"),
    "RAISE(IGNORE) on meta": _ON.format("BEFORE INSERT ON meta", "SELECT RAISE(IGNORE)"),
    "RAISE(FAIL) on problems": _ON.format("BEFORE INSERT ON all_problems", "SELECT RAISE(FAIL, char(27) || '[2J' || char(10) || '::stop-commands::x')"),
    "RAISE(ROLLBACK) on nodes": _ON.format("AFTER INSERT ON nodes", "SELECT RAISE(ROLLBACK, 'no')"),
    "RAISE(IGNORE) in a table of its own": "CREATE TABLE t (x); CREATE TRIGGER u BEFORE INSERT ON t BEGIN SELECT RAISE(IGNORE); END;" + _ON.format("BEFORE INSERT ON all_problems", "INSERT INTO t VALUES (1)"),
    "ON CONFLICT IGNORE": "CREATE TABLE t (x UNIQUE ON CONFLICT ROLLBACK);" + _ON.format("AFTER INSERT ON links", "INSERT INTO t VALUES (1)"),
    "a unique index on ours": "CREATE UNIQUE INDEX i ON all_problems (code);",
    "a unique index on links": "CREATE UNIQUE INDEX i ON links (scope);",
    "an index that raises": "CREATE INDEX i ON nodes (json(title));",
    "a trigger that deletes": _ON.format("AFTER INSERT ON nodes", "DELETE FROM all_problems"),
    "a trigger that writes": _ON.format("AFTER INSERT ON all_problems", "UPDATE all_problems SET code = 'odd-name'"),
    "a trigger on the view": _ON.format("INSTEAD OF INSERT ON problems", "SELECT 1"),
    "a trigger on the way in": _ON.format("INSTEAD OF INSERT ON section_texts", "SELECT RAISE(IGNORE)"),
    "a temporary trigger": "CREATE TEMP TRIGGER t BEFORE INSERT ON all_problems BEGIN SELECT RAISE(IGNORE); END;",
    "a temporary table of our name": "CREATE TEMP TABLE all_problems (x);",
    "a view of our name": "CREATE VIEW IF NOT EXISTS PROBLEMS AS SELECT 1 WHERE 0;",
    "a table of our name": "CREATE TABLE IF NOT EXISTS Nodes (x);",
    "dropping ours": "DROP VIEW problems; CREATE VIEW problems AS SELECT 1 AS path WHERE 0;",
    "altering ours": "ALTER TABLE all_problems RENAME TO x;",
    "attaching": "ATTACH '../outside/x.db' AS x; CREATE TABLE x.t (y);",
    "vacuuming into": "VACUUM INTO '../outside/x.db';",
    "pragmas": "PRAGMA writable_schema = 1; PRAGMA temp_store_directory = '../outside'; PRAGMA journal_mode = OFF;",
    "reading a file": "CREATE TABLE t (x); INSERT INTO t SELECT readfile('../outside/secret.md');",
    "writing a file": "SELECT writefile('../outside/x', 'x');",
    "loading an extension": "SELECT load_extension('./plant');",
    "a table of files": "CREATE VIRTUAL TABLE t USING fsdir; CREATE VIRTUAL TABLE u USING csv(filename='../outside/secret.md');",
    "a tokenizer of a pointer": "SELECT fts3_tokenizer('x', x'4141414141414141'); CREATE VIRTUAL TABLE t USING fts3(x, tokenize=x);",
    "an index of everything": "CREATE VIRTUAL TABLE t USING fts5(x, prefix='1 2 3 4 5 6 7 8 9', tokenize='trigram');" + _ON.format("AFTER INSERT ON nodes", "INSERT INTO t VALUES (hex(zeroblob(40000000)))"),
    "a space of many dimensions": "CREATE VIRTUAL TABLE t USING rtree(id, a, b, c, d, e, f, g, h, i, j);" + _ON.format("AFTER INSERT ON nodes", "INSERT INTO t VALUES (1, 9e99, -9e99, 1, 1, 1, 1, 1, 1, 1, 1)"),
    "pages of the database": "CREATE VIRTUAL TABLE t USING dbstat; CREATE VIRTUAL TABLE u USING sqlite_dbpage;",
    "names of control characters": 'CREATE TABLE "\x1b[2J\n::stop-commands::x" (y); SELECT broken FROM "\x1b[2J\n::stop-commands::x";',
    "a broken statement that commands": "SELEKT\n::stop-commands::x \x1b]0;owned\x07;",
    "NULs": "CREATE TABLE t\0 (x);",
    "broken bytes": "CREATE TABLE t (\udcff);",
}  # fmt: skip


def _schema(text: str, place: Place) -> None:
    place.documents()
    place.planted()
    place.write("mdcache.toml", 'schema = ["schema.sql"]\n')
    place.write("schema.sql", text)


def _schema_is(what: str, place: Place) -> None:
    _schema("", place)
    put(place, "schema.sql", what)


_RULES = {
    "an endless one": f"{ENDLESS} SELECT 'a.md' AS path, x AS message FROM c",
    "an endless count": f"SELECT 'a.md' AS path, count(*) AS message FROM ({ENDLESS} SELECT x FROM c)",
    "endless and silent": f"{ENDLESS} SELECT 'a.md' AS path, x AS message FROM c WHERE x < 0",
    "endless and sorted": f"{ENDLESS} SELECT 'a.md' AS path, hex(randomblob(1000)) AS message FROM c ORDER BY 2",
    "a gigabyte": "SELECT 'a.md' AS path, hex(zeroblob(450000000)) AS message",
    "a gigabyte at a time": "SELECT 'a.md' AS path, length(hex(zeroblob(450000000 + key))) AS message FROM nodes",
    "printed spaces": "SELECT 'a.md' AS path, printf('%900000000d', 1) AS message",
    "10,000 long lines": "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 10000) SELECT 'a.md' AS path, hex(zeroblob(40000)) AS message FROM c",
    "a long path": "SELECT hex(zeroblob(40000000)) AS path, 'x' AS message",
    "a slow pattern": "SELECT 'a.md' AS path, hex(zeroblob(50000)) LIKE '" + "%0" * 20_000 + "1' AS message",
    "one function that never returns": "SELECT 'a.md' AS path, instr(hex(zeroblob(400000000)), hex(zeroblob(200000000)) || '1') AS message",
    "a product": "SELECT 'a.md' AS path, count(*) AS message FROM " + ", ".join(f"sqlite_master AS m{n}" for n in range(30)),
    "a deep expression": "SELECT 'a.md' AS path, " + "(" * 300_000 + "1" + ")" * 300_000 + " AS message",
    "a long union": "SELECT 'a.md' AS path, 1 AS message" + " UNION ALL SELECT 'a.md', 1" * 30_000,
    "deep JSON": "SELECT 'a.md' AS path, json_extract(printf('%.*c', 5000000, '['), '$') AS message",
    "a path outside": "SELECT '../outside/secret.md' AS path, 'x' AS message, 1 AS line",
    "an absolute path": "SELECT '/etc/passwd' AS path, 'x' AS message, 1 AS line",
    "a path with a NUL": "SELECT 'a' || char(0) || '.md' AS path, 'x' || char(0) AS message",
    "control characters": "SELECT 'a.md' AS path, char(27) || ']0;owned' || char(7) || char(155) || '2J' || char(8238) AS message",
    "commands in messages": "SELECT 'a.md' AS path, char(10) || '::stop-commands::x' || char(13) || '##vso[task.complete]' AS message",
    "commands in paths": "SELECT char(10) || '::stop-commands::x' AS path, 'x' AS message",
    "a path that begins a command": "SELECT '::error file=a.md::b' AS path, 'x' AS message UNION ALL SELECT '##[group]x', 'y'",
    "odd lines": "SELECT 'a.md' AS path, 'x' AS message, -9223372036854775808 AS line, 9e999 AS \"column\"",
    "lines of text": "SELECT 'a.md' AS path, 'x' AS message, 'two' AS line, x'00ff' AS \"column\"",
    "blobs": "SELECT x'00ff' AS path, x'ff1b5b324a' AS message",
    "nothing": "SELECT NULL AS path, NULL AS message",
    "no columns": "SELECT 1",
    "2,000 columns": "SELECT 'a.md' AS path, 'x' AS message" + ", 1" * 1_990,
    "names of columns that command": "SELECT 'a.md' AS path, 1 AS \"\n::stop-commands::x\"",
    "two statements": "SELECT 1; DELETE FROM nodes",
    "a write": "DELETE FROM nodes RETURNING path, 'x' AS message",
    "attaching": "ATTACH '../outside/x.db' AS x",
    "a pragma": "SELECT 'a.md' AS path, name AS message FROM pragma_database_list",
    "a pragma that sets": "PRAGMA journal_mode = DELETE",
    "reading a file": "SELECT 'a.md' AS path, readfile('../outside/secret.md') AS message",
    "loading an extension": "SELECT 'a.md' AS path, load_extension('./plant') AS message",
    "a text from a file": "SELECT 'a.md' AS path, section_text(key) AS message FROM sections",
    "a table of values": "SELECT 'a.md' AS path, value AS message FROM generate_series(1, 1e12)",
    "explaining": "EXPLAIN QUERY PLAN SELECT 'a.md' AS path, 'x' AS message",
    "a broken one that commands": "SELEKT\n::stop-commands::x \x1b[2J",
    "an empty one": "",
}  # fmt: skip


def _ruled(sql: str, place: Place) -> None:
    place.documents()
    place.planted()
    place.committed()
    place.write("mdcache.toml", f"[check.rules]\nmine = {_toml(sql)}\n")


def _toml(text: str) -> str:
    return json.dumps(text).replace("\x7f", "\\u007f")


def _many_rules(sql: str, count: int, place: Place) -> None:
    place.documents()
    place.write("mdcache.toml", "[check.rules]\n" + "".join(f"r{n} = {_toml(sql)}\n" for n in range(count)))


_CHECKS = (*CHECKS, "check --staged", "check --against HEAD~1")
_DECIDES = (
    "RAISE(IGNORE)",
    "a view of our",
    "a table of our",
    "ON CONFLICT",
    "a trigger",
    "a unique",
    "dropping",
    "a temporary",
)

KINDS = (
    *(
        Kind(
            f"a schema with {name}",
            partial(_schema, text),
            (*WRITES, *CHECKS, "verify", "schema", "query 'SELECT * FROM v LIMIT 3'"),
            # Either it is refused, or what is wrong in the documents is found in spite of it.
            statuses=frozenset((0, 1, 2, 3)),
        )
        for name, text in _SCHEMAS.items()
    ),
    *(
        Kind(f"a check under a schema with {name}", partial(_schema, text), CHECKS, statuses=FINDS | REFUSES)
        for name, text in _SCHEMAS.items()
        if name.startswith(_DECIDES)
    ),
    *(
        Kind(f"a sync under a schema with {name}", partial(_schema, text), ("sync", "sync --check", "check", "search changed"))
        for name, text in _SCHEMAS.items()
        if name.startswith(("RAISE(IGNORE) on updates", "RAISE(IGNORE) on deletes", "RAISE(IGNORE) on the feed"))
    ),
    *(Kind(f"a schema file that is a {what}", partial(_schema_is, what), (*WRITES, *CHECKS)) for what in ODD),
    *(Kind(f"a rule of {name}", partial(_ruled, sql), _CHECKS) for name, sql in _RULES.items()),
    Kind("200 endless rules", partial(_many_rules, _RULES["endless and silent"], 200), CHECKS),
    Kind("10,000 rules", partial(_many_rules, "SELECT path, 'x' AS message FROM nodes", 10_000), CHECKS),
    Kind("100 rules of 10,000 rows", partial(_many_rules, _RULES["10,000 long lines"], 100), CHECKS),
)  # fmt: skip
