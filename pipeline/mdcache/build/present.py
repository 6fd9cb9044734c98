"""Links that lead to no document and yet to something: what the table present holds.

It may be a document that patterns leave out, a file in a hidden folder or behind a symbolic link, a repository within,
or lie outside the base, where nothing is judged. That is a fact of the run: files come and go that no document tells
of. So it decides no row of another table and no digest; the views problems and unresolved_links look it up.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import NamedTuple

from mdcache.config.settings import Settings
from mdcache.files.assets import Assets
from mdcache.model import Rules
from mdcache.parse import targets
from mdcache.parse.kinds import WIKI_KINDS
from mdcache.parse.targets import AssetPaths
from mdcache.paths import fold, lies_within, ways
from mdcache.store.connections import Connection


class Present(NamedTuple):
    """A row of the table: a document's key, and the ordinal of a link in it."""

    node: int
    link: int


# The same link may stand in a document a hundred thousand times: so many different ones are looked at once.
_LIKE = 1024
# Whatever leads nowhere is a problem, and problems are few: no need to go through all links.
_UNRESOLVED = (
    "SELECT nodes.key, links.ordinal, links.kind, links.target, nodes.path"
    " FROM all_problems JOIN nodes ON nodes.path = all_problems.path"
    " JOIN links ON links.source = nodes.key AND links.ordinal = all_problems.link"
    " WHERE all_problems.link IS NOT NULL AND links.target_node IS NULL"
)


def find(db: Connection, settings: Settings, within: frozenset[str] | None = None) -> frozenset[Present]:
    """Return the rows that present should have; nothing is written.

    Args:
        within: only these paths and what lies below them have been touched, relative to the base; None: anything may
            have. What the table says of links that have nothing to do with these holds.
    """
    is_there = cache(Assets(settings.source, settings.base).has)
    links = _unresolved(db, settings.rules())
    if within is None:
        return frozenset(row for row, _, wanted in links if is_there(wanted))
    known, touched = stored(db), _Touched.by(within)
    return frozenset(
        row
        for row, path, wanted in links
        if (is_there(wanted) if lies_within(path, within) or touched.may_hold(wanted) else row in known)
    )


def _unresolved(db: Connection, rules: Rules) -> Iterator[tuple[Present, str, AssetPaths]]:
    """Yield each link that leads to no document, with the path of its own document, and where its target may lie."""
    where = lru_cache(_LIKE)(lambda kind, target, path: targets.asset_paths(kind in WIKI_KINDS, target, path, rules))
    for node, ordinal, kind, target, path in db.execute(_UNRESOLVED):
        yield Present(node, ordinal), path, where(kind, target, path)


class _Touched(NamedTuple):
    """Paths that may have come or gone.

    above: they and the folders that they lie in, which come and go with them. names: their last components, folded.
    """

    within: frozenset[str]
    above: frozenset[str]
    names: frozenset[str]

    @classmethod
    def by(cls, within: frozenset[str]) -> _Touched:
        above = frozenset(way for path in within for way in ways(path))
        return cls(within, above, frozenset(fold(path.rpartition("/")[2]) for path in within))

    def may_hold(self, wanted: AssetPaths) -> bool:
        """Return whether a target may lie at one of these paths, or no longer does."""
        if wanted.made and ".gitignore" in self.names:
            return True
        if wanted.ending is not None:
            return any(end.rpartition("/")[2] in self.names for end in (wanted.ending, *wanted.documents))
        return any(path in self.above or lies_within(path, self.within) for path in wanted.paths)


def stored(db: Connection) -> frozenset[Present]:
    """Return the rows that present has."""
    return frozenset(Present(*row) for row in db.execute("SELECT node, link FROM present"))


def write(db: Connection, before: frozenset[Present], after: frozenset[Present]) -> None:
    """Change the rows of present from before to after, within the caller's transaction."""
    db.executemany("DELETE FROM present WHERE node = ? AND link = ?", sorted(before - after))
    db.executemany("INSERT INTO present (node, link) VALUES (?, ?)", sorted(after - before))
