"""Understand what a link's target asks for: its scope, and the name under which the resolver looks.

Pure: a function of the text of the link and the folder it stands in.
"""

from __future__ import annotations

import functools
import posixpath
import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote

from mdcache.model import Name, Rules
from mdcache.parse.filetypes import is_file_name
from mdcache.paths import fold, folder, has_extension, join, nfc

DOCUMENT = "document"
ASSET = "asset"
EXTERNAL = "external"

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:|//")
_WIKI_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://|mailto:")
ITSELF = "itself"
BY_PATH = "path"
FROM_ROOTS = "roots"
BY_NAME = "name"


class Asked(NamedTuple):
    """Which document a target asks for. path is normalised, not yet tried with extensions; how says how to look:

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
    extensions = rules.extensions
    if (_WIKI_SCHEME if wiki else _SCHEME).match(target):
        return _EXTERNAL
    written, fragment = _split(wiki, target)
    asked = _ask(wiki, written, fragment, source)
    name = bucket(asked.path, extensions) if asked else None
    if asked and asked.how == ITSELF:
        return LookUp(DOCUMENT, name, fragment)
    if is_placeholder(target, rules):
        return LookUp(EXTERNAL, name, fragment)
    # A wikilink names a document unless it ends like the name of a file.
    meant = has_extension(written, extensions) or (wiki and written and not is_file_name(written))
    return LookUp(DOCUMENT if meant else ASSET, name, fragment)


def looker(source: str, rules: Rules) -> Callable[[bool, str], LookUp]:
    """Return look_up for the links of the document at path source, which may be the same a hundred thousand times."""
    return functools.lru_cache(_REMEMBERED)(lambda wiki, target: look_up(wiki, target, source, rules))


def is_placeholder(target: str, rules: Rules) -> bool:
    """Return whether a target is a template, such as `{{ base }}/a.md`, which is filled in later and not judged."""
    sieve, patterns = _placeholders(rules.placeholders)
    lower = target.lower()
    return bool(sieve.search(lower)) and any(_fits(lower, pattern) for pattern in patterns)


@functools.cache
def _placeholders(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], list[list[str]]]:
    """Return a regular expression that few targets pass (for speed), and the parts between each pattern's stars."""
    parts = [pattern.lower().split("*") for pattern in patterns]
    sieve = "|".join(re.escape(max(one, key=len)) for one in parts) if parts else "(?!)"
    return re.compile(sieve), parts


def _fits(text: str, parts: list[str]) -> bool:
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


def ask(wiki: bool, target: str, source: str) -> Asked | None:
    """Return the document that a target asks for; None when it leads out of the base, or nowhere."""
    return _ask(wiki, *_split(wiki, target), source)


def _ask(wiki: bool, written: str, fragment: str | None, source: str) -> Asked | None:
    if not written:
        return Asked(ITSELF, nfc(source)) if fragment is not None else None
    if wiki and not written.startswith(("/", "./", "../")):
        return Asked(BY_NAME, nfc(written.rstrip("/")), written.endswith("/"))
    rooted = written.startswith("/")
    path = join("" if rooted else folder(source), written)
    if path is None:
        return None
    is_folder = written.endswith("/") or written.rpartition("/")[2] in (".", "..")
    return Asked(FROM_ROOTS if rooted else BY_PATH, nfc(path), is_folder)


class AssetPaths(NamedTuple):
    """Where on disk the file, folder or document of a target would lie; normalised (NFC).

    paths are relative to the base, case as written, the first that is there counts; they begin with '..' when they
    leave the base, and '.' is the base. A wikilink's name means any file whose path ends in these whole components,
    whatever the case: ending is their folded form, else None; documents are the ends that a document's path may have.
    """

    paths: tuple[str, ...]
    ending: str | None
    documents: tuple[str, ...] = ()


NOWHERE = AssetPaths((), None)
# No system opens a longer path: one that is half a million folders deep means no file.
_LONGEST = 4096
_NO_FILE = AssetPaths((), "")


def asset_paths(wiki: bool, target: str, source: str, rules: Rules) -> AssetPaths:
    """Return where to look on disk for a target as written in the document at path source.

    A target may be a document that is no part of the cache: it is found in each way in which it would be if it were,
    except by its aliases, for only names are looked at.
    """
    if (_WIKI_SCHEME if wiki else _SCHEME).match(target):
        return NOWHERE
    written, _ = _split(wiki, target)
    if not written or "\0" in written:
        return NOWHERE
    if len(written) > _LONGEST:
        return _NO_FILE
    if wiki and not written.startswith(("/", "./", "../")):
        ending = fold(written.rstrip("/"))
        indexes = [ending + index for index in _indexes(rules.dialect.index_names, rules.extensions)]
        return AssetPaths((), ending, (*_as_documents(ending, rules), *indexes))
    starts = (*rules.roots, "") if written.startswith("/") else (folder(source),)
    paths = (nfc(posixpath.normpath(f"./{start}/{written}")) for start in starts)
    return AssetPaths(
        tuple(dict.fromkeys(form for path in paths for form in (path, *_as_documents(path, rules)))), None
    )


@functools.lru_cache(maxsize=8)
def _indexes(names: tuple[str, ...], extensions: tuple[str, ...]) -> tuple[str, ...]:
    """Return what may follow the path of a folder in that of its index."""
    return tuple(f"/{name}{extension}" for name in names for extension in extensions)


def _as_documents(path: str, rules: Rules) -> tuple[str, ...]:
    """Return the paths that a document may have which a link calls by this one: an extension may be left out."""
    if has_extension(path, rules.extensions):
        return (path,)
    return tuple(path + extension for extension in rules.extensions) if path.strip("./") else ()


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


def names_of(path: str, aliases: tuple[str, ...], rules: Rules) -> set[Name]:
    """Return the names under which a document can be found."""
    extensions = rules.extensions
    own = bucket(path, extensions)
    names = {Name(own, "")}
    if own in rules.dialect.index_names:
        parent = folder(path)
        names.add(Name(bucket(parent, extensions), ""))
        if parent in rules.roots:
            names.add(Name("", ""))  # [home](/) means a root's own index
    for alias in aliases:
        folded = fold(alias.strip())
        if folded:
            names.add(Name(bucket(folded, extensions), folded))
    return names
