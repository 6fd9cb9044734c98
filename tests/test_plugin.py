"""mdcache beside sqlite-utils: its command and its functions on caches, and nothing at all on other databases."""

from __future__ import annotations

import gc
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlite_utils
from caches import cache_of, settings_of
from processes import MDCACHE, run

from mdcache import plugin
from mdcache.build import rebuild
from mdcache.read import hydrate, lent
from mdcache.store import connections, lock

Vault = Callable[..., Path]

FILES = {"a.md": "# A\n\nOne needle.\n", "b.md": "---\ntags: [x]\n---\n[[a]] needle\n"}
TEXTS = "SELECT document_text(key) AS text FROM nodes ORDER BY path"


@pytest.fixture
def folder(vault: Vault) -> Path:
    """A folder of documents with a cache."""
    folder = vault(FILES)
    with cache_of(folder):
        pass
    return folder


@pytest.fixture
def cache(folder: Path) -> str:
    return str(folder / ".mdcache/cache.db")


def sqlite_utils_of(*arguments: str, folder: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return run((sys.executable, "-m", "sqlite_utils", *arguments), folder, **options)


def texts(path: str) -> list[str | None]:
    """What a connection of sqlite-utils gives as the texts of documents."""
    with sqlite_utils.Database(path) as db:
        return [row["text"] for row in db.query(TEXTS)]


# The command


def test_sections_are_found_by_the_command_of_sqlite_utils(folder: Path) -> None:
    done = sqlite_utils_of("mdcache-search", ".mdcache/cache.db", "one", "needle", folder=folder)
    (hit,) = json.loads(done.stdout)
    (same,) = json.loads(run((*MDCACHE, "search", "one", "needle", "--json"), folder).stdout)["results"]
    assert (done.stderr, hit) == ("", same)
    assert hit["snippet"] == "# A «One» «needle»."


@pytest.mark.parametrize(
    ("options", "out"),
    [
        (("--csv",), "id,path,"),
        (("--nl", "--arrays"), '["b", "b.md", '),
        (("--fmt", "github"), "| id   | path   |"),
        (("--table",), "id    path "),
    ],
)
def test_hits_come_in_the_formats_of_sqlite_utils(folder: Path, options: tuple[str, ...], out: str) -> None:
    done = sqlite_utils_of("mdcache-search", ".mdcache/cache.db", "needle", "--tag", "X", *options, folder=folder)
    assert (done.returncode, done.stdout[: len(out)]) == (0, out)


def test_what_the_command_cannot_do_is_an_error_of_sqlite_utils(folder: Path) -> None:
    assert sqlite_utils_of("mdcache-search", ".mdcache/cache.db", "nothere", folder=folder).stdout == "[]\n"
    for arguments, message in {
        ("mdcache-search", "a.md", "x"): "a.md is damaged",
        ("mdcache-search", "nothere.db", "x"): "'nothere.db' does not exist",
        ("mdcache-search", ".mdcache/cache.db", "x", "--csv", "--nl"): "--nl and --csv do not go together",
        ("mdcache-search", ".mdcache/cache.db", "(", "--raw"): "not an FTS5 expression",
    }.items():
        done = sqlite_utils_of(*arguments, folder=folder)
        assert done.returncode
        assert message in done.stderr.splitlines()[-1]


def test_a_reader_who_has_enough_of_hits_is_no_bug(folder: Path) -> None:
    shell = '"$@" | true; echo "${PIPESTATUS[0]}"'
    command = (sys.executable, "-m", "sqlite_utils", "mdcache-search", ".mdcache/cache.db", "needle")
    done = run(("bash", "-c", shell, "bash", *command), folder)
    assert "Traceback" not in done.stderr


# On caches


def test_texts_are_at_hand_on_a_cache(cache: str) -> None:
    assert texts(cache) == [FILES["a.md"], FILES["b.md"]]
    with sqlite_utils.Database(cache) as db:
        assert next(db.query("SELECT section_text(key) AS t FROM sections WHERE heading = 'A'"))["t"] == FILES["a.md"]
        assert next(db.query("SELECT section_text(-1) AS t, document_text('x') AS d")) == {"t": None, "d": None}


def test_a_text_that_is_no_more_is_null_on_a_connection_that_lives_on(folder: Path, cache: str) -> None:
    with sqlite_utils.Database(cache) as db:
        assert [row["text"] for row in db.query(TEXTS)] == list(FILES.values())
        (folder / "a.md").write_text("changed")
        (folder / "b.md").unlink()
        while any(row["text"] for row in db.query(TEXTS)):
            pass
        (folder / "a.md").write_text(FILES["a.md"])
        while not any(row["text"] for row in db.query(TEXTS)):
            pass


def test_a_sync_is_followed_by_a_connection_that_lives_on(folder: Path, cache: str) -> None:
    with sqlite_utils.Database(cache) as db:
        assert len(list(db.query(TEXTS))) == 2
        (folder / "c.md").write_text("new")
        rebuild.rebuild(settings_of(folder), rebuild.Options(workers=0))
        assert [row["text"] for row in db.query(TEXTS)] == [*FILES.values(), "new"]


READS: list[Callable[[sqlite_utils.Database], object]] = [
    lambda db: db.table_names(),
    lambda db: db.view_names(),
    lambda db: db.schema,
    lambda db: db.triggers,
    lambda db: list(db.table("nodes").rows_where("path = ?", ["a.md"])),
    lambda db: db.table("nodes").count,
    lambda db: db.table("nodes").indexes,
    lambda db: db.table("links").foreign_keys,
    lambda db: list(db.table("sections_fts").rows_where("sections_fts MATCH 'needle'")),
    lambda db: db.table("tags").analyze_column("tag"),
    lambda db: db.journal_mode,
    lambda db: list(db.query("SELECT * FROM edges")),
]


@pytest.mark.parametrize("read", READS)
def test_sqlite_utils_reads_a_cache(cache: str, read: Callable[[sqlite_utils.Database], object]) -> None:
    with sqlite_utils.Database(cache) as db:
        assert read(db)


WRITES: list[Callable[[sqlite_utils.Database], object]] = [
    lambda db: db.table("nodes").delete_where(),
    lambda db: db.table("nodes").update(1, {"title": "x"}),
    lambda db: db.table("mine").insert({"a": 1}),
    lambda db: db.table("nodes").drop(),
    lambda db: db.table("nodes").add_column("mine", str),
    lambda db: db.table("nodes").create_index(["title", "date"]),
    lambda db: db.create_view("mine", "SELECT 1"),
    lambda db: db.vacuum(),
    lambda db: db.analyze(),
    lambda db: db.disable_wal(),
    lambda db: db.enable_counts(),
    lambda db: db.execute("PRAGMA writable_schema = 1"),
    lambda db: db.execute("INSERT INTO sections_fts (sections_fts) VALUES ('rebuild')"),
]


@pytest.mark.parametrize("write", WRITES)
def test_sqlite_utils_does_not_write_to_a_cache(cache: str, write: Callable[[sqlite_utils.Database], object]) -> None:
    before = digest_of(cache)
    with sqlite_utils.Database(cache) as db, pytest.raises(Exception, match="not authorized"):
        write(db)
    assert digest_of(cache) == before


def digest_of(path: str) -> list[Any]:
    """All that a cache holds and says of itself."""
    with closing(connections.open_reader(path)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
        rows = [db.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables]
        return [tables, rows, db.execute("PRAGMA journal_mode").fetchone()]


def test_a_cache_may_be_joined_with_others(cache: str, tmp_path: Path) -> None:
    with sqlite_utils.Database(str(tmp_path / "other.db")) as other:
        other.table("marks").insert({"path": "a.md", "mark": 5})
    with sqlite_utils.Database(cache) as db:
        db.attach("other", str(tmp_path / "other.db"))
        assert list(db.query("SELECT path, mark FROM nodes JOIN other.marks USING (path)")) == [
            {"path": "a.md", "mark": 5}
        ]


# Not on others


@pytest.fixture
def other(tmp_path: Path) -> str:
    """A database that is not ours."""
    path = str(tmp_path / "other.db")
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t (a INTEGER)")
        db.execute("INSERT INTO t VALUES (1)")
        db.commit()
    return path


NOTHING = {"s": None, "d": None}


def test_another_database_is_left_alone(other: str) -> None:
    with sqlite_utils.Database(other) as db:
        assert list(db.query("SELECT section_text(a) AS s, document_text(a) AS d FROM t")) == [NOTHING]
        db.table("t").insert({"a": 2})
        db.table("t").transform(rename={"a": "b"})
        db.execute("PRAGMA user_version = 7")
        db.vacuum()
        assert [row["b"] for row in db.table("t").rows] == [1, 2]


def test_a_database_in_memory_is_left_alone() -> None:
    with sqlite_utils.Database(memory=True) as db:
        db.table("t").insert({"a": 1})
        assert list(db.query("SELECT section_text(a) AS s, document_text(a) AS d FROM t")) == [NOTHING]


@pytest.mark.parametrize("beside", ["", "{}", '{"pid": 1, "command": "x", "since": "", "published": 1, "inode": 1}'])
def test_a_lock_beside_another_database_makes_it_no_cache(other: str, beside: str) -> None:
    Path(f"{other}.lock").write_text(beside)
    with sqlite_utils.Database(other) as db:
        assert next(db.query("SELECT section_text(1) AS s, document_text(1) AS d")) == NOTHING
        db.table("t").insert({"a": 2})


def test_a_cache_that_was_not_made_here_gives_no_text(folder: Path, cache: str, tmp_path: Path) -> None:
    copied = shutil.copytree(folder, tmp_path / "clone")
    assert texts(str(copied / ".mdcache/cache.db")) == [None, None]
    published = str(tmp_path / "published.db")
    rebuild.rebuild(settings_of(folder), rebuild.Options(workers=0, output=published, reproducible=True))
    assert texts(published) == [None, None]
    os.unlink(lock.path_of(cache))
    assert texts(cache) == [None, None]


def test_what_is_no_cache_any_more_gives_no_text(cache: str) -> None:
    with sqlite_utils.Database(cache) as db:
        assert next(db.query("SELECT document_text(1) AS text"))["text"]
        with closing(connections.open_live(cache)) as writer:
            writer.execute("PRAGMA application_id = 7")
        assert next(db.query("SELECT section_text(1) AS s, document_text(1) AS d")) == NOTHING


def test_a_text_outside_the_roots_is_not_given(folder: Path, cache: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.md"
    secret.write_text(FILES["a.md"])
    with closing(sqlite3.connect(cache)) as db:
        db.execute("UPDATE nodes SET path = ? WHERE path = 'a.md'", (os.path.relpath(secret, folder),))
        db.commit()
    assert texts(cache) == [None, FILES["b.md"]]


def test_other_databases_wait_for_nothing(other: str) -> None:
    code = f"""
import sqlite_utils, sys
before = set(sys.modules)
db = sqlite_utils.Database({other!r})
db.execute("SELECT section_text(1)").fetchone()
print(sorted(name for name in set(sys.modules) - before if "mdcache" in name))
"""
    assert run((sys.executable, "-c", code), Path(other).parent).stdout == "['mdcache', 'mdcache.plugin']\n"


def test_nothing_is_read_of_a_database_that_is_locked(other: str) -> None:
    with closing(sqlite3.connect(other, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with sqlite_utils.Database(sqlite3.connect(other, timeout=0)) as db:
            assert db.execute("SELECT document_text(1)").fetchone() == (None,)


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="counts open files as Linux tells them")
def test_a_connection_that_nobody_holds_is_closed(other: str) -> None:
    def opened() -> int:
        return sum(os.path.realpath(f"/proc/self/fd/{fd}") == other for fd in os.listdir("/proc/self/fd"))

    db = sqlite_utils.Database(other)
    db.execute("SELECT section_text(a) FROM t").fetchall()
    assert opened() == 1
    del db
    gc.collect()
    assert opened() == 0


def test_a_connection_of_any_kind_is_prepared_without_complaint(cache: str) -> None:
    with closing(sqlite3.connect(cache)) as db:
        db.row_factory = lambda cursor, row: dict(zip([column[0] for column in cursor.description], row, strict=True))
        plugin.prepare_connection(db)
        assert db.execute("SELECT count(*) AS n FROM nodes").fetchone() == {"n": 2}


# What is written twice


def test_the_names_that_the_plugin_spells_out_are_those_in_use(cache: str) -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        assert list(plugin._functions(db)) == list(hydrate.FUNCTIONS)
    assert lock.path_of("x.db") == "x.db.lock"
    with closing(sqlite3.connect(cache)) as db:
        assert list(lent.functions(db, os.path.realpath(cache))) == list(hydrate.FUNCTIONS)
