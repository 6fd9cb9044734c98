"""The command `mdcache query`."""

from __future__ import annotations

import os
from collections.abc import Iterable

import click

from mdcache.cli.common import HELP, Common, common
from mdcache.cli.formats.rows import Chosen, Form
from mdcache.cli.rowoptions import row_options
from mdcache.errors import UsageError

# Nobody writes more SQL by hand; what generates more can send it in pieces.
_LONGEST_SQL = 10_000_000
_STDIN = 0


@click.command(context_settings=HELP)
@click.argument("sql")
@click.argument("words", nargs=-1, metavar="[KEY=VALUE]...")
@row_options(Form.TABLE, "table", "fmt", "csv", "tsv", "json", "nl", "arrays")
@click.option(
    "--attach", multiple=True, type=click.Path(), metavar="FILE", help="Join another database, under its file's name."
)
@common
def query(asked: Common, sql: str, words: tuple[str, ...], chosen: Chosen, attach: tuple[str, ...]) -> None:
    """Run one read-only SQL statement; section_text(key) and document_text(key) read the files.

    SQL is the statement itself, - to read it from stdin, or @FILE. KEY=VALUE stands for :KEY in it, as text.
    """
    from mdcache.cli import render
    from mdcache.read.query import run

    statement, values = statement_of(sql, asked.folder), parameters_of(words)
    attached = tuple(os.path.join(asked.folder, file) for file in attach)
    with asked.cache() as cache:
        render.answer(chosen, run(cache, statement, values, attached))


def statement_of(sql: str, folder: str) -> str:
    """Return the SQL that is meant: what stdin has for -, what a file has for @FILE, relative to folder.

    Raises UsageError when it cannot be read, is too long or not in UTF-8.
    """
    if sql != "-" and not sql.startswith("@"):
        return sql
    from mdcache import trusted

    name = "stdin" if sql == "-" else sql[1:]
    try:
        text = _from_stdin() if sql == "-" else trusted.read(os.path.join(folder, name), _LONGEST_SQL + 1).raw
        if len(text) > _LONGEST_SQL:
            raise UsageError(f"{name} is too long for SQL: over {_LONGEST_SQL:,} bytes")
        return text.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot read the SQL from {name}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"cannot read the SQL from {name}: it is not in UTF-8") from error


def _from_stdin() -> bytes:
    with open(_STDIN, "rb", closefd=False) as file:
        return file.read(_LONGEST_SQL + 1)


def parameters_of(words: Iterable[str]) -> dict[str, str]:
    """Return the values of KEY=VALUE words. Raises UsageError for what is no such word, and for a key given twice."""
    values: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not key or not equals:
            raise UsageError(f"{word!r} is no parameter: write KEY=VALUE for :KEY in the SQL")
        if key in values:
            raise UsageError(f"the parameter {key} is given twice")
        values[key] = value
    return values
