"""Starlight: `astro.config.mjs` that calls `starlight(`; the documents lie in `src/content/docs`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from mdcache.dialects import literals, mdx
from mdcache.dialects.dialect import Dialect, Fields, Finder, no_addresses
from mdcache.dialects.literals import Said
from mdcache.dialects.site import LANGUAGE, Kind, Marked, Mount, Site
from mdcache.dialects.slugs import github

_DOCUMENT = re.compile(r"\.(?:mdx?|markdown)$")


def of_docs(path: str, fields: Fields) -> Iterable[str]:
    """Return the address of a document: each part of its path as a slug, or what `slug` says."""
    slug = fields.get("slug", "")
    stem = _DOCUMENT.sub("", path)
    if isinstance(slug, str) and slug.strip("/"):
        return (f"/{slug.strip('/')}",)
    found = "/".join(map(github, stem.split("/")))
    return (f"/{found.removesuffix('/index')}",) if found != stem else ()


STARLIGHT = Dialect(
    name="starlight",
    title="Starlight",
    extensions=(".mdx",),
    index_names=("index", "readme"),
    page_relative=True,
    by_address=True,
    makes_files=True,
    page_files=tuple(
        f"{index}.{extension}" for index in ("", "/index") for extension in ("astro", "mdoc", "ts", "js", "html")
    ),
    addresses=of_docs,
    smart_punctuation=True,
    other_ids=("github",),
    wikilinks="off",
    mdx_rewrites=("mdx",),
    # Names that the bundler knows; pages that plugins make.
    unjudged=re.compile(r"^[@~][\w-]*/|^/(?:.*/)?(?:rss\.xml|sitemap-index\.xml|llms[\w-]*\.txt)(?:[?#]|$)"),
    places=(Finder(mdx.places),),
    # What brings another file's text, as plugins of the parser read it.
    includes=re.compile(rb"^[ \t>]*+:{2,}+include\b", re.MULTILINE),
    made_places=re.compile(r"top|_top|tab-panel-[\d-]+|footnote-label|user-content-fn(?:ref)?-.+", re.IGNORECASE),
    percent_comments=False,
)

_CONFIGS = tuple(f"astro.config.{extension}" for extension in ("mjs", "ts", "js", "mts", "cjs"))
_CALL = re.compile(r"\bstarlight\s*\(")
_LONGEST_ROUTES = 100_000
# Plugins that make pages below an address, with the key that says which, and that address where nothing does.
_PLUGINS = (
    ("starlight-changelogs", "base", ""),
    ("starlight-openapi", "base", ""),
    ("starlight-typedoc", "output", "api"),
)
_BLOG = "starlight-blog"
_MADE_IN_BLOG = r"/(?:tags|authors|\d+)(?:[/?#]|$)"
_IN_LANGUAGE = "(?:[A-Za-z]{2,3}(?:-[A-Za-z]{2,4})?/)?"
_LONGEST_BASE, _MOST_BASES = 200, 100


def _sites(marked: Marked) -> Iterator[Site]:
    program = marked.texts.get(marked.marker, "")
    if not _CALL.search(program):
        return
    said = literals.read(program)
    source = marked.at(literals.last(said, "srcDir") or "src")
    docs = f"{source}/content/docs"
    public = Mount("", marked.at(literals.last(said, "publicDir") or "public"))
    mounts = (Mount("", docs), *_translations(said, docs), public, Mount("", f"{source}/pages"))
    dialect = STARLIGHT._replace(unjudged=_unjudged(said, program))
    site = Site(dialect, docs, marked.at(marked.marker), mounts, (literals.last(said, "base") or "").strip("/"))
    yield site
    # Parts of pages lie beside the documents.
    yield site._replace(dialect=dialect._replace(addresses=no_addresses), docs=source)


def _translations(said: Iterable[Said], docs: str) -> Iterator[Mount]:
    """Yield from where a page is served that is not translated: the folder of all, or that of the default language."""
    if any(one.key == "locales" or "locales" in one.within for one in said):
        yield Mount(LANGUAGE, docs)
        default = [one.texts[-1] for one in said if one.key == "defaultLocale" and one.texts]
        if default and default[0] != "root":
            yield Mount(LANGUAGE, f"{docs}/{default[0].lower()}")


def _unjudged(said: Sequence[Said], program: str) -> re.Pattern[str]:
    """Return what finds a target that is not judged: what every site makes, this one's redirections and its plugins."""
    routes = dict.fromkeys(one.key.rstrip("/") for one in said if one.key[:1] == "/" and "redirects" in one.within)
    literal = "|".join(re.escape(route) for route in routes if route)
    patterns = [STARLIGHT.unjudged.pattern if STARLIGHT.unjudged else ""]
    if literal and len(literal) < _LONGEST_ROUTES:
        patterns.append(f"^(?:{literal})/?(?:[?#]|$)")
    return re.compile("|".join((*patterns, *_made_by_plugins(said, program))))


def _made_by_plugins(said: Sequence[Said], program: str) -> Iterator[str]:
    """Yield what finds the addresses, in any language, of pages that known plugins make."""
    own = re.escape((literals.last(said, "base") or "").strip("/")[:_LONGEST_BASE])
    begin = f"^/(?:{own}/)?{_IN_LANGUAGE}" if own else f"^/{_IN_LANGUAGE}"
    for plugin, key, usual in _PLUGINS:
        if plugin in program:
            bases = [one.texts[-1].strip("/") for one in said if one.key == key and not one.top and one.texts]
            found = dict.fromkeys(base for base in bases or [usual] if base and len(base) < _LONGEST_BASE)
            if found:
                yield rf"{begin}(?:{'|'.join(map(re.escape, [*found][:_MOST_BASES]))})(?:[/?#]|$)"
    if _BLOG in program:
        prefix = next((one.texts[-1] for one in said if one.key == "prefix" and one.texts), "blog").strip("/")
        yield rf"{begin}{re.escape(prefix[:_LONGEST_BASE])}{_MADE_IN_BLOG}"


KIND = Kind(STARLIGHT, _CONFIGS, (), _sites)
