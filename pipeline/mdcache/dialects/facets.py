"""The facets that settings may override, in the table [links]: what each is called there, and what it may hold."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from mdcache.dialects import explicit, rewriting, slugs
from mdcache.dialects.dialect import FRONT_MATTER, Dialect
from mdcache.dialects.known import dialects
from mdcache.dialects.site import Site


class Facet(NamedTuple):
    """A facet. says: what it decides, a sentence. choices: the texts that it may hold; () for any text, or a bool.

    many: it is a list of such texts. example: a value in TOML that a user may want.
    """

    name: str
    says: str
    example: str
    choices: tuple[str, ...] = ()
    many: bool = False
    flag: bool = False

    def refuses(self, value: Any) -> str | None:
        """Return what a value must be in its place; None when it may stand."""
        if self.flag:
            return None if isinstance(value, bool) else "true or false"
        if not self.many:
            return None if value in self.choices else f"one of {', '.join(self.choices)}"
        if isinstance(value, list) and all(
            isinstance(one, str) and (one in self.choices or not self.choices) for one in value
        ):
            return None
        return f"a list of {', '.join(self.choices)}" if self.choices else "a list of strings"

    def shown(self, dialect: Dialect) -> str:
        """Return what it is in a dialect, as TOML has it."""
        value = getattr(dialect, self.name)
        if isinstance(value, bool):
            return str(value).lower()
        return _list(value) if isinstance(value, tuple) else f'"{value}"'


def _list(values: Iterable[str]) -> str:
    quoted = (f'"{value}"' for value in values)
    return f"[{', '.join(quoted)}]"


def _flag(name: str, says: str, example: str = "true") -> Facet:
    return Facet(name, says, example, flag=True)


def _one(name: str, says: str, example: str, choices: Iterable[str]) -> Facet:
    return Facet(name, says, f'"{example}"', tuple(choices))


def _many(name: str, says: str, example: str, choices: Iterable[str] = ()) -> Facet:
    return Facet(name, says, example, tuple(choices), many=True)


FACETS: tuple[Facet, ...] = (
    _many("index_names", "A folder is found by the document of one of these names; the first counts.", '["index"]'),
    _flag("own_name_is_index", "`guide/guide.md` is found by the folder `guide`, too."),
    _flag("html_pages", "A link to `x.html` means the page of `x.md`."),
    _flag("moved_html", "`/x/` may be the HTML file `x.html` of any folder, which says its address itself."),
    _flag("page_relative", "A relative link begins at the page's address: `../b/` in `a.md` is `b.md` beside it."),
    _many("leaf_names", "A document of one of these names is a page of the folder above its own.", '["index"]'),
    _flag("by_address", "A relative link also means what is served at that address from another folder."),
    _flag("markdown_from_docs", "`/x.md` and `x.md` without `./` also mean a file of the folder of documents."),
    _many("page_files", "What a page's file may add to its address, when it is no document.", '[".html"]'),
    _flag("any_case", "Links find documents whatever the case of their letters."),
    _flag("any_case_of_files", "Those do that name a document's file, with its extension."),
    _flag("by_name", "A markdown link that finds nothing by its path means the document of that name, anywhere."),
    _flag("files_by_name", "Such a link means the file of that name, too."),
    _flag("files_from_root", "The file of a relative link may lie below where `/x` begins, too."),
    _flag("from_docs_too", "A relative link that finds nothing begins at the docs folder."),
    _one(
        "absolute",
        "What `/x` is that leads nowhere, or out of the site: broken, or unknown and so not judged.",
        "unknown",
        ("known", "unknown"),
    ),
    _flag("claims", "`id` in a front matter is the id of the document in the whole tree.", "false"),
    _one("ids", "How the id of a heading is made of its text.", "github", slugs.KERNELS),
    _many("other_ids", "Whose ids count as well.", '["github"]', slugs.KERNELS),
    _one("numbers", "How equal ids in a document are told apart.", "skip-taken", slugs.NUMBERINGS),
    _many("explicit_ids", "Where an id may be written beside a heading.", '["curly"]', explicit.SYNTAXES),
    _one("reserved_ids", "Which written ids automatic ones must not have.", "all", ("never", "above", "all")),
    _flag("image_text_in_ids", "The text that stands for an image is a part of the id."),
    _flag("smart_punctuation", "Quotes, dashes and dots become typographic before ids are made."),
    _one(
        "wikilinks", "How `[[a|b]]` is read, or that it is text.", "label-first", ("target-first", "label-first", "off")
    ),
    _many(
        "wikilinks_begin",
        "Where the name in a wikilink begins: in the document's folder, at the docs folder, or anywhere.",
        '["folder", "root"]',
        ("folder", "root", "anywhere"),
    ),
    _flag("exact_names", "A wikilink has the very letters of a name: their case counts."),
    _flag("hyphens_for_spaces", "A space in a wikilink's name is a hyphen in that of the document."),
    _one("nearest", "Which of several documents of a name a wikilink means.", "vault", ("steps", "vault", "first")),
    _flag("aliases", "A wikilink finds a document by its aliases.", "false"),
    _flag("by_title", "A wikilink finds a document by its title, or by the slug of that."),
    _flag("unwritten", "A link to nothing means a page to be made: `unwritten`, no error."),
    _flag("term_ids", "The term of a definition has an id, as a heading has."),
    _many("front_matter", "In which languages a document begins by what it is.", '["yaml", "toml"]', FRONT_MATTER),
    _flag("mentioned_is_made", "A page is there as soon as a wikilink names it: no name leads nowhere."),
    _flag("links_in_comments", "Links within `%%` comments count."),
    _flag("fragments_are_text", "The fragment of a markdown link may be a heading's text."),
    _flag("heading_paths", "`#A#B` means the heading B below A."),
    _many("rewrites", "Which blocks are read that CommonMark does not know.", "[]", rewriting.REWRITES),
)
"""In the order of the fields of Dialect."""
BY_NAME = {facet.name: facet for facet in FACETS}


def remembered(site: Site) -> str:
    """Return what a cache keeps of a site, as JSON: where it lies, its dialect, and which facets differ from that."""
    usual = dialects()[site.dialect.name]
    names = [one for one in BY_NAME if getattr(site.dialect, one) != getattr(usual, one)]
    facets = {name: getattr(site.dialect, name) for name in names}
    return json.dumps({"folder": site.docs, "dialect": usual.name, "marker": site.marker, "facets": facets})


def recalled(text: str) -> Site | None:
    """Return the site of which a cache keeps this; None where it makes no sense: the cache may be anyone's."""
    try:
        found = json.loads(text)
        dialect = dialects()[found["dialect"]]
        said = {name: value for name, value in found["facets"].items() if BY_NAME[name].refuses(value) is None}
        given = tuple((name, tuple(value) if isinstance(value, list) else value) for name, value in said.items())
        if not (isinstance(found["folder"], str) and isinstance(found["marker"], str)):
            return None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return Site(dialect.with_facets(given), found["folder"], found["marker"])
