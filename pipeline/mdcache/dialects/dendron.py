"""Dendron: vaults of notes whose names are hierarchies, with dots between their parts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mdcache.dialects.dialect import Dialect
from mdcache.dialects.saying import said, tables, text
from mdcache.dialects.site import Kind, Marked, Mount, Site

_MARKER = "dendron.yml"

DENDRON = Dialect(
    name="dendron",
    title="Dendron",
    any_case=True,
    wikilinks="label-first",
    hyphens_for_spaces=True,
    aliases=False,
    unwritten=True,
    # A reference may take all notes below one.
    unjudged=re.compile(r"\*"),
    # The whole note, its ends, and from one place to another: `#start,1:#end`.
    made_places=re.compile(r"top|\*|\^begin|\^end|.*(?:,-?\d+|:#).*|:.*", re.IGNORECASE),
    percent_comments=False,
)


def _sites(marked: Marked) -> Iterator[Site]:
    settings = said(marked.texts.get(_MARKER, ""), _MARKER)
    vaults = [text(one, "fsPath") for keys in (("workspace", "vaults"), ("vaults",)) for one in tables(settings, *keys)]
    for vault in dict.fromkeys(vaults or [""]):
        yield Site(DENDRON, marked.at(vault), marked.at(_MARKER), (Mount("", marked.at(vault)),))


KIND = Kind(DENDRON, markers=(_MARKER,), texts=(), sites=_sites)
