"""Caches in the hands of programs that know nothing of mdcache: Datasette, sqlite-utils, older versions of SQLite."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlite_utils
from caches import cache_of, settings_of
from processes import mdcache, needs, one_line, run

from mdcache.build import digest, rebuild
from mdcache.store import connections, ddl, meta

Vault = Callable[..., Path]

FILES = {
    "a.md": "---\nid: first\ntags: [x, y]\naliases: [al]\nlist: [1, 2]\n---\n# A\n\n- [ ] task\n\n```sh\nls\n```\n\n"
    '[b](b.md) [[gone]] [out](../../x.md) ![](no.png) <a id="here"></a>\n\ntext ^block\n',
    "b.md": "# B\n\n[a](a.md#here) [b](#b)\n",
}


@pytest.fixture
def cache(vault: Vault) -> str:
    """The cache of documents that put a row into every table but the history."""
    folder = vault(FILES)
    with cache_of(folder):
        pass
    return str(folder / ".mdcache/cache.db")


def test_every_table_has_rows_to_be_shown(cache: str) -> None:
    with closing(connections.open_reader(cache)) as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")]
        empty = [name for name in names if connections.scalar(db, f'SELECT count(*) FROM "{name}"') == 0]
    assert empty == ["history", "sqlite_sequence"]


# The pages of every table and view, of all that they link to, and what is shown of a row that a foreign key names.
PAGES = """
import asyncio, html, json, re, sys
from datasette.app import Datasette

async def main(path):
    datasette = Datasette([path])
    await datasette.invoke_startup()
    failed, seen, labels = {}, set(), {}

    async def get(page):
        if page not in seen:
            seen.add(page)
            answer = await datasette.client.get(page, follow_redirects=True)
            if answer.status_code != 200:
                failed[page] = answer.status_code
            return answer.text
        return ""

    await get("/")
    for start in ("/cache", "/cache.json"):
        await get(start)
    database = datasette.get_database("cache")
    names = [row[0] for row in (await database.execute(
        "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")).rows]
    for name in names:
        page = await get(f"/cache/{name}")
        for end in (".json?_labels=on&_shape=objects", ".csv?_labels=on&_stream=on"):
            text = await get(f"/cache/{name}{end}")
            if end.startswith(".json") and name == "tags":
                labels = json.loads(text)["rows"][0]
        facets = await database.table_columns(name)
        await get(f"/cache/{name}?" + "&".join(f"_facet={column}" for column in facets))
        # Datasette cannot name a row by a blob, as in the full-text index's own tables.
        links = re.findall(r'href="(/cache/[^"?]+/[^"?]+)"', page) if name != "sections_fts_idx" else ()
        rows = [html.unescape(one) for one in links]
        for row in rows:
            await get(row)
            await get(row + ".json?_extras=foreign_key_tables")
    await get("/cache/sections_fts?_search=task&_searchmode=raw")
    print(json.dumps({"failed": failed, "tables": names, "seen": len(seen), "labels": labels}))

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.slow
def test_datasette_shows_every_table_every_row_and_what_foreign_keys_name(cache: str) -> None:
    done = run((sys.executable, "-c", PAGES, cache), Path(cache).parent)
    assert done.returncode == 0, done.stderr[-2000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert told["failed"] == {}
    assert {"nodes", "links", "edges", "problems", "sections_fts", "sections_fts_data"} <= set(told["tables"])
    assert told["seen"] > 4 * len(told["tables"])
    assert told["labels"]["node"] == {"value": 1, "label": "A"}


def test_sqlite_utils_reads_every_table_and_knows_what_foreign_keys_name(cache: str) -> None:
    with sqlite_utils.Database(cache) as db:
        tables = {table.name: table for table in db.tables}
        assert all(isinstance(list(table.rows), list) for table in tables.values())
        keys = {
            (key.table, key.column, key.other_table, key.other_column)
            for t in tables.values()
            for key in t.foreign_keys
        }
        assert [len(list(db.view(name).rows)) for name in ("edges", "problems", "unresolved_links")] == [3, 1, 1]
        assert db.table("nodes").analyze_column("path").num_distinct == 2
        assert [row["rowid"] for row in tables["sections_fts"].search("task", columns=["rowid"])] == [2]
        assert "REFERENCES nodes (key)" in db.schema
    owned = (
        "aliases",
        "anchors",
        "claims",
        "code_blocks",
        "names",
        "present",
        "properties",
        "sections",
        "tags",
        "tasks",
    )
    expected = {(table, "node", "nodes", "key") for table in owned}
    assert keys == expected | {("links", column, "nodes", "key") for column in ("source", "target_node")}


# Published files


@pytest.fixture
def published(cache: str) -> str:
    """A published file of the same documents."""
    folder = Path(cache).parent.parent
    rebuild.rebuild(settings_of(folder), rebuild.Options(workers=0, output=str(folder / "cache.db")))
    return str(folder / "cache.db")


# Python's own SQLite, which is often older than the one that mdcache brings.
OLDER = """
import json, sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
rows = [db.execute(sql).fetchall() for sql in sys.argv[2:]]
print(json.dumps([sqlite3.sqlite_version, rows]))
"""
RANKED = "SELECT rowid, round(rank, 9) FROM sections_fts WHERE sections_fts MATCH 'b OR task' ORDER BY rank"
PHRASE = "SELECT count(*) FROM sections_fts WHERE sections_fts MATCH '\"b gone\" OR tas*'"


def test_an_older_sqlite_searches_a_published_file_as_ours_does(published: str, cache: str) -> None:
    with closing(connections.open_reader(cache)) as db:
        expected = [[list(row) for row in db.execute(sql)] for sql in (RANKED, PHRASE)]
    done = run((sys.executable, "-c", OLDER, published, RANKED, PHRASE), Path(published).parent)
    assert done.returncode == 0, done.stderr
    version, rows = json.loads(done.stdout)
    assert (rows, len(rows[0]) > 1) == (expected, True), version


@needs("sqlite3")
def test_the_shell_searches_a_published_file(published: str) -> None:
    shell = ("sqlite3", "-readonly", published, PHRASE)
    assert run(shell, Path(published).parent).stdout == "1\n"


def test_datasette_on_an_older_sqlite_shows_a_published_file(published: str) -> None:
    without = f"import sys; sys.modules['pysqlite3'] = None\n{PAGES}"
    done = run((sys.executable, "-c", without, published), Path(published).parent)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1])["failed"] == {}


def test_nothing_of_a_published_file_needs_a_newer_sqlite(published: str, cache: str) -> None:
    declared = []
    for path in (published, cache):
        with closing(connections.open_reader(path)) as db:
            declared.append(ddl.objects(db))
    without, live = declared
    assert "contentless_delete" not in "".join(without.values())
    assert live.keys() - without.keys() == {"trigger sections_delete"}
    assert {name for name, sql in without.items() if sql != live[name]} == {"table sections_fts"}


def test_a_published_file_says_what_it_is_and_holds_what_a_live_cache_holds(published: str, cache: str) -> None:
    facts = []
    for path in (published, cache):
        with closing(connections.open_reader(path)) as db:
            facts.append(
                (meta.read(db).published, meta.read(db).fingerprint, meta.read(db).digest, digest.of_tables(db))
            )
    assert [one[0] for one in facts] == [1, None]
    assert facts[0][1:] == facts[1][1:]
    assert facts[0][2] == facts[0][3]


@pytest.mark.parametrize("command", [("sync",), ("watch",), ("watch", "--poll"), ("watch", "--detach")], ids=" ".join)
@pytest.mark.parametrize("changed", [False, True], ids=["as it is", "with other settings"])
def test_what_would_write_to_a_published_file_refuses_it_by_name(
    published: str, vault: Vault, command: tuple[str, ...], changed: bool
) -> None:
    folder, before = Path(published).parent, Path(published).read_bytes()
    vault({"a.md": "# Other\n", "mdcache.toml": "wikilinks = false\n" if changed else ""}, into=folder)
    said = one_line(mdcache(folder, "--db", published, *command), 3)
    assert (
        said == f"mdcache: {published} is a published file, which is only read: mdcache rebuild --output replaces it\n"
    )
    assert Path(published).read_bytes() == before


def test_what_reads_takes_a_published_file(published: str) -> None:
    folder = Path(published).parent
    (folder / "mdcache.toml").write_text("")
    for command, said in {
        ("search", "task"): "«task»",
        ("read", "b"): "# B",
        ("links", "b"): "linked from  first",
        ("check",): "a.md:15",
        ("verify",): "ok  ",
        ("schema", "--diff"): "",
        ("query", PHRASE): "1",
    }.items():
        done = mdcache(folder, "--db", published, *command)
        assert (done.returncode, said in done.stdout) == (1 if command == ("check",) else 0, True), done


def test_a_published_file_is_replaced_by_another(published: str, vault: Vault) -> None:
    folder = Path(published).parent
    vault({"c.md": "# C\n"}, into=folder)
    first = b""
    for _ in range(2):
        mdcache(folder, "rebuild", ".", "--output", published, "--reproducible", "--quiet")
        first = first or Path(published).read_bytes()
    assert Path(published).read_bytes() == first
    assert mdcache(folder, "--db", published, "query", "SELECT count(*) FROM nodes", "--arrays").stdout == "[[3]]\n"
