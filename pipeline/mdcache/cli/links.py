"""The command `mdcache links`."""

from __future__ import annotations

import click

from mdcache.cli import show
from mdcache.cli.common import AS_JSON, HELP, Common, common


@click.command(context_settings=HELP)
@click.argument("id_", metavar="ID")
@AS_JSON
@click.option("--depth", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="Walk N links far.")
@common
def links(asked: Common, id_: str, as_json: bool, depth: int) -> None:
    """Show what a document links to, what links to it, and what it links to that is not there."""
    from mdcache.cli import render
    from mdcache.read.graph import around
    from mdcache.store.cache import find_node

    with asked.cache() as cache:
        node = find_node(cache, id_, asked.folder)
        found = around(cache, node, depth)
    if as_json:
        show.as_json(found.as_dict())
    else:
        render.links(found)
