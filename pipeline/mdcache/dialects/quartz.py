"""Quartz: a site that is made of a vault."""

from __future__ import annotations

from collections.abc import Iterator

from mdcache.dialects.obsidian import OBSIDIAN
from mdcache.dialects.site import Kind, Marked, Mount, Site
from mdcache.dialects.wikis import hyphenated

QUARTZ = OBSIDIAN._replace(
    name="quartz",
    title="Quartz",
    index_names=("index",),
    addresses=hyphenated,
    wikilinks_begin=("root", "folder", "anywhere"),
    fragments_are_text=False,
    heading_paths=False,
    links_in_comments=False,
)


def _sites(marked: Marked) -> Iterator[Site]:
    yield Site(QUARTZ, marked.at("content"), marked.at(marked.marker), (Mount("", marked.at("content")),))


KIND = Kind(QUARTZ, markers=("quartz.config.ts", "quartz.config.yaml"), texts=(), sites=_sites)
