"""From documents to rows, laid out flat for multi-row statements. Runs where documents are parsed.

The inserting process is the bottleneck, so it gets lists of parameters and no objects. Section keys count from 0
within a batch; load adds what came before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from mdcache.files.content import Clock
from mdcache.files.sources import Reader
from mdcache.model import Document, Entry, Problem, Rules, Stamp
from mdcache.parse import targets
from mdcache.parse.segment import segment


class Table(NamedTuple):
    """How rows of one table are laid out; columns marked as section keys are counted from 0 within a batch."""

    name: str
    columns: tuple[str, ...]
    section_columns: tuple[int, ...] = ()


NODES = Table(
    "nodes",
    ("key", "id", "path", "title", "type", "domain", "layer", "date", "summary", "hash", "size", "meta"),
)
SECTIONS = Table(
    "section_texts",
    (
        "key",
        "node",
        "ordinal",
        "level",
        "heading",
        "anchor",
        "start",
        '"end"',
        "line",
        "title",
        "words",
        "tags",
        "body",
    ),
    (0,),
)
LINKS = Table(
    "links",
    (
        *("source", "section", "ordinal", "line", '"column"', "kind", "type"),
        *("target", "fragment", "label", "scope", "name"),
    ),
    (1,),
)
FILES = Table("files", ("path", "size", "mtime_ns", "ctime_ns", "inode", "hash"))
TABLES = (
    NODES,
    SECTIONS,
    LINKS,
    Table("claims", ("node", "claim", "name", "line")),
    Table("names", ("name", "node", "alias")),
    Table("tags", ("node", "tag")),
    Table("aliases", ("node", "alias")),
    Table("properties", ("node", "key", "ordinal", "value")),
    Table("tasks", ("node", "section", "line", "done", "text"), (1,)),
    Table("code_blocks", ("node", "section", "line", "language"), (1,)),
    Table("anchors", ("node", "anchor", "section", "line"), (2,)),
    FILES,
    Table("problems", ("path", "line", '"column"', "code", "severity", "message", "link")),
)


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
    """What a worker gives back. rows has one flat list of parameters for each of TABLES, in their order."""

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
            rows.document(key, entry.default_id, parse.parse(entry.path, text, job.rules), stamp, job.rules)
    return rows.batch()


class _Rows:
    """The flat lists of a batch while it grows."""

    def __init__(self, texts: bool) -> None:
        self._texts = texts
        self._rows: tuple[list[Any], ...] = tuple([] for _ in TABLES)
        self._add: dict[str, Callable[[Iterable[Any]], None]] = {
            table.name: rows.extend for table, rows in zip(TABLES, self._rows, strict=True)
        }
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
        self._add["files"]((path, *stamp, hash_))

    def problems(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self._add["problems"](problem)

    def document(self, node: int, id_: str, document: Document, stamp: Stamp, rules: Rules) -> None:
        names = sorted(targets.names_of(document.path, document.aliases, rules.roots, rules.extensions))
        self._metadata(node, id_, document, names, rules)
        self._parts(node, self._sections, document)
        self._section_texts(node, document)
        self.problems(document.problems)
        self.stamp(document.path, stamp, document.hash)
        self._written.append(node)
        self._documents += 1
        self._bytes += document.size
        self._digests.append(digest_of(document, names))

    def _metadata(self, node: int, id_: str, document: Document, names: list[tuple[str, str]], rules: Rules) -> None:
        add = self._add
        add["nodes"]((node, id_, *document[:10]))
        if document.claim:
            claim, line = document.claim
            add["claims"]((node, claim, targets.bucket(claim, rules.extensions), line))
        for name, alias in names:
            add["names"]((name, node, alias))
        for tag in document.tags:
            add["tags"]((node, tag))
        for alias in document.aliases:
            add["aliases"]((node, alias))
        for item in document.properties:
            add["properties"]((node, *item))

    def _parts(self, node: int, first: int, document: Document) -> None:
        """What lies in sections; first is the batch's number of the document's section 0."""
        add = self._add
        for task in document.tasks:
            add["tasks"]((node, first + task.section, task.line, int(task.done), task.text))
        for block in document.code_blocks:
            add["code_blocks"]((node, first + block.section, block.line, block.language))
        for anchor in document.anchors:
            add["anchors"]((node, anchor.anchor, first + anchor.section, anchor.line))
        extend = add["links"]
        for ordinal, link in enumerate(document.links):
            extend((node, first + link.section, ordinal, *link[1:]))

    def _section_texts(self, node: int, document: Document) -> None:
        extend, key = self._add["section_texts"], self._sections
        self._sections += len(document.sections)
        if not self._texts:
            for ordinal, section in enumerate(document.sections):
                extend((key + ordinal, node, ordinal, *section, *_NO_WORDS))
            return
        title, tags = segment(document.title), segment(" ".join(document.tags)) or None
        spoken = len(document.sections) * (len(title) + len(tags or ""))
        everywhere = spoken <= document.size + _SPOKEN_LIMIT
        for ordinal, (section, body) in enumerate(zip(document.sections, document.bodies, strict=True)):
            words = segment(section.heading) if section.heading else None
            text = segment(body if ordinal else opening(document, body))
            extend((key + ordinal, node, ordinal, *section, title, words, tags, text))
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


def digest_of(document: Document, names: list[tuple[str, str]]) -> bytes:
    """The SHA-256 of all that the tables will hold of the document, apart from what resolving decides.

    Rows are in the order in which the tables give them back; see digest.of_tables, which must agree.
    """
    logical = [
        *document[:10],
        document.claim,
        sorted(document.tags),
        sorted(document.aliases),
        sorted(document.properties),
        names,
        document.sections,
        [link if link.name is None else (*link[:8], None, link.name) for link in document.links],
        [(*task[:2], int(task.done), task.text) for task in document.tasks],
        document.code_blocks,
        sorted(document.anchors),
    ]
    return hashlib.sha256(_json(logical).encode()).digest()


_json = json.JSONEncoder(separators=(",", ":")).encode
