"""Who has which id: the one that the front matter claims if it is free, else the path, short where that is unique."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from mdcache.model import Rules
from mdcache.parse import targets
from mdcache.paths import folder, without_extension
from mdcache.store.connections import Connection

OF_NAMES = (
    "SELECT node FROM names WHERE alias = '' AND name IN (SELECT value FROM json_each(?1))"
    " UNION SELECT node FROM claims WHERE name IN (SELECT value FROM json_each(?1))"
)
"""A query for the keys of documents whose ids depend on these names, a JSON array."""

_NAMES_AT_ONCE = 1024


def settle(db: Connection, rules: Rules, nodes: str, parameters: tuple[Any, ...]) -> set[int]:
    """Give the documents whose keys a query names their ids; return the keys of those among them that claim one."""
    rows = db.execute(
        f"SELECT key, id, path, claim FROM nodes LEFT JOIN claims ON node = key WHERE key IN ({nodes})", parameters
    )
    claims = _Claims(db, rules)
    claimed, changed = set(), []
    for key, id_, path, claim in rows:
        if claim is not None:
            claimed.add(key)
        wanted = claim if claim is not None and claims.owner(claim) == key else claims.default(path)
        if wanted != id_:
            changed.append((wanted, key))
    # Two documents may swap ids: all first let go of what they had.
    db.executemany("UPDATE nodes SET id = char(26) || path WHERE key = ?2 AND ?1 <> ''", changed)
    db.executemany("UPDATE nodes SET id = ?1 WHERE key = ?2", changed)
    return claimed


class _Claims:
    """Who may have which id. Remembers its answers: ten thousand documents may claim the same."""

    def __init__(self, db: Connection, rules: Rules) -> None:
        self._db, self._extensions = db, rules.extensions
        self._owners: dict[str, int | None] = {}
        # Of twenty thousand READMEs each asks for all of the name, and those in its own folder count.
        self._by_folder = lru_cache(maxsize=_NAMES_AT_ONCE)(self._read_by_folder)

    def owner(self, claim: str) -> int | None:
        """Return the document that a claimed id belongs to: the first by path, if it is no other's path."""
        if claim not in self._owners:
            claimants = self._db.execute(
                "SELECT node FROM claims JOIN nodes ON key = node WHERE claims.name = ? AND claim = ? ORDER BY path",
                (targets.bucket(claim, self._extensions), claim),
            )
            like = [key for key, path in self._namesakes(claim) if claim in (path, self._stem(path))]
            self._owners[claim] = next((key for (key,) in claimants if all(other == key for other in like)), None)
        return self._owners[claim]

    def default(self, path: str) -> str:
        """Return the path without extension if that is unique, else the path."""
        stem = self._stem(path)
        others = [other for _, other in self._namesakes(path) if other != path]
        return path if any(stem in (other, self._stem(other)) for other in others) else stem

    def _namesakes(self, path: str) -> list[tuple[int, str]]:
        """Return (key, path) of the documents in the same folder whose names differ at most in case and extensions."""
        return self._by_folder(targets.bucket(path, self._extensions)).get(folder(path), [])

    def _read_by_folder(self, name: str) -> dict[str, list[tuple[int, str]]]:
        found: dict[str, list[tuple[int, str]]] = {}
        sql = "SELECT key, path FROM names JOIN nodes ON key = node WHERE name = ? AND alias = ''"
        for key, path in self._db.execute(sql, (name,)):
            found.setdefault(folder(path), []).append((key, path))
        return found

    def _stem(self, path: str) -> str:
        return without_extension(path, self._extensions)
