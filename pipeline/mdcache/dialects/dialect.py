"""The facets of a dialect: what differs from one kind of site or vault to the next."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from mdcache.dialects import slugs, tags

Fields = Mapping[str, str | Sequence[str]]
"""What a front matter says, by key: a text, or a list of texts."""

FRONT_MATTER = ("yaml", "toml", "json")
"""The languages of front matters: between `---`, between `+++`, and one object from `{` to `}`."""


Overrides = tuple[tuple[str, Any], ...]
"""Names of facets with their values, lists as tuples."""


def no_addresses(path: str, fields: Fields) -> Iterable[str]:  # noqa: ARG001
    """Return nothing: a page has no address but that of its path."""
    return ()


class Finder(NamedTuple):
    """What finds places in a text beside its headings: a function and what it is told, as data.

    find: yields (the byte at which a place begins, its name) for a text, and for these options.
    """

    find: Callable[..., Iterable[tuple[int, str]]]
    options: tuple[str, ...] = ()


def no_labels(text: str) -> Iterable[str]:  # noqa: ARG001
    """Return nothing: a place is known to its own document alone."""
    return ()


def no_properties(text: str) -> Fields:  # noqa: ARG001
    """Return nothing: only the front matter speaks of the document."""
    return {}


class Dialect(NamedTuple):
    """How one kind of site or vault reads markdown; each default is how GitHub reads it.

    Plain data and pure functions, so that it travels to workers. Facets that settings may override are of the types
    str, bool and tuple[str, ...]; facets.py says what each may hold.
    """

    name: str
    title: str
    """What people call it."""

    extensions: tuple[str, ...] = ()
    """Files with these are documents, too."""
    index_names: tuple[str, ...] = ("readme", "index")
    """A folder is found by the document of one of these names, lower case, without extension; the first counts."""
    own_name_is_index: bool = False
    """Whether `guide/guide.md` is found by the folder, too."""
    html_pages: bool = False
    """Whether a link to `x.html` means the page of `x.md`."""
    moved_html: bool = False
    """Whether an HTML file may say of itself under which address it lies: `/x/` may be x.html of any folder."""
    page_relative: bool = False
    """Whether a relative link begins at the page's address: `../b/` in a.md is its neighbour b.md."""
    leaf_names: tuple[str, ...] = ()
    """A document of one of these names is a page of the folder above: its relative links may begin there."""
    by_address: bool = False
    """Whether a relative link also means what the site serves at that address, from whatever folder it comes: a page
    that is not translated is that of the original."""
    from_root: tuple[str, ...] = ()
    """Beginnings of a target, as `@site/`, that count from where `/` begins, where these are mounted."""
    markdown_from_docs: bool = False
    """Whether `/x.md`, and `x.md` without `./`, also mean a file below the folders that the site's documents come from,
    whatever their addresses begin with."""
    page_files: tuple[str, ...] = ()
    """What the file of a page may add to its address, when it is no document: `.js`, `/index.js`."""
    any_case: bool = False
    """Whether links find documents whatever the case of their letters."""
    any_case_of_files: bool = False
    """Whether those do that name a document's file, with its extension."""
    by_name: bool = False
    """Whether a markdown link that finds nothing by its path means the document of that name, wherever it lies."""
    files_by_name: bool = False
    """Whether such a link means the file of that name, too."""
    files_from_root: bool = False
    """Whether the file of a relative link may lie below where `/x` begins, too."""
    from_docs_too: bool = False
    """Whether a relative link that finds nothing begins at the docs folder."""
    absolute: str = "known"
    """What `/x` is that leads nowhere, or `../x` that leads out of the site: known to be broken, or unknown, as the
    host or a plugin may serve it."""
    pages_unchecked: bool = False
    """Whether `../x/a.md` out of the site is unknown as well: it becomes `../x/a.html`, and nobody looks for it."""
    makes_files: bool = False
    """Whether what git ignores and is not there is made by a run, so that a link to it is not judged."""
    addresses: Callable[[str, Fields], Iterable[str]] = no_addresses
    """Return under which paths, without extension, links find a document beside its own, by its path below the docs
    folder and its front matter: `/x` counts from where addresses begin, `x` from the document's folder."""

    claims: bool = True
    """Whether `id` in a front matter is the id of the document in the whole tree."""

    ids: str = "github"
    """Which kernel of slugs.KERNELS makes the id of a heading."""
    other_ids: tuple[str, ...] = ()
    """Kernels whose ids count as well, made of the text without smart punctuation, where a version or a setting decides
    that nobody sees."""
    numbers: str = "skip-taken"
    """Which way of slugs.NUMBERINGS tells duplicates apart."""
    explicit_ids: tuple[str, ...] = ()
    """Which syntaxes of explicit.SYNTAXES give a heading the id that is written there, in place of its slug."""
    reserved_ids: str = "never"
    """Which explicit ids automatic ones must not have: never any, those above, or all."""
    image_text_in_ids: bool = False
    """Whether the text that stands for an image is a part of the id."""
    smart_punctuation: bool = False
    """Whether quotes, dashes and ellipses are made of ASCII before the id is, but in code."""
    unspoken: re.Pattern[str] | None = None
    """Finds what is no part of an id, outside of code: `:smile:` where it becomes a picture."""
    places: tuple[Finder, ...] = ()
    """What finds places that a text has beside headings, and what HTML and attributes name."""

    wikilinks: str = "target-first"
    """How `[[a|b]]` is read: target-first, label-first, or off: it is text."""
    wikilinks_begin: tuple[str, ...] = ("anywhere",)
    """Where the name in a wikilink begins, in the order in which that is tried: in the document's folder, at the docs
    folder (root), or anywhere: it is the end of a path."""
    exact_names: bool = False
    """Whether a wikilink has the very letters of a name; else their case decides only between several documents."""
    hyphens_for_spaces: bool = False
    """Whether a space in a wikilink's name is a hyphen in that of the document."""
    nearest: str = "steps"
    """Which of several documents of a name a link means: the one that is the fewest folder steps away; vault: that in
    the own folder, else the one with the shortest path; first: the first by path."""
    aliases: bool = True
    """Whether a wikilink finds a document by its aliases."""
    by_title: bool = False
    """Whether a wikilink finds a document by its title, or by the slug of that."""
    unwritten: bool = False
    """Whether a link to nothing means a page to be made, and is no error."""
    mentioned_is_made: bool = False
    """Whether a page is there as soon as a wikilink names it: no name leads nowhere."""
    properties: Callable[[str], Fields] = no_properties
    """Return what a text says of its document in lines of its own, beside the front matter."""

    front_matter: tuple[str, ...] = ("yaml",)
    """In which languages of FRONT_MATTER the top of a document may say what it is."""
    rewrites: tuple[str, ...] = ()
    """Which of rewriting.REWRITES come before the parser: blocks that it does not know."""
    mdx_rewrites: tuple[str, ...] = ()
    """Which of them come before those in a document whose name ends in `.mdx`."""
    unjudged: re.Pattern[str] | None = None
    """Finds a target that something else makes or reads."""
    unjudged_wikilinks: bool = True
    """Whether that holds for wikilinks, too: a builder's addresses are no names of notes."""
    names: re.Pattern[str] | None = None
    """Matches a whole target that is a name, and no address: something else makes a link of it, as of `std::ffi`."""
    includes: re.Pattern[bytes] | None = None
    """Finds in a text, but not in fenced code, what brings other files' text or ids that only a run makes: it may have
    any place."""
    labels: Callable[[str], Iterable[str]] = no_labels
    """Return which places a text names for the whole site: `#x` leads there from any document."""
    term_ids: bool = False
    """Whether the term of a definition has an id, made and numbered as those of headings."""
    parts: re.Pattern[str] | None = None
    """Finds in a document's path below the docs folder that other pages take it in: its places are theirs, too."""
    made_places: re.Pattern[str] = re.compile(r"top", re.IGNORECASE)
    """Matches a whole fragment that names a place which the program that shows a page makes."""
    readme_places: frozenset[str] = frozenset()
    """The fragments, in lower case, by which the page of a folder names the README that it shows."""
    slugged_fragments: bool = False
    """Whether a link's fragment may be a heading's text or its slug by another rule: it is made a slug itself."""
    spaced_fragments_are_text: bool = True
    """Whether a markdown link's fragment with a space in it is a heading's text: no id has a space."""
    fragments_are_text: bool = False
    """Whether every markdown link's fragment may be a heading's text."""
    heading_paths: bool = False
    """Whether `#A#B` means the heading B below A; else only the last one counts."""

    tag: re.Pattern[str] = tags.BY_WORD
    """Finds what may be a tag in a text, from its `#`; group 1 is the name. Its first character is a literal."""
    numeric_tags: bool = False
    """Whether digits alone make a tag, in text and front matter; where they do not, #12 is an issue."""
    percent_comments: bool = True
    """Whether what stands between two %% is a comment, as in Obsidian."""
    links_in_comments: bool = False
    """Whether links in such a comment count."""

    def with_facets(self, said: Overrides) -> Dialect:
        """Return it with these facets in place of its own."""
        replace: Callable[..., Dialect] = self._replace
        return replace(**dict(said)) if said else self

    def slug(self, text: str) -> str:
        """Return the id of a heading of this plain text, before duplicates are numbered."""
        return slugs.KERNELS[self.ids](text)


_OF_WIKILINKS = (
    *("wikilinks", "wikilinks_begin", "exact_names", "hyphens_for_spaces", "nearest", "aliases", "by_title"),
    *("unwritten", "mentioned_is_made", "heading_paths", "percent_comments", "links_in_comments"),
)


def with_wikilinks(dialect: Dialect, editor: Dialect) -> Dialect:
    """Return a dialect that reads wikilinks, if it knows none of its own, as the program does they are written in."""
    if dialect.wikilinks != "off":
        return dialect
    return dialect._replace(unjudged_wikilinks=False, **{name: getattr(editor, name) for name in _OF_WIKILINKS})
