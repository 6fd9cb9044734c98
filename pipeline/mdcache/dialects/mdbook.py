"""mdBook: books of Rust's world, each with a book.toml; and the Rust reference, whose own preprocessor makes links."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mdcache.dialects import saying
from mdcache.dialects.dialect import Dialect, Finder
from mdcache.dialects.github import GITHUB
from mdcache.dialects.site import Kind, Marked, Mount, Site

_MARKER = "book.toml"
# What it makes beside the pages.
_MADE_FILES = r"(?:^|/)(?:print|toc|404)\.html(?:#|$)|(?:^|/)favicon\.(?:svg|png)$"

MDBOOK = Dialect(
    name="mdbook",
    title="mdBook",
    html_pages=True,
    absolute="unknown",
    pages_unchecked=True,
    makes_files=True,
    ids="mdbook",
    # Before 0.5 punctuation stayed as it was written unless the book asked for more, and capitals that are not ASCII.
    other_ids=("mdbook", "mdbook-0.4"),
    explicit_ids=("curly", "colon-curly"),
    smart_punctuation=True,
    wikilinks="off",
    unjudged=re.compile(_MADE_FILES),
    # Prose that is taken in brings headings. Most of what is taken in is code, in fences, and brings none.
    includes=re.compile(rb"(?<!\\)\{\{#(?:include|template)\s+[^\s{}:]*\.(?:md|markdown|html?|hbs)\b"),
    rewrites=("definitions",),
    term_ids=True,
    made_places=re.compile(r"top|footnote-.+|fr-.+|search|sidebar|content|body-container", re.IGNORECASE),
    spaced_fragments_are_text=False,
    percent_comments=False,
)
# The documentation of Rust's libraries lies beside the reference.
_LIBRARIES = r"\A(?:\.\./)+(?:std|core|alloc|proc_macro|test)/"
# Targets without a path are names of Rust (`std::ffi`, `Vec`) or of rules (`expr.block`), which its preprocessor makes
# links of.
_NAMES_OF_SPEC = re.compile(r"(?![^#]*\.(?:md|html?|svg|png|jpe?g|gif|pdf|rs|toml|txt)(?:#|\Z))[^/#][^/]*")
# What lies beside a book's pages is read as on GitHub; but rustdoc may make pages of it that are put among the book's.
_BESIDE = GITHUB._replace(unjudged=re.compile(r"\.html(?:#|\Z)"))


def _sites(marked: Marked) -> Iterator[Site]:
    said = saying.said(marked.texts.get(marked.marker, ""), marked.marker)
    docs = marked.at(saying.text(said, "book", "src") or "src")
    prefix = saying.path_of(saying.text(said, "output", "html", "site-url"))
    marker = marked.at(marked.marker)
    yield Site(_dialect(said), docs, marker, (Mount("", docs),), prefix)
    if docs != marked.home:
        yield Site(_BESIDE, marked.home, marker)


KIND = Kind(MDBOOK, (_MARKER,), (), _sites)


def _dialect(said: Mapping[str, Any]) -> Dialect:
    dialect = MDBOOK
    if saying.within(said, "output", "html", "smart-punctuation") is False:
        dialect = dialect._replace(smart_punctuation=False)
    if saying.within(said, "preprocessor", "spec") is not None:
        unjudged = re.compile(f"{_MADE_FILES}|{_LIBRARIES}")
        dialect = dialect._replace(unjudged=unjudged, names=_NAMES_OF_SPEC, places=(Finder(rules_of_spec),))
    return dialect


_RULE = re.compile(rb"^[ \t>]*+(?:r\[([^\]\n]+)\]|(?:@root )?([A-Z]\w*) ->)", re.MULTILINE)


def rules_of_spec(text: bytes) -> Iterator[tuple[int, str]]:
    """Yield the ids of a specification's rules, `r[expr.block]` is r-expr.block, and of its grammar."""
    for found in _RULE.finditer(text):
        yield found.start(), f"r-{found[1].decode()}" if found[1] else f"grammar-{found[2].decode()}"
