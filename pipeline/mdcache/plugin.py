"""What sqlite-utils gets with mdcache installed: the command mdcache-search, and texts in SQL on caches.

sqlite-utils loads this module when it starts, and calls prepare_connection for every database that it opens, nearly all
of them not ours; so do others that use it, as Datasette. For those it costs one pragma that reads nothing and one stat,
imports nothing more, and changes nothing but that section_text and document_text are NULL.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from sqlite_utils import hookimpl

if TYPE_CHECKING:
    import click

    from mdcache.read.lent import Functions


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `sqlite-utils mdcache-search`."""
    from mdcache.cli.pluginsearch import command

    cli.add_command(command)


@hookimpl
def prepare_connection(conn: Any) -> None:
    """Add the functions section_text and document_text; to a cache that was made here, our authorizer too.

    Only there: it refuses every write, and other databases are none of our business. Raises nothing.
    """
    for name, function in _functions(conn).items():
        conn.create_function(name, 1, function)


def _functions(conn: Any) -> Functions:
    try:
        path = _file_of(conn)
        # A cache that was made here has its lock beside it, named as store.lock does.
        if path and os.path.exists(f"{path}.lock"):
            from mdcache.read import lent

            return lent.functions(conn, path)
    except Exception:
        pass
    return {"section_text": _nothing, "document_text": _nothing}


def _file_of(conn: Any) -> str:
    """Return the file of a connection's main database, '' for one in memory; SQLite knows, and opens nothing for it."""
    cursor = conn.cursor()
    cursor.row_factory = None
    file = next((file for _, name, file in cursor.execute("PRAGMA database_list") if name == "main"), "")
    return os.fsdecode(file.encode())  # as names.name_of, which would have to be imported


def _nothing(_key: Any) -> None:
    """Return NULL, without holding the connection: SQLite would keep what holds it alive, and so the file open."""
