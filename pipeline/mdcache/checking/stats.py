"""How much of a tree is judged at all: silence must not look like success."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from mdcache.build.problems import anchors_of
from mdcache.model import Rules
from mdcache.parse import targets
from mdcache.parse.anchors import exact_forms
from mdcache.parse.body import ANY
from mdcache.parse.kinds import TAGGED_AS, WIKI_KINDS
from mdcache.parse.sites import site_of
from mdcache.store.connections import Connection


class Judged(NamedTuple):
    """What is judged of the documents that are read in one dialect.

    links: those that lead to files of the tree, as far as they tell; fragments: those of them that name a place in a
    document that is there. Of each it says how many are judged: the others something else may make or read. A
    place that is there is judged in any document.
    """

    dialect: str
    documents: int
    links: int
    links_judged: int
    fragments: int
    fragments_judged: int

    def as_dict(self) -> dict[str, Any]:
        return self._asdict()


_LINKS = (
    "SELECT path, kind, target, fragment, scope, target_node FROM links JOIN nodes ON nodes.key = source"
    f" WHERE links.type <> '{TAGGED_AS}' ORDER BY path"
)


def judged(db: Connection, rules: Rules, wanted: Callable[[str], bool]) -> list[Judged]:
    """Return what is judged, by the names of dialects; wanted says which paths of documents count."""
    paths = [path for (path,) in db.execute("SELECT path FROM nodes ORDER BY path") if wanted(path)]
    dialects = {path: site_of(path, rules).dialect for path in paths}
    unseen = {node: frozenset(anchors_of(db, node)) for node in _unseen(db, rules)}
    counts = {name: [0] * 5 for name in sorted({dialect.name for dialect in dialects.values()})}
    for dialect in dialects.values():
        counts[dialect.name][0] += 1
    for path, kind, target, fragment, scope, node in db.execute(_LINKS):
        if path in dialects and not _leads_elsewhere(kind, target, path, node, rules):
            dialect, place = dialects[path], bool(fragment and node)
            known = node not in unseen or not unseen[node].isdisjoint(exact_forms(fragment or "", dialect))
            made = kind in WIKI_KINDS and targets.is_made_by_mention(target, dialect)
            found = made or scope != targets.EXTERNAL, place, place and known
            counts[dialect.name] = [a + b for a, b in zip(counts[dialect.name], (0, 1, *found), strict=True)]
    return [Judged(name, *numbers) for name, numbers in counts.items()]


def _leads_elsewhere(kind: str, target: str, path: str, node: int | None, rules: Rules) -> bool:
    return node is None and targets.leads_elsewhere(kind, target, path, rules)


def _unseen(db: Connection, rules: Rules) -> frozenset[int]:
    """Return the keys of documents that may have any place: they take in others, or nobody looked into them."""
    rows: Iterable[Any] = db.execute(
        "SELECT node FROM anchors WHERE anchor = ? UNION SELECT key FROM nodes WHERE size > ?", (ANY, rules.size_limit)
    )
    return frozenset(node for (node,) in rows)
