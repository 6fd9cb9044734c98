"""A cache that is open to a program: what it can be asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from mdcache.config.settings import Asked, Settings, load
from mdcache.errors import WorkError
from mdcache.library.calls import Where
from mdcache.read import feed, graph, hydrate, outline, query, search, status
from mdcache.read.feed import News
from mdcache.read.graph import Around
from mdcache.read.hydrate import Passage
from mdcache.read.outline import Heading
from mdcache.read.query import Parameters
from mdcache.read.search import Hit
from mdcache.read.status import Status
from mdcache.store import authorizer, foreign
from mdcache.store import cache as store
from mdcache.store.connections import Connection


def settings(
    folder: str | os.PathLike[str] = ".",
    *,
    docs: tuple[str, ...] = (),
    config: str | None = None,
    database: str | None = None,
) -> Settings:
    """Return the settings in force in a folder, as a command that is started there finds them.

    Args:
        folder: where to look for a settings file, upward; paths are relative to it.
        docs: folders of documents, instead of those of the settings file.
        config: a settings file, instead of the one that is found.
        database: the cache, instead of that of the settings file.

    Raises:
        UsageError: there is no such folder, or something is wrong with the settings.
    """
    return load(Asked(os.fspath(folder), config, database, docs), os.environ)


def open(where: Where = ".") -> Cache:
    """Return a cache, open to be read.

    Args:
        where: a folder, whose settings and cache are found as a command that is started there finds them; a cache
            file; or settings.

    Raises:
        UsageError: there is no such folder, or something is wrong with its settings.
        WorkError: there is no cache, or none that can be read; Damaged when it has to be built again.
    """
    if isinstance(where, Settings):
        return Cache(where, where.base)
    path = os.path.realpath(where)
    if os.path.isfile(path):
        folder = os.path.dirname(path)
        return Cache(load(Asked(folder, database=path), os.environ), folder)
    return Cache(settings(where), path)


class Cache:
    """A cache of documents: search it, read it, query it.

    It is a context manager, and safe to share between threads. Each call opens the cache for itself, so its answer is
    of the generation that is live then, also when the cache has been replaced since. Every call raises WorkError when
    the cache cannot be read any more, or when this object is closed.
    """

    def __init__(self, settings: Settings, folder: str) -> None:
        self._settings, self._folder = settings, folder
        self._given = ExitStack()
        self._is_closed = False
        with self._opened():
            pass

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<mdcache.Cache {self.path}>"

    def close(self) -> None:
        """Close the connections that it has given. It answers no more."""
        self._is_closed = True
        self._given.close()

    @property
    def path(self) -> str:
        """The database file, absolute."""
        return self._settings.database

    @contextmanager
    def _opened(self, limit_s: float | None = foreign.LIMIT_S) -> Iterator[store.Cache]:
        if self._is_closed:
            raise WorkError(f"{self.path} is closed: open it again")
        with store.opened(self._settings.database, self._settings.base, limit_s) as cache:
            yield cache

    def search(
        self,
        query: str,
        *,
        limit: int = 10,
        path: str | None = None,
        tag: str | None = None,
        type: str | None = None,
        all: bool = False,
        raw: bool = False,
    ) -> list[Hit]:
        """Return the best sections, best first.

        Args:
            query: words, "a phrase", prefix*, -without; nothing in it is a syntax error.
            limit: at most so many.
            path: only documents whose path matches this GLOB.
            tag: only documents with this tag.
            type: only documents of this type.
            all: every section of a document that matches, not only its best.
            raw: query is an expression of FTS5.

        Raises:
            UsageError: query is raw, and no such expression.
        """
        with self._opened() as cache:
            return search.search(cache, search.Query(query, limit, path, tag, type, all, raw))

    def read(self, place: str) -> Passage:
        """Return a document, or a section with its deeper headings, as the file has it now.

        Args:
            place: an id or a path, `guides/setup`, with `#anchor` for a section.

        Raises:
            No: there is no such document or section.
        """
        with self._opened() as cache:
            return hydrate.passage(cache, *store.find_place(cache, place, self._folder))

    def links(self, place: str, *, depth: int = 1) -> Around:
        """Return what a document links to and what links to it; beyond a depth of 1 also what lies so many links away.

        Raises:
            No: there is no such document.
        """
        with self._opened() as cache:
            return graph.around(cache, store.find_node(cache, place, self._folder), depth)

    def outline(self, place: str) -> tuple[Heading, ...]:
        """Return the headings of a document, with their lines and the sizes of their sections.

        Raises:
            No: there is no such document.
        """
        with self._opened() as cache:
            return outline.outline(cache, store.find_node(cache, place, self._folder))

    def query(self, sql: str, parameters: Parameters = ()) -> list[dict[str, Any]]:
        """Return the rows of one read-only SQL statement, by column.

        section_text(key) and document_text(key) read the files.

        Args:
            sql: the statement.
            parameters: values for ? or, by name, for :name.

        Raises:
            UsageError: it does not run, or wants to write.
        """
        with self._opened() as cache:
            answer = query.run(cache, sql, parameters)
            return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]

    def changes(self, since: str | None = None, *, limit: int | None = None) -> News:
        """Return what happened to the documents, oldest first, and the token to go on from.

        Args:
            since: the token of an earlier answer, 'now' for none of what was, None for all that is known.
            limit: at most so many.

        Raises:
            UsageError: since is no token.
        """
        with self._opened() as cache:
            return feed.news(cache, since, limit)

    def status(self) -> Status:
        """Return which generation is live, of what, how much it holds, and whether a watcher keeps it fresh."""
        with self._opened() as cache:
            known = self._settings
            known = known if known.roots else known.with_roots(cache.base, cache.roots)
            return status.status(cache, known.fingerprint())

    def connection(self) -> Connection:
        """Return a connection to the cache that can only read, for whatever takes one; it is closed with the cache.

        It is of the SQLite that mdcache uses, which may be another than that of the module sqlite3, and has the
        functions section_text(key) and document_text(key).
        """
        cache = self._given.enter_context(self._opened(limit_s=None))
        for name, function in hydrate.functions(cache).items():
            cache.db.create_function(name, 1, function)
        cache.db.set_authorizer(authorizer.reading_only)
        return cache.db
