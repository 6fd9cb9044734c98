"""The kinds of links: a row here, and the place where it is read, is all that a new kind takes.

A kind is what links.kind holds: how a link is written in its document. What makes a difference later (the type of its
edge, how its target is looked up, what is reported when nothing is there) is read from this table and nowhere else.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple

from mdcache.model import ERROR, WARNING

LINKS_TO = "LINKS_TO"
EMBEDS = "EMBEDS"
TAGGED_AS = "TAGGED_AS"
"""An edge to a tag, which needs no document: a link of this type that leads nowhere is not reported."""


class Kind(NamedTuple):
    """What is known of all links of a kind."""

    edge: str
    """The type of its edge, unless the link has a key that says another."""
    by_name: bool
    """Whether the target is a name that is looked up among all documents, and not a path."""
    code: str
    """The problem that is reported when nothing is there."""
    severity: str


KINDS = MappingProxyType(
    {
        "markdown": Kind(LINKS_TO, False, "broken-link", ERROR),  # [text](a.md), [text][ref], <https://…>
        "image": Kind(EMBEDS, False, "missing-embed", ERROR),  # ![alt](a.png), <img src="a.png">
        "html": Kind(LINKS_TO, False, "broken-link", ERROR),  # <a href="a.md">
        "wikilink": Kind(LINKS_TO, True, "broken-link", ERROR),  # [[A]]
        "embed": Kind(EMBEDS, True, "missing-embed", ERROR),  # ![[A]]
        "url": Kind(LINKS_TO, False, "broken-link", ERROR),  # https://… in plain text
        # A relation may name what is not written yet.
        "property": Kind(LINKS_TO, True, "broken-link", WARNING),  # key: "[[A]]" in the front matter
        "relation": Kind(LINKS_TO, True, "broken-link", WARNING),  # key:: [[A]], [tag: A], <!-- tags: [KEY: A] -->
    }
)
WIKI_KINDS = frozenset(name for name, kind in KINDS.items() if kind.by_name)
"""The kinds whose targets are names."""
