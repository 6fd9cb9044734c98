"""Caches for the tests that read: built where they belong, opened as the commands open them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mdcache.build import rebuild
from mdcache.config import settings
from mdcache.store import connections
from mdcache.store.cache import Cache, opened


def settings_of(folder: Path, *docs: str) -> settings.Settings:
    """The settings in a folder, and these documents; without any, all of the folder is documents."""
    asked = settings.load(settings.Asked(str(folder), docs=docs), {})
    return asked if asked.roots else asked.with_roots(asked.base, (asked.base,))


@contextlib.contextmanager
def cache_of(folder: Path, *docs: str) -> Iterator[Cache]:
    """Rebuild the cache of a folder, and open it to read."""
    asked = settings_of(folder, *docs)
    rebuild.rebuild(asked, rebuild.Options(workers=0))
    with opened(asked.database, asked.base) as cache:
        yield cache


def rows_at(path: str) -> str:
    """Make a WAL database of 300 rows in one table, and return its path."""
    with contextlib.closing(connections.open_build(path)) as db:
        db.execute("CREATE TABLE t (x)")
        db.executemany("INSERT INTO t VALUES (?)", [(f"{number} " * 200,) for number in range(300)])
    connections.open_live(path).close()
    return path


def query(found: settings.Settings, sql: str) -> list[Any]:
    """The rows of a query of a cache."""
    with contextlib.closing(connections.open_reader(found.database)) as db:
        return db.execute(sql).fetchall()
