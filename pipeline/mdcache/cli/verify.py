"""The command `mdcache verify`."""

from __future__ import annotations

from contextlib import suppress

import click

from mdcache.cli import show
from mdcache.cli.common import AS_JSON, HELP, Common, common, progress_bar
from mdcache.errors import Damaged, No


@click.command(context_settings=HELP)
@AS_JSON
@click.option("--quick", is_flag=True, help="Only read the files and compare their hashes; nothing is parsed.")
@common
def verify(asked: Common, as_json: bool, quick: bool) -> None:
    """Prove that the cache holds what its files say: read everything again, and compare. Changes nothing."""
    from mdcache.cli import render
    from mdcache.config.remembered import Trust
    from mdcache.files.sources import source_of
    from mdcache.store.cache import opened
    from mdcache.verifying.verify import verify as prove

    settings, source = asked.settings(), None
    with suppress(Damaged), opened(settings.database, settings.base) as cache:
        source = source_of(cache.base, cache.meta.source)
    settings = asked.remembered((), source, Trust.COMPARED)
    with progress_bar(settings, asked.quiet, "verify") as progress:
        found = prove(settings, quick, progress)
    if as_json:
        show.as_json(found.as_dict())
    elif not asked.quiet:
        render.verdict(found)
    if not found.ok:
        raise No("")
