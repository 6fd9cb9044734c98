"""Rewrites: what some builders read and CommonMark does not, put into words that it knows, before the parser sees it.

Each takes the bytes of a text and gives as many back, with line ends where they were: so every place stays what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from mdcache.dialects import blocks, liquid, mdx, queries, shortcodes

REWRITES: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {
        "liquid": liquid.read,
        "mdx": mdx.mdx,
        "shortcodes": shortcodes.read,
        "indented-blocks": blocks.indented_blocks,
        "definitions": blocks.definitions,
        "markdown-in-html": blocks.markdown_in_html,
        "last-references": blocks.last_references,
        "queries": queries.read,
    }
)
"""By the names that settings use, in the order in which they come."""


def rewritten(data: bytes, names: tuple[str, ...]) -> bytes:
    """Return a text as these rewrites leave it."""
    for name in names:
        data = REWRITES[name](data)
    return data
