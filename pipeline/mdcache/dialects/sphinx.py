"""Sphinx with MyST, and Jupyter Book: labels in place of paths, places named by lines of their own.

`#x` may be a label of any document of the project. What a bare word means, and what directives make, is not judged.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from mdcache.dialects.dialect import Dialect, Finder
from mdcache.dialects.github import GITHUB
from mdcache.dialects.site import Kind, Marked, Mount, Site

_CONF, _BOOKS = "conf.py", ("_toc.yml", "myst.yml")
_USES_MYST = re.compile(r"[\"'](?:myst_parser|myst_nb|jupyter_book)(?:[.\w]*)[\"']")
_EXTRA = re.compile(r"^html_extra_path\s{0,9}=\s{0,9}\[([^\]\n#]{0,500})", re.MULTILINE)
_QUOTED = re.compile(r"[\"']([^\"'\\\n]+)[\"']")
# `(x)=` on a line of its own, the option of a directive, what names a figure, and a label of reStructuredText.
_PLACE = re.compile(
    rb"^[ \t>]*(?:\(([^()\r\n]+)\)=|(?::(?:name|label):|(?:`{3,}|:{3,})\{figure-md\})[ \t]+(\S+)"
    rb"|\.\. _([^:\r\n]+):)[ \t]*\r?$",
    re.MULTILINE,
)

_LABEL = re.compile(_PLACE.pattern.decode(), re.MULTILINE)
# `# Heading {#x}`, `[text]{#x}`.
_ATTRIBUTE = re.compile(r"\{[^{}#\n]*+#([^\s{}]++)[^{}\n]*+\}")

# What the name of a file ends in: else a target that is no path is a label, or the name of something in code.
_FILES = "md|markdown|rst|ipynb|html?|png|jpe?g|gif|svg|webp|mp4|pdf|txt|py|ya?ml|toml|json|zip|csv"

# Directives that bring other files' text, or what only a run makes. They look like code in fences.
_BROUGHT = re.compile(
    rb"^[ \t>]*(?:(?:`{3,}|:{3,}|~{3,})\{(?:include|jupyter|(?P<term>glossary)|(?P<code>eval-rst|auto))"
    rb"|\.\. (?:include|jupyter-execute)::)",
    re.MULTILINE,
)
# Any place; those of terms; those of names in code.
_ANY, _TERM, _IN_CODE = "*", "term-*", "*.*"


def places(text: bytes) -> Iterator[tuple[int, str]]:
    """Yield the places that a text names, as they are written and as their ids in HTML are; `*` for what it brings."""
    for brought in _BROUGHT.finditer(text):
        yield brought.start(), _TERM if brought["term"] else _IN_CODE if brought["code"] else _ANY
    for found in _PLACE.finditer(text):
        name = found[found.lastindex or 0].decode().strip()
        yield found.start(), name
        yield found.start(), re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def labels(text: str) -> Iterator[str]:
    """Yield what a text calls places of its own by, as they are asked for: in lower case."""
    for pattern in (_LABEL, _ATTRIBUTE):
        yield from (found[found.lastindex or 0].strip().lower() for found in pattern.finditer(text))


# Names of documents and labels: no path, and no name of a file.
_NAMES = re.compile(rf"(?!\.{{0,2}}/)(?![^#]*\.(?:{_FILES})(?:#|$))[^#]+(?:#.*)?")
# What Sphinx and its extensions write.
_MADE = (
    r"(?:^|/)(?:genindex|(?:py-)?modindex|search)(?:\.html)?(?:#|$)"
    r"|(?:^|/)(?:apidocs|autoapi|_?autosummary|_?generated|_build)/"
)
# Places that other sources than markdown may have, and those of which that is sure: names in code, and terms.
_PLACES, _OTHER_PLACES = r"^#", r"^#(?:\w+\.[\w.]|[^ ]* |[A-Z][A-Za-z]+$)"

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
    unjudged=re.compile(f"{_MADE}|{_PLACES}"),
    names=_NAMES,
    labels=labels,
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
    dialect = SPHINX if _has_other_sources(marked) else SPHINX._replace(unjudged=_UNJUDGED_IN_MARKDOWN)
    yield Site(dialect, marked.at("."), marked.at(marked.marker), tuple(mounts))
    if marked.marker == _CONF and posixpath.basename(marked.home) in _DOCS:
        above = posixpath.dirname(marked.home)
        yield Site(_BESIDE, above, marked.at(marked.marker), (Mount("", above),))


# Folders of a repository's documents. What lies beside them is read as on GitHub, but may be taken into the project,
# where `[](topics/label)` and `#topics/label` are labels.
_DOCS = ("doc", "docs")
_BESIDE = GITHUB._replace(names=re.compile(r"(?!\.{0,2}/)[^#./]+(?:[/-][^#./]+)+"), unjudged=re.compile("^#[^#/]+/"))
_UNJUDGED_IN_MARKDOWN = re.compile(f"{_MADE}|{_OTHER_PLACES}")


def _has_other_sources(marked: Marked) -> bool:
    """Return whether files that are no markdown may have places, too: reStructuredText, or notebooks."""
    return marked.marker != _CONF or any(name.endswith((".rst", ".ipynb")) for name in marked.names)


KIND = Kind(SPHINX, (_CONF, *_BOOKS), (), sites)
