"""The one place that makes a Database of sqlite-utils: for what is no hot path, as its import takes 60 to 80 ms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mdcache.read import hydrate
from mdcache.store import authorizer
from mdcache.store.cache import Cache

if TYPE_CHECKING:
    from sqlite_utils import Database


def tables(cache: Cache) -> Database:
    """Return an open cache as a Database of sqlite-utils, to read, with section_text and document_text.

    It shares the connection of the cache, and is of no use once that is closed. sqlite-utils would turn on a pragma and
    let the plugins of strangers change the connection; here it does neither.

    Raises:
        sqlite3.DatabaseError: by its methods, when they would write.
    """
    from sqlite_utils import Database

    for name, function in hydrate.functions(cache).items():
        cache.db.create_function(name, 1, function)
    cache.db.set_authorizer(authorizer.reading_as_guest)
    return Database(cache.db, recursive_triggers=False, execute_plugins=False)
