"""The facets of a dialect: what differs from one kind of site or vault to the next."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple


class Dialect(NamedTuple):
    """How one kind of site or vault reads markdown. Plain data and pure functions, so that it travels to workers."""

    name: str
    index_names: tuple[str, ...]
    """A folder is found by the document of one of these names, lower case, without extension; the first counts."""
    slug: Callable[[str], str]
    """Return the id of a heading of this plain text, before duplicates are numbered."""
    numbered: Callable[[Iterable[str]], list[str]]
    """Return the slugs of one document's headings, in order, with duplicates told apart."""
    made_places: re.Pattern[str]
    """Matches a whole fragment that names a place which the program that shows a page makes."""
    readme_places: frozenset[str]
    """The fragments, in lower case, by which the page of a folder names the README that it shows."""
    spaced_fragments_are_text: bool
    """Whether a markdown link's fragment with a space in it is a heading's text: no id has a space."""
    tag: re.Pattern[str]
    """Finds what may be a tag in a text, from its `#`; group 1 is the name. Its first character is a literal."""
    numeric_tags: bool
    """Whether digits alone make a tag, in text and front matter; where they do not, #12 is an issue."""
    percent_comments: bool
    """Whether what stands between two %% is a comment, as in Obsidian."""
