"""The live cache, opened to be read: what it remembers of itself, and how nodes are found in it."""

from __future__ import annotations

import contextlib
import difflib
import json
import os
from collections.abc import Iterator
from typing import NamedTuple

from pipeline import database
from pipeline.database import APPLICATION_ID, FORMAT, Connection, SqliteError, scalar
from pipeline.errors import Damaged, No, WorkError
from pipeline.paths import fold, nfc


class Cache(NamedTuple):
    """An open cache. base is absolute; roots are absolute folders, to which reading of files is confined."""

    path: str
    db: Connection
    base: str
    roots: tuple[str, ...]
    meta: dict[str, str]


class Node(NamedTuple):
    """What a reader needs of a document's row."""

    key: int
    id: str
    path: str
    title: str
    hash: str


@contextlib.contextmanager
def opened(path: str, base: str) -> Iterator[Cache]:
    """Open the cache at path to read; base serves a published cache, which does not remember where it was made.

    Raises WorkError when there is none, when it is not ours or newer than we are, and Damaged when it cannot be read.
    """
    with database.speaking(path):
        db = _open(path)
        with database.closing(db):
            yield _cache(path, db, base)


def _open(path: str) -> Connection:
    """Once more on CANTOPEN: a generation may just have been moved into place."""
    if not os.path.exists(path):
        raise WorkError(f"no cache at {path}: run mdcache rebuild DOCS")
    try:
        return database.open_reader(path)
    except SqliteError as error:
        if getattr(error, "sqlite_errorname", "") != "SQLITE_CANTOPEN":
            raise
        return database.open_reader(path)


def _cache(path: str, db: Connection, base: str) -> Cache:
    if scalar(db, "PRAGMA application_id") != APPLICATION_ID:
        raise WorkError(f"{path} is not a cache of mdcache: name another file with --db")
    if scalar(db, "PRAGMA user_version") > FORMAT:
        raise WorkError(f"{path} was made by a newer mdcache: upgrade, or replace it with mdcache rebuild")
    meta = dict(db.execute("SELECT key, value FROM meta"))
    try:
        roots = [str(root) for root in json.loads(meta["roots"])]
    except (KeyError, ValueError, TypeError) as error:
        raise Damaged(f"{path} does not say which folders it holds: run mdcache rebuild DOCS") from error
    if "base" in meta:
        base = os.path.normpath(os.path.join(os.path.dirname(path), meta["base"]))
    return Cache(path, db, base, tuple(os.path.normpath(os.path.join(base, root)) for root in roots), meta)


def find_node(cache: Cache, wanted: str) -> Node:
    """The document with this id, or path with or without extension; names compare normalised. Raises No."""
    for where in ("id = ?1", "path = ?1"):
        for form in dict.fromkeys((wanted, nfc(wanted), wanted.removeprefix("./"))):
            row = cache.db.execute(f"SELECT key, id, path, title, hash FROM nodes WHERE {where}", (form,)).fetchone()
            if row:
                return Node(*row)
    return _find_by_name(cache, wanted)


def _find_by_name(cache: Cache, wanted: str) -> Node:
    """By the rest of a path: without its extension, with another normalisation, and by file name if only one has it."""
    asked = fold(wanted.removeprefix("./"))
    rows = cache.db.execute("SELECT key, id, path, title, hash FROM nodes ORDER BY path")
    exact, by_name, close = [], [], []
    for row in rows:
        path = fold(row[2])
        stem = path.rpartition(".")[0]
        if asked in (path, stem, fold(row[1])):
            exact.append(Node(*row))
        elif stem.endswith("/" + asked) or path.endswith("/" + asked):
            by_name.append(Node(*row))
        close.append(row[1])
    for found in (exact, by_name):
        if len(found) == 1:
            return found[0]
        if found:
            raise No(f"{wanted!r} could be {', '.join(node.id for node in found[:5])}: name one of them")
    near = difflib.get_close_matches(wanted, close, 3) if len(close) <= 20_000 else []
    raise No(f"no document has the id or path {wanted!r}" + (f": did you mean {' or '.join(near)}?" if near else ""))
