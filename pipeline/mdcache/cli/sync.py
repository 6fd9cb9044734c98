"""The command `mdcache sync`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mdcache import stops
from mdcache.cli import show
from mdcache.cli.common import AS_JSON, HELP, WAIT, Common, common, progress_bar
from mdcache.errors import No

if TYPE_CHECKING:
    from mdcache.config.settings import Settings


@click.command(context_settings=HELP)
@click.argument("docs", nargs=-1, type=click.Path())
@AS_JSON
@WAIT
@click.option("--check", is_flag=True, help="Only tell what differs; exit status 1 when anything does.")
@click.option("--digest", is_flag=True, help="Compute the digest of what is cached now.")
@common
def sync(asked: Common, docs: tuple[str, ...], as_json: bool, wait: float, check: bool, digest: bool) -> None:
    """Bring the cache up to date with the markdown below DOCS; rebuild it where it does not fit any more."""
    from mdcache.cli import render
    from mdcache.syncing import sync as driver

    def explain(why: str) -> None:
        if not asked.quiet:
            show.note(f"mdcache: rebuilt: {why}")

    settings = asked.remembered(docs)
    if check:
        _check_sync(settings, as_json, asked.quiet)
        return
    with stops.until_too_late():
        with progress_bar(settings, asked.quiet) as progress:
            report = driver.sync(settings, driver.Options(wait, digest), progress, explain)
        stops.only_output_is_left()
        if as_json:
            show.as_json(report.as_dict())
        elif not asked.quiet:
            render.synced(report)


def _check_sync(settings: Settings, as_json: bool, quiet: bool) -> None:
    from mdcache.cli import render
    from mdcache.syncing import sync as driver

    found = driver.stale(settings)
    if as_json:
        render.stale_as_json(settings.database, found)
    elif found and not quiet:
        render.stale(found)
    if found:
        raise No("")
