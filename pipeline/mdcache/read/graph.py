"""The graph around one document: what it links to, what links to it, and what lies a few steps away."""

from __future__ import annotations

from typing import Any, NamedTuple

from mdcache.model import as_dict
from mdcache.store.cache import Cache, Node
from mdcache.store.connections import Connection


class Neighbour(NamedTuple):
    """One link between the document and another: the other's id, path and title, and where the link stands."""

    id: str
    path: str
    title: str
    type: str
    line: int
    label: str | None
    fragment: str | None

    def as_dict(self) -> dict[str, Any]:
        return as_dict(self)


class Unresolved(NamedTuple):
    """A link to a document that is not there."""

    target: str
    line: int
    kind: str

    def as_dict(self) -> dict[str, Any]:
        return as_dict(self)


class Reached(NamedTuple):
    """A document a few links away."""

    id: str
    path: str
    title: str
    distance: int

    def as_dict(self) -> dict[str, Any]:
        return as_dict(self)


class Around(NamedTuple):
    """Links of a document; a document's links to itself are left out. The last two are empty below a depth of 2."""

    node: Node
    outgoing: tuple[Neighbour, ...]
    backlinks: tuple[Neighbour, ...]
    unresolved: tuple[Unresolved, ...]
    reachable: tuple[Reached, ...]
    reaching: tuple[Reached, ...]

    def as_dict(self) -> dict[str, Any]:
        found = as_dict(self)
        return {**found.pop("node"), **found}


def around(cache: Cache, node: Node, depth: int) -> Around:
    """Return the links of a document, and what is reached within depth steps along and against them."""
    db = cache.db
    outgoing = db.execute(
        "SELECT id, path, title, links.type, line, label, fragment FROM links JOIN nodes ON nodes.key = target_node"
        " WHERE source = ?1 AND target_node <> ?1 ORDER BY ordinal",
        (node.key,),
    )
    backlinks = db.execute(
        "SELECT id, path, title, links.type, line, label, fragment FROM links JOIN nodes ON nodes.key = source"
        " WHERE target_node = ?1 AND source <> ?1 ORDER BY path, ordinal",
        (node.key,),
    )
    unresolved = db.execute(
        "SELECT target, line, kind FROM unresolved_links WHERE source = ? ORDER BY ordinal",
        (node.key,),
    )
    return Around(
        node,
        tuple(Neighbour(*row) for row in outgoing),
        tuple(Neighbour(*row) for row in backlinks),
        tuple(Unresolved(*row) for row in unresolved),
        _walk(db, node.key, depth, "SELECT DISTINCT target_node FROM links WHERE source = ? AND target_node NOT NULL"),
        _walk(db, node.key, depth, "SELECT DISTINCT source FROM links WHERE target_node = ?"),
    )


def _walk(db: Connection, start: int, depth: int, step: str) -> tuple[Reached, ...]:
    """Return what is reached, breadth first: each document once, at its shortest distance."""
    if depth < 2:
        return ()
    distances = {start: 0}
    edge = [start]
    for distance in range(1, depth + 1):
        found = dict.fromkeys(key for node in edge for (key,) in db.execute(step, (node,)) if key not in distances)
        distances |= dict.fromkeys(found, distance)
        edge = list(found)
        if not edge:
            break
    del distances[start]
    one = "SELECT id, path, title FROM nodes WHERE key = ?"
    rows = ((db.execute(one, (key,)).fetchone(), distance) for key, distance in distances.items())
    # No row: removed since the walk went there.
    reached = (Reached(row[0], row[1], row[2], distance) for row, distance in rows if row)
    return tuple(sorted(reached, key=lambda one: (one.distance, one.path)))
