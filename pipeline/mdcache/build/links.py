"""Which document each link leads to.

A link is looked up in a bucket: the documents that share the name it asks for. Within one, a path is a look-up in a
dict; a wikilink may mean several documents and leads to the nearest of them, see Nearest.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from functools import cached_property, lru_cache, partial
from typing import Any, NamedTuple

from mdcache.dialects import Dialect, Site
from mdcache.model import Rules
from mdcache.parse import targets
from mdcache.parse.kinds import WIKI_KINDS
from mdcache.parse.sites import site_of
from mdcache.paths import fold, folder, has_extension, nfc, without_extension
from mdcache.store.connections import Connection


class Candidate(NamedTuple):
    """A document that a name may mean; alias is '' when the name is that of its path."""

    node: int
    path: str
    alias: str


class Choice(NamedTuple):
    """What a link leads to; rivals is how many other documents are equally near."""

    node: int
    rivals: int


def settle(
    db: Connection, rules: Rules, within: str, parameters: tuple[Any, ...], parsed: Container[int] | None = None
) -> set[int]:
    """Resolve links, and return the keys of the documents whose links now lead elsewhere.

    Bucket by bucket: the links come sorted by name, and each name's documents are fetched once.

    Args:
        within: a piece of SQL, from AND on, that narrows down the links; parameters are its.
        parsed: the documents that were parsed just now: their links have the scope that their text tells. None: all.
    """
    links = db.execute(
        "SELECT name, links.key, source, kind, target, path, target_node, scope, rivals"
        f" FROM links JOIN nodes ON nodes.key = source WHERE name IS NOT NULL {within} ORDER BY name, links.key",
        parameters,
    )
    resolved = _Writer(db, "UPDATE links SET target_node = ?, scope = ?, rivals = ? WHERE key = ?")
    moved = set()
    bucket, last = None, None
    alike: dict[tuple[str, str], list[Any]] = {}  # a document may have the same link a hundred thousand times
    for name, key, source, kind, target, path, *before in links:
        if bucket is None or bucket.name != name:
            bucket, last = Bucket(name, _candidates(db, name), rules), None
        if source != last:
            last, alike = source, {}
        after = alike.get((kind, target))
        if after is None:
            told = before[1] if parsed is None or source in parsed else None
            after = alike[kind, target] = _settled(bucket, kind in WIKI_KINDS, target, source, path, rules, told)
        if after != before:
            resolved.add((*after, key))
            moved.add(source)
    resolved.flush()
    return moved


def _settled(
    bucket: Bucket, wiki: bool, target: str, source: int, path: str, rules: Rules, told: str | None
) -> list[Any]:
    """Return what the columns target_node, scope and rivals of a link are to hold; told: its scope, if known."""
    can_be = not bucket.is_empty or target.startswith("#")  # a place that no other document has is its own's
    choice = bucket.choose(targets.asks(wiki, target, path, rules), source, path) if can_be else None
    if choice:
        return [choice.node, targets.DOCUMENT, choice.rivals]
    return [None, told or targets.look_up(wiki, target, path, rules).scope, 0]


def _candidates(db: Connection, name: str) -> Iterator[Candidate]:
    rows = db.execute("SELECT node, path, alias FROM names JOIN nodes ON key = node WHERE name = ?", (name,))
    return (Candidate(*row) for row in rows)


class Bucket:
    """The documents that share a name, arranged for the links that ask for it."""

    def __init__(self, name: str, candidates: Iterable[Candidate], rules: Rules) -> None:
        self.name = name
        self._rules = rules
        self._extensions, self._roots = rules.extensions, rules.roots
        self._named: list[Candidate] = []
        self._deepest = 0
        self._aliases: dict[str, Nearest] = {}
        # By path, by path without extension, by folder and by other addresses: (which form, path, node) of the best.
        self._files: dict[str, tuple[int, str, int]] = {}
        self._indexes: dict[str, tuple[int, str, int]] = {}
        self._addresses: dict[str, tuple[int, str, int]] = {}
        self._endings: dict[tuple[str, int, bool], dict[str, Nearest]] = {}
        # The documents that a wikilink's name may mean: the same for each of the thousand spellings of a name.
        self._meant: dict[tuple[targets.Asked, tuple[bool, ...]], Nearest | None] = {}
        self.is_empty = True
        for candidate in candidates:
            self.is_empty = False
            self._add(candidate)

    def _add(self, candidate: Candidate) -> None:
        node, path, alias = candidate
        if alias.startswith("/"):
            self._deepest = max(self._deepest, alias.count("/"))
            _keep_best(self._addresses, alias[1:], (0, path, node))
            return
        if alias:
            self._aliases.setdefault(alias, Nearest()).add(candidate)
            return
        self._deepest = max(self._deepest, path.count("/") + 1)
        stem = targets.bucket(path, self._extensions)
        dialect = site_of(path, self._rules).dialect
        if targets.is_index(path, stem, dialect, self._extensions):
            names = (*dialect.index_names, stem)
            _keep_best(self._indexes, nfc(folder(path)), (names.index(stem), path, node))
        if stem == self.name:
            self._named.append(candidate)
            short = without_extension(path, self._extensions)
            order = self._extensions.index(path[len(short) :].lower()) + 1 if short != path else 0
            _keep_best(self._files, nfc(path), (0, path, node))
            _keep_best(self._files, nfc(short), (order, path, node))

    def choose(self, asks: Iterable[targets.Asked], source: int, path: str) -> Choice | None:
        """Return the document that a link in the document source at path asks for; None when there is none."""
        site = site_of(path, self._rules)
        return next(filter(None, (self._chosen(asked, source, path, site) for asked in asks)), None)

    def _chosen(self, asked: targets.Asked, source: int, path: str, site: Site) -> Choice | None:
        if asked.how == targets.ITSELF:
            return Choice(source, 0)
        if asked.how == targets.BY_PATH:
            return self._at((asked.path,), asked.is_folder, self._may_differ_in_case(asked, site.dialect))
        if asked.how == targets.FROM_ROOTS:
            paths = (f"{root}/{asked.path}".strip("/") for root in (*self._roots, ""))
            return self._at(paths, asked.is_folder, self._may_differ_in_case(asked, site.dialect))
        cases = _cases(site.dialect)
        if (asked, cases) not in self._meant:
            self._meant[asked, cases] = self._by_name(asked, cases)
        nearest = self._meant[asked, cases]
        return nearest.chosen(asked.path, folder(path), site) if nearest else None

    def _may_differ_in_case(self, asked: targets.Asked, dialect: Dialect) -> bool:
        return dialect.any_case or (dialect.any_case_of_files and has_extension(asked.path, self._extensions))

    def _at(self, paths: Iterable[str], is_folder: bool, any_case: bool) -> Choice | None:
        """Return the first that is there, as a file, as a folder with an index, or under another address."""
        for path in paths:
            forms = (self._indexes, self._files) if is_folder else (self._files, self._indexes)
            found = next((form[path] for form in forms if path in form), None) or self._addresses.get(path)
            if not found and any_case:
                found = self._without_case.get((fold(path), is_folder)) or self._without_case.get(
                    (fold(path), not is_folder)
                )
            if found:
                return Choice(found[2], 0)
        return None

    @cached_property
    def _without_case(self) -> dict[tuple[str, bool], tuple[int, str, int]]:
        """Return the best for each path without case, by whether it is a folder's."""
        found: dict[tuple[str, bool], tuple[int, str, int]] = {}
        for is_folder, form in ((False, self._files), (True, self._indexes), (False, self._addresses)):
            for path, entry in form.items():
                key = fold(path), is_folder
                found[key] = min(entry, found.get(key, entry))
        return found

    def _by_name(self, asked: targets.Asked, cases: tuple[bool, ...]) -> Nearest | None:
        """Return the documents of a name, else those with such an alias, else the indexes of the folders of the name.

        Other addresses of documents come between. A name that is written like a folder's means folders first.
        """
        ends = partial(self._ends, asked.path)
        folders = ends(self._folders_named, cases)
        if asked.is_folder and folders:
            return folders
        files = ends(self._files_named, cases) or self._aliases.get(fold(asked.path))
        return files or (ends(self._addresses_named, (True,)) if self._addresses else None) or folders

    def _ends(
        self, wanted: str, forms: Callable[[], Iterator[tuple[str, Candidate]]], cases: tuple[bool, ...]
    ) -> Nearest | None:
        """Return the candidates of which a form ends in wanted, in whole components; cases: folded or not, in turn."""
        if wanted.count("/") >= self._deepest:
            return None  # a text may ask for as many depths as it is long: none is looked at that no path has
        for folded in cases:
            asked = fold(wanted) if folded else wanted
            if found := self._ending(forms, asked, folded).get(asked):
                return found
        return None

    def _files_named(self) -> Iterator[tuple[str, Candidate]]:
        """Yield the paths of the documents of this name, with and without extension."""
        for candidate in self._named:
            path = nfc(candidate.path)
            for form in {path, without_extension(path, self._extensions)}:
                yield form, candidate

    def _folders_named(self) -> Iterator[tuple[str, Candidate]]:
        """Yield the paths of the folders of this name that have an index, with the index."""
        for path, (_, index, node) in self._indexes.items():
            if targets.bucket(path, self._extensions) == self.name:
                yield path, Candidate(node, index, "")

    def _addresses_named(self) -> Iterator[tuple[str, Candidate]]:
        """Yield the other addresses of this name, each with its document."""
        for address, (_, path, node) in self._addresses.items():
            yield address, Candidate(node, path, "")

    def _ending(
        self, forms: Callable[[], Iterator[tuple[str, Candidate]]], wanted: str, folded: bool
    ) -> dict[str, Nearest]:
        """Return the candidates by the ends of their forms, as many components as wanted has."""
        count = wanted.count("/") + 1
        key = forms.__name__, count, folded
        endings = self._endings.get(key)
        if endings is None:
            endings = self._endings[key] = {}
            for form, candidate in forms():
                end = "/".join(form.rsplit("/", count)[-count:])
                if end.count("/") == count - 1:
                    endings.setdefault(fold(end) if folded else end, Nearest()).add(candidate)
        return endings


def _cases(dialect: Dialect) -> tuple[bool, ...]:
    """Return whether names are compared without case, in the order in which that is tried."""
    if dialect.exact_names:
        return (False,)
    return (True,) if dialect.any_case or dialect.nearest == targets.VAULT else (False, True)


def _keep_best(known: dict[str, tuple[int, str, int]], key: str, entry: tuple[int, str, int]) -> None:
    known[key] = min(entry, known.get(key, entry))


class _Best(NamedTuple):
    """The best of the candidates below a folder: the least deep, then the one with the shortest path, then the first.

    equals is how many there are of the same depth, this one included.
    """

    depth: int
    length: int
    path: str
    node: int
    equals: int


class _Least(NamedTuple):
    """The first of the candidates below a folder by rank, then by path; equals is how many have its rank."""

    rank: int
    node: int
    equals: int


class Nearest:
    """The candidates for a name, arranged so that the nearest to any folder is found in as many steps as it is deep.

    Near means few folder steps: from `a/b` to `a/c/d` it is one up, to `a`, and two down. Documents that are equally
    near are rivals; of these the shortest path is chosen, then the first by alphabet.

    To compare each link with each candidate would be quadratic: minutes where 10,000 folders have a README and all
    link to README. But every way leads up from the link's folder to a folder above both, and down from there, and of
    the candidates below that folder only the least deep can be nearest. So _arranged notes in each folder above
    a candidate (_best) the least deep one below, and how many are as deep. _found walks up from the link's folder,
    which may be D deep. Having gone up to a folder D - up deep, a candidate at depth d below it is d - (D - up) steps
    down: the whole way is d + 2 * up - D, and D is the same for all.

    A candidate that lies below a folder passed earlier is met again higher up, with a way counted too long, up and
    back down. That does no harm: its own, shorter way was counted at the earlier folder and beats it, so that a way
    counted too long never wins and never ties with the winner.
    """

    __slots__ = ("_best", "_candidates", "_last", "_least", "_places")

    def __init__(self, candidates: Iterable[Candidate] = ()) -> None:
        self._candidates = [*candidates]
        self._best: dict[str, _Best] = {}
        self._last: tuple[str, Choice | None] | None = None
        self._least: dict[str, dict[str, _Least]] = {}
        self._places: dict[str, int] = {}

    def add(self, candidate: Candidate) -> None:
        """Add a candidate; no more come after the first call of to."""
        self._candidates.append(candidate)

    def chosen(self, wanted: str, source: str, site: Site) -> Choice | None:
        """Return which candidate a link from the folder source means that asks for wanted, the end of their paths."""
        how = site.dialect.nearest
        if how == targets.VAULT:
            own = self._at(wanted).get(source)
            return Choice(own, 0) if own is not None else self._first(how, site.docs, len)
        if how == targets.FIRST:
            return self._first(how, site.docs, lambda _: 0)
        return self.to(source)

    def _at(self, wanted: str) -> dict[str, int]:
        """Return the candidates by the folders below which their paths are wanted."""
        if not self._places:
            depth = wanted.count("/") + 1
            for node, path, _ in sorted(self._candidates, key=lambda candidate: candidate.path):
                self._places.setdefault("/".join(path.split("/")[:-depth]), node)
        return self._places

    def _first(self, how: str, docs: str, rank: Callable[[str], int]) -> Choice | None:
        """Return the first candidate by rank below the docs folder: a vault knows no other files.

        As for the nearest, the first below each folder is noted once: there may be as many docs folders as candidates.
        """
        found = self._least.setdefault(how, {})
        if not found:
            for node, path, _ in sorted(self._candidates, key=lambda one: (rank(one.path), one.path)):
                for above in _ancestors(folder(path)):
                    known = found.setdefault(above, _Least(rank(path), node, 0))
                    if known.rank == rank(path):
                        found[above] = known._replace(equals=known.equals + 1)
        least = found.get(docs)
        return Choice(least.node, least.equals - 1) if least else None

    def to(self, source: str) -> Choice | None:
        """Return the nearest to a document in the folder source; None when there are no candidates.

        Many links of a document may ask for a name, and it may lie two thousand folders deep: the last answer is kept.
        """
        if self._last is None or self._last[0] != source:
            if not self._best:
                self._best = self._arranged()
            self._last = source, self._found(source)
        return self._last[1]

    def _arranged(self) -> dict[str, _Best]:
        """Return the best of the candidates below each folder that is above one."""
        found: dict[str, _Best] = {}
        for node, path, _ in sorted(self._candidates, key=lambda candidate: (len(candidate.path), candidate.path)):
            above = _ancestors(folder(path))
            for ancestor in above:
                best = found.get(ancestor)
                if best is None or len(above) < best.depth:
                    found[ancestor] = _Best(len(above), len(path), path, node, 1)
                elif len(above) == best.depth:
                    found[ancestor] = best._replace(equals=best.equals + 1)
        return found

    def _found(self, source: str) -> Choice | None:
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


@lru_cache(maxsize=64)
def _ancestors(path: str) -> tuple[str, ...]:
    """Return a folder and all above it, up to the base (''), nearest first."""
    above = [path]
    while path:
        path = folder(path)
        above.append(path)
    return tuple(above)


class _Writer:
    """Rows for one statement, written thousands at a time, so that memory stays flat.

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
