"""What only the whole set of documents shows to be wrong: ids that are taken, links that lead nowhere or to several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import chain
from typing import Any

from mdcache.build.columns import PROBLEMS, names
from mdcache.dialects.dialect import no_labels
from mdcache.model import ERROR, NOTE, WARNING, Problem, Rules
from mdcache.parse import anchors, targets
from mdcache.parse.body import ANY
from mdcache.parse.kinds import KINDS, TAGGED_AS, WIKI_KINDS
from mdcache.parse.sites import site_of
from mdcache.paths import nfc
from mdcache.store.connections import Connection

UNWRITTEN = "unwritten"
LEADS_NOWHERE = frozenset((UNWRITTEN, *(kind.code for kind in KINDS.values())))
"""The codes of links to what is not there."""
_CODES = ("duplicate-id", "ambiguous-link", "broken-anchor", *sorted(LEADS_NOWHERE))
"""What report writes, and forget deletes: parsing writes the others."""
_SHOWN = 120


def report(db: Connection, rules: Rules, within: str, parameters: tuple[Any, ...]) -> None:
    """Write down what is wrong with ids and links that are settled.

    Args:
        within: a piece of SQL, from AND on, that narrows down the documents; parameters are its.
    """
    found = chain(
        _lost_ids(db, within, parameters),
        _unsettled_links(db, rules, within, parameters),
        _broken_anchors(db, rules, within, parameters),
    )
    write(db, found)


def forget(db: Connection, keys: str) -> None:
    """Delete what was reported of these documents; keys is a JSON array."""
    codes = ", ".join(f"'{code}'" for code in _CODES)
    paths = "SELECT path FROM nodes WHERE key IN (SELECT value FROM json_each(?))"
    db.execute(f"DELETE FROM all_problems WHERE code IN ({codes}) AND path IN ({paths})", (keys,))


def write(db: Connection, problems: Iterable[Problem]) -> None:
    """Insert problems, one at a time, so that memory stays flat."""
    written = PROBLEMS.written
    sql = f"INSERT INTO all_problems ({names(written)}) VALUES ({', '.join('?' * len(written))})"
    db.executemany(sql, map(PROBLEMS.values(written), problems))


def _lost_ids(db: Connection, within: str, parameters: tuple[Any, ...]) -> Iterator[Problem]:
    claims = "SELECT path, line, claim FROM claims JOIN nodes ON nodes.key = node WHERE id <> claim"
    for path, line, claim in db.execute(f"{claims} {within}", parameters):
        message = f"the id {quoted(claim)} is taken: it is the id or the path of another document"
        yield Problem(path, line, 1, "duplicate-id", ERROR, message)


def _unsettled_links(db: Connection, rules: Rules, within: str, parameters: tuple[Any, ...]) -> Iterator[Problem]:
    """Yield what is wrong with links to several documents or to none; a tag needs no document."""
    links = db.execute(
        'SELECT path, line, "column", ordinal, kind, target, rivals FROM links JOIN nodes ON nodes.key = source'
        f" WHERE scope = 'document' AND (rivals > 0 OR target_node IS NULL AND links.type <> '{TAGGED_AS}')"
        f" {within}",
        parameters,
    )
    for path, line, column, ordinal, kind, target, rivals in links:
        if rivals:
            message = f"{quoted(target)} could be {rivals + 1} documents that are equally near"
            yield Problem(path, line, column, "ambiguous-link", WARNING, message, ordinal)
        else:
            yield leads_nowhere((path, line, column, ordinal, kind, target), "document", rules)


def leads_nowhere(link: tuple[str, int, int, int, str, str], wanted: str, rules: Rules) -> Problem:
    """Return the problem of a link to what is not there; wanted says what that would be.

    Args:
        link: the path of its document, its line, column and ordinal, its kind and target.
    """
    path, line, column, ordinal, kind, target = link
    known = KINDS[kind]
    code, severity = known.code, known.severity
    if code == "broken-link" and targets.may_be_written(kind, target, site_of(path, rules).dialect):
        code, severity = UNWRITTEN, NOTE
    return Problem(path, line, column, code, severity, f"no {wanted} for {quoted(target)}", ordinal)


def _broken_anchors(db: Connection, rules: Rules, within: str, parameters: tuple[Any, ...]) -> Iterator[Problem]:
    """Yield what is wrong with links to a place that a document does not have. Each target's anchors are fetched once.

    Documents over the size limit may have any place: nobody looked into them.
    """
    links = db.execute(
        'SELECT target_node, other.path, kind, fragment, target, nodes.path, line, "column", ordinal FROM links'
        " JOIN nodes ON nodes.key = source JOIN nodes AS other ON other.key = target_node"
        f" WHERE fragment <> '' AND other.size <= {rules.size_limit} {within} ORDER BY target_node, source, links.key",
        parameters,
    )
    node, places = None, _Places("", (), (), rules)
    for target_node, other, kind, fragment, target, path, line, column, ordinal in links:
        if target_node != node:
            node, places = (
                target_node,
                _Places(other, map(nfc, anchors_of(db, target_node)), _headings(db, target_node), rules),
            )
        wiki, place = kind in WIKI_KINDS, nfc(fragment)
        is_there = places.have(wiki, place) or places.have_elsewhere(path, place)
        if not is_there and not targets.is_left_alone(wiki, target, path, rules):
            message = f"no heading or anchor for {quoted(target)}"
            yield Problem(path, line, column, "broken-anchor", ERROR, message, ordinal)


def _headings(db: Connection, node: int) -> Iterator[tuple[int, str]]:
    """Yield the level and text of each heading of a document, in order; who asks for none pays nothing."""
    yield from db.execute("SELECT level, heading FROM sections WHERE node = ? AND level > 0 ORDER BY ordinal", (node,))


class _Places:
    """The places in one document that a fragment may name. headings: level and text of each, in order."""

    def __init__(self, path: str, known: Iterable[str], headings: Iterable[tuple[int, str]], rules: Rules) -> None:
        self._headings = headings
        self._outline: list[tuple[int, str]] | None = None
        self._dialect = site_of(path, rules).dialect
        self._is_readme = targets.bucket(path, rules.extensions) == "readme"
        self._known = frozenset(known)
        self._rules = rules

    def have_elsewhere(self, source: str, fragment: str) -> bool:
        """Return whether a document that is read in another way may name one of them so: a README on GitHub, where the
        ids of a site's page are others. Only letters and numbers are compared.
        """
        theirs = site_of(source, self._rules).dialect
        return theirs.ids != self._dialect.ids and anchors.loose(fragment) in self._loosely

    def have(self, wiki: bool, fragment: str) -> bool:
        """Return whether a fragment names one of them; wiki: it is a wikilink's, which may say a heading's text."""
        if ANY in self._known and not self._is_label(fragment):
            return True
        if anchors.is_made_by_viewers(fragment, self._is_readme, self._dialect):
            return True
        if not anchors.is_text(wiki, fragment, self._dialect):
            forms = anchors.exact_forms(fragment, self._dialect)
            return not self._known.isdisjoint(forms) or any(targets.fits(forms[-1], one) for one in self._patterns)
        if self._dialect.heading_paths and "#" in fragment.strip("#") and not self._leads_down(fragment):
            return False
        if not self._known.isdisjoint(anchors.forms(fragment, self._dialect)):
            return True
        return not self._loosely.isdisjoint(anchors.loose_forms(fragment))

    def _is_label(self, fragment: str) -> bool:
        """Return whether a fragment is a label that no heading's id can be: those of included documents are theirs."""
        return "/" in fragment and self._dialect.labels is not no_labels

    @cached_property
    def _patterns(self) -> list[list[str]]:
        """Return the names of which a part is not known, `*` in its place: what stands between the stars."""
        return [name.split(ANY) for name in self._known if ANY in name and name != ANY]

    @cached_property
    def _loosely(self) -> frozenset[str]:
        return frozenset(map(anchors.loose, self._known))

    def _leads_down(self, fragment: str) -> bool:
        """Return whether a path of headings leads on from each to one below it, or is itself a heading with a `#`."""
        if self._outline is None:
            self._outline = [(level, anchors.loose(nfc(text))) for level, text in self._headings]
        if anchors.loose(fragment) in {text for _, text in self._outline}:
            return True
        wanted = [anchors.loose(part) for part in fragment.split("#") if part and not part.startswith("^")]
        found, above = 0, 0
        for level, text in self._outline:
            if found < len(wanted) and level > above and text == wanted[found]:
                found, above = found + 1, level
        return found == len(wanted)


def quoted(text: str) -> str:
    """Return what a document says as a message can show it: one line, no control characters, 120 characters at most."""
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")


def anchors_of(db: Connection, node: int) -> Iterator[str]:
    """Return all places in a document that a fragment may name: anchors of headings and others."""
    rows = db.execute(
        "SELECT anchor FROM sections WHERE node = ?1 AND anchor IS NOT NULL UNION"
        " SELECT anchor FROM anchors WHERE node = ?1",
        (node,),
    )
    return (anchor for (anchor,) in rows)
