"""Sphinx with MyST, and Jupyter Book: labels in place of paths, places named by lines of their own.

What a bare word or `#x` means is known to the whole project alone, and so is what directives make: it is not judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mdcache.dialects.dialect import Dialect, Finder
from mdcache.dialects.github import GITHUB
from mdcache.dialects.site import Kind, Marked, Mount, Site

_CONF, _BOOKS = "conf.py", ("_toc.yml", "myst.yml")
_USES_MYST = re.compile(r"[\"'](?:myst_parser|myst_nb|jupyter_book)(?:[.\w]*)[\"']")
_EXTRA = re.compile(r"^html_extra_path\s{0,9}=\s{0,9}\[([^\]\n#]{0,500})", re.MULTILINE)
_QUOTED = re.compile(r"[\"']([^\"'\\\n]+)[\"']")
# `(x)=` on a line of its own, and the option of a directive.
_PLACE = re.compile(rb"^[ \t>]*(?:\(([^()\r\n]+)\)=|:(?:name|label):[ \t]+(\S+))[ \t]*\r?$", re.MULTILINE)

# What the name of a file ends in: else a target that is no path is a label, or the name of something in code.
_FILES = "md|markdown|rst|ipynb|html?|png|jpe?g|gif|svg|webp|mp4|pdf|txt|py|ya?ml|toml|json|zip|csv"

# Directives that bring other files' text, or what only a run makes. They look like code in fences.
_BROUGHT = re.compile(rb"^[ \t>]*(?:`{3,}|:{3,}|~{3,})\{(?:include|eval-rst|auto|glossary|jupyter)", re.MULTILINE)
_ANY = "*"


def places(text: bytes) -> Iterator[tuple[int, str]]:
    """Yield the places that a text names, as they are written and as their ids in HTML are; `*` where it has others."""
    if brought := _BROUGHT.search(text):
        yield brought.start(), _ANY
    for found in _PLACE.finditer(text):
        name = (found[1] or found[2]).decode().strip()
        yield found.start(), name
        yield found.start(), re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


SPHINX = Dialect(
    name="sphinx",
    title="Sphinx with MyST",
    index_names=("index", "readme"),
    html_pages=True,
    page_files=(".rst", ".ipynb", ".html"),
    ids="myst",
    other_ids=("docutils", "github"),
    places=(Finder(places),),
    wikilinks="off",
    aliases=False,
    # Labels and names of documents, places of the project, what Sphinx and its extensions write.
    unjudged=re.compile(
        rf"^(?!\.{{0,2}}/)(?![^#]*\.(?:{_FILES})(?:#|$))|^#|(?:^|/)(?:genindex|(?:py-)?modindex|search)(?:\.html)?(?:#|$)"
        r"|(?:^|/)(?:apidocs|autoapi|_?autosummary|_?generated|_build)/"
    ),
    made_places=GITHUB.made_places,
    readme_places=GITHUB.readme_places,
    percent_comments=False,
)


def sites(marked: Marked) -> Iterator[Site]:
    """Yield the project whose settings lie in a folder, if it reads markdown by MyST."""
    conf = marked.texts.get(_CONF, "")
    if marked.marker == _CONF and not _USES_MYST.search(conf):
        return
    extra = (_QUOTED.findall(paths) for paths in _EXTRA.findall(conf)[:1])
    mounts = [Mount("", marked.at(folder)) for folder in (".", *(one for found in extra for one in found))]
    yield Site(SPHINX, marked.at("."), marked.at(marked.marker), tuple(mounts))


KIND = Kind(SPHINX, (_CONF, *_BOOKS), (), sites)
