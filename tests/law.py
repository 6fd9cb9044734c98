"""The law of the cache, as the tests put it: after any history of changes, sync leaves what rebuild would have made."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any

from caches import query

from mdcache.build import digest, rebuild
from mdcache.config.settings import Settings
from mdcache.model import Report
from mdcache.store import connections
from mdcache.store.connections import Connection, scalar
from mdcache.syncing import sync


def synced(found: Settings) -> Report:
    return sync.sync(found, sync.Options())


def assert_law(live: Settings) -> None:
    """The live cache holds what a rebuild makes of the same files; the rebuild goes beside it."""
    fresh = live._replace(database=live.database + ".fresh")
    rebuild.rebuild(fresh, rebuild.Options(workers=0))
    assert content(live.database) == content(fresh.database)


def content(path: str) -> dict[str, Any]:
    """What a cache holds, without keys: the tables one by one, the full-text index term by term, the digest."""
    with closing(connections.open_reader(path)) as db:
        db.execute("PRAGMA query_only=OFF")
        return {
            "ids": db.execute("SELECT path, id FROM nodes ORDER BY path").fetchall(),
            "links": db.execute(
                "SELECT s.path, ordinal, t.path, scope, rivals FROM links JOIN nodes AS s ON s.key = source"
                " LEFT JOIN nodes AS t ON t.key = target_node ORDER BY 1, 2"
            ).fetchall(),
            "problems": _sorted(db, "SELECT * FROM all_problems"),
            "problems of the run": _sorted(db, "SELECT * FROM problems"),
            "unresolved": _sorted(db, "SELECT path, ordinal FROM unresolved_links JOIN nodes ON nodes.key = source"),
            "files": db.execute("SELECT path, size, hash FROM files ORDER BY path").fetchall(),
            "terms": _terms(db),
            "sound": [db.execute(f"PRAGMA {check}_check").fetchall() for check in ("integrity", "foreign_key")],
            "digest": digest.of_tables(db),
            "counts": [
                (scalar(db, f"SELECT count(*) FROM {table}"), scalar(db, "SELECT value FROM meta WHERE key = ?", name))
                for table, name in (("nodes", "documents"), ("sections", "sections"))
            ],
            "settings": db.execute(
                "SELECT * FROM meta WHERE key IN ('base', 'roots', 'extensions', 'fingerprint')"
            ).fetchall(),
        }


def _sorted(db: Connection, sql: str) -> list[tuple[Any, ...]]:
    return sorted(db.execute(sql).fetchall(), key=repr)


def _terms(db: Connection) -> list[tuple[Any, ...]]:
    db.execute("CREATE VIRTUAL TABLE temp.terms USING fts5vocab(main, sections_fts, instance)")
    return db.execute(
        "SELECT path, ordinal, term, col, offset FROM temp.terms JOIN sections ON sections.key = doc"
        " JOIN nodes ON nodes.key = node ORDER BY 1, 2, 4, 5, 3"
    ).fetchall()


def did(report: Report) -> tuple[int, int, int]:
    """What a sync has added, changed and removed."""
    return report.added, report.changed, report.removed


def explained(found: Settings) -> tuple[Report, list[str]]:
    """Sync; also why the cache was built again, if it was."""
    said: list[str] = []
    return sync.sync(found, sync.Options(), explain=said.append), said


def settle(found: Settings) -> None:
    """Sync until no stamp is racy: once the clock has moved on."""
    deadline = time.monotonic() + 30
    while query(found, "SELECT 1 FROM files WHERE mtime_ns IS NULL LIMIT 1"):
        assert time.monotonic() < deadline
        synced(found)
