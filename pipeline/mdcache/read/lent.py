"""Texts in SQL on a connection that another program opened: sqlite-utils, or a program that uses it.

Such a connection may be to anything. It gets texts only while its main database is a cache that was made here; that is
looked at before each text.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from mdcache.errors import MdcacheError
from mdcache.read import hydrate
from mdcache.store import authorizer
from mdcache.store.cache import made_here
from mdcache.store.connections import Connection, scalar

Functions = dict[str, Callable[[Any], str | None]]


def functions(db: Connection, path: str) -> Functions:
    """Return section_text and document_text for a connection, and confine it to reading if it is to a cache of ours.

    Args:
        db: it may be to anything.
        path: the file of its main database.

    Raises:
        MdcacheError: it is to no cache that was made here; nothing was changed.
    """
    try:
        made_here(path, db)
    except MdcacheError:
        raise
    except Exception:  # locked just now: what it is will be seen when texts are asked for
        pass
    else:
        db.set_authorizer(authorizer.reading_as_guest)
    lender = _Lender(db, path)
    return {name: partial(lender.text, name) for name in hydrate.FUNCTIONS}


class _Lender:
    """The texts of one connection.

    What was found out about the cache, and the files that were read last, hold for a second, or until the cache says
    something else of itself: a connection may live long, and a query asks for thousands of texts.
    """

    def __init__(self, db: Connection, path: str) -> None:
        self._db, self._path = db, path
        self._mark: object = None
        self._functions: Functions = {}

    def text(self, name: str, key: Any) -> str | None:
        """Return the text with a key, or None when there is none to be had, for whatever reason."""
        try:
            return self._believed()[name](key)
        except Exception:
            return None

    def _believed(self) -> Functions:
        meta = self._db.execute("SELECT key, value FROM meta").fetchall()
        mark = (scalar(self._db, "PRAGMA application_id"), meta, int(time.monotonic()))
        if mark != self._mark:
            self._functions = dict(hydrate.functions(made_here(self._path, self._db)))
            self._mark = mark
        return self._functions
