"""The command `mdcache read`."""

from __future__ import annotations

import click

from mdcache.cli import show
from mdcache.cli.common import AS_JSON, HELP, Common, common


@click.command(context_settings=HELP)
@click.argument("id_", metavar="ID[#ANCHOR]")
@AS_JSON
@common
def read(asked: Common, id_: str, as_json: bool) -> None:
    """Print a document, or a section with its deeper headings, from the file."""
    from mdcache.cli import render
    from mdcache.read.hydrate import passage
    from mdcache.store.cache import find_place

    with asked.cache() as cache:
        found = passage(cache, *find_place(cache, id_, asked.folder))
    if found.changed and not asked.quiet:
        show.note(f"mdcache: {found.node.path} has changed since the cache was made: this is the file as it is now")
    if as_json:
        show.as_json(found.as_dict())
    else:
        render.passage(found)
