"""Obsidian: a vault, whose links are names."""

from __future__ import annotations

import posixpath
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

# What names find in a vault, and else all that holds on GitHub.
_LIKELY = OBSIDIAN._replace(nearest="steps", unwritten=False, any_case=False, aliases=True)


def _sites(marked: Marked) -> Iterator[Site]:
    yield _vault(marked.home, marked.marker)


def _vault(home: str, marker: str) -> Site:
    return Site(OBSIDIAN, home, posixpath.join(home, marker.rstrip("/")), (Mount("", home),))


def likely_vault(home: str, marker: str) -> Site:
    """Return the vault of a folder that somebody has opened in Obsidian, or one below it.

    Nobody knows where it begins, nor who else reads it: the nearest note counts, and names alone find more than on
    GitHub; what leads nowhere, or has the wrong case, is wrong.
    """
    return _vault(home, marker)._replace(dialect=_LIKELY)


KIND = Kind(OBSIDIAN, markers=(".obsidian/",), texts=(), sites=_sites, is_editor=True)
