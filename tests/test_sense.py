"""Whatever a cache, a lock or a state file holds, the answer is one line about it, never an error in our own code."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from caches import settings_of
from hypothesis import example, given, settings
from hypothesis import strategies as st
from processes import mdcache, one_line

import mdcache as library
from mdcache.build import rebuild
from mdcache.checking import check
from mdcache.config.settings import Settings
from mdcache.errors import Damaged, MdcacheError
from mdcache.library.cache import Cache
from mdcache.store import connections, lock, meta, record, sense, watchstate
from mdcache.store.cache import opened
from mdcache.syncing import sync
from mdcache.verifying import verify as proof

Vault = Callable[..., Path]

DEEP = "[" * 200_000
ODD: tuple[Any, ...] = (
    *(None, "", "a\0b", "../../etc/passwd", DEEP, '{"a":' * 50_000, b"\xff\xfe", b"", "\x1b[2J", "a\nb", "#", "."),
    *(-1, 0, 2**63 - 1, -(2**63), 1.5, float("inf"), "NaN", "Infinity", "-9223372036854775808", "9" * 5000),
    *('["a\\u0000b"]', '["\\ud800"]', "[Infinity]", "[1e999]", "{}", "null", "2026-13-45"),
)
FILES = {
    "a.md": "---\nid: adr\naliases: [x]\n---\n# A #tag\n\n[[b]] text [gone](gone.md)\n\n- [ ] do ^p\n\n```py\nx\n```\n",
    "b.md": "# B\n[[x]] text\n\n## More\ntext\n",
}
_LOOSE = (
    "UPDATE sqlite_schema SET sql = replace(replace(replace(sql, ') STRICT, WITHOUT', ') WITHOUT'), ') STRICT', ')'),"
    " ' NOT NULL', '') WHERE sql LIKE '%STRICT%'"
)


@pytest.fixture(scope="module")
def loose(vault: Vault) -> Settings:
    """A cache whose tables take values of every type: that is known only when rows are written."""
    live = settings_of(vault(FILES))
    rebuild.rebuild(live, rebuild.Options(workers=0))
    with closing(connections.open_live(live.database)) as db:
        db.execute("PRAGMA writable_schema=ON")
        db.execute(_LOOSE)
    shutil.copy(live.database, live.database + ".kept")
    return live


def change(live: Settings, sql: str, *values: Any) -> bool:
    """Change the cache as it was at first; return whether SQLite lets it be changed so."""
    for side in connections.SIDES:
        Path(live.database + side).unlink(missing_ok=True)
    shutil.copy(live.database + ".kept", live.database)
    with closing(connections.open_live(live.database)) as db:
        db.execute("PRAGMA foreign_keys=OFF")
        try:
            db.execute(sql, values)
        except connections.SqliteError:
            return False
    return True


def reading(live: Settings) -> Iterator[Callable[[], Any]]:
    """Yield all that reads a cache."""

    def asking(ask: Callable[[Cache], Any]) -> Callable[[], Any]:
        def answer() -> Any:
            with library.open(live) as cache:
                return ask(cache)

        return answer

    yield asking(lambda cache: cache.search("text", all=True, path="*"))
    yield asking(lambda cache: cache.search("text", raw=True))
    yield asking(lambda cache: cache.read("a.md"))
    yield asking(lambda cache: cache.read("B#more"))
    yield asking(lambda cache: cache.links("a.md", depth=3))
    yield asking(lambda cache: cache.outline("a.md"))
    yield asking(lambda cache: cache.query("SELECT section_text(key), document_text(node), * FROM sections"))
    yield asking(lambda cache: cache.changes())
    yield asking(lambda cache: cache.status().as_dict())
    yield lambda: sync.stale(live)
    yield lambda: proof.verify(live, quick=True)
    yield lambda: check.check(check.request(check.Asked(live.base), lambda source, **_: live._replace(source=source)))


def assert_told(live: Settings) -> None:
    """Whatever is asked gets an answer, or an error of one of our kinds: what else is raised fails the test."""
    for ask in reading(live):
        try:
            ask()
        except MdcacheError as error:
            assert str(error)


SOME: tuple[tuple[str, str, Any], ...] = (
    ("nodes", "id", None),
    ("nodes", "path", b"\xff\xfe"),
    ("nodes", "path", "a\0b"),
    ("nodes", "title", None),
    ("sections", "start", -(2**63)),
    ("sections", "end", 1.5),
    ("meta", "value", '["\\ud800"]'),
    ("meta", "value", DEEP),
)


@pytest.mark.parametrize(("table", "column", "value"), SOME, ids=lambda value: repr(value)[:20])
def test_whatever_stands_in_a_row(loose: Settings, table: str, column: str, value: Any) -> None:
    assert change(loose, f'UPDATE OR REPLACE {table} SET "{column}" = ?', value)
    assert_told(loose)


@pytest.mark.slow
@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:20])
def test_whatever_a_cache_says_of_itself(loose: Settings, value: Any) -> None:
    for key in (*meta.Meta._fields, "commit", "archive"):
        if change(loose, "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", key, value):
            assert_told(loose)


@pytest.mark.slow
@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:20])
def test_whatever_stands_in_any_row(loose: Settings, value: Any) -> None:
    with closing(connections.open_reader(loose.database + ".kept")) as db:
        columns = db.execute(
            "SELECT s.name, x.name FROM sqlite_schema AS s, pragma_table_xinfo(s.name) AS x"
            " WHERE s.type = 'table' AND s.name NOT LIKE 'sections_fts%' AND s.name NOT LIKE 'sqlite%'"
        ).fetchall()
    for table, column in columns:
        if change(loose, f'UPDATE OR REPLACE {table} SET "{column}" = ?', value):
            assert_told(loose)


def test_a_row_that_makes_no_sense_is_damage_and_names_its_table(loose: Settings) -> None:
    change(loose, "UPDATE sections SET start = -9223372036854775808")
    with pytest.raises(Damaged, match=r"is damaged \(a row of sections makes no sense\): run mdcache rebuild"):
        next(iter(reading(loose)))()
    assert "(a row of sections makes no sense)" in one_line(mdcache(Path(loose.base), "search", "text"), 3)
    assert mdcache(Path(loose.base), "sync", ".").returncode == 0
    for value in (None, b"\xff", 7):
        assert change(loose, "UPDATE OR REPLACE nodes SET path = ?", value)
        assert rebuild.rebuild(loose, rebuild.Options(workers=0)).documents == 2


def test_an_error_of_ours_is_one_where_the_rows_make_sense(vault: Vault) -> None:
    live = settings_of(vault(FILES))
    rebuild.rebuild(live, rebuild.Options(workers=0))
    with pytest.raises(TypeError, match="ours"), opened(live.database, live.base) as cache:
        assert sense.nonsense(cache.db) is None
        raise TypeError("ours")


# Locks and states

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers(max_value=0)
    | st.integers(min_value=1 << 31)
    | st.text(st.characters(exclude_categories=()))
    | st.sampled_from(["\0", "\ud800", "1:2:3", "9" * 5000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.sampled_from(sorted({*lock.Record._fields, *watchstate.State._fields, "file", "process"}))


@given(VALUES, st.dictionaries(FIELDS, VALUES, max_size=4), st.sampled_from(["", "}", "x", "\0", "\n"]))
@example(float("inf"), {}, "")
@example(-float("inf"), {"process": "\0"}, "")
@example(10**4000, {"published": 10**4000, "inode": -1}, "")
@example(0, {"published": float("nan"), "since": None}, "}")
@settings(max_examples=150, deadline=None)
def test_whatever_a_lock_or_a_state_says(
    tmp_path_factory: pytest.TempPathFactory, pid: Any, fields: dict[str, Any], end: str
) -> None:
    database = str(tmp_path_factory.getbasetemp() / "locks.db")
    content = json.dumps({"pid": pid, **{name: value for name, value in fields.items() if name != "pid"}}) + end
    assert_read(database, content.encode())


@pytest.mark.parametrize(
    "content",
    [
        b'{"pid": Infinity',
        b'{"pid": Infinity}',
        b'{"pid": -Infinity, "process": "1:1:1"}',
        b'{"pid": NaN, "published": 1e999}',
        b'{"pid": 1e309}',
        b'{"pid": ' + b"9" * 5000 + b"}",
        b'{"pid": ' + b"[" * 16_000,
        b'{"pid": 7, "command": "\xff"}',
        b'{"pid": 7, "since": "\\ud800", "process": "\\u0000"}',
        b'{"pid": 0, "published": 9223372036854775808, "inode": 18446744073709551615}',
        b'{"pid": true}',
    ],
)
def test_records_of_every_wrong_kind_are_read(tmp_path: Path, content: bytes) -> None:
    assert_read(str(tmp_path / "x.db"), content)


def assert_read(database: str, content: bytes) -> None:
    for name in (lock.path_of(database), watchstate.path_of(database)):
        Path(name).write_bytes(content)
    found = lock.read(database)
    assert 0 <= found.pid <= record.MAX_PID
    assert lock.named(found)
    assert lock.is_held(database) is False
    seen = watchstate.read(database)
    assert seen is None or seen.state.pid
    for name in (lock.path_of(database), watchstate.path_of(database)):
        os.unlink(name)


@given(st.dictionaries(st.sampled_from(meta.Meta._fields), st.text(st.characters(exclude_categories=()))))
@example({"generation": "9" * 5000, "roots": DEEP, "extensions": "[NaN]"})
@example({"documents": "1e999", "published": "-" + "9" * 4000, "base": "\0", "named": '["\\ud800"]'})
def test_facts_are_parsed_or_missing(stored: dict[str, str]) -> None:
    found = meta.parsed(stored)
    assert all(abs(one) < 1 << 63 for one in found if isinstance(one, int))
    for names in (found.roots, found.extensions, found.named, (found.base,) if found.base else None):
        assert all("\0" not in name and name.encode() is not None for name in names or ())
