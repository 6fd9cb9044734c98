"""Understand what a link's target asks for: its scope, and the name under which the resolver looks.

Pure: a function of the text of the link and the folder it stands in.
"""

from __future__ import annotations

import functools
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import NamedTuple
from urllib.parse import unquote

from mdcache.dialects import Dialect, Site
from mdcache.dialects.dialect import Fields, no_labels
from mdcache.expressions import finds
from mdcache.model import Name, Rules
from mdcache.parse.filetypes import is_file_name
from mdcache.parse.kinds import WIKI_KINDS
from mdcache.parse.sites import site_of
from mdcache.paths import fold, folder, has_extension, join, nfc, without_extension

DOCUMENT = "document"
ASSET = "asset"
EXTERNAL = "external"
UNKNOWN = "unknown"

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:|//")
_WIKI_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://|mailto:")
ITSELF = "itself"
BY_PATH = "path"
FROM_ROOTS = "roots"
BY_NAME = "name"

VAULT = "vault"
FIRST = "first"
"""Ways of a dialect to choose among documents of a name, beside by steps."""


class Asked(NamedTuple):
    """One way in which a target asks for a document: a link asks in several, and the first that is there counts.

    path is normalised, not yet tried with extensions; how says how to look:

    ITSELF      it is the document that the link stands in
    BY_PATH     path is relative to the base
    FROM_ROOTS  path is relative to the roots, else to the base
    BY_NAME     path is the end of a path, whole components, or an alias; else the end of a folder's path

    is_folder: it was written like a folder's, so README and index come before a file of that name.
    """

    how: str
    path: str
    is_folder: bool = False


class LookUp(NamedTuple):
    """What a target alone tells, before other documents are known; scope holds as long as it does not resolve.

    name is the bucket of the documents that may be meant; None when none can be.
    """

    scope: str
    name: str | None
    fragment: str | None


# How many different targets of a document are remembered.
_REMEMBERED = 1024
_EXTERNAL = LookUp(EXTERNAL, None, None)


def look_up(wiki: bool, target: str, source: str, rules: Rules) -> LookUp:
    """Return what a target as written in the document at path source tells."""
    site = site_of(source, rules)
    own = None if wiki else _own_address(target, rules)
    if own is None and (_WIKI_SCHEME if wiki else _SCHEME).match(target):
        return _EXTERNAL
    written, fragment = _split(wiki, target)
    asked = asks(wiki, target, source, rules)
    name = bucket(asked[0].path, rules.extensions) if asked else None
    if asked and asked[-1].how == ITSELF:
        return LookUp(DOCUMENT, name, fragment)
    if is_placeholder(target, rules) or _is_unjudged(wiki, target, site, rules):
        return LookUp(EXTERNAL, name, fragment)
    if wiki and is_made_by_mention(target, site.dialect):
        return LookUp(EXTERNAL, name, fragment)
    if own is None and not wiki and site.dialect.absolute == UNKNOWN and _leaves(written, source, site):
        return LookUp(EXTERNAL, name, fragment)
    # A wikilink names a document unless it ends like the name of a file.
    meant = has_extension(own or written, rules.extensions) or (wiki and written and not is_file_name(written))
    return LookUp(DOCUMENT if meant else ASSET, name, fragment)


def _leaves(written: str, source: str, site: Site) -> bool:
    """Return whether a target leads to an address that is not the site's: from the host's root, or above its own.

    A file is no such address: `../x.png` would have to be in the site to be served.
    """
    if written.startswith("/"):
        return True
    extension = posixpath.splitext(written.rstrip("/"))[1].lower()
    is_page = extension in ("", ".html") or (site.dialect.pages_unchecked and "/" in written.replace("../", ""))
    if not written.startswith("../") or not is_page:
        return False
    start = _address_folder(source, site.dialect) if site.dialect.page_relative else folder(source)
    return posixpath.normpath(f"./{start[len(site.docs) :]}/{written}").startswith("..")


def is_made_by_mention(target: str, dialect: Dialect) -> bool:
    """Return whether the page that a wikilink names is there, whatever documents are."""
    return dialect.mentioned_is_made and not is_file_name(_split(True, target)[0])


def may_be_written(kind: str, target: str, dialect: Dialect) -> bool:
    """Return whether a link that finds nothing asks for a page that is yet to be made, and not for a file."""
    if not dialect.unwritten:
        return False
    written = _split(kind in WIKI_KINDS, target)[0]
    if kind in WIKI_KINDS:
        return not is_file_name(written)
    extension = posixpath.splitext(written)[1].lower()
    return kind == "markdown" and dialect.by_name and not written.endswith("/") and extension in _OF_PAGES


_OF_PAGES = frozenset(("", ".md", ".markdown"))


def _own_address(target: str, rules: Rules) -> str | None:
    """Return the path, relative to the base, that an absolute address means; None when that is not in this tree."""
    for begins, folder_ in rules.addresses:
        if target.startswith(begins):
            path = unquote(target[len(begins) :].partition("#")[0].partition("?")[0])
            return f"{folder_}/{path}".strip("/") + ("/" if path.endswith("/") else "")
    return None


def leads_elsewhere(kind: str, target: str, source: str, rules: Rules) -> bool:
    """Return whether a link of a kind, in the document at path source, has no address in this tree.

    It may be that of another host, of what is no file, of another site on the same host, or none before a template is
    filled in.
    """
    wiki = kind in WIKI_KINDS
    if not wiki and _own_address(target, rules) is not None:
        return False
    if (_WIKI_SCHEME if wiki else _SCHEME).match(target) or is_placeholder(target, rules):
        return True
    site = site_of(source, rules)
    if site.dialect.names and site.dialect.names.fullmatch(target):
        return True
    return not wiki and site.dialect.absolute == UNKNOWN and _leaves(_split(False, target)[0], source, site)


def is_left_alone(wiki: bool, target: str, source: str, rules: Rules) -> bool:
    """Return whether nothing is said of a target in the document at path source, wherever it leads."""
    return is_placeholder(target, rules) or _is_unjudged(wiki, target, site_of(source, rules), rules)


def _is_unjudged(wiki: bool, target: str, site: Site, rules: Rules) -> bool:
    """Return whether the settings or the dialect leave a target alone: something else makes it, or reads it."""
    unjudged, names = site.dialect.unjudged, site.dialect.names
    if wiki and not site.dialect.unjudged_wikilinks:
        unjudged = names = None
    if (unjudged and unjudged.search(target)) or (names and names.fullmatch(target)):
        return True
    return any(finds(pattern, target) for pattern in rules.ignored)


def looker(source: str, rules: Rules) -> Callable[[bool, str], LookUp]:
    """Return look_up for the links of the document at path source, which may be the same a hundred thousand times."""
    return functools.lru_cache(_REMEMBERED)(lambda wiki, target: look_up(wiki, target, source, rules))


def is_placeholder(target: str, rules: Rules) -> bool:
    """Return whether a target is a template, such as `{{ base }}/a.md`, which is filled in later and not judged."""
    sieve, patterns = _placeholders(rules.placeholders)
    lower = target.lower()
    return bool(sieve.search(lower)) and any(fits(lower, pattern) for pattern in patterns)


@functools.cache
def _placeholders(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], list[list[str]]]:
    """Return a regular expression that few targets pass (for speed), and the parts between each pattern's stars."""
    parts = [pattern.lower().split("*") for pattern in patterns]
    sieve = "|".join(re.escape(max(one, key=len)) for one in parts) if parts else "(?!)"
    return re.compile(sieve), parts


def fits(text: str, parts: list[str]) -> bool:
    """Return whether the parts occur in order, the first at the start, the last at the end. Linear, unlike a regex."""
    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        return text == first
    if not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for part in parts[1:-1]:
        at = text.find(part, at, end) + len(part)
        if at < len(part):
            return False
    return at <= end


def asks(wiki: bool, target: str, source: str, rules: Rules) -> tuple[Asked, ...]:
    """Return how a target asks for a document, in the order in which it is looked for.

    They share a bucket, or only the first is looked for. Nothing when it leads out of the base, or nowhere.
    """
    own = None if wiki else _own_address(target, rules)
    written, fragment = _split(wiki, target)
    if own is not None:
        return (Asked(BY_PATH, nfc(own.strip("/")), own.endswith("/")),)
    if not written:
        return (*_labelled(fragment, source, rules), Asked(ITSELF, nfc(source))) if fragment is not None else ()
    site = site_of(source, rules)
    if wiki and not written.startswith(("/", "./", "../")):
        return tuple(dict.fromkeys(_named(written, source, site)))
    return tuple(dict.fromkeys(_by_path(wiki, written, source, site)))


def _labelled(fragment: str, source: str, rules: Rules) -> Iterator[Asked]:
    """Yield how a fragment asks for a document of the site that has a label of this name."""
    site = site_of(source, rules)
    if fragment and site.dialect.labels is not no_labels:
        yield Asked(BY_PATH, nfc(_of_label(fragment.lower(), site)))


def _of_label(label: str, site: Site) -> str:
    """Return the address of the document that has a label: one that no file has."""
    return f"{site.docs}/#/{label.strip('/')}".lstrip("/")


def _named(written: str, source: str, site: Site) -> Iterator[Asked]:
    """Yield the ways in which a wikilink's name asks for a document."""
    dialect = site.dialect
    name = written.replace(" ", "-") if dialect.hyphens_for_spaces else written
    for begin in dialect.wikilinks_begin:
        if begin == "anywhere":
            yield Asked(BY_NAME, nfc(name.rstrip("/")), name.endswith("/"))
            continue
        path = join("" if begin == "root" else folder(source), name)
        for one in (site.rooted(path) if begin == "root" else (path,)) if path is not None else ():
            yield Asked(BY_PATH, nfc(one), name.endswith("/"))


def _by_path(wiki: bool, written: str, source: str, site: Site) -> Iterator[Asked]:
    """Yield the paths that a target asks for which begins at a root, or at the document or its page's address."""
    dialect = site.dialect
    page, is_folder = _page(written, dialect)
    if dialect.hyphens_for_spaces:
        page = page.replace(" ", "-")
    if page.startswith("/"):
        path = join("", page)
        if path is None:
            return
        for one in site.rooted(path):
            yield Asked(BY_PATH, nfc(one), is_folder)
        for one in _from_docs(path, site):
            yield Asked(BY_PATH, nfc(one), is_folder)
        yield Asked(FROM_ROOTS, nfc(path), is_folder)
        return
    by_name = dialect.by_name and not wiki and not page.startswith(("./", "../"))
    by_name = by_name and not (dialect.page_relative and is_folder)  # that is an address, and no name
    if by_name and dialect.nearest == VAULT:  # the own folder counts there, after the vault's
        yield from _named(page, source, site)
    starts = [folder(source)]
    if dialect.page_relative and not wiki and not _is_markdown(page):
        starts.insert(0, _address_folder(source, dialect))
    if dialect.leaf_names and source.rpartition("/")[2].partition(".")[0].lower() in dialect.leaf_names:
        starts.append(folder(folder(source)))
    if dialect.from_docs_too and not wiki:
        starts.append(site.docs)
    is_served = (dialect.by_address or dialect.markdown_from_docs) and not wiki
    by_address = tuple(_by_address(page, source, site)) if is_served else ()
    paths = [path for path in (*(join(start, page) for start in starts), *by_address) if path is not None]
    for path in (*paths, *filter(None, map(site.original, paths))):
        yield Asked(BY_PATH, nfc(path), is_folder)
    if by_name:
        yield Asked(BY_NAME, nfc(page.rstrip("/")), is_folder)


def _is_markdown(page: str) -> bool:
    return page.lower().endswith((".md", ".mdx"))


def _by_address(page: str, source: str, site: Site) -> Iterator[str]:
    """Yield where a relative target leads by the address of the document at source, in each folder that serves it."""
    dialect = site.dialect
    if not page.startswith(("./", "../")):
        yield from _from_docs(page, site)
    if not dialect.by_address:
        return
    for own in dict.fromkeys(site.addresses_of(without_extension(source, PAGE_EXTENSIONS))):
        start = _address_folder(own, dialect) if dialect.page_relative and not _is_markdown(page) else folder(own)
        path = join(start, page)
        # A browser goes no higher than the host.
        yield from site.rooted(posixpath.normpath(f"/{start}/{page}").lstrip("/") if path is None else path)


def _from_docs(path: str, site: Site) -> Iterator[str]:
    """Yield where a path leads that counts from the folders of the site's documents, its own first."""
    if site.dialect.markdown_from_docs and site.mounts and _is_markdown(path):
        prefix = site.mounts[0].prefix
        yield from (f"{mount.folder}/{path}".strip("/") for mount in site.mounts if mount.prefix == prefix)


PAGE_EXTENSIONS = (".md", ".mdx", ".markdown")
_INDEX_PAGE = "index.html"


def _page(written: str, dialect: Dialect) -> tuple[str, bool]:
    """Return the path that a target means, and whether it is written like a folder's: `a/index.html` is `a/`."""
    if dialect.from_root and written.startswith(dialect.from_root):
        written = f"/{written}"
    if dialect.html_pages and written.lower().endswith(".html"):
        if written.rpartition("/")[2].lower() == _INDEX_PAGE:
            return written[: -len(_INDEX_PAGE)] or "./", True
        return written[: -len(".html")], False
    return written, written.endswith("/") or written.rpartition("/")[2] in (".", "..")


def _address_folder(source: str, dialect: Dialect) -> str:
    """Return the address of a document as a folder, where relative links of its page begin: a/b.md is a/b/."""
    stem = source.rpartition(".")[0] or source
    return folder(source) if stem.rpartition("/")[2].lower() in dialect.index_names else stem


class AssetPaths(NamedTuple):
    """Where on disk the file, folder or document of a target would lie; normalised (NFC).

    paths are relative to the base, case as written, the first that is there counts; they begin with '..' when they
    leave the base, and '.' is the base. A wikilink's name means any file whose path ends in these whole components,
    whatever the case: ending is their folded form, else None; documents are the ends that a document's path may have.
    made: what git ignores counts as there, too, as a run makes it.
    """

    paths: tuple[str, ...]
    ending: str | None
    documents: tuple[str, ...] = ()
    made: bool = False


NOWHERE = AssetPaths((), None)
# No system opens a longer path: one that is half a million folders deep means no file.
_LONGEST = 4096
_NO_FILE = AssetPaths((), "")


def asset_paths(wiki: bool, target: str, source: str, rules: Rules) -> AssetPaths:
    """Return where to look on disk for a target as written in the document at path source.

    A target may be a document that is no part of the cache: it is found in each way in which it would be if it were,
    except by its aliases, for only names are looked at.
    """
    own = None if wiki else _own_address(target, rules)
    if own is None and (_WIKI_SCHEME if wiki else _SCHEME).match(target):
        return NOWHERE
    written = f"/{own}" if own is not None else _split(wiki, target)[0]
    if not written or "\0" in written:
        return NOWHERE
    if len(written) > _LONGEST:
        return _NO_FILE
    site = site_of(source, rules)
    is_name = wiki and not written.startswith(("/", "./", "../"))
    if is_name and not site.dialect.exact_names:
        return _named_anywhere(fold(written.rstrip("/")), site, rules)
    named = (one.path for one in _named(written, source, site) if one.how == BY_PATH)
    there = tuple(named if is_name else map(nfc, _file_paths(written, source, site, rules)))
    found = (*there, *filter(None, map(site.original, there)))
    forms = ((path, *_as_documents(path, rules), *_as_pages(path, site.dialect)) for path in found)
    paths = tuple(dict.fromkeys(chain.from_iterable(forms)))
    if site.dialect.files_by_name and not written.startswith(("/", "./", "../")):
        return _named_anywhere(fold(nfc(written.strip("/"))), site, rules)._replace(paths=paths)
    return AssetPaths(paths, _moved_html(written) if site.dialect.moved_html else None, made=site.dialect.makes_files)


def _moved_html(written: str) -> str | None:
    """Return what the path of an HTML file ends in that may lie at an address, for `/x/`; None for any other target."""
    name = fold(written.strip("/")) if written.startswith("/") else ""
    return f"{name}.html" if name and "." not in name and "/" not in name else None


def _named_anywhere(ending: str, site: Site, rules: Rules) -> AssetPaths:
    """Return where a file may lie whose path ends so: anywhere, also as the index of a folder."""
    indexes = [ending + index for index in _indexes(site.dialect.index_names, rules.extensions)]
    return AssetPaths((), ending, (*_as_documents(ending, rules), *indexes))


def _file_paths(written: str, source: str, site: Site, rules: Rules) -> Iterator[str]:
    """Yield the paths at which the file of a target may lie."""
    page, _ = _page(written, site.dialect)
    for one in dict.fromkeys((written, page)):
        if one.startswith("/"):
            starts = (*rules.roots, "")
            yield from (posixpath.normpath(f"./{path}") for path in site.rooted(posixpath.normpath(one).strip("/")))
        elif site.dialect.page_relative:
            starts = (_address_folder(source, site.dialect), folder(source))
        else:
            starts = (folder(source),)
        if site.dialect.from_docs_too and not one.startswith("/"):
            starts = (*starts, site.docs)
        yield from (posixpath.normpath(f"./{start}/{one}") for start in _within(starts, one))
        if site.dialect.files_from_root and not posixpath.normpath(one).startswith(("/", "..")):
            yield from (posixpath.normpath(f"./{path}") for path in site.rooted(posixpath.normpath(one)))
        more = _from_docs(one, site) if one.startswith("/") else _by_address(one, source, site)
        yield from (posixpath.normpath(f"./{path}") for path in more)


@functools.lru_cache(maxsize=8)
def _indexes(names: tuple[str, ...], extensions: tuple[str, ...]) -> tuple[str, ...]:
    """Return what may follow the path of a folder in that of its index."""
    return tuple(f"/{name}{extension}" for name in names for extension in extensions)


def _within(starts: tuple[str, ...], target: str) -> tuple[str, ...]:
    """Return the folders from which a target stays in the base; all when it leaves it from each."""
    if ".." not in target:
        return starts
    return tuple(start for start in starts if join(start, target) is not None) or starts


def _as_documents(path: str, rules: Rules) -> tuple[str, ...]:
    """Return the paths that a document may have which a link calls by this one: an extension may be left out."""
    if has_extension(path, rules.extensions):
        return (path,)
    return tuple(path + extension for extension in rules.extensions) if path.strip("./") else ()


def _as_pages(path: str, dialect: Dialect) -> tuple[str, ...]:
    """Return the paths that the file of a page may have, whose address this is."""
    return tuple(path + added for added in dialect.page_files)


def _split(wiki: bool, target: str) -> tuple[str, str | None]:
    """Return the path or name, and the fragment, both decoded."""
    written, mark, fragment = target.partition("#")
    if wiki:
        return written.strip(), fragment.strip() if mark else None
    return unquote(written.partition("?")[0]), unquote(fragment) if mark else None


def bucket(path: str, extensions: tuple[str, ...]) -> str:
    """Return the last component without case and document extensions: what links.name and names.name hold.

    Extensions are stripped until none is left, so that `a`, `a.md` and `a.md.md` share a bucket: each may be meant
    by a link to another.
    """
    name = path.rpartition("/")[2]
    end = len(name)
    while (dot := name.rfind(".", 0, end)) > 0 and name[dot:end].lower() in extensions:
        end = dot
    return fold(name[:end])


def names_of(
    path: str, aliases: tuple[str, ...], fields: Fields, rules: Rules, title: str = "", bodies: Iterable[str] = ()
) -> set[Name]:
    """Return the names under which a document can be found: of its path, aliases, title, labels, other addresses."""
    extensions, site = rules.extensions, site_of(path, rules)
    own = bucket(path, extensions)
    names = {Name(own, "")}
    if is_index(path, own, site.dialect, extensions):
        parent = folder(path)
        names.add(Name(bucket(parent, extensions), ""))
        if parent in rules.roots:
            names.add(Name("", ""))  # [home](/) means a root's own index
    known_as = aliases if site.dialect.aliases else ()
    if site.dialect.by_title and title:
        known_as = (*known_as, title, site.dialect.slug(title))
    if known_as:
        folded = (fold(alias.strip().lstrip("/")) for alias in known_as)
        names.update(Name(bucket(alias, extensions), alias) for alias in folded if alias.strip("/"))
    addresses = [*_addresses(path, fields, site)]
    if site.dialect.labels is not no_labels:  # this is asked of every section of every document
        addresses += (_of_label(label, site) for label in chain.from_iterable(map(site.dialect.labels, bodies)))
    names.update(Name(bucket(address, extensions), f"/{nfc(address)}") for address in addresses)
    return names


def is_index(path: str, stem: str, dialect: Dialect, extensions: tuple[str, ...]) -> bool:
    """Return whether a document is found by its folder; stem is the bucket of its path."""
    return stem in dialect.index_names or (dialect.own_name_is_index and stem == bucket(folder(path), extensions))


def _addresses(path: str, fields: Fields, site: Site) -> Iterator[str]:
    """Yield the paths, relative to the base, under which links find a document beside its own."""
    below = path[len(site.docs) :].lstrip("/")
    pages = site.mounts[0].folder if site.mounts else site.docs
    for said in site.dialect.addresses(below, fields):
        found = join(pages if said.startswith("/") else folder(path), unquote(said).strip("/"))
        if found:
            yield found
