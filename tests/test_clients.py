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
from caches import cache_of
from processes import run

from mdcache.store import connections

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
