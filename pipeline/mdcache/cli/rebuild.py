"""The command `mdcache rebuild`."""

from __future__ import annotations

import os

import click

from mdcache import stops
from mdcache.cli import show
from mdcache.cli.common import AS_JSON, HELP, WAIT, Common, common, progress_bar
from mdcache.errors import UsageError

_GOES_WITH = "goes with --output FILE or --db PATH: the cache is that of the files as they lie there"


@click.command(context_settings=HELP)
@click.argument("docs", nargs=-1, type=click.Path())
@AS_JSON
@WAIT
@click.option(
    "--output", type=click.Path(), metavar="FILE", help="Publish to FILE instead; it needs no writable folder."
)
@click.option("--rev", metavar="REV", help="With --output or --db: build what a revision of git's holds.")
@click.option("--reproducible", is_flag=True, help="With --output: the same bytes for the same documents.")
@click.option("--workers", type=click.IntRange(0), metavar="N", help="Parsing processes; 0 parses in this one.")
@common
def rebuild(
    asked: Common,
    docs: tuple[str, ...],
    as_json: bool,
    wait: float,
    output: str | None,
    rev: str | None,
    reproducible: bool,
    workers: int | None,
) -> None:
    """Build a fresh cache of the markdown below DOCS, or in a zip archive, and swap it in under its readers."""
    from mdcache.build.rebuild import Options
    from mdcache.build.rebuild import rebuild as build
    from mdcache.cli import render
    from mdcache.files.sources import DISK, named

    kept_apart = output is not None or asked.database
    if rev is not None and not kept_apart:
        raise UsageError(f"--rev {_GOES_WITH}")
    source = named(asked.folder, docs, rev)
    if source is not DISK and not kept_apart:
        raise UsageError(f"an archive {_GOES_WITH}")
    settings = asked.remembered(docs, source)
    settings.source.refuse_outside(settings.roots)
    target = None if output is None else os.path.realpath(os.path.join(asked.folder, output))
    with stops.until_too_late():
        with progress_bar(settings, asked.quiet) as progress:
            report = build(settings, Options(wait, workers, target, reproducible), progress)
        stops.only_output_is_left()
        if as_json:
            show.as_json(report.as_dict())
        elif not asked.quiet:
            render.report(report)
