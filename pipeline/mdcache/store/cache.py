"""The live cache, opened to be read, and how nodes are found in it."""

from __future__ import annotations

import contextlib
import difflib
import os
import stat
from collections.abc import Iterator
from typing import Any, NamedTuple

from mdcache.errors import Damaged, No, WorkError
from mdcache.names import name_of, text_of
from mdcache.paths import fold, lies_in, without_extension
from mdcache.store import connections, failures, foreign, made, meta, sense
from mdcache.store.connections import APPLICATION_ID, FORMAT, Connection, SqliteError, scalar
from mdcache.store.meta import Meta


class Cache(NamedTuple):
    """An open cache. base is absolute; roots are absolute folders, to which reading of files is confined.

    named: the absolute paths, with symbolic links, that led to the roots when it was made; empty where they are the
    roots, and for a cache that was not made here.
    made_here: it was published here, and nobody else can have changed it. If not, reading it is bounded, and it speaks
    for no folder but the one that it lies in: where it leads outside, base is that folder and there are no roots.
    """

    path: str
    db: Connection
    base: str
    roots: tuple[str, ...]
    meta: Meta
    named: tuple[str, ...] = ()
    made_here: bool = False

    @property
    def generation(self) -> int:
        """The number of the generation. Raises Damaged when the cache does not know it."""
        if self.meta.generation is None:
            raise Damaged(f"{self.path} does not say which generation it is: run mdcache rebuild")
        return self.meta.generation


class Node(NamedTuple):
    """What a reader needs of a document's row: a part of the table nodes."""

    key: int
    id: str
    path: str
    title: str
    hash: str

    def as_dict(self) -> dict[str, Any]:
        return {"id": self.id, "path": self.path, "title": self.title}


@contextlib.contextmanager
def opened(path: str, base: str, limit_s: float | None = foreign.LIMIT_S) -> Iterator[Cache]:
    """Give the cache at path, open to be read, as a context.

    A cache may have come with a clone. One that was not made here can only be read, and is not believed about folders
    outside the one that it lies in.

    Args:
        path: of the cache.
        base: the base of a published cache, which does not remember where it was made; if it lies where that does.
        limit_s: how long it may be read when it was not made here, in seconds; None for as long as it takes.

    Raises:
        WorkError: there is no cache, it is not one of mdcache, was made by a newer version, or not here and reading it
            takes too long.
        Damaged: it cannot be read or believed.
    """
    with failures.speaking(path):
        ids = made.known(path)
        db = _open(path)
        with contextlib.closing(db), sense.insisted_on(db, path), contextlib.ExitStack() as stack:
            cache = _cache(path, db, base, ids)
            if not cache.made_here and limit_s is not None:
                stack.enter_context(foreign.bounded(db, path, limit_s))
            yield cache


def made_here(path: str, db: Connection) -> Cache:
    """Return the cache that a connection which others opened has as its main database.

    Nothing is read of one that was not: a clone, a copy, a file of rebuild --reproducible.

    Args:
        path: the file of that database.

    Raises:
        WorkError: it is no cache, was not made here, or is newer than we are.
        Damaged: it cannot be read or believed.
    """
    ids = made.known(path)
    connections.insist_on_plain(path)
    cache = _cache(path, db, os.path.dirname(path), ids) if ids else None
    if not (cache and cache.made_here):
        raise WorkError(f"{path} was not made here")
    return cache


def _open(path: str) -> Connection:
    """Return a connection. CANTOPEN is tried once more: a generation may just have been moved into place."""
    try:
        found = os.stat(path)
    except PermissionError as error:
        raise WorkError(f"cannot look for {path}: {error.strerror}") from error
    except (OSError, ValueError) as error:
        raise WorkError(f"no cache at {path}: run mdcache rebuild DOCS") from error
    if not stat.S_ISREG(found.st_mode):
        raise WorkError(f"{path} is no file: name another with --db")
    try:
        return connections.open_reader(path)
    except SqliteError as error:
        name = failures.name_of(error)
        if name.startswith("SQLITE_READONLY") and connections.has_journal(path):
            raise Damaged(f"{path} has a journal beside it that is not ours: run mdcache rebuild") from error
        if name != "SQLITE_CANTOPEN":
            raise
        return connections.open_reader(path)


def _cache(path: str, db: Connection, base: str, ids: frozenset[str]) -> Cache:
    """Return the cache behind a connection. ids: of the generations that were made here in its file."""
    if scalar(db, "PRAGMA application_id") != APPLICATION_ID:
        raise WorkError(f"{path} is not a cache of mdcache: name another file with --db")
    if scalar(db, "PRAGMA user_version") > FORMAT:
        raise WorkError(f"{path} was made by a newer mdcache: upgrade, or replace it with mdcache rebuild DOCS")
    foreign.insist_on_schema(db, path)
    facts = _facts(path, db)
    if facts.roots is None:
        raise Damaged(f"{path} does not say which folders it holds: run mdcache rebuild DOCS")
    made_here = facts.generation_id in ids
    base, roots = _places(path, facts, base, made_here)
    return Cache(path, db, base, roots, facts, _named(path, facts) if made_here else (), made_here)


def _places(path: str, facts: Meta, base: str, made_here: bool) -> tuple[str, tuple[str, ...]]:
    """Return the base of a cache and its roots, as far as it is believed. Raises Damaged when they make no sense."""
    own, names = folder_of(path), facts.roots or ()
    if any("\0" in name for name in (facts.base or "", *names)):
        raise Damaged(f"{path} names folders that there cannot be: run mdcache rebuild DOCS")
    if facts.base is not None:
        base = os.path.realpath(os.path.join(os.path.dirname(path), name_of(facts.base)))
    elif not lies_in(base, own):
        base = own
    roots = tuple(os.path.realpath(os.path.join(base, name_of(root))) for root in names)
    if not all(lies_in(root, base) for root in roots):
        raise Damaged(f"{path} leads to folders outside {base}: run mdcache rebuild DOCS")
    return (base, roots) if made_here or lies_in(base, own) else (own, ())


def folder_of(path: str) -> str:
    """Return the folder that any cache speaks for: the one that it, or its .mdcache, lies in."""
    return os.path.realpath(os.path.dirname(path)).removesuffix("/.mdcache") or "/"


def _named(path: str, facts: Meta) -> tuple[str, ...]:
    folder = os.path.dirname(path)
    return tuple(sorted(os.path.normpath(os.path.join(folder, name_of(name))) for name in facts.named or ()))


def _facts(path: str, db: Connection) -> Meta:
    try:
        return meta.read(db)
    except SqliteError as error:
        if not failures.is_damage(error):
            raise
        raise Damaged(f"{path} is damaged ({error}): run mdcache rebuild DOCS") from error


def counts(db: Connection) -> dict[str, int]:
    """Return how much a cache holds, under the names that reports and status give it."""
    return {name: scalar(db, f"SELECT count(*) FROM {rows}") for name, rows in _COUNTED.items()}


_COUNTED = {
    "documents": "nodes",
    "sections": "sections",
    "links": "links",
    "unresolved": "unresolved_links",
    "problems": "problems WHERE severity <> 'note'",
}


def storable(text: str) -> str:
    """Return text that was typed as UTF-8, which all names in the cache are; neither input nor locale need be."""
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = text.encode("utf-8", "replace")
    return raw.decode("utf-8", "replace")


def find_place(cache: Cache, wanted: str, folder: str) -> tuple[Node, str | None]:
    """Return the document and the anchor that ID#ANCHOR means; an id or a path may hold a # itself. Raises No."""
    parts = wanted.split("#")
    for count in range(len(parts), 1, -1):
        node = _find_exactly(cache, "#".join(parts[:count]), folder)
        if node:
            return node, "#".join(parts[count:]) or None
    return find_node(cache, parts[0], folder), "#".join(parts[1:]) or None


def find_node(cache: Cache, wanted: str, folder: str) -> Node:
    """Return the document with an id or a path, with or without extension, relative to the base or to folder.

    Names compare normalised, then without case; the end of a path suffices when only one document's ends so. Raises No.
    """
    return _find_exactly(cache, wanted, folder) or _find_by_name(cache, wanted)


def _find_exactly(cache: Cache, wanted: str, folder: str) -> Node | None:
    from_folder = os.path.relpath(os.path.join(text_of(os.path.realpath(folder)), wanted), text_of(cache.base))
    for where in ("id = ?1", "path = ?1"):
        for form in (wanted, from_folder):
            row = cache.db.execute(_NODE + where, (storable(form),)).fetchone()
            if row:
                return Node(*row)
    return None


_NODE = "SELECT key, id, path, title, hash FROM nodes WHERE "


def _find_by_name(cache: Cache, wanted: str) -> Node:
    """Compare whole paths, else the ends of paths; without case, extension and differences of normalisation."""
    asked = fold(os.path.normpath(storable(wanted)))
    extensions = cache.meta.extensions or ()
    exact, by_rest, ids = [], [], []
    for row in cache.db.execute(_NODE + "true ORDER BY path"):
        node = Node(*row)
        path = fold(node.path)
        forms = (path, fold(without_extension(node.path, extensions)))
        if asked in forms or asked == fold(node.id):
            exact.append(node)
        elif any(form.endswith("/" + asked) for form in forms):
            by_rest.append(node)
        ids.append(node.id)
    for found in (exact, by_rest):
        if len(found) == 1:
            return found[0]
        if found:
            raise No(f"{wanted!r} could be {', '.join(node.id for node in found[:5])}: name one of them")
    near = difflib.get_close_matches(wanted, ids, 3) if len(ids) <= _FEW_ENOUGH_TO_COMPARE else []
    raise No(f"no document has the id or path {wanted!r}" + (f": did you mean {' or '.join(near)}?" if near else ""))


_FEW_ENOUGH_TO_COMPARE = 2000
