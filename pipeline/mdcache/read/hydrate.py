"""Read texts from the files: the cache knows where a section lies, not what it says.

A text is given only with its hash checked; a file that has changed since is said to be so. Nothing outside the roots
is read, whatever the cache says.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

from mdcache.dialects import GITHUB, Dialect, Sites
from mdcache.errors import MdcacheError, No, WorkError
from mdcache.files.sources import GitReader, Reader, reader_of
from mdcache.model import Rules
from mdcache.names import name_of
from mdcache.parse import anchors
from mdcache.paths import has_extension, lies_in, nfc
from mdcache.store.cache import Cache, Node, folder_of

MISSING = "missing"
CHANGED = "changed"
WITHHELD = "withheld"


class Withheld(WorkError):
    """A text that may not be read for a cache that was not made here."""


class Text(NamedTuple):
    """The bytes of a file, and whether they are those that were indexed."""

    data: bytes
    changed: bool


def reader(cache: Cache) -> Callable[[str, str], Text]:
    """Return read(path, hash), which gives the document at a path of the cache; many sections of one cost one read.

    read raises WorkError when the document cannot be read or lies outside the roots, Withheld when it may not be read.
    """

    @lru_cache(maxsize=1)
    def source() -> Reader:
        try:
            found = reader_of(cache.base, cache.meta.source)
            if cache.made_here or not isinstance(found, GitReader) or _keeps_to_its_folder(cache, found):
                return found
        except MdcacheError as error:
            raise WorkError(f"cannot read the documents of {cache.path}: {error}") from error
        raise _withheld(cache, "its repository reads objects elsewhere")

    @lru_cache(maxsize=4)
    def read(path: str, hash_: str) -> Text:
        if not cache.made_here and (why := _doubt(cache, path)):
            raise _withheld(cache, why)
        if "\0" in path or not _lies_in_roots(cache, path):
            raise WorkError(f"{path} does not lie in the documents' folders ({cache.base}): run mdcache sync")
        data = source().whole(path)
        changed = hashlib.sha256(data).hexdigest() != hash_
        if changed and not (cache.made_here or has_extension(path, Rules().extensions)):
            # Anybody can name a file whose bytes they do not know.
            raise _withheld(cache, f"{path} has changed since, and is no Markdown by its name")
        return Text(data, changed)

    return read


def _keeps_to_its_folder(cache: Cache, reader: GitReader) -> bool:
    """Return whether a repository has no objects outside the folder of a cache. Raises MdcacheError."""
    return reader.repository.keeps_to(folder_of(cache.path))


def _lies_in_roots(cache: Cache, path: str) -> bool:
    full = os.path.normpath(os.path.join(cache.base, name_of(path)))
    return any(lies_in(full, root) for root in cache.roots)


def _doubt(cache: Cache, path: str) -> str | None:
    """Return why the text at a path may not be read for a cache that was not made here; None when it may."""
    if not cache.roots:
        return "leads elsewhere"
    parts = path.split("/")
    if ".." in parts:
        return f"{path} leads out of its folder"
    if any(part.startswith(".") for part in parts):
        return f"{path} is hidden"
    return None if _lies_in_roots(cache, path) else f"{path} lies outside of what it holds"


def _withheld(cache: Cache, why: str) -> Withheld:
    return Withheld(
        f"{cache.path} was not made here, and {why}: no text is read for it, until mdcache rebuild makes one"
    )


def functions(cache: Cache) -> dict[str, Callable[[int], str | None]]:
    """Return the SQL functions section_text and document_text, by name. They take keys, never paths.

    Each gives NULL when there is no such row, or when the file is gone or has changed since.
    """
    read = reader(cache)
    return {name: partial(_text, cache, read, sql) for name, sql in FUNCTIONS.items()}


_SECTION = 'SELECT path, nodes.hash, start, "end" FROM sections JOIN nodes ON nodes.key = node WHERE sections.key = ?'
_DOCUMENT = "SELECT path, hash, 0, NULL FROM nodes WHERE key = ?"
FUNCTIONS = {"section_text": _SECTION, "document_text": _DOCUMENT}
"""The names of the functions, and the SQL that finds the document and the bytes in it."""


def _text(cache: Cache, read: Callable[[str, str], Text], sql: str, key: int) -> str | None:
    row = cache.db.execute(sql, (key,)).fetchone()
    if row is None:
        return None
    path, hash_, start, end = row
    try:
        text = read(path, hash_)
    except WorkError:
        return None
    return None if text.changed else text.data[start:end].decode("utf-8", "replace")


class Passage(NamedTuple):
    """A document or a section of it with its deeper headings, as the file has it now."""

    node: Node
    anchor: str | None
    line: int
    data: bytes
    changed: bool

    @property
    def path(self) -> str:
        """The document's path."""
        return self.node.path

    @property
    def text(self) -> str:
        """The text; bytes that are not UTF-8 are replaced."""
        return self.data.decode("utf-8", "replace")

    def as_dict(self) -> dict[str, Any]:
        place = {"anchor": self.anchor, "line": self.line, "changed": self.changed}
        return {**self.node.as_dict(), **place, "text": self.text}


def passage(cache: Cache, node: Node, anchor: str | None) -> Passage:
    """Return a document, or the section of an anchor: a heading's slug or text, ^block, id. Raises No without it.

    A file that has changed is parsed as it is now, so an answer is right even when the cache is behind.
    """
    text = reader(cache)(node.path, node.hash)
    if anchor is None:
        return Passage(node, None, 1, text.data, text.changed)
    places = _parsed(cache, node, text.data) if text.changed else _stored(cache, node)
    index = _section_at(places, anchor, dialect_at(cache, node.path))
    if index is None:
        known = [section.anchor for section in places.sections if section.anchor]
        raise No(
            f"{node.id} has no heading or anchor {anchor!r}" + (f": it has {', '.join(known[:12])}" if known else "")
        )
    section = places.sections[index]
    end = _end_with_deeper(places.sections, index)
    return Passage(node, section.anchor, section.line, text.data[section.start : end], text.changed)


class _Heading(NamedTuple):
    """What is needed of a section; start and end are bytes into the file."""

    anchor: str | None
    level: int
    line: int
    start: int
    end: int


class _Places(NamedTuple):
    """The sections of a document in order, and its other anchors, each with the ordinal of its section."""

    sections: list[_Heading]
    anchors: list[tuple[str, int]]


def _stored(cache: Cache, node: Node) -> _Places:
    sections = cache.db.execute(
        'SELECT anchor, level, line, start, "end" FROM sections WHERE node = ? ORDER BY ordinal', (node.key,)
    )
    others = cache.db.execute(
        "SELECT anchors.anchor, ordinal FROM anchors JOIN sections ON sections.key = section WHERE anchors.node = ?"
        " ORDER BY anchors.line",
        (node.key,),
    )
    return _Places([*map(_Heading._make, sections)], [*others])


def _parsed(cache: Cache, node: Node, data: bytes) -> _Places:
    from mdcache.parse import parse  # here, not at the top: searching must not wait for the parsers

    found = parse.parse(node.path, parse.content_of(data), Rules(sites=sites_in(cache)))
    sections = [_Heading(one.anchor, one.level, one.line, one.start, one.end) for one in found.sections]
    return _Places(sections, [(one.anchor, one.section) for one in found.anchors])


def sites_in(cache: Cache) -> Sites:
    """Return the sites that a cache says its documents lie in."""
    if not cache.meta.sites:
        return Sites()
    from mdcache.dialects.facets import recalled

    return Sites(filter(None, map(recalled, cache.meta.sites)))


def dialect_at(cache: Cache, path: str) -> Dialect:
    """Return the dialect in which the document at path was read."""
    site = sites_in(cache).holding(path)
    return site.dialect if site else GITHUB


def _section_at(places: _Places, anchor: str, dialect: Dialect) -> int | None:
    by_anchor: dict[str, int] = {}
    for index, section in enumerate(places.sections):
        if section.anchor is not None:
            by_anchor.setdefault(nfc(section.anchor), index)
    for found, index in places.anchors:
        by_anchor.setdefault(nfc(found), index)
    return next((by_anchor[form] for form in anchors.forms(nfc(anchor), dialect) if form in by_anchor), None)


def _end_with_deeper(sections: list[_Heading], index: int) -> int:
    """Return where the next heading of the same or a higher level begins."""
    level = sections[index].level
    for section in sections[index + 1 :]:
        if section.level <= level or not level:
            return section.start
    return sections[-1].end
