"""Full-text search: what people type, ranked sections, and snippets with the hits marked.

What is typed is never a syntax error: words are ANDed, "phrases" stay together, a trailing * is a prefix, a leading -
excludes, and everything else is literal.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import groupby, takewhile
from typing import Any, NamedTuple

from mdcache.errors import UsageError, WorkError
from mdcache.parse.segment import SEPARATOR, joined, segment
from mdcache.paths import fold
from mdcache.read import hydrate
from mdcache.store import connections, failures
from mdcache.store.cache import Cache, storable
from mdcache.store.connections import Connection, SqliteError

MARK_START, MARK_END = "\x02", "\x03"
"""Around each hit in a snippet: characters that no snippet has otherwise."""

_TERM = re.compile(r'(-?)"([^"]*)"(\*?)|(\S+)')
# Nobody types more. Thousands of words would take FTS5 seconds to look up.
_LONGEST_QUERY = 10_000
# A character is a word where scripts have no spaces; 64 is as many as FTS5 gives.
_SNIPPET_WORDS, _SNIPPET_CHARACTERS = 24, 64
# Of a section, snippets look at this much: a hit further down is shown by its line alone.
_SNIPPET_BYTES = 1 << 20
_OPENING_BYTES = 600
# FTS5's snippet() takes a time that grows with the square of the hits: of a longer text only the best piece is looked
# at. Pieces overlap, so that a phrase lies in one as a whole.
_PIECE, _OVERLAP = 8_000, 500
# What an FTS5 expression looks for, without its operators: phrases, words, and their stars.
_SOUGHT = re.compile(r'("(?:[^"]|"")*"|[^\W_]+)(\s*\*)?')
# Sections looked at first for each that is wanted: of a document only the best one counts.
_TRIED = 5
# Control characters of documents: none reaches a terminal, and none is mistaken for a mark.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1e\x7f-\x9f]")


class Query(NamedTuple):
    """What to look for. path is a GLOB; tag has any case and includes what nests in it; raw is FTS5.

    all_ shows every section of a document, not only its best.
    """

    text: str
    limit: int = 10
    path: str | None = None
    tag: str | None = None
    type: str | None = None
    all_: bool = False
    raw: bool = False


class Hit(NamedTuple):
    """A section that was found.

    score grows with relevance. marked: a snippet with MARK_START and MARK_END around what was looked for; None when the
    file is missing or has changed, as state says.
    """

    id: str
    path: str
    anchor: str | None
    heading: str | None
    line: int
    score: float
    marked: str | None
    title: str
    state: str | None
    """Why there is no snippet: 'changed' or 'missing'; None when there is one."""

    @property
    def snippet(self) -> str | None:
        """A snippet with «what was looked for» marked."""
        return self.marked and self.marked.replace(MARK_START, "«").replace(MARK_END, "»")

    def as_dict(self) -> dict[str, Any]:
        shown = self._replace(marked=self.snippet)
        return {"snippet" if name == "marked" else name: value for name, value in shown._asdict().items()}


class _Place(NamedTuple):
    """A section that was found, by what decides its place: the text of thousands is never in memory at once."""

    rank: float
    path: str
    ordinal: int
    key: int
    node: int


class _Row(NamedTuple):
    """A section that is shown."""

    rank: float
    path: str
    ordinal: int
    key: int
    node: int
    id: str
    title: str
    hash: str
    summary: str | None
    anchor: str | None
    heading: str | None
    start: int
    end: int
    line: int


def expression(text: str) -> str | None:
    """Return the FTS5 expression for what was typed; None when there is nothing to look for."""
    wanted: list[str] = []
    unwanted: list[str] = []
    for match in _TERM.finditer(_CONTROLS.sub(" ", text[:_LONGEST_QUERY])):
        minus, phrase, star, word = match.groups()
        if word is not None:
            minus = "-" if word.startswith("-") else ""
            star = "*" if word.endswith("*") else ""
            phrase = word.removeprefix("-").rstrip("*")
        if any(char.isalnum() for char in phrase):
            literal = segment(phrase).replace('"', " ")
            (unwanted if minus else wanted).append(f'"{literal}"{" *" if star else ""}')
    if not wanted:
        return None
    found = " AND ".join(wanted)
    return f"({found}) NOT ({' OR '.join(unwanted)})" if unwanted else found


def search(cache: Cache, query: Query) -> list[Hit]:
    """Return the best sections first; ties by path, then place. Raises UsageError when raw is no FTS5 expression."""
    typed = storable(query.text)
    matching = typed if query.raw else expression(typed)
    if not matching or not matching.strip():
        return []
    try:
        rows = [_row(cache.db, place) for place in _found(cache.db, matching, query)]
    except SqliteError as error:
        if query.raw and failures.name_of(error) == "SQLITE_ERROR":
            raise UsageError(f"not an FTS5 expression: {error}") from error
        raise
    return _with_snippets(cache, matching, rows)


def _found(db: Connection, matching: str, query: Query) -> list[_Place]:
    """Return the rows of the best sections, best first.

    SQLite finds the first few of many in half the time that FTS5 takes to sort them all; nearly always they suffice.
    """
    few = max(query.limit, 1) * _TRIED
    places = sorted(_places(db, matching, query, few))
    if len(places) == few:
        last = places[-1].rank  # others may be as good
        best = _best((place for place in places if place.rank < last), query)
        return best if len(best) == query.limit else _best(_places(db, matching, query), query)
    return _best(places, query)


def _places(db: Connection, matching: str, query: Query, limit: int | None = None) -> Iterator[_Place]:
    """Return places by rank or, without an order, as many of the best as the limit says."""
    where, parameters = ["sections_fts MATCH ?"], [matching]
    if query.path is not None:
        where.append("nodes.path GLOB ?")
        parameters.append(query.path)
    if query.type is not None:
        where.append("nodes.type = ?")
        parameters.append(query.type)
    if query.tag is not None:
        where.append(_TAGGED)
        parameters += _tagged(query.tag)
    hits, condition, order = "sections_fts", " AND ".join(where), " ORDER BY rank"
    if limit is not None:
        joined = _JOINS if len(where) > 1 else ""
        # The plus keeps FTS5 from sorting.
        best = (
            f"SELECT sections_fts.rowid, rank FROM sections_fts{joined} WHERE {condition} ORDER BY +rank LIMIT {limit}"
        )
        hits, condition, order = f"({best}) AS sections_fts", "1", ""
    sql = f"SELECT rank, path, ordinal, sections.key, node FROM {hits}{_JOINS} WHERE {condition}{order}"
    return (_Place(*row) for row in db.execute(sql, [storable(one) for one in parameters]))


# CROSS JOIN keeps the index outermost: it gives the rows by rank, and we stop when we have enough.
_JOINS = " CROSS JOIN sections ON sections.key = sections_fts.rowid CROSS JOIN nodes ON nodes.key = sections.node"
_SHOWN = (
    'SELECT id, nodes.title, nodes.hash, summary, anchor, sections.heading, start, "end", line'
    " FROM sections JOIN nodes ON nodes.key = sections.node WHERE sections.key = ?"
)


def _row(db: Connection, place: _Place) -> _Row:
    return _Row(*place, *db.execute(_SHOWN, (place.key,)).fetchone())


# Two look-ups: SQLite would go through all tags of a document for one with OR in it.
_TAGGED = "({0} AND folded = ?) OR {0} AND folded >= ? AND folded < ?))".format(
    "EXISTS (SELECT 1 FROM tags WHERE tags.node = nodes.key"
)


def _tagged(tag: str) -> tuple[str, str, str]:
    """Return the parameters of _TAGGED: the tag as others are compared with it, and the range of what nests in it."""
    folded = fold(tag.strip().lstrip("#").strip("/"))
    return folded, f"{folded}/", f"{folded}0"  # 0 follows / in Unicode


def _best(places: Iterable[_Place], query: Query) -> list[_Place]:
    """Return the best of places that come by rank; ties by path, then place."""
    best: list[_Place] = []
    seen: set[int] = set()
    for _, equal in groupby(places, key=lambda place: place.rank):
        for place in sorted(equal):
            if query.all_ or place.node not in seen:
                seen.add(place.node)
                best.append(place)
        if len(best) >= query.limit:
            break
    return best[: query.limit]


def _with_snippets(cache: Cache, matching: str, rows: list[_Row]) -> list[Hit]:
    read = hydrate.reader(cache)
    texts = [_body(cache, read, row) for row in rows]
    marked = _marked(cache.db, matching, rows, [text for text, _ in texts])
    return [
        Hit(row.id, row.path, row.anchor, row.heading, row.line, round(-row.rank, 6), snippet, row.title, state)
        for row, snippet, (_, state) in zip(rows, marked, texts, strict=True)
    ]


def _body(cache: Cache, read: Callable[[str, str], hydrate.Text], row: _Row) -> tuple[str | None, str | None]:
    """Return the text of a section and None, or None and why there is none."""
    try:
        text = read(row.path, row.hash)
    except hydrate.Withheld:
        return None, hydrate.WITHHELD
    except WorkError:
        return None, hydrate.MISSING
    if text.changed:
        return None, hydrate.CHANGED
    body = _decoded(text.data, row.start, min(row.end, row.start + _SNIPPET_BYTES))
    if not body.strip():
        # The title was found: show how the document begins.
        body = _decoded(text.data, row.start, row.start + _OPENING_BYTES)
    if row.ordinal == 0:
        aliases = [alias for (alias,) in cache.db.execute("SELECT alias FROM aliases WHERE node = ?", (row.node,))]
        body = "\n".join((body, *aliases, row.summary or ""))
    return body, None


def _decoded(data: bytes, start: int, end: int) -> str:
    """Return the text between two offsets; end may lie within a character, which is then left out."""
    while start < end < len(data) and data[end] & 0xC0 == 0x80:
        end -= 1
    return data[start:end].decode("utf-8", "replace")


def _marked(db: Connection, matching: str, rows: list[_Row], bodies: list[str | None]) -> list[str | None]:
    """Return snippets from a throw-away index with the same tokenizer: the real one keeps no text to mark."""
    marks = connections.open_memory()
    with closing(marks):
        marks.execute(
            "CREATE VIRTUAL TABLE marks USING fts5"
            " (title, heading, tags, body, tokenize = 'porter unicode61 remove_diacritics 2')"
        )
        any_of = " OR ".join(dict.fromkeys(_quoted(match) for match in _SOUGHT.finditer(matching)))
        whole = [None if body is None else segment(_CONTROLS.sub(" ", body)) for body in bodies]
        clean = [None if body is None else _best_piece(body, any_of) for body in whole]
        all_tags = (_tags(db, row.node) for row in rows)
        marks.executemany(
            "INSERT INTO marks (rowid, title, heading, tags, body) VALUES (?, ?, ?, ?, ?)",
            [
                (
                    number,
                    *(_best_piece(text, any_of) for text in (segment(row.title), segment(row.heading or ""), tags)),
                    body,
                )
                for number, (row, body, tags) in enumerate(zip(rows, clean, all_tags, strict=True))
            ],
        )
        length = _SNIPPET_CHARACTERS if SEPARATOR in matching else _SNIPPET_WORDS
        sql = f"SELECT rowid, snippet(marks, 3, ?, ?, '…', {length}) FROM marks WHERE marks MATCH ?"
        found = dict(marks.execute(sql, (MARK_START, MARK_END, matching)))
        if clean != whole:  # a piece need not hold all that its section does
            found = dict(marks.execute(sql, (MARK_START, MARK_END, any_of))) | found
    return [None if body is None else _shown(found.get(number) or body) for number, body in enumerate(clean)]


def _quoted(match: re.Match[str]) -> str:
    word, star = match.groups()
    return (word if word.startswith('"') else f'"{word}"') + (star or "")


def _best_piece(text: str, any_of: str) -> str:
    """Return the piece of a long text that holds most of what is looked for, by rank; the first when none does."""
    pieces = [text[at : at + _PIECE + _OVERLAP] for at in range(0, max(len(text) - _OVERLAP, 1), _PIECE)]
    if len(pieces) == 1:
        return text
    with closing(connections.open_memory()) as db:
        db.execute("CREATE VIRTUAL TABLE pieces USING fts5 (body, tokenize = 'porter unicode61 remove_diacritics 2')")
        db.executemany("INSERT INTO pieces (rowid, body) VALUES (?, ?)", enumerate(pieces))
        best = db.execute("SELECT rowid FROM pieces WHERE pieces MATCH ? ORDER BY rank, rowid LIMIT 1", (any_of,))
        return pieces[next(best, (0,))[0]]


def _tags(db: Connection, node: int) -> str:
    """Return the tags of a document as they are indexed."""
    return segment(" ".join(tag for (tag,) in db.execute("SELECT tag FROM tags WHERE node = ?", (node,))))


def _shown(snippet: str) -> str:
    """Return a snippet in one line, with the scripts without spaces joined again."""
    text = _SIGNS.sub(_within_the_mark, " ".join(joined(snippet).split()))
    return text if MARK_START in text or len(text) <= 200 else text[:200] + "…"


_SIGNS = re.compile(rf"{MARK_END}([^\w\s]+)")


def _within_the_mark(match: re.Match[str]) -> str:
    """Return a mark's end with the accents and vowel signs of its last letter, which the tokenizer drops."""
    signs = "".join(takewhile(lambda char: unicodedata.category(char).startswith("M"), match[1]))
    return signs + MARK_END + match[1][len(signs) :]
