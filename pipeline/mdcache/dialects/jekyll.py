"""Jekyll, also as GitHub's pages run it: kramdown's ids, Liquid in links, addresses by permalinks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from mdcache.dialects import liquid, made, redirects, saying
from mdcache.dialects.dialect import Dialect, Fields, Finder
from mdcache.dialects.github import GITHUB
from mdcache.dialects.site import Kind, Marked, Mount, Site

_NAMES = ("_config.yml", "_config.yaml", "_config.toml")
# Hexo and Jupyter Book have settings of the same name.
_OF_OTHERS = frozenset(("new_post_name", "skip_render", "public_dir", "default_layout", "post_asset_folder"))
_CONTENTS_OF_BOOK = "_toc.yml"
_STYLES = {
    "date": "/:categories/:year/:month/:day/:title",
    "pretty": "/:categories/:year/:month/:day/:title/",
    "ordinal": "/:categories/:year/:y_day/:title",
    "none": "/:categories/:title",
}
_POSTS, _DRAFTS = "_posts", "_drafts"
_OF_COLLECTION = "/:collection/:path"
_DATED = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)-(.+)")
_DATE = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)")
_TOKEN = re.compile(r":[a-z_]+")


@dataclass(frozen=True)
class Addresses:
    """Where the pages of a site are found beside their own paths.

    permalinks: (collection, pattern), that of posts under "posts". collections: the folder in which collections lie.
    """

    permalinks: tuple[tuple[str, str], ...] = ()
    collections: str = ""

    def __call__(self, path: str, fields: Fields) -> Iterator[str]:
        """Yield the addresses of the page at a path below the source folder with this front matter."""
        stem = path.rpartition(".")[0] or path
        collection, rest = self._collection(stem)
        known = _known(collection, rest, fields)
        own = _text(fields, "permalink")
        patterns = dict(self.permalinks)
        default = _STYLES["date"] if collection == "posts" else _OF_COLLECTION
        written = _STYLES.get(own, own) or (patterns.get(collection, default) if collection else "")
        if written and (address := _filled(written, known)):
            yield address
            yield address.rpartition("/")[2]
        if collection == "posts":
            yield liquid.POSTS.decode() + stem.rpartition("/")[2]
        for said in _texts(fields, "redirect_from"):
            yield "/" + said.strip("/").removesuffix(".html").removesuffix("/index")

    def _collection(self, stem: str) -> tuple[str, str]:
        """Return the collection in which a document lies, '' when in none, and its path there."""
        parts = stem.split("/")
        for name in (_POSTS, _DRAFTS):
            if name in parts[:-1]:
                place = parts.index(name)
                return "posts", "/".join((*parts[:place], *parts[place + 1 :]))
        below = stem.removeprefix(f"{self.collections}/") if self.collections else stem
        first, _, rest = below.partition("/")
        return (first[1:], rest) if first.startswith("_") and rest else ("", stem)


def _known(collection: str, rest: str, fields: Fields) -> dict[str, str | None]:
    """Return what the tokens of a permalink stand for; None where it is not known here."""
    above, _, name = rest.rpartition("/")
    dated = _DATED.fullmatch(name)
    slug = _text(fields, "slug") or (dated[4] if dated else name)
    day = _DATE.match(_text(fields, "date")) or dated
    said = [*above.split("/"), *(word for key in ("categories", "category") for word in _words(fields, key))]
    return {
        ":categories": "/".join(dict.fromkeys(word for word in said if word)) if collection == "posts" else "",
        ":collection": collection,
        ":path": rest,
        ":name": name,
        ":title": slug,
        ":slug": slug,
        ":output_ext": "",
        **_of_day(day),
    }


def _of_day(day: re.Match[str] | None) -> dict[str, str | None]:
    if not day:
        return dict.fromkeys((":year", ":month", ":day", ":i_month", ":i_day", ":short_year", ":y_day"))
    year, month, of_month = day[1], day[2], day[3]
    return {
        ":year": year,
        ":short_year": year[2:],
        ":month": month.zfill(2),
        ":i_month": month.lstrip("0"),
        ":day": of_month.zfill(2),
        ":i_day": of_month.lstrip("0"),
        ":y_day": _day_of_year(int(year), int(month), int(of_month)),
    }


def _day_of_year(year: int, month: int, day: int) -> str | None:
    try:
        return f"{date(year, month, day).timetuple().tm_yday:03}"
    except ValueError:
        return None


def _filled(pattern: str, known: Mapping[str, str | None]) -> str | None:
    """Return the address of a permalink, without `.html`; None where it asks for what is not known."""
    values = [known.get(token) for token in _TOKEN.findall(pattern)]
    if None in values:
        return None
    rest = iter(value or "" for value in values)
    address = re.sub(r"/{2,}", "/", _TOKEN.sub(lambda _: next(rest), pattern)).strip("/")
    return "/" + address.removesuffix(".html").removesuffix("/index")


def _texts(fields: Fields, key: str) -> tuple[str, ...]:
    said = fields.get(key, ())
    return tuple(one for one in ((said,) if isinstance(said, str) else said) if one.strip("/ "))


def _text(fields: Fields, key: str) -> str:
    return next(iter(_texts(fields, key)), "")


def _words(fields: Fields, key: str) -> list[str]:
    """Return the texts of a list, or the words of one text."""
    said = fields.get(key, ())
    return said.lower().split() if isinstance(said, str) else [one.lower() for one in said]


# Lists of terms, archives, further pages, and what is made of Sass or by a plugin or the theme.
_MADE = (
    r"^/?(?:[\w.-]+/)?(?:tags?|categor(?:y|ies)|archives?|page:?\d+)(?:[/?#]|$)"
    r"|\.(?:css|js|map)(?:[?#]|$)|(?:^|/)(?:feed|atom|rss|sitemap)\.xml$"
)
# What the site's own plugins may make: feeds and data, and no pages.
_PLUGINS = "_plugins"
_MADE_BY_PLUGINS = r"^/[^?#]*\.(?:atom|ics|json|xml)(?:[?#]|$)"

JEKYLL = Dialect(
    name="jekyll",
    title="Jekyll",
    index_names=("index", "readme"),
    html_pages=True,
    page_files=(".html",),
    moved_html=True,
    page_relative=True,
    addresses=Addresses(),
    ids="kramdown-gfm",
    other_ids=("github",),
    numbers="count",
    explicit_ids=("curly-only-id",),
    smart_punctuation=True,
    wikilinks="off",
    aliases=False,
    rewrites=("liquid",),
    unjudged=re.compile(_MADE, re.IGNORECASE),
    places=(Finder(made.headings, ("kramdown-gfm",)),),
    # What brings another file's text.
    includes=re.compile(rb"\{%-?[ \t]*include_relative\b|\{%-?[ \t]*include[ \t][^%\n]*\.(?:md|markdown)\b"),
    made_places=re.compile(rf"(?:{GITHUB.made_places.pattern}|(?:markdown-)?toc(?:-.*)?)", re.IGNORECASE),
    readme_places=GITHUB.readme_places,
    percent_comments=False,
)


def sites(marked: Marked) -> Iterator[Site]:
    """Yield the site that Jekyll makes of a folder."""
    config = saying.said(marked.texts.get(marked.marker, ""), marked.marker)
    if not _OF_OTHERS.isdisjoint(config) or _CONTENTS_OF_BOOK in marked.names:
        return
    docs = marked.at(saying.text(config, "source") or ".")
    prefix = saying.text(config, "baseurl").strip("/")
    by_plugins = _MADE_BY_PLUGINS if _PLUGINS in marked.names else "(?!)"
    made = re.compile(f"{_MADE}|{by_plugins}|{redirects.pattern(marked.texts)}", re.IGNORECASE)
    yield Site(_dialect(config)._replace(unjudged=made), docs, marked.at(marked.marker), (Mount("", docs),), prefix)


KIND = Kind(JEKYLL, _NAMES, (_CONTENTS_OF_BOOK, f"{_PLUGINS}/", *redirects.FILES), sites)


def _dialect(config: Mapping[str, Any]) -> Dialect:
    """Return the dialect as the settings have it."""
    plain = saying.text(config, "kramdown", "input").lower() == "kramdown"
    common = saying.text(config, "markdown").lower().startswith("commonmark")
    ids = "kramdown" if plain else "github" if common else JEKYLL.ids
    return JEKYLL._replace(
        ids=ids,
        places=(Finder(made.headings, (ids,)),),
        numbers="skip-taken" if common else JEKYLL.numbers,
        addresses=Addresses(tuple(_permalinks(config)), saying.text(config, "collections_dir").strip("/")),
    )


def _permalinks(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the patterns of posts and collections; what is said of one alone comes after what is said of several."""
    if style := saying.text(config, "permalink"):
        yield "posts", _STYLES.get(style, style)
    for default in saying.tables(config, "defaults"):
        kind, pattern = saying.text(default, "scope", "type"), saying.text(default, "values", "permalink")
        if kind and pattern:
            yield kind, _STYLES.get(pattern, pattern)
    collections = saying.within(config, "collections")
    for name, said in collections.items() if isinstance(collections, Mapping) else ():
        if pattern := saying.text(said, "permalink"):
            yield name, _STYLES.get(pattern, pattern)
