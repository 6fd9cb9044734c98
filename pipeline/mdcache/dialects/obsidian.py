"""Obsidian: a vault, whose links are names."""

from __future__ import annotations

from collections.abc import Iterator

from mdcache.dialects.dialect import Dialect
from mdcache.dialects.site import Kind, Marked, Mount, Site

OBSIDIAN = Dialect(
    name="obsidian",
    title="Obsidian",
    index_names=(),
    any_case=True,
    by_name=True,
    files_by_name=True,
    wikilinks_begin=("root", "anywhere"),
    nearest="vault",
    aliases=False,
    unwritten=True,
    fragments_are_text=True,
    heading_paths=True,
    links_in_comments=True,
)


def _sites(marked: Marked) -> Iterator[Site]:
    yield Site(OBSIDIAN, marked.home, marked.at(marked.marker), (Mount("", marked.home),))


KIND = Kind(OBSIDIAN, markers=(".obsidian/",), texts=(), sites=_sites, is_editor=True)
