"""The command `sqlite-utils mdcache-search`: mdcache search for those who work with sqlite-utils."""

from __future__ import annotations

import errno
import os

import click

from mdcache.cli import show
from mdcache.cli.formats.rows import Chosen, Form
from mdcache.cli.rowoptions import row_options
from mdcache.cli.search import narrowed
from mdcache.errors import MdcacheError
from mdcache.printed import said


@click.command("mdcache-search")
@click.argument("cache", type=click.Path(exists=True, dir_okay=False))
@click.argument("query", nargs=-1, required=True)
@narrowed
@row_options(Form.OBJECTS, "nl", "arrays", "csv", "tsv", "table", "fmt")
def command(
    cache: str,
    query: tuple[str, ...],
    limit: int,
    path: str | None,
    tag: str | None,
    type_: str | None,
    all_: bool,
    raw: bool,
    chosen: Chosen,
) -> None:
    """Find sections of the documents that CACHE was made of, as mdcache search does."""
    from mdcache.cli import render
    from mdcache.read.query import Answer
    from mdcache.read.search import Query, search
    from mdcache.store.cache import opened

    asked = Query(" ".join(query), limit, path, tag, type_, all_, raw)
    try:
        with opened(os.path.realpath(cache), os.path.realpath(".")) as found:
            hits = [hit.as_dict() for hit in search(found, asked)]
            columns = ("id", "path", "anchor", "heading", "line", "score", "snippet", "title", "state")
            render.answer(chosen, Answer(columns, (tuple(hit[name] for name in columns) for hit in hits)))
    except show.Enough as error:
        raise BrokenPipeError(errno.EPIPE, "nobody reads on") from error
    except MdcacheError as error:
        raise click.ClickException(said(str(error))) from error
