"""Foam: a workspace of Visual Studio Code, whose links are the ends of paths."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mdcache.dialects.dialect import Dialect
from mdcache.dialects.site import Kind, Marked, Mount, Site

FOAM = Dialect(
    name="foam",
    title="Foam",
    index_names=("index", "readme"),
    nearest="first",
    aliases=False,
    unwritten=True,
)

_SETTINGS, _EXTENSIONS = ".vscode/settings.json", ".vscode/extensions.json"
# Settings of its own, or its place among what is recommended. These files may have comments: they are not JSON.
_FOAM = re.compile(r'"foam\.[\w.-]+"')
_NOT = re.compile(r"^[ \t]*//.*$", re.MULTILINE)


def _sites(marked: Marked) -> Iterator[Site]:
    said = "".join(_NOT.sub("", text) for text in marked.texts.values())
    if marked.marker == ".foam/" or _FOAM.search(said):
        yield Site(FOAM, marked.home, marked.at(marked.marker), (Mount("", marked.home),))


KIND = Kind(FOAM, markers=(".foam/", _SETTINGS, _EXTENSIONS), texts=(), sites=_sites, is_editor=True)
