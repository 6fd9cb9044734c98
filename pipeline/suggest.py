"""What may have been meant by a link that leads nowhere: the nearest name that exists."""

from __future__ import annotations

import difflib
import posixpath
from functools import cached_property
from urllib.parse import quote

from pipeline import targets
from pipeline.body import WIKI_KINDS
from pipeline.database import Connection
from pipeline.model import Problem
from pipeline.paths import folder, without_extension
from pipeline.resolve import quoted
from pipeline.settings import Settings

# To compare a name with a hundred thousand others takes a second: for whoever has many broken links a few are enough.
_COMPARISONS = 2_000_000


class Suggestions:
    """Knows the documents of a cache."""

    def __init__(self, db: Connection, settings: Settings) -> None:
        self._db, self._extensions = db, settings.extensions
        self._left = _COMPARISONS

    def added(self, problem: Problem) -> Problem:
        """The problem, with what may have been meant in its message, if anything comes near."""
        if problem.code not in ("broken-link", "missing-embed", "broken-anchor"):
            return problem
        row = self._db.execute(
            "SELECT kind, target, target_node FROM links JOIN nodes ON nodes.key = source"
            ' WHERE path = ? AND line = ? AND "column" = ?',
            problem[:3],
        ).fetchone()
        if row is None:
            return problem
        kind, target, node = row
        near = self._anchor(target, node) if node else self._target(kind in WIKI_KINDS, target, problem.path)
        return problem._replace(message=f"{problem.message}: did you mean {quoted(near)}?") if near else problem

    def _anchor(self, target: str, node: int) -> str | None:
        written, _, fragment = target.partition("#")
        rows = self._db.execute(
            "SELECT anchor FROM sections WHERE node = ?1 AND anchor IS NOT NULL UNION"
            " SELECT anchor FROM anchors WHERE node = ?1",
            (node,),
        )
        near = difflib.get_close_matches(fragment.lower(), [anchor for (anchor,) in rows], 1)
        return f"{written}#{near[0]}" if near else None

    def _target(self, wiki: bool, target: str, path: str) -> str | None:
        wanted = targets.bucket(target.partition("#")[0].rstrip("/"), self._extensions)
        paths = self._by_name.get(wanted) or self._by_name.get(self._near(wanted) or "")
        if not paths:
            return None
        start = folder(path) or "."
        nearest = min(paths, key=lambda one: (posixpath.relpath(one, start).count("/"), len(one), one))
        if wiki:
            return without_extension(nearest, self._extensions)
        return quote(posixpath.relpath(nearest, start), safe="/()!$&'*+,;=:@~")

    def _near(self, wanted: str) -> str | None:
        self._left -= len(self._by_name)
        if self._left < 0 or not wanted:
            return None
        return next(iter(difflib.get_close_matches(wanted, self._by_name, 1, 0.75)), None)

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        """The paths of the documents, by their names without case and extension."""
        found: dict[str, list[str]] = {}
        for (path,) in self._db.execute("SELECT path FROM nodes ORDER BY path"):
            found.setdefault(targets.bucket(path, self._extensions), []).append(path)
        return found
