"""Hugo: pages below content/, files below static/, references by path or name, addresses out of front matter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from mdcache.dialects import made, redirects, saying
from mdcache.dialects.dialect import FRONT_MATTER, Dialect, Fields, Finder
from mdcache.dialects.github import GITHUB
from mdcache.dialects.site import Kind, Marked, Mount, Site

_CONTENT = "content"
_INDEXES = frozenset(("_index", "index"))
_ENDS = ("toml", "yaml", "yml", "json")
_SPLIT = "config/_default/"
_OWN = tuple(f"hugo.{end}" for end in _ENDS)
_OLD = tuple(f"config.{end}" for end in _ENDS)
"""Names that other programs use, too: what is in them decides."""
_WHOLE = frozenset(("hugo", "config"))
_PARTS = ("languages", "module", "markup", "permalinks", "taxonomies")
_HUGO_KEYS = frozenset(("baseurl", "theme", "languagecode", "defaultcontentlanguage", "contentdir", "markup"))
_ZOLA_KEY = "base_url"
_ID_TYPES = {"github": "hugo", "github-ascii": "hugo-ascii", "blackfriday": "blackfriday"}
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_DATED_NAME = re.compile(r"\d{4}-\d{2}-\d{2}-(?=.)")
_HOOKS = tuple(f"layouts/{folder}_markup/render-link.html" for folder in ("", "_default/"))
# In the hook that renders links: `eq $url "x"` asks for a target that has a meaning of its own.
_MEANT = re.compile(r"\beq\s+[$.][\w.]*\s+\"([\w-]{1,40})\"")
_FINDS_PAGES = ".GetPage"
_TOKEN = re.compile(r":[a-z]+")


@dataclass(frozen=True)
class Addresses:
    """Where the pages of a site are found beside their own paths. permalinks: (section, pattern)."""

    permalinks: tuple[tuple[str, str], ...] = ()
    languages: tuple[str, ...] = ()

    def __call__(self, path: str, fields: Fields) -> Iterator[str]:
        """Yield the addresses of the page at a path below content/ with this front matter."""
        folder, _, name = path.rpartition("/")
        stem = self._without_language(name.rpartition(".")[0] or name)
        is_index = stem in _INDEXES
        page = folder if is_index else f"{folder}/{stem}".strip("/")
        above = page.rpartition("/")[0]
        if stem != name.rpartition(".")[0] or page != _as_url(page):
            yield f"/{_as_url(page)}"
        for said in _texts(fields, "url"):
            yield f"/{said.lstrip('/')}"
        for said in _texts(fields, "slug"):
            yield f"/{above}/{said}"
        for said in _texts(fields, "aliases"):
            yield said if said.startswith("/") else f"/{above}/{said}"
        section = page.partition("/")[0]
        for of, pattern in self.permalinks:
            if of == section and (found := _filled(pattern, page, fields)):
                yield found.lower()

    def _without_language(self, stem: str) -> str:
        bare, _, language = stem.rpartition(".")
        return bare if bare and language.lower() in self.languages else stem


def _as_url(page: str) -> str:
    return page.lower().replace(" ", "-")


def _texts(fields: Fields, key: str) -> tuple[str, ...]:
    said = fields.get(key, ())
    return tuple(one for one in ((said,) if isinstance(said, str) else said) if one.strip("/ "))


def _filled(pattern: str, page: str, fields: Fields) -> str | None:
    """Return the address that a pattern of permalinks gives a page; None where it asks for what is not known here."""
    above, _, name = page.rpartition("/")
    slug, title, dated = (next(iter(_texts(fields, key)), "") for key in ("slug", "title", "date"))
    name = _DATED_NAME.sub("", name)
    date = _DATE.match(dated)
    known = {
        ":section": page.partition("/")[0],
        ":sections": above,
        ":title": _as_title(title) or None,
        ":slug": slug or _as_title(title) or None,
        **dict.fromkeys((":filename", ":contentbasename"), name),
        **dict.fromkeys((":slugorfilename", ":slugorcontentbasename"), slug or name),
        **{token: date[place] if date else None for place, token in enumerate((":year", ":month", ":day"), 1)},
    }
    values = [known.get(token) for token in _TOKEN.findall(pattern)]
    rest = iter(value or "" for value in values)
    return None if None in values else "/" + _TOKEN.sub(lambda _: next(rest), pattern).strip("/")


def _as_title(title: str) -> str:
    return "-".join(re.sub(r"[^\w\s.-]", "", title.lower()).split())


HUGO = Dialect(
    name="hugo",
    title="Hugo",
    index_names=("_index", "index", "readme"),
    leaf_names=("index",),
    page_relative=True,
    from_docs_too=True,
    any_case_of_files=True,
    by_name=True,
    page_files=(".html", "/index.html", "/_index.html"),
    files_from_root=True,
    addresses=Addresses(),
    ids="hugo",
    other_ids=("github",),
    explicit_ids=("curly",),
    reserved_ids="above",
    image_text_in_ids=True,
    smart_punctuation=True,
    wikilinks="off",
    aliases=False,
    front_matter=FRONT_MATTER,
    rewrites=("shortcodes",),
    places=(Finder(made.headings, ("hugo",)),),
    # What brings other files' text.
    includes=re.compile(
        rb"\{\{[<%][ \t]*[\w/-]*(?:include|read-?file|snippet|embed|render|content|partial|import|glossary[ \t]*[%>])",
        re.IGNORECASE,
    ),
    parts=re.compile(r"(?:^|/)_(?!index\.)[^/]*/"),
    made_places=GITHUB.made_places,
    readme_places=GITHUB.readme_places,
    percent_comments=False,
)


def sites(marked: Marked) -> Iterator[Site]:
    """Yield the sites that Hugo makes of a folder: one for each folder of pages."""
    config = _config(marked)
    if not _is_hugo(marked, config):
        return
    pages = tuple(dict.fromkeys(_pages(config)))
    files = [Mount("", marked.at(folder)) for folder in _files(config)]
    made_elsewhere = _made(config, redirects.pattern(marked.texts))
    dialect = _dialect(config)._replace(unjudged=made_elsewhere, names=_meant(marked))
    if any(_FINDS_PAGES in marked.texts.get(name, "") for name in _HOOKS):
        dialect = dialect._replace(any_case=True)
    prefix = saying.path_of(saying.text(config, "baseurl"))
    for folder in dict.fromkeys(one.folder for one in pages):
        own = [one for one in pages if one.folder == folder]
        starts = [_Pages("", folder)] if any(one.is_language for one in own) else []
        mounts = [Mount(one.prefix, marked.at(one.folder)) for one in (*starts, *own, *pages)]
        docs = marked.at(folder)
        yield Site(dialect, docs, marked.at(marked.marker), tuple(dict.fromkeys((*mounts, *files))), prefix)
    served = (*(Mount(one.prefix, marked.at(one.folder)) for one in pages), *files)
    yield Site(_BESIDE, marked.home, marked.at(marked.marker), tuple(dict.fromkeys(served)), prefix)


# What lies beside the pages is read as on GitHub, but may be a copy of a page, as tests keep: `/x` may be the site's,
# and `x/` lead to a page of it.
_BESIDE = GITHUB._replace(absolute="unknown", files_from_root=True)


KIND = Kind(
    HUGO,
    (*_OWN, *_OLD, *(_SPLIT + name for name in (*_OWN, *_OLD))),
    (_SPLIT + "*", *_HOOKS, *redirects.FILES, _CONTENT + "/"),
    sites,
)


def _config(marked: Marked) -> Mapping[str, Any]:
    """Return what the settings say, the split ones below the names of their files; keys are in lower case."""
    config: dict[str, Any] = {}
    for path, text in marked.texts.items():
        if path not in _HOOKS and path not in redirects.FILES:
            found = saying.lower_keys(saying.said(text, path))
            part, *of = path.rpartition("/")[2].lower().split(".")[:-1]
            if part == "languages" and of:  # languages.fr.toml
                known = config.get(part)
                config[part] = {**(known if isinstance(known, Mapping) else {}), of[0]: found}
            elif part in _PARTS:
                config[part] = found
            elif part in _WHOLE:
                config.update(found)
    return config


def _is_hugo(marked: Marked, config: Mapping[str, Any]) -> bool:
    """Return whether the settings are Hugo's: config.toml is a name that others use, too, and Zola looks alike."""
    if marked.marker in _OWN or marked.marker.startswith(_SPLIT):
        return True
    has_pages = _CONTENT in marked.names or "contentdir" in config or "languages" in config or "module" in config
    return has_pages and _ZOLA_KEY not in config and not _HUGO_KEYS.isdisjoint(config)


class _Pages(NamedTuple):
    """A folder of pages: below which address it lies, and whether that is the code of its language."""

    prefix: str
    folder: str
    is_language: bool = False


def _pages(config: Mapping[str, Any]) -> Iterator[_Pages]:
    """Yield the folders of pages: those that are mounted, else those of the languages, else the one of the site.

    The first is that of the language without a code in its addresses.
    """
    mounted = [mount for mount in saying.tables(config, "module", "mounts") if saying.text(mount, "source")]
    targets = [(saying.text(mount, "target").strip("/"), mount["source"]) for mount in mounted]
    of_pages = [(target, source) for target, source in targets if target.partition("/")[0] == _CONTENT]
    if of_pages:
        yield from (_Pages(target[len(_CONTENT) :].strip("/"), source) for target, source in of_pages)
        return
    usual = saying.text(config, "contentdir") or _CONTENT
    languages = saying.within(config, "languages")
    own = {
        name: saying.text(language, "contentdir") or usual
        for name, language in (languages.items() if isinstance(languages, Mapping) else ())
    }
    yield _Pages("", own.get(saying.text(config, "defaultcontentlanguage") or "en", usual))
    yield from (_Pages(name, folder, True) for name, folder in own.items())


def _files(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield the folders of files that are served as they are, or that pages take theirs from."""
    yield from saying.texts(config, "staticdir") or ("static",)
    yield from saying.texts(config, "assetdir") or ("assets",)
    for mount in saying.tables(config, "module", "mounts"):
        if saying.text(mount, "target").strip("/") in ("static", "assets") and saying.text(mount, "source"):
            yield saying.text(mount, "source")
    for theme in saying.texts(config, "theme"):
        yield from (f"themes/{theme}/static", f"themes/{theme}/assets")


def _dialect(config: Mapping[str, Any]) -> Dialect:
    """Return the dialect as the settings have it."""
    parser = saying.within(config, "markup", "goldmark", "parser")
    kind = saying.text(parser, "autoidtype") or saying.text(parser, "autoheadingidtype")
    ids = _ID_TYPES.get(kind, HUGO.ids)
    imports = saying.tables(config, "module", "imports")
    brings_pages = any(
        saying.text(mount, "target").startswith(_CONTENT) for one in imports for mount in saying.tables(one, "mounts")
    )
    languages = saying.within(config, "languages")
    return HUGO._replace(
        ids=ids,
        places=(Finder(made.headings, (ids,)),),
        term_ids=saying.within(parser, "autodefinitiontermid") is True,
        html_pages=bool(saying.within(config, "uglyurls")),
        absolute="unknown" if brings_pages else HUGO.absolute,
        addresses=Addresses(tuple(_permalinks(config)), tuple(languages) if isinstance(languages, Mapping) else ()),
    )


def _permalinks(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    said = saying.within(config, "permalinks")
    for key, value in said.items() if isinstance(said, Mapping) else ():
        if isinstance(value, str):
            yield key, value
        elif key == "page" and isinstance(value, Mapping):
            yield from ((section, pattern) for section, pattern in value.items() if isinstance(pattern, str))


def _meant(marked: Marked) -> re.Pattern[str] | None:
    """Return what matches the targets that the site's own hook for links asks for by name: they are no addresses."""
    found = {word for name in _HOOKS for word in _MEANT.findall(marked.texts.get(name, ""))}
    return re.compile("|".join(sorted(found))) if found else None


def _made(config: Mapping[str, Any], redirected: str) -> re.Pattern[str]:
    """Return what finds targets of no file: lists of terms, further pages of lists, feeds, what the host redirects."""
    said = saying.within(config, "taxonomies")
    kinds: Iterable[Any] = said.values() if isinstance(said, Mapping) else ("tags", "categories")
    terms = "|".join(re.escape(kind) for kind in kinds if isinstance(kind, str)) or "(?!)"
    return re.compile(
        rf"^/?(?:[\w.-]+/)?(?:{terms})(?:[/?#]|$)"
        rf"|{redirected}"
        r"|(?:^|/)(?:(?:index|sitemap|rss|feed|atom)\.xml|index\.json|(?:robots|llms(?:-full)?)\.txt|404\.html|page/\d+/?|_print/?)(?:[?#]|$)"
    )
