"""The driver of check: one judge for the files as they lie there, for what git is about to commit, and for a revision.

The cache of the tree is made as always, links resolved against the whole of it. A tree that is judged against another
is made after that one, in the same draft: what a change breaks is what is wrong after it and was not before.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

from mdcache import codes
from mdcache.build.problems import leads_nowhere, quoted
from mdcache.checking import earlier, rules
from mdcache.checking.stats import Judged, judged
from mdcache.checking.suggest import Suggestions
from mdcache.config.policy import Allowances
from mdcache.config.settings import Settings
from mdcache.errors import MdcacheError, UsageError, WorkError
from mdcache.files.assets import Assets
from mdcache.files.sources import DISK, Source, Trees
from mdcache.model import ERROR, Problem
from mdcache.parse import targets
from mdcache.parse.kinds import TAGGED_AS, WIKI_KINDS
from mdcache.paths import fold, lies_within, ways
from mdcache.store.connections import Connection
from mdcache.syncing import draft, fit, sync


class Asked(NamedTuple):
    """What the command line says. folder is the working folder; of staged and rev there is one at most."""

    folder: str
    staged: bool = False
    rev: str | None = None
    against: str | None = None
    paths: tuple[str, ...] = ()


class Request(NamedTuple):
    """What to judge. settings: with the source that is judged.

    before: the tree that it is judged against, None when there is none. changes_only: report only documents that have
    changed since, and what the change breaks in others. paths: report only these, and what lies below them; relative
    to the base. earlier: the settings as that tree has them, if it is one of git's and they can be used.
    """

    settings: Settings
    before: Source | None = None
    changes_only: bool = False
    paths: frozenset[str] | None = None
    earlier: Earlier | None = None


class Earlier(NamedTuple):
    """The settings of the tree before. name: what users call that. unusable: why they cannot be used."""

    name: str
    settings: Settings | None
    unusable: str = ""


def request(asked: Asked, load: Callable[[Source], Settings]) -> Request:
    """Find out what is to be judged; load gives the settings as a source has them. Raises UsageError."""
    # An empty name is a variable that was not set: no reason to judge something else.
    by_git = asked.staged or asked.rev is not None or asked.against is not None
    trees = Trees.around(asked.folder) if by_git else None
    source: Source = DISK
    if trees and asked.staged:
        source = trees.index()
    elif trees and asked.rev is not None:
        source = trees.revision(asked.rev)
    settings = _rooted(load(source), trees)
    changes_only = asked.staged or asked.against is not None
    before = _before(asked, settings, trees)
    known = _earlier(_name_of_before(asked), before, trees, load) if trees and before else None
    return Request(settings, before, changes_only, _within(settings, asked.folder, asked.paths), known)


def _earlier(name: str, before: Source, trees: Trees, load: Callable[[Source], Settings]) -> Earlier:
    try:
        return Earlier(name, _rooted(load(before), trees))
    except MdcacheError as error:
        return Earlier(name, None, str(error))


def _rooted(settings: Settings, trees: Trees | None) -> Settings:
    """Without settings and cache all of the repository is documents, or all of the working folder."""
    if settings.roots:
        return settings
    base = trees.repository.top if trees else settings.base
    return settings.with_roots(base, (base,))


def _before(asked: Asked, settings: Settings, trees: Trees | None) -> Source | None:
    """The tree that another is judged against."""
    if trees and asked.against is not None:
        return trees.revision(asked.against, is_past=True)
    if trees and asked.staged:
        return trees.find("HEAD", is_past=True)
    if trees:
        return trees.find(f"{settings.source.facts(settings.base)['commit']}^", is_past=True)
    if not settings.policy.immutable:
        return None
    try:
        return Trees.around(settings.base).find("HEAD")
    except UsageError:
        return None


def _name_of_before(asked: Asked) -> str:
    return asked.against or ("HEAD" if asked.staged else f"{asked.rev}^")


def _within(settings: Settings, folder: str, paths: Iterable[str]) -> frozenset[str] | None:
    """Paths of the command line, relative to the base; None when there are none. Raises UsageError."""
    found = set()
    for path in paths:
        full = os.path.join(os.path.realpath(folder), path)
        # The last component may be a link: it is the document that is meant, not what the link leads to.
        full = os.path.join(os.path.realpath(os.path.dirname(full)), os.path.basename(full))
        relative = os.path.relpath(os.path.normpath(full), settings.base)
        if relative == ".." or relative.startswith("../"):
            raise UsageError(f"{path} does not lie in {settings.base}, whose documents are checked")
        found.add("" if relative == "." else relative)
    return frozenset(found) or None


class Finding(NamedTuple):
    """A problem that counts. source: the line it is in, None when that cannot be shown."""

    problem: Problem
    source: str | None

    def as_dict(self) -> dict[str, Any]:
        return self.problem.as_dict()


class _State(NamedTuple):
    """What is known of a tree: its problems, and the hashes of its documents, by path."""

    problems: list[Problem]
    hashes: dict[str, str]


Tell = Callable[[str], None]
"""What becomes of a line that is no finding."""


def check(request: Request, tell: Tell = lambda _: None) -> list[Finding]:
    """What is wrong, sorted by place. Raises MdcacheError; UsageError when a rule does not run.

    tell: is called with what else a reader must know: that settings have changed, or that nothing was judged.
    """
    settings = request.settings
    needs_before = request.before and (request.changes_only or settings.policy.immutable)
    if request.before and needs_before:
        then = settings._replace(source=request.before)
        with draft.opened(then) as db:
            before = _state(db, then)
            if then.fingerprint() == settings.fingerprint():
                draft.turn(db, then, settings)
                return _told(db, request, before, _state(db, settings), tell)
        with draft.opened(settings) as db:  # the sites of the two trees differ, and with them how documents are read
            return _told(db, request, before, _state(db, settings), tell)
    with _cache(settings) as db:
        return _told(db, request, None, _state(db, settings), tell)


def _told(db: Connection, request: Request, before: _State | None, after: _State, tell: Tell) -> list[Finding]:
    _tell_of_settings(request, before, after, tell)
    _tell_of_nothing(request, after, tell)
    return _findings(db, request.settings, _judged(request, before, after))


def _tell_of_settings(request: Request, before: _State | None, after: _State, tell: Tell) -> None:
    """Tell which settings are not those of the tree before: with them a change may take away what judges it."""
    known, settings = request.earlier, request.settings
    if known and known.settings is None:
        tell(f"the settings of {known.name} cannot be used, and nothing that they say counts: {known.unusable}")
    if known and known.settings:
        names = earlier.differing(known.settings, settings)
        gone = before.hashes.keys() - after.hashes.keys() if before else ()
        if earlier.is_ignored_otherwise(known.settings, settings, gone):
            names.append(".gitignore")
        if names:
            tell(earlier.told(known.name, names))


def _tell_of_nothing(request: Request, after: _State, tell: Tell) -> None:
    """Tell that no document was judged: who sees no findings may take that for good news."""
    settings, paths = request.settings, request.paths
    there = [path for path in after.hashes if paths is None or lies_within(path, paths)]
    by = settings.file or "the settings"
    if not there:
        tell(f"no document was judged, for none was found: {by} and .gitignore files decide which there are")
    elif not settings.policy.judges_any(there):
        tell(f"no document was judged, for every check is off in them: {by} says so")


def counted(request: Request) -> list[Judged]:
    """Return how many links are judged, by dialect, in place of what is wrong. Raises MdcacheError."""
    settings, paths = request.settings, request.paths
    with _cache(settings) as db:
        found = judged(db, settings.rules(), lambda path: paths is None or lies_within(path, paths))
        if paths is not None:
            _make_sure_of(paths, settings, {path for (path,) in db.execute("SELECT path FROM nodes")})
        return found


@contextmanager
def _cache(settings: Settings) -> Iterator[Connection]:
    """The live cache when it holds the tree as it is, else a draft."""
    with ExitStack() as stack:
        try:
            db = stack.enter_context(sync.current(settings)).db
        except (fit.Unfit, WorkError):
            db = stack.enter_context(draft.opened(settings))
        yield db


def _judged(request: Request, before: _State | None, after: _State) -> list[Problem]:
    """Return what is to be told of a tree, by the scope that was asked for, sorted, as the settings judge it."""
    found, known = after.problems, request.earlier
    if before:
        found = found + earlier.immutable(request.settings.policy.immutable, before.hashes, after.hashes)
    if before and request.changes_only:
        old = {_identity(problem) for problem in before.problems}
        changed = {path for path, hash_ in after.hashes.items() if before.hashes.get(path) != hash_}
        found = [one for one in found if one.path in changed or _identity(one) not in old]
    judged = request.settings.policy.judged(found)
    if known and known.settings:
        judged = earlier.graver(judged, earlier.still_immutable(known.settings, request.settings))
    paths = request.paths
    if paths is None:
        return judged
    _make_sure_of(paths, request.settings, {*after.hashes, *(before.hashes if before else ())})
    return [one for one in judged if lies_within(one.path, paths)]


def _make_sure_of(paths: frozenset[str], settings: Settings, documents: set[str]) -> None:
    """Who mistypes a path must not be told that all is well. Raises UsageError."""
    known = {way for path in documents for way in (*ways(path), "")}
    for path in sorted(paths - known):
        if not os.path.lexists(os.path.join(settings.base, path)):
            raise UsageError(f"no such file or folder: {path}")


def _identity(problem: Problem) -> tuple[object, ...]:
    """Return what makes a problem the same before and after, in a document that has not changed.

    Messages are no keys: they are cut, and some speak of other documents. Only the user's rules say by them alone which
    of several problems at one place is meant.
    """
    return problem.shown if problem.code not in codes.CODES else (*problem[:4], problem.link)


def _state(db: Connection, settings: Settings) -> _State:
    """Look at a tree whose cache it is."""
    hashes = dict(db.execute("SELECT path, hash FROM nodes"))
    problems = [*_recorded(db, settings), *_collisions(hashes), *rules.run(db, settings.policy.rules)]
    return _State(problems, hashes)


# Links to files

# The same link may stand in a document a hundred thousand times: so many different ones are looked for once.
_LIKE = 1024


def _recorded(db: Connection, settings: Settings) -> Iterator[Problem]:
    """Yield the problems of the cache, and links to files that are not there, which no cache tells of."""
    for path, *row in db.execute('SELECT path, line, "column", code, severity, message, link FROM problems'):
        yield Problem(sys.intern(path), *row)  # of four kilobytes, and with a hundred thousand problems, if it wants
    assets, rules_ = Assets(settings.source, settings.base), settings.rules()
    links = db.execute(
        'SELECT path, line, "column", ordinal, kind, target FROM links JOIN nodes ON nodes.key = source'
        f" WHERE target_node IS NULL AND scope = '{targets.ASSET}' AND links.type <> '{TAGGED_AS}'"
    )
    has = lru_cache(_LIKE)(
        lambda kind, target, path: assets.has(targets.asset_paths(kind in WIKI_KINDS, target, path, rules_))
    )
    for path, line, column, ordinal, kind, target in links:
        if not has(kind, target, path):
            yield leads_nowhere((sys.intern(path), line, column, ordinal, kind, target), "file", rules_)


# What concerns paths


def _collisions(paths: Iterable[str]) -> Iterator[Problem]:
    """Documents that could not lie side by side on a file system that knows no case, or composes accents."""
    first: dict[str, str] = {}
    for path in sorted(paths):
        other = first.setdefault(fold(path), path)
        if other != path:
            message = f"its path differs from {quoted(other)} only by case or by how accents are composed"
            yield Problem(path, 1, 1, "name-collision", ERROR, message)


# What is told of them


def _findings(db: Connection, settings: Settings, judged: list[Problem]) -> list[Finding]:
    """The problems that count, with their lines; those that a comment allows do not."""
    # Only documents: the rows of a rule may name any file there is.
    documents = {path for (path,) in db.execute("SELECT path FROM nodes")}
    texts = _lines(settings, sorted({problem.path for problem in judged} & documents))
    suggestions = Suggestions(db, settings)
    found = []
    # One document's text is held at a time. A line may be long, and have as many problems: its comments are read once.
    for path, of_document in groupby(judged, lambda problem: problem.path):
        lines = next(texts) if path in documents else []
        allowances = Allowances(lines)
        for line, group in groupby(of_document, lambda problem: problem.line):
            codes_allowed = allowances.at(line)
            source = lines[line - 1] if line <= len(lines) else None
            found += [Finding(suggestions.added(one), source) for one in group if one.code not in codes_allowed]
    return found


def _lines(settings: Settings, paths: list[str]) -> Iterator[list[str]]:
    """Yield the lines of each document, as parsing counts them; none where it cannot be read."""
    texts = settings.source.texts([os.path.join(settings.base, path) for path in paths], settings.size_limit)
    for text in texts:
        whole = (text or b"").decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
        yield whole.split("\n") if text is not None else []
