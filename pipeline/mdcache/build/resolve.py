"""Stage 4, resolve: ids, links to documents, and the problems that only the whole set of documents shows.

A function of the set of documents alone: whatever the order of events, the answer is the same. Everything happens
within a bucket, the documents and links that share a name, so that a change touches only the buckets it names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

from mdcache.model import ERROR, WARNING, Problem, Rules
from mdcache.parse import anchors, targets
from mdcache.parse.kinds import KINDS, TAGGED_AS, WIKI_KINDS
from mdcache.paths import fold, folder, nfc, without_extension
from mdcache.store.connections import Connection


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
    _report(db, rules, "", ())


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
    _report(db, rules, "AND nodes.key IN (SELECT value FROM json_each(?1))", (sources,))


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


_NAMES_AT_ONCE = 1024


class _Claims:
    """Who may have which id. Remembers its answers: ten thousand documents may claim the same."""

    def __init__(self, db: Connection, rules: Rules) -> None:
        self._db, self._extensions = db, rules.extensions
        self._owners: dict[str, int | None] = {}
        # Of twenty thousand READMEs each asks for all of the name, and those in its own folder count.
        self._by_folder = lru_cache(maxsize=_NAMES_AT_ONCE)(self._read_by_folder)

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

    def _namesakes(self, path: str) -> list[tuple[int, str]]:
        """Documents of the same folder whose names differ at most in case and extensions: (key, path)."""
        return self._by_folder(targets.bucket(path, self._extensions)).get(folder(path), [])

    def _read_by_folder(self, name: str) -> dict[str, list[tuple[int, str]]]:
        found: dict[str, list[tuple[int, str]]] = {}
        sql = "SELECT key, path FROM names JOIN nodes ON key = node WHERE name = ? AND alias = ''"
        for key, path in self._db.execute(sql, (name,)):
            found.setdefault(folder(path), []).append((key, path))
        return found

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
    resolved = _Writer(db, "UPDATE links SET target_node = ?, scope = ?, rivals = ? WHERE key = ?")
    moved = set()
    bucket = None
    for name, key, source, kind, target, path, *before in links:
        if bucket is None or bucket.name != name:
            bucket = Bucket(name, _candidates(db, name), rules)
        wiki = kind in WIKI_KINDS
        choice = bucket.choose(targets.ask(wiki, target, path), source, path)
        if choice:
            after = [choice.node, targets.DOCUMENT, choice.rivals]
        else:
            after = [None, targets.look_up(wiki, target, path, rules).scope, 0]
        if after != before:
            resolved.add((*after, key))
            moved.add(source)
    resolved.flush()
    return moved


def _candidates(db: Connection, name: str) -> Iterator[Candidate]:
    rows = db.execute("SELECT node, path, alias FROM names JOIN nodes ON key = node WHERE name = ?", (name,))
    return (Candidate(*row) for row in rows)


class Bucket:
    """The documents that share a name, arranged for the links that ask for it."""

    def __init__(self, name: str, candidates: Iterable[Candidate], rules: Rules) -> None:
        self.name = name
        self._extensions, self._roots = rules.extensions, rules.roots
        self._named: list[Candidate] = []
        self._aliases: dict[str, list[Candidate]] = {}
        # By path, by path without extension and by folder: (which form, path, node) of the best for each.
        self._files: dict[str, tuple[int, str, int]] = {}
        self._indexes: dict[str, tuple[int, str, int]] = {}
        self._endings: dict[tuple[int, bool], dict[str, list[Candidate]]] = {}
        # Who may be meant by what a wikilink asks for.
        self._meant: dict[str, Nearest | None] = {}
        for candidate in candidates:
            self._add(candidate)

    def _add(self, candidate: Candidate) -> None:
        node, path, alias = candidate
        if alias:
            self._aliases.setdefault(alias, []).append(candidate)
            return
        stem = targets.bucket(path, self._extensions)
        if stem in targets.INDEX_NAMES:
            _keep_best(self._indexes, nfc(folder(path)), (targets.INDEX_NAMES.index(stem), path, node))
        if stem == self.name:
            self._named.append(candidate)
            short = without_extension(path, self._extensions)
            order = self._extensions.index(path[len(short) :].lower()) + 1 if short != path else 0
            _keep_best(self._files, nfc(path), (0, path, node))
            _keep_best(self._files, nfc(short), (order, path, node))

    def choose(self, asked: targets.Asked | None, source: int, path: str) -> Choice | None:
        """The document that a link asks for which stands in the document source at path."""
        if asked is None:
            return None
        if asked.how == targets.ITSELF:
            return Choice(source, 0)
        if asked.how == targets.BY_PATH:
            return self._at((asked.path,), asked.is_folder)
        if asked.how == targets.FROM_ROOTS:
            return self._at((f"{root}/{asked.path}".strip("/") for root in (*self._roots, "")), asked.is_folder)
        if asked.path not in self._meant:
            found = self._by_name(asked.path)
            self._meant[asked.path] = Nearest(found) if found else None
        nearest = self._meant[asked.path]
        return nearest.to(folder(path)) if nearest else None

    def _at(self, paths: Iterable[str], is_folder: bool) -> Choice | None:
        """The first that is there, as a file or as a folder with an index."""
        forms = (self._indexes, self._files) if is_folder else (self._files, self._indexes)
        found = next((form[path] for path in paths for form in forms if path in form), None)
        return Choice(found[2], 0) if found else None

    def _by_name(self, wanted: str) -> list[Candidate]:
        """By whole trailing components, else without case, else by alias."""
        folded = fold(wanted)
        return (
            self._ending(wanted, False).get(wanted)
            or self._ending(folded, True).get(folded)
            or self._aliases.get(folded, [])
        )

    def _ending(self, wanted: str, folded: bool) -> dict[str, list[Candidate]]:
        """The documents by as many trailing components of their paths as are wanted, with and without extension."""
        count = wanted.count("/") + 1
        endings = self._endings.get((count, folded))
        if endings is None:
            endings = self._endings[count, folded] = {}
            for candidate in self._named:
                path = nfc(candidate.path)
                for form in {path, without_extension(path, self._extensions)}:
                    end = "/".join(form.rsplit("/", count)[-count:])
                    if end.count("/") == count - 1:
                        endings.setdefault(fold(end) if folded else end, []).append(candidate)
        return endings


def _keep_best(known: dict[str, tuple[int, str, int]], key: str, entry: tuple[int, str, int]) -> None:
    known[key] = min(entry, known.get(key, entry))


class _Best(NamedTuple):
    """The best of the candidates below a folder: the least deep, of these the one with the shortest path, the first."""

    depth: int
    length: int
    path: str
    node: int
    equals: int
    """How many there are of the same depth."""


class Nearest:
    """Finds the nearest of many candidates: fewest folder steps, then shortest path, then alphabetical.

    The way from a document to another leads up to a folder above both, and from there down to what is best below it;
    so it is enough to know the best below each folder. A README in each of 10,000 folders costs no more than their
    depth, where comparing all with all would take minutes.
    """

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        self._best: dict[str, _Best] = {}
        for node, path, _ in sorted(candidates, key=lambda candidate: (len(candidate.path), candidate.path)):
            above = _ancestors(folder(path))
            for ancestor in above:
                best = self._best.get(ancestor)
                if best is None or len(above) < best.depth:
                    self._best[ancestor] = _Best(len(above), len(path), path, node, 1)
                elif len(above) == best.depth:
                    self._best[ancestor] = best._replace(equals=best.equals + 1)

    def to(self, source: str) -> Choice | None:
        """The nearest to a document in the folder source.

        Where the two part further down, a folder higher up counts too many steps for them: never one that wins.
        """
        found: list[_Best] = []
        least = 0
        for up, ancestor in enumerate(_ancestors(source)):
            best = self._best.get(ancestor)
            if best:
                steps = best.depth + 2 * up
                if not found or steps < least:
                    found, least = [best], steps
                elif steps == least:
                    found.append(best)
        if not found:
            return None
        first = min(found, key=lambda best: (best.length, best.path))
        return Choice(first.node, sum(best.equals for best in found) - 1)


def _ancestors(path: str) -> list[str]:
    """A folder and all above it, up to the base (''), nearest first."""
    above = [path]
    while path:
        path = folder(path)
        above.append(path)
    return above


# Problems


_CODES = ("duplicate-id", "ambiguous-link", "broken-anchor", *sorted({kind.code for kind in KINDS.values()}))
"""What only the whole set of documents shows."""


def _report(db: Connection, rules: Rules, within: str, parameters: tuple[Any, ...]) -> None:
    """Write down what is wrong with ids and links that are settled; within narrows down the documents."""
    found = chain(
        _lost_ids(db, within, parameters),
        _unsettled_links(db, within, parameters),
        _broken_anchors(db, rules, within, parameters),
    )
    write_problems(db, found)


def _lost_ids(db: Connection, within: str, parameters: tuple[Any, ...]) -> Iterator[Problem]:
    claims = "SELECT path, line, claim FROM claims JOIN nodes ON nodes.key = node WHERE id <> claim"
    for path, line, claim in db.execute(f"{claims} {within}", parameters):
        message = f"the id {quoted(claim)} is taken: it is the id or the path of another document"
        yield Problem(path, line, 1, "duplicate-id", ERROR, message)


def _unsettled_links(db: Connection, within: str, parameters: tuple[Any, ...]) -> Iterator[Problem]:
    """Links to several documents or to none; a tag needs no document."""
    links = db.execute(
        'SELECT path, line, "column", kind, target, rivals FROM links JOIN nodes ON nodes.key = source'
        f" WHERE scope = 'document' AND (rivals > 0 OR target_node IS NULL AND links.type <> '{TAGGED_AS}')"
        f" {within}",
        parameters,
    )
    for path, line, column, kind, target, rivals in links:
        if rivals:
            message = f"{quoted(target)} could be {rivals + 1} documents that are equally near"
            yield Problem(path, line, column, "ambiguous-link", WARNING, message)
        else:
            yield leads_nowhere(path, line, column, kind, no_document(target))


def leads_nowhere(path: str, line: int, column: int, kind: str, message: str) -> Problem:
    """What is wrong with a link of a kind to what is not there."""
    known = KINDS[kind]
    return Problem(path, line, column, known.code, known.severity, message)


def no_document(target: str) -> str:
    """What is said of a link whose target is no document."""
    return f"no document for {quoted(target)}"


def _broken_anchors(db: Connection, rules: Rules, within: str, parameters: tuple[Any, ...]) -> Iterator[Problem]:
    """A link to a place in a document that is not there. Each target's anchors are fetched once.

    Of documents over the size limit no places are known.
    """
    links = db.execute(
        'SELECT target_node, kind, fragment, target, nodes.path, line, "column" FROM links'
        " JOIN nodes ON nodes.key = source JOIN nodes AS other ON other.key = target_node"
        f" WHERE fragment <> '' AND other.size <= {rules.size_limit} {within} ORDER BY target_node, source, links.key",
        parameters,
    )
    node, places = None, _Places(())
    for target_node, kind, fragment, target, path, line, column in links:
        if target_node != node:
            node, places = target_node, _Places(map(nfc, anchors_of(db, target_node)))
        if not places.have(kind in WIKI_KINDS, nfc(fragment)) and not targets.is_placeholder(target, rules):
            message = f"no heading or anchor for {quoted(target)}"
            yield Problem(path, line, column, "broken-anchor", ERROR, message)


class _Places:
    """What a fragment may name in one document."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = frozenset(known)
        self._loose: frozenset[str] | None = None

    def have(self, wiki: bool, fragment: str) -> bool:
        if not self._known.isdisjoint(anchors.forms(fragment)) or anchors.is_made_by_viewers(fragment):
            return True
        if not anchors.is_lenient(wiki, fragment):
            return False
        if self._loose is None:
            self._loose = frozenset(map(anchors.loose, self._known))
        return not self._loose.isdisjoint(anchors.loose_forms(fragment))


def quoted(text: str) -> str:
    """What a document says, to be shown within a message: one line, no control characters, not endless."""
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")


_SHOWN = 120


def anchors_of(db: Connection, node: int) -> Iterator[str]:
    """All places in a document that a fragment may name."""
    rows = db.execute(
        "SELECT anchor FROM sections WHERE node = ?1 AND anchor IS NOT NULL UNION"
        " SELECT anchor FROM anchors WHERE node = ?1",
        (node,),
    )
    return (anchor for (anchor,) in rows)


class _Writer:
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


def write_problems(db: Connection, problems: Iterable[Problem]) -> None:
    columns = 'path, line, "column", code, severity, message'
    writer = _Writer(db, f"INSERT INTO problems ({columns}) VALUES (?, ?, ?, ?, ?, ?)")
    for problem in problems:
        writer.add(problem)
    writer.flush()
