"""VitePress: `.vitepress/config.ts` in the folder of the pages, or above it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from mdcache.dialects import literals
from mdcache.dialects.dialect import Dialect, Finder
from mdcache.dialects.literals import Said
from mdcache.dialects.site import Kind, Marked, Mount, Site

_COMPONENT = re.compile(rb"^[ \t]*import\b[^\n]*\.vue['\"]", re.MULTILINE)
_HEADING = re.compile(rb"^ {0,3}##", re.MULTILINE)


def _places(text: bytes) -> Iterator[tuple[int, str]]:
    """Yield that a page without sections may have any place, where a component shows what is on it."""
    if b".vue" in text and _COMPONENT.search(text) and not _HEADING.search(text):
        yield 0, "*"


VITEPRESS = Dialect(
    name="vitepress",
    title="VitePress",
    index_names=("index", "readme"),
    html_pages=True,
    by_address=True,
    makes_files=True,
    ids="vitepress",
    explicit_ids=("curly",),
    reserved_ids="above",
    # Emoji by name are pictures: `:rocket: Start` is `start`.
    unspoken=re.compile(r":[a-z0-9_+-]+:"),
    wikilinks="off",
    # VitePress 2 makes slugs of fragments.
    slugged_fragments=True,
    includes=re.compile(rb"<!--\s*@include:"),
    places=(Finder(_places),),
    unjudged=re.compile(r"^(?:@|~)[\w-]*/"),
    percent_comments=False,
)

_CONFIGS = tuple(
    f".vitepress/{name}.{extension}" for name in ("config", "config/index") for extension in ("ts", "mts", "js", "mjs")
)


def _sites(marked: Marked) -> Iterator[Site]:
    said = literals.read(marked.texts.get(marked.marker, ""))
    docs = marked.at(literals.last(said, "srcDir") or ".")
    yield Site(
        VITEPRESS,
        docs,
        marked.at(marked.marker),
        (Mount("", docs), *_rewritten(said, docs), Mount("", f"{docs}/public")),
        (literals.last(said, "base") or "").strip("/"),
    )


def _rewritten(said: Iterable[Said], docs: str) -> Iterator[Mount]:
    """Yield the folders that are served elsewhere: `"en/:rest*": ":rest*"`."""
    for one in said:
        begin, star, _ = one.key.partition(":")
        if one.within[-1:] == ("rewrites",) and star and len(one.texts) == 1:
            served, _, _ = one.texts[0].partition(":")
            yield Mount(served.strip("/"), f"{docs}/{begin.strip('/')}".rstrip("/"))


KIND = Kind(VITEPRESS, _CONFIGS, (), _sites)
