"""The command `mdcache query`."""

from __future__ import annotations

import os

import click

from mdcache.cli.common import HELP, Common, common


@click.command(context_settings=HELP)
@click.argument("sql")
@click.option("--table", "form", flag_value="table", default=True, help="An aligned table (the default).")
@click.option("--csv", "form", flag_value="csv", help="CSV with a header.")
@click.option("--json", "form", flag_value="json", help="One JSON object: columns and rows.")
@click.option(
    "--attach", multiple=True, type=click.Path(), metavar="FILE", help="Join another database, under its file's name."
)
@common
def query(asked: Common, sql: str, form: str, attach: tuple[str, ...]) -> None:
    """Run one read-only SQL statement; section_text(key) and document_text(key) read the files."""
    from mdcache.cli import render
    from mdcache.read.query import run

    attached = tuple(os.path.join(asked.folder, file) for file in attach)
    with asked.cache() as cache:
        render.answer(form, run(cache, sql, attached))
