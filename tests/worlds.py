"""Folders of documents, built and asked: for the tests of what resolving makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from mdcache.store.connections import Connection

Vault = Callable[..., Path]
Rebuilt = Callable[..., AbstractContextManager[Connection]]


class World:
    """Folders of documents, built and asked."""

    def __init__(self, vault: Vault, rebuilt: Rebuilt) -> None:
        self._vault, self._rebuilt = vault, rebuilt

    def query(self, files: Mapping[str, str], sql: str, *docs: str) -> list[tuple[Any, ...]]:
        with self._rebuilt(self._vault(files), *docs) as db:
            return db.execute(sql).fetchall()

    def links(self, files: Mapping[str, str], *docs: str) -> dict[str, str | None]:
        """What each target as written resolves to; each is to be written once."""
        sql = "SELECT target, path FROM links LEFT JOIN nodes ON nodes.key = target_node"
        return dict(self.query(files, sql, *docs))

    def ids(self, files: Mapping[str, str], *docs: str) -> dict[str, str]:
        return dict(self.query(files, "SELECT path, id FROM nodes", *docs))

    def problems(self, files: Mapping[str, str], *docs: str) -> list[tuple[str, int, int, str, str, str]]:
        sql = 'SELECT path, line, "column", code, severity, message FROM problems ORDER BY path, line, "column"'
        return self.query(files, sql, *docs)
