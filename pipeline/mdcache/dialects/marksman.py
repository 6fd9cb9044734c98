"""Marksman: a folder whose links are names of files or titles of documents."""

from __future__ import annotations

from collections.abc import Iterator

from mdcache.dialects.dialect import Dialect
from mdcache.dialects.site import Kind, Marked, Mount, Site

MARKSMAN = Dialect(
    name="marksman",
    title="Marksman",
    by_name=True,
    aliases=False,
    by_title=True,
    fragments_are_text=True,
)


def _sites(marked: Marked) -> Iterator[Site]:
    yield Site(MARKSMAN, marked.home, marked.at(marked.marker), (Mount("", marked.home),))


KIND = Kind(MARKSMAN, markers=(".marksman.toml",), texts=(), sites=_sites, is_editor=True)
