"""Docusaurus: `docusaurus.config.js`, often in a folder of its own, with documents beside it."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from mdcache.dialects import literals, mdx
from mdcache.dialects.dialect import Dialect, Fields, Finder, no_addresses
from mdcache.dialects.literals import Said
from mdcache.dialects.site import Kind, Marked, Mount, Site

_DOCUMENT = re.compile(r"\.(?:mdx?|markdown)$")
_NUMBERED = re.compile(r"\d+\s*[-_.]+\s*(?=[^-_.\s])")
# `2021-11-x` and `1.2-x` begin with a date or a version, and no number to sort by.
_NO_NUMBER = re.compile(r"(?:\d{2}|\d{4})[-_.]\d{2}(?:[-_.]|$)|\d+[-_.]\d+")
_DATED = re.compile(r"(?P<folder>.*?)(?P<date>\d{4}[-/]\d{1,2}[-/]\d{1,2})[-/]?(?P<text>.*)")
_INDEXES = ("index", "readme")


def _stem(path: str) -> str:
    return _DOCUMENT.sub("", path)


def _text(fields: Fields, key: str) -> str:
    found = fields.get(key, "")
    return found if isinstance(found, str) else ""


def of_docs(path: str, fields: Fields) -> Iterable[str]:
    """Return the address of a document: numbers to sort by are cut off, `id` and `slug` count."""
    stem = _stem(path)
    *above, name = map(_without_number, stem.split("/"))
    slug = _text(fields, "slug")
    if slug:
        return (posixpath.normpath("/" + "/".join((*([] if slug.startswith("/") else above), slug.strip("/")))),)
    name = _text(fields, "id") or name
    is_index = name.lower() in _INDEXES or (above and name.lower() == above[-1].lower())
    found = "/".join(above if is_index else (*above, name))
    return (f"/{found}",) if found not in (stem, stem.rpartition("/")[0]) else ()


def _without_number(name: str) -> str:
    return name if _NO_NUMBER.match(name) else _NUMBERED.sub("", name, count=1) if name[:1].isdigit() else name


def of_posts(path: str, fields: Fields) -> Iterable[str]:
    """Return the address of a post: by the date in its name, or its slug."""
    slug = _text(fields, "slug")
    stem = _stem(path).removesuffix("/index")
    dated = _DATED.fullmatch(stem)
    by_name = f"{dated['date'].replace('-', '/')}/{dated['folder']}{dated['text']}" if dated else stem
    return (f"/{slug.strip('/') or by_name}",)


DOCUSAURUS = Dialect(
    name="docusaurus",
    title="Docusaurus",
    extensions=(".mdx",),
    index_names=_INDEXES,
    own_name_is_index=True,
    by_address=True,
    from_root=("@site/",),
    markdown_from_docs=True,
    makes_files=True,
    page_files=tuple(
        f"{index}.{extension}" for index in ("", "/index") for extension in ("js", "jsx", "ts", "tsx", "html")
    ),
    addresses=of_docs,
    claims=False,
    explicit_ids=("curly-only-id",),
    image_text_in_ids=True,
    wikilinks="off",
    rewrites=("mdx",),
    # What plugins make of the whole: lists of posts, generated indexes; and what webpack finds by a name.
    unjudged=re.compile(
        r"^@(?:theme|generated|docusaurus)/"
        r"|^/(?:.*/)?(?:tags|archive|authors|category|search|page/\d+|(?:rss|atom)\.xml|feed\.json)(?:[/?#]|$)"
    ),
    places=(Finder(mdx.places),),
    made_places=re.compile(r"top|__docusaurus\w*|footnote-label|user-content-fn(?:ref)?-.+", re.IGNORECASE),
    percent_comments=False,
)

_CONFIGS = tuple(f"docusaurus.config.{extension}" for extension in ("js", "ts", "mjs", "mts", "cjs", "cts"))
_VERSIONS = "versions.json"
_MOST = 100
_LONGEST_ROUTES = 100_000


class _Plugin(NamedTuple):
    """An instance of a plugin: its folder, relative to the site's, the route of its pages, and its id."""

    folder: str
    route: str
    id: str = ""


def _sites(marked: Marked) -> Iterator[Site]:
    said = literals.read(marked.texts.get(marked.marker, ""))
    dialect = DOCUSAURUS._replace(unjudged=_unjudged(said))
    if any(one.top and one.key == "trailingSlash" and one.flag for one in said):
        dialect = dialect._replace(page_relative=True)
    docs = _plugins(said, "docs", _Plugin("docs", "docs"))
    posts = _plugins(said, "blog", _Plugin("blog", "blog"))
    shared = tuple(_shared(said, marked, posts))
    versions = [*_versions(marked, docs)]
    every = [*(Mount(one.route, marked.at(one.folder)) for one in docs), *versions, *shared]
    for own in (*(Mount(one.route, marked.at(one.folder)) for one in docs), *versions):
        yield _site(dialect, marked, own, every, said)
    for own in (Mount(one.route, marked.at(one.folder)) for one in posts):
        yield _site(dialect._replace(addresses=of_posts), marked, own, every, said)
    pages = _site(dialect._replace(addresses=no_addresses), marked, Mount("", marked.at("src/pages")), every, said)
    yield pages._replace(docs=marked.at("src"))
    if "versioned_docs" in marked.names:
        # Versions that versions.json does not name are no part of the site any more, or not here.
        yield _site(dialect._replace(absolute="unknown"), marked, Mount("", marked.at("versioned_docs")), every, said)
    if "i18n" in marked.names:
        yield from _translations(dialect, marked, docs, posts, every, said)


def _site(dialect: Dialect, marked: Marked, own: Mount, every: Sequence[Mount], said: Iterable[Said]) -> Site:
    mounts = tuple(dict.fromkeys((own, *every)))
    return Site(
        dialect, own.folder, marked.at(marked.marker), mounts, (literals.last(said, "baseUrl") or "").strip("/")
    )


def _plugins(said: Iterable[Said], name: str, usual: _Plugin) -> list[_Plugin]:
    """Return the instances of the plugin for docs or for the blog: that of the preset, and those that are listed."""
    said = [one for one in said if "themeConfig" not in one.within]
    off = any(one.key == name and one.flag is False for one in said)
    found: dict[int, _Plugin] = {}
    for one in said:
        within = one.within[-1] if one.within else ""
        if within == name or _is_plugin(within, name):
            found[one.place] = _told(found.get(one.place, usual if within == name else usual._replace(id=" ")), one)
    plugins = list(found.values())
    if not off and not any(one.id == "" for one in plugins):
        plugins.insert(0, usual)
    return plugins[:_MOST]


def _is_plugin(within: str, name: str) -> bool:
    """Return whether this is the name of a plugin, or of a constant with its options: `pluginContentDocsOptions`."""
    return f"content{name}" in within.replace("-", "").lower()


def _told(plugin: _Plugin, one: Said) -> _Plugin:
    if one.key == "path" and one.texts:
        return plugin._replace(folder=one.texts[-1])
    if one.key == "routeBasePath" and one.texts:
        return plugin._replace(route=one.texts[-1].strip("/"))
    return plugin._replace(id=one.texts[-1]) if one.key == "id" and one.texts else plugin


def _shared(said: Iterable[Said], marked: Marked, posts: list[_Plugin]) -> Iterator[Mount]:
    """Yield where else addresses begin: posts, pages, files as they are, and the site's folder itself."""
    yield from (Mount(one.route, marked.at(one.folder)) for one in posts)
    yield Mount("", marked.at("src/pages"))
    listed = [text for one in said if one.top and one.key == "staticDirectories" for text in one.texts]
    yield from (Mount("", marked.at(folder)) for folder in listed or ["static"])
    yield Mount("@site", marked.at("."))
    yield Mount("", marked.at("."))


def _versions(marked: Marked, docs: list[_Plugin]) -> Iterator[Mount]:
    """Yield where the kept versions of the documents are served; the first is the one that is current."""
    try:
        listed = json.loads(marked.texts.get(_VERSIONS, "[]"))
    except (ValueError, RecursionError):
        return
    route = docs[0].route if docs else "docs"
    names = [one for one in listed if isinstance(one, str)][:_MOST] if isinstance(listed, list) else []
    for place, name in enumerate(names):
        folder = marked.at(f"versioned_docs/version-{name}")
        yield Mount(f"{route}/{name}".strip("/"), folder)
        if not place:
            yield Mount(route, folder)
            yield Mount(f"{route}/next".strip("/"), marked.at(docs[0].folder if docs else "docs"))


def _translations(
    dialect: Dialect,
    marked: Marked,
    docs: list[_Plugin],
    posts: list[_Plugin],
    every: Sequence[Mount],
    said: list[Said],
) -> Iterator[Site]:
    """Yield the sites of translated documents: what is not translated is that of the original."""
    locales = [text for one in said if one.key == "locales" and one.within[-1:] == ("i18n",) for text in one.texts]
    for locale in locales[:_MOST]:
        for plugin, name in chain(((one, "docs") for one in docs), ((one, "blog") for one in posts)):
            id_ = f"-{plugin.id}" if plugin.id.strip() else ""
            folder = f"i18n/{locale}/docusaurus-plugin-content-{name}{id_}" + ("/current" if name == "docs" else "")
            read = dialect if name == "docs" else dialect._replace(addresses=of_posts)
            yield _site(read, marked, Mount(plugin.route, marked.at(folder)), every, said)
    yield _site(dialect._replace(absolute="unknown"), marked, Mount("", marked.at("i18n")), every, said)


def _unjudged(said: Iterable[Said]) -> re.Pattern[str]:
    """Return what finds a target that is not judged: what every site makes, and the routes that this one names."""
    routes = dict.fromkeys(
        text.rstrip("/") for one in said if one.key in ("from", "path") for text in one.texts if text[:1] == "/"
    )
    literal = "|".join(re.escape(route) for route in routes if route)
    usual = DOCUSAURUS.unjudged.pattern if DOCUSAURUS.unjudged else ""
    return re.compile(f"{usual}|^(?:{literal})/?(?:[?#]|$)" if literal and len(literal) < _LONGEST_ROUTES else usual)


KIND = Kind(DOCUSAURUS, _CONFIGS, (_VERSIONS,), _sites)
