"""Stage 4, resolve: ids, links to documents, and the problems that only the whole set of documents shows.

A function of the set of documents alone: whatever the order of events, the answer is the same. Everything happens
within a bucket, the documents and links that share a name, so that a change touches only the buckets it names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from pipeline import anchors, targets
from pipeline.database import Connection
from pipeline.model import ERROR, Problem, Rules
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


def resolve_all(db: Connection, rules: Rules, absent: Iterable[str]) -> None:
    """Resolve a cache whose documents are all loaded, with the ids that scan gave them and no link resolved yet.

    absent: paths that scan found and that are no documents; they had a say in the ids of others.
    """
    names = _json({targets.bucket(path, rules.extensions) for path in absent})
    _settle_ids(db, rules, _OF_NAMES + " UNION SELECT node FROM claims", (names,))
    _settle_links(db, rules, "", ())
    _report(db, "", ())


def resolve_changes(
    db: Connection, rules: Rules, names: Iterable[str], written: Iterable[int], bereft: Iterable[int]
) -> None:
    """Resolve again what a change touches.

    names: those under which documents came, went or changed (of their paths, aliases and claims, before and after);
    written: the keys of documents that are new or changed; bereft: of those with links to a document that is gone,
    which the foreign key has made NULL already.
    """
    asked, keys = _json(names), _json(written)
    claimed = _settle_ids(db, rules, _OF_NAMES + " UNION SELECT value FROM json_each(?2)", (asked, keys))
    within = "AND (name IN (SELECT value FROM json_each(?1)) OR source IN (SELECT value FROM json_each(?2)))"
    moved = _settle_links(db, rules, within, (asked, keys))
    pointing = db.execute(
        "SELECT DISTINCT source FROM links WHERE fragment <> '' AND target_node IN (SELECT value FROM json_each(?))",
        (keys,),
    )
    sources = _json({*claimed, *moved, *written, *bereft, *(source for (source,) in pointing)})
    codes = ", ".join(f"'{code}'" for code in _CODES)
    paths = "SELECT path FROM nodes WHERE key IN (SELECT value FROM json_each(?))"
    db.execute(f"DELETE FROM problems WHERE code IN ({codes}) AND path IN ({paths})", (sources,))
    _report(db, "AND nodes.key IN (SELECT value FROM json_each(?1))", (sources,))


def _json(values: Iterable[Any]) -> str:
    return json.dumps(sorted(values))


# Ids


_OF_NAMES = (
    "SELECT node FROM names WHERE alias = '' AND name IN (SELECT value FROM json_each(?1))"
    " UNION SELECT node FROM claims WHERE name IN (SELECT value FROM json_each(?1))"
)


def _settle_ids(db: Connection, rules: Rules, nodes: str, parameters: tuple[Any, ...]) -> set[int]:
    """Give the documents that a query names their ids; returns those among them that claim one."""
    rows = db.execute(
        f"SELECT key, id, path, claim FROM nodes LEFT JOIN claims ON node = key WHERE key IN ({nodes})", parameters
    )
    claims = _Claims(db, rules)
    claimed, changed = set(), []
    for key, id_, path, claim in rows:
        if claim is not None:
            claimed.add(key)
        wanted = claim if claim is not None and claims.owner(claim) == key else claims.default(path)
        if wanted != id_:
            changed.append((wanted, key))
    # Two documents may swap ids: all first let go of what they had.
    db.executemany("UPDATE nodes SET id = char(26) || path WHERE key = ?2 AND ?1 <> ''", changed)
    db.executemany("UPDATE nodes SET id = ?1 WHERE key = ?2", changed)
    return claimed


class _Claims:
    """Who may have which id. Remembers its answers: ten thousand documents may claim the same."""

    def __init__(self, db: Connection, rules: Rules) -> None:
        self._db, self._extensions = db, rules.extensions
        self._owners: dict[str, int | None] = {}

    def owner(self, claim: str) -> int | None:
        """The document that a claimed id belongs to: the first by path, if it is no other's path."""
        if claim not in self._owners:
            claimants = self._db.execute(
                "SELECT node FROM claims JOIN nodes ON key = node WHERE claims.name = ? AND claim = ? ORDER BY path",
                (targets.bucket(claim, self._extensions), claim),
            )
            like = [key for key, path in self._namesakes(claim) if claim in (path, self._stem(path))]
            self._owners[claim] = next((key for (key,) in claimants if all(other == key for other in like)), None)
        return self._owners[claim]

    def default(self, path: str) -> str:
        """The path without extension if that is unique, else the path."""
        stem = self._stem(path)
        others = [other for _, other in self._namesakes(path) if other != path]
        return path if any(stem in (other, self._stem(other)) for other in others) else stem

    def _namesakes(self, path: str) -> Iterator[tuple[int, str]]:
        """Documents of the same folder whose names differ at most in case and extensions: (key, path)."""
        sql = "SELECT key, path FROM names JOIN nodes ON key = node WHERE name = ? AND alias = ''"
        for key, other in self._db.execute(sql, (targets.bucket(path, self._extensions),)):
            if folder(other) == folder(path):
                yield key, other

    def _stem(self, path: str) -> str:
        return without_extension(path, self._extensions)


# Links


def _settle_links(db: Connection, rules: Rules, within: str, parameters: tuple[Any, ...]) -> set[int]:
    """Resolve bucket by bucket: the links come sorted by name, and each name's documents are fetched once.

    within narrows down the links; returns the documents whose links now mean something else.
    """
    links = db.execute(
        "SELECT name, links.key, source, kind, target, path, target_node, scope, rivals"
        f" FROM links JOIN nodes ON nodes.key = source WHERE name IS NOT NULL {within} ORDER BY name, links.key",
        parameters,
    )
    resolved = Writer(db, "UPDATE links SET target_node = ?, scope = ?, rivals = ? WHERE key = ?")
    moved = set()
    bucket = _Bucket("", (), rules)
    for name, key, source, kind, target, path, *before in links:
        if name != bucket.name:
            bucket = _Bucket(name, _candidates(db, name), rules)
        after = bucket.settled(kind, target, path)
        if after != before:
            resolved.add((*after, key))
            moved.add(source)
    resolved.flush()
    return moved


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

    def settled(self, kind: str, target: str, source: str) -> list[Any]:
        """The link's target_node, scope and rivals."""
        choice = self.choose(kind, target, source)
        if choice:
            return [choice.node, targets.DOCUMENT, choice.rivals]
        return [None, targets.look_up(kind in WIKI_KINDS, target, source, self._rules.extensions).scope, 0]

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


_CODES = ("duplicate-id", "broken-link", "missing-embed", "ambiguous-link", "broken-anchor")
"""What only the whole set of documents shows."""


def _report(db: Connection, within: str, parameters: tuple[Any, ...]) -> None:
    """Write down what is wrong with ids and links that are settled; within narrows down the documents."""
    insert = 'INSERT INTO problems (path, line, "column", code, severity, message)'
    links = "FROM links JOIN nodes ON nodes.key = source"
    db.execute(
        f"{insert} SELECT path, line, 1, 'duplicate-id', 'error',"
        " 'the id ''' || claim || ''' is taken: it is the id or the path of another document'"
        f" FROM claims JOIN nodes ON nodes.key = node WHERE id <> claim {within}",
        parameters,
    )
    db.execute(
        f'{insert} SELECT path, line, "column",'
        " CASE WHEN kind IN ('embed', 'image') THEN 'missing-embed' ELSE 'broken-link' END,"
        " CASE WHEN kind IN ('relation', 'property') THEN 'warning' ELSE 'error' END,"
        f" 'no document for ''' || target || '''' {links} WHERE scope = 'document' AND target_node IS NULL {within}",
        parameters,
    )
    db.execute(
        f"{insert} SELECT path, line, \"column\", 'ambiguous-link', 'warning',"
        " '''' || target || ''' could be ' || (rivals + 1) || ' documents that are equally near'"
        f" {links} WHERE rivals > 0 {within}",
        parameters,
    )
    _check_fragments(db, within, parameters)


def _check_fragments(db: Connection, within: str, parameters: tuple[Any, ...]) -> None:
    """A link to a place in a document that is not there. Each target's anchors are fetched once."""
    links = db.execute(
        'SELECT target_node, fragment, target, path, line, "column" FROM links JOIN nodes ON nodes.key = source'
        f" WHERE target_node IS NOT NULL AND fragment <> '' {within} ORDER BY target_node, source, links.key",
        parameters,
    )
    node, known = None, frozenset[str]()
    problems = problem_writer(db)
    for target_node, fragment, target, path, line, column in links:
        if target_node != node:
            node, known = target_node, _anchors_of(db, target_node)
        if known.isdisjoint(anchors.forms(fragment)):
            problems.add(Problem(path, line, column, "broken-anchor", ERROR, f"no heading or anchor for '{target}'"))
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
