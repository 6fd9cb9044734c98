"""The command `mdcache check`."""

from __future__ import annotations

import sys

import click

from mdcache.cli import show
from mdcache.cli.common import AS_JSON, HELP, Common, common
from mdcache.errors import No, UsageError


@click.command(context_settings=HELP)
@click.argument("paths", nargs=-1, type=click.Path())
@click.option("--staged", is_flag=True, help="Judge what git is about to commit, and what it breaks elsewhere.")
@click.option("--rev", metavar="REV", help="Judge a revision.")
@click.option("--against", metavar="REV", help="Only what has changed since REV, and what that breaks elsewhere.")
@click.option("--strict", is_flag=True, help="Warnings and notes too end in exit status 1.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github", "sarif"]),
    metavar="FORMAT",
    help="text (for people and editors, the default), json, github (annotations) or sarif.",
)
@AS_JSON
@click.option("--stats", is_flag=True, help="Count how many links are judged, by dialect, in place of judging them.")
@click.option(
    "--explain", metavar="CODE", help="Say what a problem's code means; dialect: how PATHS are read, and why."
)
@common
def check(
    asked: Common,
    paths: tuple[str, ...],
    staged: bool,
    rev: str | None,
    against: str | None,
    strict: bool,
    form: str | None,
    as_json: bool,
    stats: bool,
    explain: str | None,
) -> None:
    """Find what is wrong in documents: all, or those at and below PATHS. Nothing is written."""
    from mdcache import codes
    from mdcache.checking import check as driver
    from mdcache.checking.reading import explained
    from mdcache.cli import render
    from mdcache.cli.formats.findings import Places, summary
    from mdcache.config.remembered import Trust
    from mdcache.model import ERROR

    if explain and explain != "dialect":
        show.out(codes.page(explain).rstrip())
        return
    if staged and rev is not None:
        raise UsageError("--staged and --rev do not go together")
    if as_json and form not in (None, "json"):
        raise UsageError(f"--format {form} and --json do not go together")
    form = "json" if as_json else form or "text"
    request = driver.request(
        driver.Asked(asked.folder, staged, rev, against, paths),
        lambda source: asked.remembered(source=source, trust=Trust.MADE_HERE),
    )
    if explain:
        for line in explained(request.settings, request.paths):
            show.out(show.line(line))
        return
    if stats:
        render.judged(driver.counted(request), form == "json")
        return
    notes: list[str] = []
    found = driver.check(request, notes.append)
    render.problems(form, found, Places(request.settings.base, asked.folder))
    for note in () if asked.quiet else notes:
        show.note(f"mdcache: {note}")
    if form == "text" and not asked.quiet and (found or sys.stderr.isatty()):
        show.note(f"mdcache: {summary(found)}")
    if any(strict or finding.problem.severity == ERROR for finding in found):
        raise No("")
