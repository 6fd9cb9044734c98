"""The command `mdcache status`."""

from __future__ import annotations

import click

from mdcache.cli import show
from mdcache.cli.common import AS_JSON, HELP, Common, common


@click.command(context_settings=HELP)
@AS_JSON
@common
def status(asked: Common, as_json: bool) -> None:
    """Show what is live: generation, fingerprint, counts, freshness."""
    from mdcache import trusted
    from mdcache.cli import render
    from mdcache.read.status import status as read_status
    from mdcache.store.cache import opened

    settings = asked.settings(doubted=trusted.insist_but_on_caches)
    with opened(settings.database, settings.base) as cache:
        known = settings if settings.roots else settings.with_roots(cache.base, cache.roots)
        found = read_status(cache, known.fingerprint())
    if as_json:
        show.as_json(found.as_dict())
    else:
        render.status(found)
