"""Stage 4, resolve: ids, then what links lead to, then the problems that only the whole set of documents shows.

The result is a function of the set of documents alone, in whatever order they came. Everything happens within a
bucket, the documents and links that share a name, so that a change touches only the buckets that it names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from mdcache.build import ids, links, problems
from mdcache.model import Rules
from mdcache.parse import targets
from mdcache.store.connections import Connection


def resolve_all(db: Connection, rules: Rules, absent: Iterable[str]) -> None:
    """Resolve a cache whose documents are all loaded, with the ids that scan gave them and no link resolved yet.

    Args:
        absent: paths that scan found and that turned out to be no documents; the ids of others allowed for them.
    """
    names = _json({targets.bucket(path, rules.extensions) for path in absent})
    ids.settle(db, rules, f"{ids.OF_NAMES} UNION SELECT node FROM claims", (names,))
    links.settle(db, rules, "", ())
    problems.report(db, rules, "", ())


def resolve_changes(
    db: Connection, rules: Rules, names: Iterable[str], written: Iterable[int], bereft: Iterable[int]
) -> None:
    """Resolve again what a change touches.

    Args:
        names: under which documents came, went or changed (of their paths, aliases and claims, before and after).
        written: the keys of documents that are new or changed.
        bereft: the keys of documents with links to a document that is gone; the foreign key has made them NULL.
    """
    asked, keys = _json(names), _json(written)
    claimed = ids.settle(db, rules, f"{ids.OF_NAMES} UNION SELECT value FROM json_each(?2)", (asked, keys))
    within = "AND (name IN (SELECT value FROM json_each(?1)) OR source IN (SELECT value FROM json_each(?2)))"
    moved = links.settle(db, rules, within, (asked, keys), frozenset(written))
    pointing = db.execute(
        "SELECT DISTINCT source FROM links WHERE fragment <> '' AND target_node IN (SELECT value FROM json_each(?))",
        (keys,),
    )
    sources = _json({*claimed, *moved, *written, *bereft, *(source for (source,) in pointing)})
    problems.forget(db, sources)
    problems.report(db, rules, "AND nodes.key IN (SELECT value FROM json_each(?1))", (sources,))


def _json(values: Iterable[Any]) -> str:
    return json.dumps(sorted(values))
