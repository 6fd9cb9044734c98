"""The commands of `mdcache hook`."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from mdcache import imports
from mdcache.cli import show
from mdcache.cli.common import AS_JSON, HELP, Common, common, common_to
from mdcache.cli.outcome import outcome


@common_to
@click.group(context_settings=HELP)
def hook(**_: Any) -> None:
    """Git hooks: a commit that breaks documents is refused, and the cache follows what git does to the files."""


@hook.command(context_settings=HELP)
@AS_JSON
@common
def install(asked: Common, as_json: bool) -> None:
    """Write the hooks; what stands there is kept, and called first."""
    from mdcache.cli import render
    from mdcache.config.remembered import Trust
    from mdcache.files.git import repository
    from mdcache.hooks import hook as driver

    found = repository(asked.folder)
    settings = asked.remembered(trust=Trust.MADE_HERE)
    where = driver.where(found, settings, asked.folder, asked.config, asked.database)
    done = driver.install(found, where, driver.program(sys.argv[0], sys.executable), imports.needed())
    render.hooks(done, as_json, asked.quiet)


@hook.command(context_settings=HELP)
@AS_JSON
@common
def uninstall(asked: Common, as_json: bool) -> None:
    """Take them away, and put back what stood there before."""
    from mdcache.cli import render
    from mdcache.files.git import repository
    from mdcache.hooks import hook as driver

    render.hooks(driver.uninstall(repository(asked.folder)), as_json, asked.quiet)


@hook.command(context_settings=HELP)
@click.argument("after", nargs=-1)
@common
def sync(asked: Common, after: tuple[str, ...]) -> None:
    """Sync a cache that is there, AFTER a hook of git; never fails, and says one line at most."""
    from mdcache.hooks import hook as driver

    try:
        driver.sync(asked.remembered, asked.folder, after, os.environ)
    except (Exception, KeyboardInterrupt) as error:
        if not asked.quiet:
            show.note(f"mdcache: the cache is not up to date: {outcome(error).message}")
