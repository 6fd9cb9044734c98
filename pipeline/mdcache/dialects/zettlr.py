"""Zettlr: folders of notes, whose links are names or the ids in them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mdcache.dialects.dialect import Dialect, Fields
from mdcache.dialects.site import Kind, Marked, Mount, Site

_ID = re.compile(r"(?<!\d)\d{14}(?!\d)")


def ids(path: str, fields: Fields) -> Iterator[str]:
    """Yield the ids of a note: in its name and in its front matter."""
    said = fields.get("id", "")
    for text in (path.rpartition("/")[2], said if isinstance(said, str) else ""):
        yield from _ID.findall(text)


ZETTLR = Dialect(
    name="zettlr",
    title="Zettlr",
    addresses=ids,
    exact_names=True,
    nearest="first",
    aliases=False,
    unwritten=True,
)


def _sites(marked: Marked) -> Iterator[Site]:
    yield Site(ZETTLR, marked.home, marked.at(marked.marker), (Mount("", marked.home),))


KIND = Kind(ZETTLR, markers=(".ztr-directory",), texts=(), sites=_sites, is_editor=True)
