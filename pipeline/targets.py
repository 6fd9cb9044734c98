"""What a link's target asks for: which scope it has, and the name under which the resolver looks.

Pure: a function of the text of the link and the folder it stands in.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

from pipeline.paths import fold, folder, has_extension, join, nfc, without_extension

DOCUMENT = "document"
ASSET = "asset"
EXTERNAL = "external"

INDEX_NAMES = ("readme", "index")
"""A folder is found by its README or index, in this order."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:|//")
_WIKI_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://|mailto:")
# An extension has a letter: [[v1.2]] and [[2. Setup]] name documents, [[photo.jpg]] and [[a.mp3]] do not.
_EXTENSION = re.compile(r"\.(?=[0-9]*[A-Za-z])[A-Za-z0-9]{1,8}$")


class LookUp(NamedTuple):
    """A target, understood.

    path is relative to the base, normalised, not yet tried with extensions; None when the target cannot be a
    document. rooted: it began with '/', so the roots come first. wiki: whole trailing components, names and aliases
    are tried, not the path.
    """

    scope: str
    name: str | None
    path: str | None
    fragment: str | None
    rooted: bool
    wiki: bool


_EXTERNAL = LookUp(EXTERNAL, None, None, None, False, False)


def look_up(wiki: bool, target: str, source: str, extensions: tuple[str, ...]) -> LookUp:
    """Understand a target as written in the document at path source."""
    if wiki:
        return _look_up_wiki(target, source, extensions)
    if _SCHEME.match(target):
        return _EXTERNAL
    written, mark, fragment = target.partition("#")
    written = written.partition("?")[0]
    asked = unquote(fragment) if mark else None
    if not written:
        return _itself(source, asked, extensions) if mark else LookUp(ASSET, None, None, None, False, False)
    return _by_path(unquote(written), source, asked, extensions)


def _look_up_wiki(target: str, source: str, extensions: tuple[str, ...]) -> LookUp:
    if _WIKI_SCHEME.match(target):
        return _EXTERNAL
    written, mark, fragment = target.partition("#")
    written, asked = written.strip(), fragment.strip() if mark else None
    if not written:
        return _itself(source, asked, extensions) if mark else LookUp(ASSET, None, None, None, False, False)
    if written.startswith(("/", "./", "../")):
        found = _by_path(written, source, asked, extensions)
        return found._replace(scope=_wiki_scope(written, extensions))
    name = bucket(written, extensions)
    return LookUp(_wiki_scope(written, extensions), name, nfc(written), asked, False, True)


def _by_path(written: str, source: str, fragment: str | None, extensions: tuple[str, ...]) -> LookUp:
    rooted = written.startswith("/")
    path = join("" if rooted else folder(source), written)
    scope = DOCUMENT if has_extension(written, extensions) else ASSET
    if path is None:
        return LookUp(scope, None, None, fragment, rooted, False)
    path = nfc(path)
    return LookUp(scope, bucket(path, extensions), path, fragment, rooted, False)


def _itself(source: str, fragment: str | None, extensions: tuple[str, ...]) -> LookUp:
    path = nfc(source)
    return LookUp(DOCUMENT, bucket(path, extensions), path, fragment, False, False)


def _wiki_scope(written: str, extensions: tuple[str, ...]) -> str:
    if has_extension(written, extensions) or not _EXTENSION.search(written):
        return DOCUMENT
    return ASSET


def bucket(path: str, extensions: tuple[str, ...]) -> str:
    """The last component without case and document extensions: what links.name and names.name hold.

    Extensions are stripped until none is left, so that `a`, `a.md` and `a.md.md` share a bucket: each may be meant
    by a link to another.
    """
    name = path.rpartition("/")[2]
    stripped = without_extension(name, extensions)
    while stripped != name:
        name, stripped = stripped, without_extension(stripped, extensions)
    return fold(name)


def names_of(
    path: str, aliases: tuple[str, ...], roots: tuple[str, ...], extensions: tuple[str, ...]
) -> set[tuple[str, str]]:
    """The (name, alias) pairs under which a document can be found; alias is '' for its path."""
    own = bucket(path, extensions)
    names = {(own, "")}
    if own in INDEX_NAMES:
        parent = folder(path)
        names.add((bucket(parent, extensions), ""))
        if parent in roots:
            names.add(("", ""))  # [home](/) means a root's own index
    for alias in aliases:
        folded = fold(alias.strip())
        if folded:
            names.add((bucket(folded, extensions), folded))
    return names
