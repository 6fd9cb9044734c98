"""Stage 4, resolve: ids, links to documents, and the problems that only the whole set of documents shows.

A function of the set of documents alone: whatever the order of events, the answer is the same. Everything happens
within a bucket, the documents and links that share a name, so that a change touches only the buckets it names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from pipeline import anchors, targets
from pipeline.database import Connection
from pipeline.model import ERROR, WARNING, Problem, Rules
from pipeline.parse import WIKI_KINDS
from pipeline.paths import fold, folder, nfc, without_extension


class Candidate(NamedTuple):
    """A document that a name may mean; alias is '' when the name is that of its path."""

    node: int
    path: str
    alias: str


class Choice(NamedTuple):
    """What a link resolves to; rivals is how many others stood just as near."""

    node: int
    rivals: int


def resolve_all(db: Connection, rules: Rules) -> None:
    """Resolve a cache whose documents are all loaded and whose links are all unresolved."""
    _settle_ids(db, rules)
    _settle_links(db, rules)
    _check_fragments(db)


# Ids


def _settle_ids(db: Connection, rules: Rules) -> None:
    """Give each document the id that its front matter claims, if it may have it."""
    claims = db.execute("SELECT claim, node, path, line FROM claims JOIN nodes ON key = node ORDER BY claim, path")
    won = Writer(db, "UPDATE nodes SET id = ?1 WHERE key = ?2 AND id <> ?1")
    problems = problem_writer(db)
    owner, first = None, ""
    for claim, node, path, line in claims:
        other = first if claim == owner else _named_like(db, claim, node, rules)
        if other:
            message = f"the id {claim!r} is taken by {other}"
            problems.add(Problem(path, line, 1, "duplicate-id", ERROR, message))
        else:
            owner, first = claim, path
            won.add((claim, node))
    won.flush()
    problems.flush()


def _named_like(db: Connection, claim: str, node: int, rules: Rules) -> str | None:
    """The path of another document whose path, with or without extension, is this claim."""
    rows = db.execute(
        "SELECT path FROM names JOIN nodes ON key = node WHERE name = ? AND alias = '' AND node <> ?",
        (targets.bucket(claim, rules.extensions), node),
    )
    for (path,) in rows:
        if claim in (path, without_extension(path, rules.extensions)):
            return str(path)
    return None


# Links


def _settle_links(db: Connection, rules: Rules) -> None:
    """Resolve bucket by bucket: the links come sorted by name, and each name's documents are fetched once."""
    links = db.execute(
        'SELECT name, links.key, kind, target, path, line, "column" FROM links JOIN nodes ON nodes.key = source'
        " WHERE name IS NOT NULL ORDER BY name, links.key"
    )
    resolved = Writer(db, "UPDATE links SET target_node = ?, scope = 'document' WHERE key = ?")
    problems = problem_writer(db)
    bucket = _Bucket("", (), rules)
    for name, key, kind, target, path, line, column in links:
        if name != bucket.name:
            bucket = _Bucket(name, _candidates(db, name), rules)
        choice = bucket.choose(kind, target, path)
        if choice:
            resolved.add((choice.node, key))
            if choice.rivals:
                message = f"{target!r} could be {choice.rivals + 1} documents that are equally near"
                problems.add(Problem(path, line, column, "ambiguous-link", WARNING, message))
    resolved.flush()
    problems.flush()
    _report_unresolved(db)


def _candidates(db: Connection, name: str) -> tuple[Candidate, ...]:
    rows = db.execute("SELECT node, path, alias FROM names JOIN nodes ON key = node WHERE name = ?", (name,))
    return tuple(Candidate(*row) for row in rows)


class _Bucket:
    """The documents that share a name, indexed for the links that ask for it."""

    def __init__(self, name: str, candidates: tuple[Candidate, ...], rules: Rules) -> None:
        self.name = name
        self._rules = rules
        self._by_path: dict[str, Candidate] = {}
        self._by_suffix: dict[str, list[Candidate]] = {}
        self._by_folded: dict[str, list[Candidate]] = {}
        self._by_alias: dict[str, list[Candidate]] = {}
        self._nearest: dict[tuple[str, str], _Nearest] = {}
        self._chosen: dict[tuple[bool, str, str], Choice | None] = {}
        for candidate in candidates:
            self._add(candidate)

    def _add(self, candidate: Candidate) -> None:
        if candidate.alias:
            self._by_alias.setdefault(candidate.alias, []).append(candidate)
            return
        path = nfc(candidate.path)
        # Two names that differ only by normalisation: the first by path, as everywhere.
        if path not in self._by_path or candidate.path < self._by_path[path].path:
            self._by_path[path] = candidate
        for form in dict.fromkeys((path, without_extension(path, self._rules.extensions))):
            parts = form.split("/")
            for start in range(len(parts)):
                suffix = "/".join(parts[start:])
                self._by_suffix.setdefault(suffix, []).append(candidate)
                self._by_folded.setdefault(fold(suffix), []).append(candidate)

    def choose(self, kind: str, target: str, source: str) -> Choice | None:
        """What a link in the document at path source means; the same for all links of its folder."""
        if not self._by_path and not self._by_alias:
            return None
        wiki = kind in WIKI_KINDS
        itself = target.lstrip().startswith("#")
        key = (wiki, target, source if itself else folder(source))
        if key not in self._chosen:
            found = targets.look_up(wiki, target, source, self._rules.extensions)
            self._chosen[key] = self._by_name(found, source) if found.wiki else self._at(found)
        return self._chosen[key]

    def _at(self, found: targets.LookUp) -> Choice | None:
        """By path: below the roots first when it began with '/', then from the base."""
        if found.path is None:
            return None
        roots = [*self._rules.roots, ""] if found.rooted else [""]
        for root in roots:
            path = f"{root}/{found.path}".strip("/") if root else found.path
            for form in self._forms(path):
                if form in self._by_path:
                    return Choice(self._by_path[form].node, 0)
        return None

    def _forms(self, path: str) -> Iterator[str]:
        """A path as it is, with an extension, and the README or index of a folder."""
        yield path
        for extension in self._rules.extensions:
            yield path + extension
        for index in _INDEX_FILES:
            for extension in self._rules.extensions:
                yield f"{path}/{index}{extension}".lstrip("/")

    def _by_name(self, found: targets.LookUp, source: str) -> Choice | None:
        """By whole trailing components, then without case, then by alias; each the nearest of those that match."""
        assert found.path is not None
        tiers = (
            ("path", found.path, self._by_suffix),
            ("name", fold(found.path), self._by_folded),
            ("alias", fold(found.path), self._by_alias),
        )
        for tier, wanted, candidates in tiers:
            if wanted in candidates:
                nearest = self._nearest.get((tier, wanted))
                if nearest is None:
                    nearest = self._nearest[tier, wanted] = _Nearest(candidates[wanted])
                return nearest.to(folder(source))
        return None


_INDEX_FILES = ("README", "readme", "Readme", "index", "INDEX", "Index")


class _Nearest:
    """Finds the nearest of many candidates: fewest folder steps, then shortest path, then alphabetical.

    For each folder above a candidate, the best two below it by (depth, length, path) are kept; the answer is among
    those of the folders above the source. So a README in each of 10,000 folders costs no more than their depth.
    """

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        self._best: dict[str, list[tuple[int, int, str, int]]] = {}
        for candidate in {c.node: c for c in candidates}.values():
            above = _ancestors(folder(candidate.path))
            entry = (len(above) - 1, len(candidate.path), candidate.path, candidate.node)
            for ancestor in above:
                best = self._best.setdefault(ancestor, [])
                best.append(entry)
                best.sort()
                del best[2:]

    def to(self, source: str) -> Choice | None:
        """source is a folder."""
        above = _ancestors(source)
        found: dict[int, tuple[int, int, str, int]] = {}
        for up, ancestor in enumerate(above):
            level = len(above) - 1 - up
            for depth, length, path, node in self._best.get(ancestor, ()):
                entry = (up + depth - level, length, path, node)
                found[node] = min(entry, found.get(node, entry))
        ranked = sorted(found.values())
        if not ranked:
            return None
        return Choice(ranked[0][3], sum(1 for entry in ranked[1:] if entry[0] == ranked[0][0]))


def _ancestors(path: str) -> list[str]:
    """A folder and all above it, up to the base (''), nearest first."""
    above = [path]
    while path:
        path = folder(path)
        above.append(path)
    return above


# Problems


def _report_unresolved(db: Connection) -> None:
    """A link that names a document which is not there."""
    db.execute(
        'INSERT INTO problems (path, line, "column", code, severity, message)'
        ' SELECT path, line, "column",'
        "  CASE kind WHEN 'embed' THEN 'missing-embed' WHEN 'image' THEN 'missing-embed' ELSE 'broken-link' END,"
        "  CASE WHEN kind IN ('relation', 'property') THEN 'warning' ELSE 'error' END,"
        "  'no document for ''' || target || ''''"
        " FROM links JOIN nodes ON nodes.key = source"
        " WHERE scope = 'document' AND target_node IS NULL ORDER BY links.key"
    )


def _check_fragments(db: Connection) -> None:
    """A link to a place in a document that is not there. Each target's anchors are fetched once."""
    links = db.execute(
        'SELECT target_node, fragment, target, path, line, "column" FROM links JOIN nodes ON nodes.key = source'
        " WHERE target_node IS NOT NULL AND fragment <> '' ORDER BY target_node, source, links.key"
    )
    node, known = None, frozenset[str]()
    problems = problem_writer(db)
    for target_node, fragment, target, path, line, column in links:
        if target_node != node:
            node, known = target_node, _anchors_of(db, target_node)
        if known.isdisjoint(anchors.forms(fragment)):
            problems.add(Problem(path, line, column, "broken-anchor", ERROR, f"no heading or anchor for {target!r}"))
    problems.flush()


def _anchors_of(db: Connection, node: int) -> frozenset[str]:
    rows = db.execute(
        "SELECT anchor FROM sections WHERE node = ?1 AND anchor IS NOT NULL UNION"
        " SELECT anchor FROM anchors WHERE node = ?1",
        (node,),
    )
    return frozenset(anchor for (anchor,) in rows)


class Writer:
    """Collects rows for one statement and writes thousands at a time, so that memory stays flat.

    It may write to the table that is being read: it changes neither the rows' keys nor the index they come by.
    """

    def __init__(self, db: Connection, sql: str) -> None:
        self._db, self._sql = db, sql
        self._rows: list[tuple[Any, ...]] = []

    def add(self, row: tuple[Any, ...]) -> None:
        self._rows.append(row)
        if len(self._rows) >= 10_000:
            self.flush()

    def flush(self) -> None:
        self._db.executemany(self._sql, self._rows)
        self._rows.clear()


def problem_writer(db: Connection) -> Writer:
    """Takes Problems."""
    columns = 'path, line, "column", code, severity, message'
    return Writer(db, f"INSERT INTO problems ({columns}) VALUES (?, ?, ?, ?, ?, ?)")
