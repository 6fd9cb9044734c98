"""MkDocs, and Zensical after it: Python-Markdown with extensions, and plugins that make pages or fill them in.

A mkdocs.yml or zensical.toml names both. What it inherits from another file is not seen: then whatever might be on
counts.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mdcache.dialects import saying, slugs
from mdcache.dialects.dialect import Dialect, Fields, Finder
from mdcache.dialects.site import Kind, Marked, Mount, Site
from mdcache.guarded.yml import Tagged

_ZENSICAL = "zensical.toml"
_MARKERS = ("mkdocs.yml", "mkdocs.yaml", _ZENSICAL)
# Footnotes, and what Material and pymdownx make: tabs, lines of code, the contents.
_MADE_PLACES = re.compile(r"top|fn(?:ref\d*)?[:-].+|__[\w:-]+", re.IGNORECASE)
# What mkdocstrings documents: `pkg.module.Class`, and headings in what it says of that.
_DOCUMENTED = re.compile(rf"{_MADE_PLACES.pattern}|[A-Za-z_]\w*(?:\.\w+)+(?:--.+)?", re.IGNORECASE)
_ANY_PLACE = re.compile(r".*", re.DOTALL)
# Snippets of prose (those of code bring no headings), mkdocstrings, markdown-include, include-markdown.
_INCLUDES = (
    rb"""-+8<-+[ \t]*+(?:["'][^"'\n]*\.(?:md|markdown|txt|html?)\b|["'][^."'\n]*["']|\r?$)"""
    rb"|:::[ \t]*+[\w-]++[ \t]*\r?$|\{!|\{%-?[ \t]*include"
)
_INCLUDING = re.compile(rb"^[ \t>]*+(?:%s)" % _INCLUDES, re.MULTILINE)
# A macro brings headings when it stands in a line of its own, or in a heading.
_MACRO = rb"(?:#++(?:[^\n{]|\{(?![{%]))*+)?\{[{%]"
_INCLUDING_OR_MACROS = re.compile(rb"^[ \t>]*+(?:%s|%s)" % (_INCLUDES, _MACRO), re.MULTILINE)
_EMOJI = re.compile(r":[+\w-]+:")

MKDOCS = Dialect(
    name="mkdocs",
    title="MkDocs",
    index_names=("index", "readme"),
    page_relative=True,
    absolute="unknown",
    makes_files=True,
    ids="python-markdown",
    numbers="underscore",
    explicit_ids=("curly", "colon-curly"),
    reserved_ids="all",
    wikilinks="off",
    rewrites=("indented-blocks", "definitions", "markdown-in-html", "last-references"),
    includes=_INCLUDING,
    made_places=_DOCUMENTED,
    spaced_fragments_are_text=False,
    percent_comments=False,
)
_INHERITING = MKDOCS._replace(
    other_ids=("python-markdown-unicode", "pymdownx", "pymdownx-lower"), includes=_INCLUDING_OR_MACROS
)


def _sites(marked: Marked) -> Iterator[Site]:
    said = _said(marked)
    plugins = _named(said.get("plugins"))
    docs = marked.at(_text(said.get("docs_dir")) or "docs")
    prefix = saying.path_of(_text(said.get("site_url")))
    if _INHERITS_LANGUAGE.fullmatch(_text(said.get("INHERIT"))) and _LANGUAGE.fullmatch(
        posixpath.basename(marked.home)
    ):
        return  # the site of that language knows of it
    site = Site(_dialect(said), docs, marked.at(marked.marker), (Mount("", docs),), prefix, _untranslated(plugins))
    yield site
    above, name = posixpath.split(marked.home)
    if "INHERIT" not in said and _LANGUAGE.fullmatch(name) and docs.startswith(f"{marked.home}/"):
        # docs/en/mkdocs.yml beside docs/fr: it is read for each language, and what is not translated is shown as it is.
        below = docs[len(marked.home) :]
        yield site._replace(docs=above, untranslated=(rf"^{_CODE}{re.escape(below)}(?=/)", f"{name}{below}"))


_CODE = r"[a-z]{2,3}(?:[-_][A-Za-z]{2,4})?"
_LANGUAGE = re.compile(_CODE)
_INHERITS_LANGUAGE = re.compile(rf"\.\./{_CODE}/mkdocs\.ya?ml")


def _untranslated(plugins: Mapping[str, Any]) -> tuple[str, str]:
    """Return the folder of a language, and that of the one which is shown where a page is not translated."""
    if "i18n" not in plugins or saying.text(plugins, "i18n", "docs_structure") == "suffix":
        return "", ""
    languages = saying.tables(plugins, "i18n", "languages")
    first = next((saying.text(one, "locale") for one in languages if one.get("default") is True), "")
    return (rf"^{_CODE}(?=/)", first) if _LANGUAGE.fullmatch(first) else ("", "")


KIND = Kind(MKDOCS, _MARKERS, (), _sites)


def _dialect(said: Mapping[str, Any]) -> Dialect:
    plugins, extensions = _named(said.get("plugins")), _named(said.get("markdown_extensions"))
    is_seen = bool(said) and "INHERIT" not in said and "techdocs-core" not in plugins
    dialect = _with_extensions(MKDOCS, extensions) if is_seen else _INHERITING
    if said.get("use_directory_urls") is False:
        dialect = dialect._replace(page_relative=False, html_pages=True)
    if saying.text(said, "validation", "absolute_links") == "relative_to_docs":
        dialect = dialect._replace(absolute="known")
    if _WIKI.search(" ".join((*plugins, *extensions))):
        dialect = dialect._replace(wikilinks="target-first")
    if "hooks" in said or not _MACROS.isdisjoint(plugins):
        dialect = dialect._replace(includes=_INCLUDING_OR_MACROS)
    if "hooks" in said:
        dialect = dialect._replace(places=(*dialect.places, Finder(named_by_comments)))
    if saying.text(plugins, "i18n", "docs_structure") == "suffix":
        dialect = dialect._replace(addresses=in_all_languages)
    return dialect._replace(unjudged=_made_pages(said, plugins))


_MACROS = frozenset(("macros", "jinja", "jinja2", "table-reader", "markdownextradata", "exec", "simple-hooks"))
_WIKI = re.compile(r"wiki|roamlinks|ezlinks|obsidian")


# What Zensical turns on where nothing is said.
_DEFAULTS = dict.fromkeys(("attr_list", "def_list", "footnotes", "md_in_html", "pymdownx.emoji"))


def _said(marked: Marked) -> Mapping[str, Any]:
    """Return what the marker says, in the words of a mkdocs.yml."""
    said = saying.said(marked.texts.get(marked.marker, ""), marked.marker)
    if marked.marker != _ZENSICAL:
        return said
    project = saying.within(said, "project")
    if not isinstance(project, Mapping):
        return {}
    extensions = project.get("markdown_extensions", _DEFAULTS)
    if isinstance(extensions, Mapping) and isinstance(extensions.get("pymdownx"), Mapping):
        extensions = {**extensions, **{f"pymdownx.{name}": one for name, one in extensions["pymdownx"].items()}}
    return {**project, "markdown_extensions": extensions}


def _named(value: Any) -> dict[str, Any]:
    """Return what is set of each plugin or extension: they come in a list or in a dict, each with settings or bare."""
    found: dict[str, Any] = {}
    for one in value if isinstance(value, list) else [value]:
        found.update(one if isinstance(one, Mapping) else {one: None} if isinstance(one, str) else {})
    return {_NAMESPACE.sub("", name): settings for name, settings in found.items()}


_NAMESPACE = re.compile(r"^(?:markdown\.extensions\.|material/|material-)")


def _text(value: Any) -> str:
    """Return the text of a value; that of `!ENV [A, B, text]` is the one that holds where no variable is set."""
    if isinstance(value, Tagged):
        return _text(value.value[-1]) if isinstance(value.value, list) and len(value.value) > 1 else ""
    return value if isinstance(value, str) else ""


def _with_extensions(dialect: Dialect, extensions: Mapping[str, Any]) -> Dialect:
    has_all = not {"extra", "pymdownx.extra"}.isdisjoint(extensions)
    kernel = _kernel(saying.within(extensions, "toc", "slugify"))
    if saying.text(extensions, "toc", "separator") not in ("", "-"):
        kernel = None
    dialect = dialect._replace(
        ids=kernel or dialect.ids,
        made_places=_DOCUMENTED if kernel else _ANY_PLACE,
        smart_punctuation="smarty" in extensions,
        unspoken=_EMOJI if "pymdownx.emoji" in extensions else None,
        explicit_ids=dialect.explicit_ids if has_all or "attr_list" in extensions else (),
    )
    return dialect._replace(places=_finders(extensions, dialect.ids))


def _finders(extensions: Mapping[str, Any], heading_ids: str) -> tuple[Finder, ...]:
    tabbed = saying.within(extensions, "pymdownx.tabbed") or saying.within(extensions, "pymdownx.blocks.tab")
    slugify = saying.within(tabbed, "slugify")
    kernel = _kernel(slugify) if slugify else None
    is_combined = saying.within(tabbed, "combine_header_slug") is True
    pictured = "emoji" if "pymdownx.emoji" in extensions else ""
    return (Finder(tabs, (kernel, heading_ids if is_combined else "", pictured)),) if kernel else ()


# What a setting names that makes slugs, by the end of its tag: !!python/name:pymdownx.slugs.uslugify.
_SLUGIFIERS = {
    "toc.slugify": "python-markdown",
    "toc.slugify_unicode": "python-markdown-unicode",
    "slugs.uslugify": "pymdownx-lower",
    "slugs.uslugify_cased": "pymdownx",
    "slugs.gfm": "pymdownx-lower-ascii",
}
_CASES = {
    "none": "pymdownx",
    "lower": "pymdownx-lower",
    "lower-ascii": "pymdownx-lower-ascii",
    "fold": "pymdownx-fold",
}


def _kernel(value: Any) -> str | None:
    """Return which kernel a setting `slugify` names; None when it is one that nobody here knows."""
    if value is None:
        return MKDOCS.ids
    tag = value.tag if isinstance(value, Tagged) else saying.text(value, "object")
    said = value.value if isinstance(value, Tagged) else value
    name = ".".join(tag.rpartition(":")[2].split(".")[-2:])
    if name == "slugs.slugify":
        return _CASES.get(saying.text(said, "kwds", "case") or "none")
    return _SLUGIFIERS.get(name)


_MADE_FILES = (
    r"(?:^|/)(?:404\.html|sitemap\.xml(?:\.gz)?|objects\.inv|feed_(?:rss|json)_\w+\.(?:xml|json)"
    r"|img/favicon\.ico|assets/images/favicon\.png)$"
    # Written in capitals, as what a hook puts in: `[x](REPOSITORY_URL)`.
    r"|^[A-Z]+(?:_[A-Z]+)+$"
)
# Plugins that make pages, and the folders in which they do so when nothing else is said.
_MAKING = {
    "gen-files": ("reference", "api"),
    "api-autonav": ("api", "reference"),
    "autoapi": ("autoapi",),
    "mkdoxy": ("api",),
    "blog": ("blog",),
    "gallery": ("generated", "gallery"),
    "monorepo": (),
    "multirepo": (),
}


def _made_pages(said: Mapping[str, Any], plugins: Mapping[str, Any]) -> re.Pattern[str]:
    """Return what the targets look like of what only a run makes, or themes bring."""
    making = [plugin for plugin in _MAKING if plugin in plugins]
    folders = {folder for plugin in making for folder in _MAKING[plugin]}
    folders.update(_folders(said.get("nav")) if making else ())
    folders.update(filter(None, (saying.text(plugins, plugin, f"{plugin}_dir").strip("/") for plugin in making)))
    names = "|".join(sorted(map(re.escape, folders)))
    return re.compile(rf"{_MADE_FILES}|(?:^|/)(?:{names})(?:[/.#]|$)" if names else _MADE_FILES)


_MOST_FOLDERS = 100


def _folders(nav: Any) -> Iterable[str]:
    """Return the folders that a nav names as `Reference: reference/`, as literate-nav reads them."""
    found: list[str] = []
    left = [nav]
    while left and len(found) < _MOST_FOLDERS:
        one = left.pop()
        if isinstance(one, str) and one.endswith("/"):
            found.append(one.strip("./"))
        left += one if isinstance(one, list) else one.values() if isinstance(one, Mapping) else ()
    return filter(None, found)


_IN_A_LANGUAGE = re.compile(rf"(.+)\.{_CODE}\.(\w+)")


def in_all_languages(path: str, fields: Fields) -> Iterator[str]:  # noqa: ARG001
    """Yield the path by which links find `x.fr.md`: that of `x.md`, whatever the language."""
    found = _IN_A_LANGUAGE.fullmatch(path.rpartition("/")[2])
    if found:
        yield from (found[1], f"{found[1]}.{found[2]}")


_HEADING_OR_TAB = re.compile(
    rb"^[ \t]*(?:(?P<marks>#{1,6})[ \t]+(?P<heading>[^\n]*)|===[+!]*[ \t]+[\"'](?P<tab>[^\n\"]*)[\"']|"
    rb"///[ \t]*tab[ \t]*\|[ \t]*(?P<block>[^\n]*))",
    re.MULTILINE,
)
_ATTRIBUTES = re.compile(r"[ \t]*\{[^{}]*\}[ \t]*$")
_ID = re.compile(r"#([^\s{}]+)[^{}]*\}[ \t]*$")


def tabs(text: bytes, kernel: str, heading_ids: str, pictured: str) -> Iterator[tuple[int, str]]:
    """Yield the ids of tabs: `=== "Linux"` is linux.

    Args:
        text: that of the document.
        kernel: which one makes a slug of a tab's label.
        heading_ids: which one makes the ids of headings, where they come before those of tabs, as in `install-linux`;
            '' where they do not.
        pictured: emoji, where :smile: becomes a picture, or ''.
    """
    slug, seen, above = slugs.KERNELS[kernel], dict[str, int](), ""
    for found in _HEADING_OR_TAB.finditer(text):
        if found["marks"]:
            above = _id_of(found["heading"].decode().rstrip(), heading_ids) if heading_ids else ""
        else:
            said = (found["tab"] or found["block"] or b"").decode()
            label = slug((_EMOJI.sub("", said) if pictured else said).strip())
            yield found.start(), slugs.underscored(f"{above}-{label}" if above else label, seen)


def _id_of(written: str, kernel: str) -> str:
    explicit = _ID.search(written)
    return explicit[1] if explicit else slugs.KERNELS[kernel](_ATTRIBUTES.sub("", written))


_NAMING = re.compile(rb"<!--[ \t]*+\w+:\w+[ \t]++([\w.:/-]+)[^\n]{0,100}?-->")


def named_by_comments(text: bytes) -> Iterator[tuple[int, str]]:
    """Yield what comments such as `<!-- md:setting config.dir -->` name: a hook may make a place of it."""
    for found in _NAMING.finditer(text):
        name = found[1].decode()
        yield from ((found.start(), name), (found.start(), f"+{name}"))
