"""SilverBullet: a space of pages, whose links are paths from its top."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mdcache.dialects.dialect import Dialect
from mdcache.dialects.site import Kind, Marked, Mount, Site

SILVERBULLET = Dialect(
    name="silverbullet",
    title="SilverBullet",
    wikilinks_begin=("root",),
    exact_names=True,
    aliases=False,
    unwritten=True,
    fragments_are_text=True,
    rewrites=("queries",),
    # What it makes itself, pages about pages, and places by position or name: `tag:x`, `^page`, `page@12`, `page$a`.
    unjudged=re.compile(r"^(?:tag:|search:|\^)|[@$]"),
    percent_comments=False,
)

_SETTINGS = ("CONFIG.md", "SETTINGS.md")
_OWN = re.compile(r"^```(?:space-lua|space-config|space-script)\b|^indexPage:", re.MULTILINE)


def _sites(marked: Marked) -> Iterator[Site]:
    if any(_OWN.search(marked.texts.get(name, "")) for name in _SETTINGS):
        yield Site(SILVERBULLET, marked.home, marked.at(marked.marker), (Mount("", marked.home),))


KIND = Kind(SILVERBULLET, markers=_SETTINGS, texts=(), sites=_sites)
