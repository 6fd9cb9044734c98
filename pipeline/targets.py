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


ITSELF = "itself"
BY_PATH = "path"
FROM_ROOTS = "roots"
BY_NAME = "name"


class LookUp(NamedTuple):
    """A target, understood.

    scope holds as long as it does not resolve. name says in which bucket a document would be; None when none can be
    meant. path is normalised, not yet tried with extensions; how to look for it:

    ITSELF      it is the document that the link stands in
    BY_PATH     path is relative to the base
    FROM_ROOTS  path is relative to the roots, else to the base
    BY_NAME     path is the end of a path, whole components, or an alias

    is_folder: it was written like a folder's, so README and index come before a file of that name.
    """

    scope: str
    name: str | None
    path: str
    fragment: str | None
    how: str
    is_folder: bool = False


def look_up(wiki: bool, target: str, source: str, extensions: tuple[str, ...]) -> LookUp:
    """Understand a target as written in the document at path source."""
    if (_WIKI_SCHEME if wiki else _SCHEME).match(target):
        return LookUp(EXTERNAL, None, "", None, BY_PATH)
    written, mark, asked = target.partition("#")
    if wiki:
        written, fragment = written.strip(), asked.strip() if mark else None
    else:
        written, fragment = written.partition("?")[0], unquote(asked) if mark else None
    if not written:
        return _itself(source, fragment, extensions)
    if not wiki:
        return _by_path(unquote(written), source, fragment, extensions)
    if written.startswith(("/", "./", "../")):
        return _by_path(written, source, fragment, extensions)._replace(scope=_wiki_scope(written, extensions))
    name = bucket(written, extensions)
    return LookUp(_wiki_scope(written, extensions), name, nfc(written), fragment, BY_NAME)


def _itself(source: str, fragment: str | None, extensions: tuple[str, ...]) -> LookUp:
    """`#heading` is about the document; a link to nothing at all, `[x]()`, is about nothing."""
    if fragment is None:
        return LookUp(ASSET, None, "", None, BY_PATH)
    return LookUp(DOCUMENT, bucket(source, extensions), nfc(source), fragment, ITSELF)


def _by_path(written: str, source: str, fragment: str | None, extensions: tuple[str, ...]) -> LookUp:
    how = FROM_ROOTS if written.startswith("/") else BY_PATH
    path = join("" if how == FROM_ROOTS else folder(source), written)
    scope = DOCUMENT if has_extension(written, extensions) else ASSET
    if path is None:
        return LookUp(scope, None, "", fragment, how)
    path = nfc(path)
    is_folder = written.rpartition("/")[2] in ("", ".", "..")
    return LookUp(scope, bucket(path, extensions), path, fragment, how, is_folder)


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
