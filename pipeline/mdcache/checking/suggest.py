"""What may have been meant by a link that leads nowhere: the nearest name that exists."""

from __future__ import annotations

import difflib
import posixpath
from collections.abc import Collection
from functools import cached_property, lru_cache
from urllib.parse import quote, unquote

from mdcache.build.problems import anchors_of, quoted
from mdcache.checking.assets import Assets
from mdcache.config.settings import Settings
from mdcache.model import Problem
from mdcache.parse import targets
from mdcache.parse.kinds import KINDS, WIKI_KINDS
from mdcache.paths import fold, folder, has_extension, without_extension
from mdcache.store.connections import Connection

# A hundred thousand comparisons take about a second: for whoever has many broken links a few suggestions are enough.
_COMPARISONS = 200_000
# To compare long names takes a time that grows with the product of their lengths.
_LONGEST = 200
_ALIKE = 0.75

# What a nearer name would mend.
_CODES = frozenset(("broken-anchor", *(kind.code for kind in KINDS.values())))

_Link = tuple[str, str, str, int | None]
"""How the message about it ends, its kind, its target, the node it leads to."""


class Suggestions:
    """Knows the documents of a cache, and the files beside them."""

    def __init__(self, db: Connection, settings: Settings) -> None:
        self._db, self._extensions, self._rules = db, settings.extensions, settings.rules()
        self._assets = Assets(settings.source, settings.base)
        self._left = _COMPARISONS
        self._near = lru_cache(maxsize=None)(self._nearest_name)
        self._links = lru_cache(maxsize=1)(self._links_of)

    def added(self, problem: Problem) -> Problem:
        """The problem, with what may have been meant in its message, if anything comes near."""
        if problem.code not in _CODES:
            return problem
        # A place may have several links; the message ends in the target of the one that is meant.
        rows = self._links(problem.path).get(problem[1:3], ())
        row = next((row for row in rows if problem.message.endswith(row[0])), None)
        if row is None:
            return problem
        _, kind, target, node = row
        near = self._anchor(target, node) if node else self._target(kind in WIKI_KINDS, target, problem.path)
        return problem._replace(message=f"{problem.message}: did you mean {quoted(near)}?") if near else problem

    def _links_of(self, path: str) -> dict[tuple[int, int], list[_Link]]:
        """The links of a document by line and column."""
        found: dict[tuple[int, int], list[_Link]] = {}
        sql = 'SELECT line, "column", kind, target, target_node FROM links JOIN nodes ON nodes.key = source'
        for line, column, kind, target, node in self._db.execute(f"{sql} WHERE path = ?", (path,)):
            found.setdefault((line, column), []).append((f" {quoted(target)}", kind, target, node))
        return found

    def _anchor(self, target: str, node: int) -> str | None:
        if self._left < 0:
            return None  # without listing what will not be compared
        written, _, fragment = target.partition("#")
        near = self._closest(unquote(fragment).lower(), list(anchors_of(self._db, node)), 0.6)
        return f"{written}#{near}" if near else None

    def _target(self, wiki: bool, target: str, path: str) -> str | None:
        written = target.partition("#")[0].rstrip("/")
        written = written if wiki else unquote(written.partition("?")[0])
        paths = self._near(targets.bucket(written, self._extensions), self._means_document(wiki, written))
        self._left -= len(paths or ())
        if not paths or self._left < 0:
            return None
        start = folder(path) or "."
        nearest = min(paths, key=lambda one: (posixpath.relpath(one, start).count("/"), len(one), one))
        if wiki:
            return without_extension(nearest, self._extensions)
        return quote(posixpath.relpath(nearest, start), safe="/()!$&'*+,;=:@~")

    def _means_document(self, wiki: bool, written: str) -> bool:
        """Or may mean one: an extension may be left out."""
        scope = targets.look_up(wiki, written, "", self._rules).scope
        return scope == targets.DOCUMENT or not posixpath.splitext(written)[1]

    def _nearest_name(self, wanted: str, document: bool) -> list[str] | None:
        """The paths with the name that comes nearest to what is wanted."""
        known = self._documents if document else self._files
        return known.get(wanted) or known.get(self._closest(wanted, known, _ALIKE) or "")

    def _closest(self, wanted: str, known: Collection[str], alike: float) -> str | None:
        self._left -= len(known)
        if self._left < 0 or not 0 < len(wanted) <= _LONGEST:
            return None
        return next(iter(difflib.get_close_matches(wanted, known, 1, alike)), None)

    @cached_property
    def _documents(self) -> dict[str, list[str]]:
        """The paths of the documents, by their names without case and extension."""
        found: dict[str, list[str]] = {}
        for (path,) in self._db.execute("SELECT path FROM nodes ORDER BY path"):
            found.setdefault(targets.bucket(path, self._extensions), []).append(path)
        return found

    @cached_property
    def _files(self) -> dict[str, list[str]]:
        """The paths of other files, by their names without case."""
        found: dict[str, list[str]] = {}
        for path in sorted(self._assets.files()):
            if not has_extension(path, self._extensions):
                found.setdefault(fold(path.rpartition("/")[2]), []).append(path)
        return found
