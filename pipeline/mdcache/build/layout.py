"""From documents to rows, laid out flat for multi-row statements. Runs where documents are parsed.

All batches pass through the one process that inserts, and what it does for each row bounds a rebuild. So it gets flat
lists of parameters, each row after the other, and no objects: they unpickle fastest, and a slice of one is what a
multi-row statement takes. A column of a flat list is every n-th value of it; Batch alone knows where each begins.
Section keys count from 0 within a batch; load adds what came before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, NamedTuple

from mdcache.build import digest
from mdcache.build.columns import FILES, NODES, PARTS, PLACED, PROBLEMS, SECTIONS, TABLES, VALUES, Role, Table
from mdcache.files.content import Clock
from mdcache.files.sources import Reader
from mdcache.model import Document, Entry, Problem, Rules, Stamp
from mdcache.parse.segment import segment


class Job(NamedTuple):
    """What a worker gets: entries with their reader, the keys their nodes get, and the hashes they are known to have.

    A file that still has its known hash is not parsed: only its stamp is laid out. texts: whether there is anything to
    index, or sections come without their words, which takes half the time.
    """

    reader: Reader
    rules: Rules
    clock: Clock
    entries: tuple[Entry, ...]
    keys: tuple[int, ...]
    known: tuple[str | None, ...]
    texts: bool = True


class Batch(NamedTuple):
    """What a worker gives back. rows has one flat list of parameters for each of columns.TABLES, in their order."""

    rows: tuple[list[Any], ...]
    documents: int
    sections: int
    text_bytes: int
    digests: bytes
    """The SHA-256 of each document's logical content, 32 bytes each, by path."""
    absent: tuple[tuple[str, Problem | None], ...]
    """Paths of entries that are no documents, with the problem of those that cannot be read; None for those gone."""
    written: tuple[int, ...]
    """The keys of the nodes in rows."""

    def columns(self, table: Table, *names: str) -> Iterable[tuple[Any, ...]]:
        """Return these columns of the rows for a table."""
        flat = self.rows[TABLES.index(table)]
        return zip(*(flat[_stride(table, name)] for name in names), strict=True)

    def put(self, table: Table, name: str, column: list[Any]) -> None:
        """Replace a column of the rows for a table."""
        self.rows[TABLES.index(table)][_stride(table, name)] = column

    def drop(self, table: Table) -> None:
        """Leave out the rows for a table."""
        self.rows[TABLES.index(table)].clear()


def _stride(table: Table, name: str) -> slice:
    """Return where the values of a column lie in a flat list."""
    written = [column.name for column in table.written]
    return slice(written.index(name), None, len(written))


def get_ready() -> None:
    """Import what run needs: once, in the process that forks the workers."""
    import mdcache.parse.parse  # noqa: F401


def run(job: Job) -> Batch:
    """Read, parse and lay out the entries of a job. Files that are gone are left out; unreadable ones are problems."""
    from mdcache.parse import parse  # here, not at the top: where workers parse, their parent need not wait for it

    rows = _Rows(job.texts)
    contents = job.reader.contents(job.entries, job.rules.size_limit, job.clock)
    for entry, key, hash_, found in zip(job.entries, job.keys, job.known, contents, strict=True):
        if found is None or isinstance(found, Problem):
            rows.absent(entry.path, found)
        elif found[0].hash == hash_:
            rows.stamp(entry.path, found[1], hash_)
        else:
            text, stamp = found
            rows.document(key, entry.default_id, parse.parse(entry.path, text, job.rules), stamp)
    return rows.batch()


_Place = Callable[[int, int, int, Any], tuple[Any, ...]]
"""A function of (key of the node, key of its section 0, ordinal of the row, row)."""
# What layout places before the values of a row of the model, by the roles of the table's columns. Written out for each
# shape that a table has: put together from a function a column it would take three times as long, for each row.
_PLACES: dict[tuple[Role, ...], _Place] = {
    (Role.NODE,): lambda node, _first, _ordinal, _row: (node,),
    (Role.NODE, Role.SECTION): lambda node, first, _ordinal, row: (node, first + row.section),
    (Role.NODE, Role.ORDINAL, Role.SECTION): lambda node, first, ordinal, row: (node, ordinal, first + row.section),
}


class _Part(NamedTuple):
    """How to lay out a document's rows of a table."""

    place: _Place
    values_of: Callable[[Any], tuple[Any, ...]]


def _values(table: Table) -> Callable[[Any], tuple[Any, ...]]:
    return table.values(table.of(*VALUES))


_NODE, _SECTION, _STAMP, _PROBLEM = map(_values, (NODES, SECTIONS, FILES, PROBLEMS))
# Sections alone have words to index beside their values, and are laid out by themselves.
_WITHOUT_WORDS = tuple(table for table in PARTS if table is not SECTIONS)
_PARTS = tuple(
    _Part(_PLACES[tuple(column.role for column in table.of(*PLACED))], _values(table)) for table in _WITHOUT_WORDS
)
_rows_of = attrgetter(*(table.rows for table in _WITHOUT_WORDS))


class _Rows:
    """The flat lists of a batch while it grows."""

    def __init__(self, texts: bool) -> None:
        self._texts = texts
        self._rows: tuple[list[Any], ...] = tuple([] for _ in TABLES)
        self._add: dict[str, Callable[[Iterable[Any]], None]] = {
            table.name: rows.extend for table, rows in zip(TABLES, self._rows, strict=True)
        }
        self._parts = [(self._add[table.name], *part) for table, part in zip(_WITHOUT_WORDS, _PARTS, strict=True)]
        self._documents = self._sections = self._bytes = 0
        self._digests: list[bytes] = []
        self._absent: list[tuple[str, Problem | None]] = []
        self._written: list[int] = []

    def batch(self) -> Batch:
        return Batch(
            self._rows,
            self._documents,
            self._sections,
            self._bytes,
            b"".join(self._digests),
            tuple(self._absent),
            tuple(self._written),
        )

    def absent(self, path: str, problem: Problem | None) -> None:
        self._absent.append((path, problem))

    def stamp(self, path: str, stamp: Stamp, hash_: str) -> None:
        self._add["files"]((path, hash_, *_STAMP(stamp)))

    def document(self, node: int, id_: str, document: Document, stamp: Stamp) -> None:
        self._add["nodes"]((node, id_, *_NODE(document)))
        first = self._sections
        for rows, (extend, place, values_of) in zip(_rows_of(document), self._parts, strict=True):
            if rows:
                for ordinal, row in enumerate(rows):
                    extend(place(node, first, ordinal, row) + values_of(row))
        self._section_texts(node, document)
        for problem in document.problems:
            self._add["all_problems"](_PROBLEM(problem))
        self.stamp(document.path, stamp, document.hash)
        self._written.append(node)
        self._documents += 1
        self._bytes += document.size
        self._digests.append(digest.of_document(document))

    def _section_texts(self, node: int, document: Document) -> None:
        extend, key = self._add["sections"], self._sections
        self._sections += len(document.sections)
        if not self._texts:
            for ordinal, section in enumerate(document.sections):
                extend((key + ordinal, node, ordinal, *_SECTION(section), *_NO_WORDS))
            return
        title, tags = segment(document.title), segment(" ".join([tag for tag, _ in document.tags])) or None
        spoken = len(document.sections) * (len(title) + len(tags or ""))
        everywhere = spoken <= document.size + _SPOKEN_LIMIT
        for ordinal, (section, body) in enumerate(zip(document.sections, document.bodies, strict=True)):
            words = segment(section.heading) if section.heading else None
            text = segment(body if ordinal else opening(document, body))
            extend((key + ordinal, node, ordinal, *_SECTION(section), title, words, tags, text))
            if not everywhere:
                title, tags = "", None


_NO_WORDS = (None, None, None, None)
# Title and tags are indexed with each section. Where that would be longer than the document and this, in characters,
# they are with the first alone: a megabyte of tags over a megabyte of headings would be a terabyte.
_SPOKEN_LIMIT = 1_000_000


def opening(document: Document, body: str) -> str:
    """What is indexed for section 0: its text, and the aliases and summary that stand in no text."""
    extra = "\n".join((*document.aliases, document.summary or ""))
    return f"{body}\n{extra}" if extra else body
