"""A cache as a Database of sqlite-utils."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from caches import cache_of

from mdcache.read.tables import tables
from mdcache.store.cache import Cache
from mdcache.store.connections import SqliteError

Vault = Callable[..., Path]


@pytest.fixture
def cache(vault: Vault) -> Iterator[Cache]:
    with cache_of(vault({"a.md": "# A\n\nOne.\n", "b.md": "[[a]]\n"})) as cache:
        yield cache


def test_a_cache_is_read_as_sqlite_utils_reads(cache: Cache) -> None:
    db = tables(cache)
    assert list(db.query("SELECT id, document_text(key) AS text FROM nodes WHERE id = :id", {"id": "a"})) == [
        {"id": "a", "text": "# A\n\nOne.\n"}
    ]
    assert [row["path"] for row in db["nodes"].rows_where("path > ?", ["a.md"])] == ["b.md"]


def test_it_may_not_write(cache: Cache) -> None:
    with pytest.raises(SqliteError, match="not authorized"):
        tables(cache).table("nodes").delete_where()


def test_nothing_of_the_connection_is_changed_by_strangers(cache: Cache) -> None:
    assert tables(cache).execute("PRAGMA recursive_triggers").fetchone() == (0,)
