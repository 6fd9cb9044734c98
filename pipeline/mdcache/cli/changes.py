"""The command `mdcache changes`."""

from __future__ import annotations

from contextlib import suppress

import click

from mdcache import stops
from mdcache.cli import show
from mdcache.cli.common import AS_JSON, HELP, Common, at_most, common
from mdcache.errors import No, UsageError


@click.command(context_settings=HELP)
@AS_JSON
@click.option("--since", metavar="TOKEN", help="Only what came after: the 'next' of the last time, or 'now'.")
@click.option("--follow", is_flag=True, help="Wait for more, until stopped.")
@click.option("--limit", type=click.IntRange(0), callback=at_most, metavar="N", help="At most N changes.")
@common
def changes(asked: Common, as_json: bool, since: str | None, follow: bool, limit: int | None) -> None:
    """List what happened to the documents since the cache was built, and the token to go on from."""
    from mdcache.cli import render
    from mdcache.read import feed

    def shown(found: feed.News) -> None:
        if as_json:
            show.as_json(found.as_dict())
        else:
            render.news(found)

    if not follow:
        with asked.cache() as cache:
            found = feed.news(cache, since, limit)
        shown(found)
        if found.restart:
            raise No("")
        return
    if limit is not None:
        raise UsageError("--limit does not go with --follow")
    settings = asked.settings()
    # To be stopped is how following ends: no failure.
    with suppress(KeyboardInterrupt):
        for found in feed.follow(settings.database, settings.base, since):
            with stops.held_back(bounded=True):
                shown(found)
