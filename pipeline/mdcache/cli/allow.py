"""The command `mdcache allow`."""

from __future__ import annotations

import os

import click

from mdcache.cli import show
from mdcache.cli.common import HELP, Common, common


@click.command(context_settings=HELP)
@click.option("--remove", is_flag=True, help="Take back what was allowed.")
@common
def allow(asked: Common, remove: bool) -> None:
    """Allow what is found here and does not count by itself: settings that belong to somebody else or lead outside
    their folder, as long as they stay as they are; somebody else's repository or cache.
    """
    from mdcache import trusted
    from mdcache.config import allowing

    found = allowing.doubts(asked.named(), os.environ)
    lines = []
    for doubt in found:
        if not remove:
            trusted.allow(doubt)
            lines.append(f"allowed  {doubt.path}: {doubt.why}")
        elif trusted.forget(doubt.path):
            lines.append(f"taken back  {doubt.path}")
    if not asked.quiet:
        nothing = "nothing was allowed here" if remove else "nothing here has to be allowed"
        for line in lines or [nothing]:
            show.out(show.line(line))
