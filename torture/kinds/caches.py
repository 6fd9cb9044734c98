"""Caches that came along, made to be believed: their lock names its own inode, as if they had been made here."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import crafted

from torture.kinds import CHECKS, FINDS, IS_ROOT, OF_GIT, READS, REFUSES, Kind
from torture.kinds.schemas import ENDLESS
from torture.stranger import SECRET, SOMEBODY, Place

_EVERY = (*READS, *CHECKS, "sync", "rebuild", "verify", "doctor", "changes", "sync --check", "schema", "watch --stop", "query 'SELECT document_text(key) FROM nodes'", "query 'SELECT section_text(key) FROM sections'", "search words --db .mdcache/cache.db", "query --attach .mdcache/cache.db 'SELECT 1'")  # fmt: skip
_HUGE = "hex(zeroblob(450000000))"
_META = "INSERT OR REPLACE INTO meta VALUES ('{}', {})"


def _view(name: str, query: str) -> tuple[str, ...]:
    """Return statements that put a view in the place of a table."""
    return (
        f"DELETE FROM sqlite_master WHERE name = '{name}' OR tbl_name = '{name}'",
        "PRAGMA writable_schema = RESET",
        f"CREATE VIEW {name} AS {query}",
    )


def _columns(table: str, **other: str) -> str:
    """Return the columns of a table, all 1 but the others."""
    known = {
        "nodes": "key id path title type domain layer date summary hash size meta",
        "sections": "key node ordinal level heading anchor start end line hash",
        "links": "key source section ordinal line column kind type target fragment label scope name target_node rivals",
        "files": "path size mtime_ns ctime_ns inode hash",
        "all_problems": "path line column code severity message link",
        "meta": "key value",
        "tags": "node tag folded",
        "history": "seq at action id path old_hash new_hash old_path",
        "names": "name node alias",
    }[table].split()
    return ", ".join(f'{other.get(column, "x")} AS "{column}"' for column in known)


def _endless(table: str) -> tuple[str, ...]:
    return _view(table, f"{ENDLESS} SELECT {_columns(table)} FROM c")


def _secret(**changes: str) -> tuple[str, ...]:
    """Return statements that lead the document that is read to the user's file."""
    path = changes.get("path", "'outside/secret.md'")
    facts = tuple(_META.format(key, value) for key, value in changes.items() if key not in ("path",))
    return (
        *facts,
        "DELETE FROM nodes WHERE id <> 'guide'",
        f"UPDATE nodes SET path = {path}, size = 1000, hash = (SELECT hash FROM nodes)",
        f"UPDATE OR REPLACE files SET path = {path}",
        'UPDATE sections SET start = 0, "end" = 1000',
    )


_SQL: dict[str, tuple[str, ...]] = {
    "a base above": _secret(base="'../..'", roots="'[\"\"]'"),
    "a base above and roots there": _secret(base="'../..'", roots="'[\"outside\"]'"),
    "an absolute base": _secret(base="'/'", roots="'[\"\"]'", path="'etc/passwd'"),
    "a base in the machine": _secret(base="'/proc/self'", roots="'[\"\"]'", path="'environ'"),
    "roots outside": _secret(base="'..'", roots="'[\"../outside\"]'", path="'../outside/secret.md'"),
    "absolute roots": _secret(roots="'[\"/\"]'", path="'/etc/passwd'"),
    "a path above": _secret(path="'../outside/secret.md'"),
    "a path through a link": _secret(path="'leads/secret.md'"),
    "a path that is a device": _secret(path="'/dev/zero'"),
    "a path that is a FIFO": _secret(path="'fifo.md'"),
    "a path with a NUL": _secret(path="'a' || char(0) || '.md'"),
    "a path of 1 MB": _secret(path="hex(zeroblob(500000))"),
    "a path of settings": _secret(path="'private.txt'"),
    "a path in .git": _secret(path="'.git/config'"),
    "names that lead out": (_META.format("named", "'[\"../../outside\"]'"),),
    "a base with a NUL": (_META.format("base", "'a' || char(0)"),),
    "a base of 1 MB": (_META.format("base", "hex(zeroblob(500000))"),),
    "a base of control characters": (_META.format("base", "char(27) || '[2J' || char(10) || '::stop-commands::x'"),),
    "deep roots": (_META.format("roots", "printf('%.*c', 200000, '[')"),),
    "deep extensions": (_META.format("extensions", "printf('%.*c', 200000, '[')"),),
    "many roots": (_META.format("roots", "'[' || substr(replace(hex(zeroblob(100000)), '0', ',\"a\"'), 2) || ']'"),),
    "roots with NULs": (_META.format("roots", "'[\"a\\u0000b\", \"\\ud800\"]'"),),
    "odd numbers in meta": tuple(_META.format(key, value) for key, value in (("generation", "'9' || hex(zeroblob(3000))"), ("documents", "'Infinity'"), ("replaced", "'-1e999'"), ("sections", "'NaN'"), ("format", "'٣'"))),
    "no generation": ("DELETE FROM meta WHERE key LIKE 'generation%'",),
    "a generation of -1": (_META.format("generation", "-1"), _META.format("generation_id", "''")),
    "a fingerprint that commands": (_META.format("fingerprint", "char(10) || '::stop-commands::x' || char(27) || '[2J'"), _META.format("mdcache", "char(27) || '[2J'")),
    "times that command": (_META.format("built_at", "char(10) || '::stop-commands::x'"), _META.format("last_sync", "'99999-99-99'")),
    "meta of a gigabyte": ("DROP TABLE meta", f"CREATE VIEW meta AS SELECT 'base' AS key, {_HUGE} AS value"),
    "a commit for a source": (_META.format("commit", "'HEAD'"), _META.format("base", "'../../outside'")),
    "an option for a commit": (_META.format("commit", "'--output=x'"),),
    "an archive for a source": (_META.format("archive", "'../outside/secret.zip'"),),
    "a device for an archive": (_META.format("archive", "'/dev/zero'"),),
    "another published one": (_META.format("published", "1"),),
    "no rows in meta": ("DELETE FROM meta",),
    "no meta": ("DROP TABLE meta",),
    "no problems": ("DELETE FROM all_problems", "DELETE FROM links"),
    "no links": ("DELETE FROM links",),
    "all links present": ("INSERT OR IGNORE INTO present SELECT source, ordinal FROM links",),
    "all links resolved": ("UPDATE links SET target_node = source",),
    "links out of scope": ("UPDATE links SET scope = 'external'", "DELETE FROM all_problems"),
    "no documents": ("DELETE FROM nodes", "DELETE FROM all_problems"),
    "problems under another path": ("UPDATE all_problems SET path = 'x.md', severity = 'warning'",),
    "a view without problems": ("DROP VIEW problems", "CREATE VIEW problems AS SELECT * FROM all_problems WHERE 0"),
    "a view of problems that prints": ("DROP VIEW problems", f"CREATE VIEW problems AS SELECT 'a.md' AS path, 1 AS line, 1 AS \"column\", 'broken-link' AS code, 'error' AS severity, {_HUGE} AS message, NULL AS link"),
    "problems that command": ("UPDATE all_problems SET message = char(10) || '::stop-commands::x' || char(27) || '[2J', path = char(10) || '::stop-commands::y'",),
    "titles that command": ("UPDATE nodes SET title = char(10) || '::stop-commands::x' || char(27) || '[2J', id = char(27) || '[2J' || key",),
    "a trigger that adds": ("CREATE TRIGGER t AFTER INSERT ON history BEGIN DELETE FROM all_problems; END",),
    "a trigger that ignores": ("CREATE TRIGGER t BEFORE INSERT ON all_problems BEGIN SELECT RAISE(IGNORE); END",),
    "a trigger that never ends": ("CREATE TABLE t (x)", f"CREATE TRIGGER u AFTER INSERT ON nodes BEGIN INSERT INTO t {ENDLESS} SELECT x FROM c; END", f"CREATE TRIGGER w AFTER UPDATE ON meta BEGIN INSERT INTO t {ENDLESS} SELECT x FROM c; END"),
    "a trigger on deletes that never ends": ("CREATE TABLE t (x)", f"CREATE TRIGGER u AFTER DELETE ON links BEGIN INSERT INTO t {ENDLESS} SELECT x FROM c; END", f"CREATE TRIGGER w AFTER UPDATE ON links BEGIN INSERT INTO t {ENDLESS} SELECT x FROM c; END"),
    "a trigger that grows": ("CREATE TABLE t (x)", f"CREATE TRIGGER u AFTER UPDATE ON meta BEGIN INSERT INTO t VALUES ({_HUGE}); END", f"CREATE TRIGGER w AFTER INSERT ON history BEGIN INSERT INTO t VALUES ({_HUGE}); END"),
    "a trigger that is another": ("DROP TRIGGER sections_delete", "CREATE TRIGGER sections_delete AFTER DELETE ON sections BEGIN DELETE FROM all_problems; END"),
    "a trigger of the way in that is another": ("DROP TRIGGER section_texts_insert", "CREATE TRIGGER section_texts_insert INSTEAD OF INSERT ON section_texts BEGIN SELECT RAISE(IGNORE); END"),
    "a feed that has no cap": ("DROP TRIGGER history_cap",),
    "a trigger that is no SQL": ("INSERT INTO sqlite_master VALUES ('trigger', 't', 'nodes', 0, 'CREATE TRIGGER t AFTER INSERT ON nodes BEGIN SELECT lacking(); END')",),
    "a schema that is no SQL": ("UPDATE sqlite_master SET sql = 'CREATE TABLE nodes (' WHERE name = 'nodes'",),
    "a schema of 1 MB": ("UPDATE sqlite_master SET sql = sql || ' /* ' || hex(zeroblob(450000)) || ' */' WHERE name = 'edges'",),
    "a schema that commands": ("CREATE VIEW \"\n::stop-commands::x\x1b[2J\" AS SELECT lacking FROM nowhere",),
    "an unknown module": ("INSERT INTO sqlite_master VALUES ('table', 'z', 'z', 0, 'CREATE VIRTUAL TABLE z USING fsdir(x)')",),
    "20,000 tables": tuple(f"CREATE TABLE t{n} (x)" for n in range(2_000)),
    "views that double": ("CREATE VIEW v0 AS SELECT 1 AS x", *(f"CREATE VIEW v{n} AS SELECT a.x FROM v{n - 1} AS a, v{n - 1} AS b" for n in range(1, 28)), *_view("tags", "SELECT x AS node, x AS tag, x AS folded FROM v27")),
    "a virtual index that is a view": ("DROP TABLE sections_fts", f"CREATE VIEW sections_fts AS {ENDLESS} SELECT x AS title, x AS heading, x AS tags, x AS body, x AS rank FROM c"),
    "a virtual index that is a table": ("DROP TABLE sections_fts", "CREATE TABLE sections_fts (title, heading, tags, body, rank)", "INSERT INTO sections_fts VALUES ('words', 'words', 'words', 'words', 1)"),
    "another rank": ("UPDATE sections_fts_config SET v = 'nothing(' WHERE k = 'rank'",),
    "a broken index": ("UPDATE sections_fts_data SET block = randomblob(5000)",),
    "an index of zeros": ("UPDATE sections_fts_data SET block = zeroblob(length(block))",),
    "an index of another version": ("UPDATE sections_fts_config SET v = 2147483647 WHERE k = 'version'",),
    "an index that was never merged": ("INSERT OR REPLACE INTO sections_fts_config VALUES ('pgsz', 2147483647), ('crisismerge', -1), ('automerge', 99)",),
    "sections without end": ('UPDATE sections SET start = -9223372036854775808, "end" = 9223372036854775807, line = -1',),
    "sections that end before they begin": ('UPDATE sections SET start = 9223372036854775807, "end" = 0',),
    "sizes without end": ("UPDATE nodes SET size = 9223372036854775807", "UPDATE files SET size = -1, mtime_ns = -9223372036854775808, ctime_ns = 9223372036854775807"),
    "hashes of 1 MB": ("UPDATE nodes SET hash = hex(zeroblob(500000))",),
    "deep front matter": ("UPDATE nodes SET meta = printf('%.*c', 200000, '[')",),
    "endless numbers in front matter": ("UPDATE nodes SET meta = '{\"a\": 1e999, \"b\": NaN, \"c\": ' || hex(zeroblob(5000)) || '}'",),
    "links that go round": ("UPDATE links SET target_node = source, source = target_node WHERE target_node NOT NULL",),
    "a million links": ("INSERT INTO links SELECT NULL, 1, 1, x, 1, 1, 'markdown', 'LINKS_TO', 't', NULL, NULL, 'document', 't', 1, 0 FROM (WITH RECURSIVE c(x) AS (SELECT 9 UNION ALL SELECT x + 1 FROM c LIMIT 9000) SELECT x FROM c)",),
    "broken JSON in properties": ("UPDATE properties SET value = '{\"a\": '",),
    "an index with an expression": ("CREATE INDEX z ON nodes (hex(zeroblob(size * 100000)))",),
    "a column that is made": ("ALTER TABLE nodes ADD COLUMN zz TEXT AS (hex(zeroblob(450000000)))",),
    "a view that cites itself": ("INSERT INTO sqlite_master VALUES ('view', 'zz', 'zz', 0, 'CREATE VIEW zz AS SELECT * FROM zz')", *_view("tags", "SELECT * FROM zz")),
    "views that cite each other": ("CREATE VIEW y1 AS SELECT * FROM y2", "CREATE VIEW y2 AS SELECT * FROM y1", *_view("aliases", "SELECT * FROM y1")),
    "statistics that mislead": ("ANALYZE", "UPDATE sqlite_stat1 SET stat = printf('%.*c', 300000, '9')"),
    "no application id": ("PRAGMA application_id = 7",),
    "a newer version": ("PRAGMA user_version = 2147483647",),
    "a negative version": ("PRAGMA user_version = -1",),
    **{f"an endless view for {name}": _endless(name) for name in ("nodes", "sections", "links", "files", "all_problems", "meta", "tags", "history", "names")},
    **{f"a gigabyte in each row of {name}": _view(name, f"SELECT {_columns(name, **{column: _HUGE})} FROM (SELECT 1 AS x)") for name, column in (("nodes", "title"), ("links", "target"), ("all_problems", "message"), ("files", "path"), ("tags", "tag"))},
}  # fmt: skip

# Under these nothing that check or sync says may change: the documents have broken links.
_SILENCERS = ("no problems", "no links", "all links", "links out", "no documents", "problems under", "a view without", "a trigger that ignores", "a trigger that adds", "a trigger of the way", "a trigger that is another")  # fmt: skip


def _altered(statements: tuple[str, ...], place: Place) -> None:
    place.documents()
    place.committed()
    (place.folder / "leads").symlink_to(place.outside)
    os.mkfifo(place.folder / "fifo.md")
    place.write("private.txt", SECRET)
    place.cloned()
    place.alter(*statements)
    place.locked()


# Bytes of the file itself: (offset, what stands there).
_BYTES = {
    "nothing": (0, b""),
    "a page size of 1": (16, b"\0\1"),
    "a page size of 512": (16, b"\2\0"),
    "another encoding": (56, b"\0\0\0\2"),
    "an unknown encoding": (56, b"\0\0\0\7"),
    "a schema of another format": (44, b"\0\0\0\x63"),
    "a free list that leads out": (32, b"\xff\xff\xff\xff\xff\xff\xff\xff"),
    "a free list that loops": (32, b"\0\0\0\1\0\0\xff\xff"),
    "a broken first page": (100, b"\x0d" + b"\xff" * 50),
    "a broken second page": (4096, bytes(range(256)) * 16),
    "zeros after the header": (100, b"\0" * 3_996),
    "pointers that loop": (4096, b"\5\0\0\0\1\0\0\0\0\0\0\2" * 300),
    "an exclusive version": (18, b"\xff\xff"),
    "a size of too many pages": (28, b"\xff\xff\xff\xfe"),
    "an empty header": (0, b"\0" * 100),
    "another magic": (0, b"SQLite format 9\0"),
}


def _patched(at: int, what: bytes, place: Place) -> None:
    place.documents()
    raw = bytearray(place.cloned().read_bytes())
    raw[at : at + len(what)] = what
    place.cache.write_bytes(raw)
    place.locked()


def _cut(size: int, place: Place) -> None:
    place.documents()
    os.truncate(place.cloned(), size)
    place.locked()


def _other(content: bytes, place: Place) -> None:
    place.documents()
    place.write(".mdcache/cache.db", content)
    place.locked()


# What a lock and a watcher's state say.
_RECORDS: dict[str, object] = {
    "an infinite process": float("inf"),
    "no number": float("nan"),
    "a negative one": -1,
    "no process": 0,
    "the first process": 1,
    "a huge one": 1 << 63,
    "a very long number": 10**4_000,
    "a text": "::stop-commands::x",
    "a list": [1],
    "true": True,
    "a fraction": 1.5,
}
_RAW = {
    "deep JSON": b"[" * 200_000,
    "deep JSON in a record": b'{"pid": ' + b"[" * 16_000,
    "a NUL": b"\0" * 512,
    "broken bytes": b"\xff" * 512,
    "another program's words": b"[lock]\npid = 1\n",
    "1 MB": b" " * 1_000_000,
    "commands": b'{"pid": 1, "command": "\\n::stop-commands::x\\u001b[2J", "since": "\\n::stop-commands::y", "process": "\\u0000"}',
    "a key twice": b'{"pid": 1, "pid": 2, "inode": 1e400, "published": -1}',
    "a process of text": b'{"pid": 1, "process": "' + b"9 " * 200 + b'", "since": 7, "inode": "x", "published": []}',
    "half a record": b'{"pid": 1, "comm',
    "a number": b"7",
    "half a pair": b'{"pid": 1, "command": "\\ud800", "since": "\\udfff"}',
}


def _said(name: str, content: bytes, place: Place) -> None:
    place.documents()
    place.cloned()
    place.write(f".mdcache/cache.db{name}", content)


def _record(value: object) -> bytes:
    fields = {
        "pid": value,
        "command": value,
        "since": value,
        "published": value,
        "inode": value,
        "process": f"{value}:{value}"[:300],
        "file": value,
    }
    most = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        return json.dumps(fields).encode()
    finally:
        sys.set_int_max_str_digits(most)


def _of_somebody(mode: int, owner: int, place: Place) -> None:
    """The cache was made here, and is not the user's alone any more."""
    place.documents()
    place.committed()
    cache = place.rebuilt()
    os.chown(cache, owner, owner)
    cache.chmod(mode)
    place.write("a.md", "# Changed\n\n[gone](gone.md) words\n")


def _attached(statements: tuple[str, ...], place: Place) -> None:
    """A cache that the user names."""
    _altered(statements, place)
    place.cache.rename(place.folder / "named.db")


def _crafted(make: Callable[[Path], None], place: Place) -> None:
    place.documents()
    make(place.cloned())


_NAMED = ("search words --db named.db", "status --db named.db", "read guide --db named.db", "query --attach named.db 'SELECT * FROM named.nodes LIMIT 3'", "query --db named.db 'SELECT document_text(key) FROM nodes'", "verify --db named.db", "links guide --db named.db", "check --db named.db")  # fmt: skip
_RECORD_COMMANDS = ("status", "sync", "rebuild", "doctor", "watch --stop", "check", "search words", "verify")

KINDS = (
    *(Kind(f"a cache with {name}", partial(_altered, statements), _EVERY) for name, statements in _SQL.items()),
    *(
        Kind(f"a check beside a cache with {name}", partial(_altered, statements), (*CHECKS, *OF_GIT[1:2], "sync --check"), statuses=FINDS | REFUSES)
        for name, statements in _SQL.items()
        if name.startswith(_SILENCERS)
    ),
    *(Kind(f"a named cache with {name}", partial(_attached, _SQL[name]), _NAMED, may_change=("clone/named.db-*",)) for name in ("a base above", "a base in the machine", "roots outside", "a path above", "a path through a link", "a path of settings", "an endless view for nodes", "an endless view for meta", "a gigabyte in each row of nodes", "titles that command", "views that double", "a commit for a source", "a device for an archive", "deep roots", "another rank")),
    *(Kind(f"a cache of {name}", partial(_patched, at, what), _EVERY) for name, (at, what) in _BYTES.items()),
    *(Kind(f"a cache {make.__name__.replace('_', ' ')}", partial(_crafted, make), _EVERY) for make in crafted.ENDLESS),
    *(Kind(f"a cache cut to {size:,} bytes", partial(_cut, size), _EVERY) for size in (1, 99, 100, 4_096, 5_000, 40_000)),
    *(Kind(f"a file for a cache: {name}", partial(_other, content), _EVERY, must_not=("cache.db",) if content else ()) for name, content in {"a text": b"my notes, dear to me\n" * 100, "a picture": b"\x89PNG\r\n\x1a\n" + b"\0" * 5_000, "nothing": b"", "another database": b"SQLite format 3\0" + b"\x10\0\1\1\0\x40\x20\x20" + b"\0" * 4_072}.items()),
    *(Kind(f"a lock that names {name}", partial(_said, ".lock", _record(value)), _RECORD_COMMANDS) for name, value in _RECORDS.items()),
    *(Kind(f"a watcher's state that names {name}", partial(_said, ".watch", _record(value)), _RECORD_COMMANDS) for name, value in _RECORDS.items()),
    *(Kind(f"a lock of {name}", partial(_said, ".lock", raw), _RECORD_COMMANDS) for name, raw in _RAW.items()),
    *(Kind(f"a watcher's state of {name}", partial(_said, ".watch", raw), _RECORD_COMMANDS) for name, raw in _RAW.items()),
    *(
        Kind(name, partial(_of_somebody, mode, owner), ("sync", "rebuild", "check", "status", "search words", "verify", "sync --check"), must_not=("cache.db",))
        for name, mode, owner in (
            ("a cache that everybody may write", 0o666, 0),
            ("a cache that its group may write", 0o660, 0),
            ("a cache of somebody", 0o644, SOMEBODY),
            ("a cache of somebody that everybody may write", 0o666, SOMEBODY),
        )
        if IS_ROOT
    ),
)  # fmt: skip
