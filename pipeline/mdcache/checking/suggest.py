"""What may have been meant by a link that leads nowhere: the nearest name that exists."""

from __future__ import annotations

import difflib
import posixpath
from collections.abc import Collection
from functools import cached_property, lru_cache
from urllib.parse import quote, unquote

from mdcache.build.problems import LEADS_NOWHERE, anchors_of, quoted
from mdcache.config.settings import Settings
from mdcache.files.assets import Assets
from mdcache.model import Problem
from mdcache.parse import targets
from mdcache.parse.kinds import WIKI_KINDS
from mdcache.paths import fold, folder, has_extension, without_extension
from mdcache.store.connections import Connection

# A hundred thousand comparisons take about a second: for whoever has many broken links a few suggestions are enough.
_COMPARISONS = 200_000
# What it takes to begin with a name is worth so many of them.
_BEGINNING = 4
# Longer names are not compared.
_LONGEST = 200
# The last and dearest step of a comparison takes a time that grows with the product of both lengths: so many pairs of
# characters are worth a comparison.
_PAIRS = 40
_ALIKE = 0.75
# Of so many different links it is remembered what they may have meant: they stand in one place a thousand times.
_LIKE = 4096

# What a nearer name would fix.
_CODES = frozenset(("broken-anchor", *LEADS_NOWHERE))

_Link = tuple[str, str, int | None]
"""Its kind, its target, the node it leads to."""


class Suggestions:
    """Knows the documents of a cache, and the files beside them."""

    def __init__(self, db: Connection, settings: Settings) -> None:
        self._db, self._extensions, self._rules = db, settings.extensions, settings.rules()
        self._assets = Assets(settings.source, settings.base)
        self._left = _COMPARISONS
        self._near = lru_cache(maxsize=None)(self._nearest_name)
        self._meant = lru_cache(maxsize=_LIKE)(self._found)
        self._links = lru_cache(maxsize=1)(self._links_of)

    def added(self, problem: Problem) -> Problem:
        """The problem, with what may have been meant in its message, if anything comes near."""
        if problem.code not in _CODES or problem.link is None or self._left < 0:
            return problem
        near = self._meant(*self._links(problem.path)[problem.link], problem.path)
        return problem._replace(message=f"{problem.message}: did you mean {quoted(near)}?") if near else problem

    def _found(self, kind: str, target: str, node: int | None, path: str) -> str | None:
        """Return what a link in the document at path may have meant; None when nothing comes near."""
        return self._anchor(target, node) if node else self._target(kind in WIKI_KINDS, target, path)

    def _links_of(self, path: str) -> dict[int, _Link]:
        """Return the links of a document by their ordinals."""
        sql = "SELECT ordinal, kind, target, target_node FROM links JOIN nodes ON nodes.key = source WHERE path = ?"
        return {ordinal: (kind, target, node) for ordinal, kind, target, node in self._db.execute(sql, (path,))}

    def _anchor(self, target: str, node: int) -> str | None:
        written, _, fragment = target.partition("#")
        near = self._closest(unquote(fragment).lower(), list(anchors_of(self._db, node)), 0.6)
        return f"{written}#{near}" if near else None

    def _target(self, wiki: bool, target: str, path: str) -> str | None:
        written = target.partition("#")[0].rstrip("/")
        written = written if wiki else unquote(written.partition("?")[0])
        paths = self._near(targets.bucket(written, self._extensions), self._means_document(wiki, written))
        start = folder(path) or "."
        self._left -= sum(1 + (len(one) + len(start)) // _PAIRS for one in paths or ())
        if not paths or self._left < 0:
            return None
        nearest = min(paths, key=lambda one: (posixpath.relpath(one, start).count("/"), len(one), one))
        if wiki:
            # No wikilink can name a document whose path has one of these.
            return None if set("#|[]") & set(nearest) else without_extension(nearest, self._extensions)
        return quote(posixpath.relpath(nearest, start), safe="/()!$&'*+,;=:@~")

    def _means_document(self, wiki: bool, written: str) -> bool:
        """Or may mean one: an extension may be left out."""
        if not posixpath.splitext(written)[1]:
            return True
        return targets.look_up(wiki, written, "", self._rules).scope == targets.DOCUMENT

    def _nearest_name(self, wanted: str, document: bool) -> list[str] | None:
        """The paths with the name that comes nearest to what is wanted."""
        known = self._documents if document else self._files
        return known.get(wanted) or known.get(self._closest(wanted, known, _ALIKE) or "")

    def _closest(self, wanted: str, known: Collection[str], alike: float) -> str | None:
        self._left -= _BEGINNING + len(known)
        if self._left < 0 or not 0 < len(wanted) <= _LONGEST:
            return None
        close: difflib.SequenceMatcher[str] | None = None
        best: tuple[float, str] | None = None
        for name in known:
            if 2 * min(len(wanted), len(name)) < alike * (len(wanted) + len(name)):
                continue  # so different in length that they cannot be alike
            close = close or difflib.SequenceMatcher(b=wanted)
            close.set_seq1(name)
            if close.quick_ratio() < alike:
                continue
            self._left -= len(wanted) * len(name) // _PAIRS
            if self._left < 0:
                return None  # what is looked for may come yet
            if (ratio := close.ratio()) >= alike:
                best = max(best or (0, ""), (ratio, name))
        return best and best[1]

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
