"""Rows of SQL as text: aligned tables, CSV, TSV and JSON.

The names of the formats, and what they look like, are those of sqlite-utils. Its functions for them belong to its
command line, and importing that runs the plugins of strangers; so they are written here, and tests compare the two.
They differ where sqlite-utils' would be worse: CSV and TSV end lines in \\n alone and quote a lone carriage return,
which Python's csv leaves unquoted and readers take for a break; blobs are hex there and in tables, not Python's b'…';
numbers in tables keep their digits; NaN and infinity, for which JSON has no words, are null; and --nl prints nothing
when there is no row.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from itertools import chain
from typing import Any, NamedTuple

from mdcache.cli import show

Columns = Sequence[str]
Rows = Iterable[Sequence[Any]]


class Form(Enum):
    """How rows are written; the lists and lines of JSON are those of sqlite-utils."""

    TABLE = "an aligned table"
    CSV = "CSV with a header"
    TSV = "the same, separated by tabs"
    ANSWER = "one JSON object: columns, and rows as objects"
    OBJECTS = "a JSON list of objects, one a line"
    ARRAYS = "a JSON list of lists, one a line"
    NL = "a JSON object a line"
    NL_ARRAYS = "a JSON list a line"


class Chosen(NamedTuple):
    """The form that was asked for; table is tabulate's name for how a table looks."""

    form: Form
    table: str = "simple"


def texts(chosen: Chosen, columns: Columns, rows: Rows, look: show.Look) -> Iterator[str]:
    """Yield the text of rows as they come, a record at a time, each without the line feed at its end.

    A table is one record, as its columns must be aligned, and so is the one object of ANSWER.
    """
    match chosen.form:
        case Form.TABLE:
            yield from _table(columns, rows, chosen.table)
        case Form.CSV:
            yield from _separated(columns, rows, ",")
        case Form.TSV:
            yield from _separated(columns, rows, "\t")
        case Form.ANSWER:
            objects = [dict(zip(columns, map(_plain, row), strict=True)) for row in rows]
            yield show.json_text({"columns": list(columns), "rows": objects}, look)
        case Form.OBJECTS:
            yield from _listed(_lines(_objects(columns, rows), look))
        case Form.ARRAYS:
            yield from _listed(_lines(_arrays(rows), look))
        case Form.NL:
            yield from _lines(_objects(columns, rows), look)
        case Form.NL_ARRAYS:
            yield from _lines(_arrays(rows), look)


# Tables


def _table(columns: Columns, rows: Rows, name: str) -> Iterator[str]:
    from tabulate import tabulate

    if not columns:
        return
    cell = _markdown_cell if name in _MARKDOWN else _cell
    shown = [[cell(value) for value in row] for row in rows]
    yield tabulate(shown, headers=[cell(column) for column in columns], tablefmt=name, disable_numparse=True)


# tabulate leaves a | in a cell as it is, where it would begin another cell.
_MARKDOWN = frozenset(("github", "pipe"))


def _markdown_cell(value: Any) -> str:
    return _cell(value).replace("|", "\\|")


def _cell(value: Any) -> str:
    """Return a value in one line; empty for NULL."""
    if value is None:
        return ""
    return value.hex() if isinstance(value, bytes) else show.line(str(value))


# CSV and TSV (RFC 4180, but for the line ends)

_QUOTED = {separator: re.compile(f'["\r\n{separator}]') for separator in ",\t"}


def _separated(columns: Columns, rows: Rows, separator: str) -> Iterator[str]:
    if not columns:
        return
    field = _field(_QUOTED[separator])
    for row in chain([columns], rows):
        yield separator.join(map(field, row)) or '""'


def _field(quoted: re.Pattern[str]) -> Callable[[Any], str]:
    def field(value: Any) -> str:
        if value is None:
            return ""
        text = value.hex() if isinstance(value, bytes) else str(value)
        return '"' + text.replace('"', '""') + '"' if quoted.search(text) else text

    return field


# JSON


def _plain(value: Any) -> Any:
    """Return a value of SQLite as --json has it: blobs in hex, and null for infinite numbers."""
    return value.hex() if isinstance(value, bytes) else _finite(value)


def _encoded(value: Any) -> Any:
    """Return a value as sqlite-utils writes it in JSON, and reads it again: blobs in base64, with a mark."""
    if isinstance(value, bytes):
        return {"$base64": True, "encoded": base64.b64encode(value).decode("ascii")}
    return _finite(value)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _objects(columns: Columns, rows: Rows) -> Iterator[dict[str, Any]]:
    return (dict(zip(columns, map(_encoded, row), strict=True)) for row in rows)


def _arrays(rows: Rows) -> Iterator[list[Any]]:
    return ([_encoded(value) for value in row] for row in rows)


def _lines(values: Iterable[Any], look: show.Look) -> Iterator[str]:
    one_line = look._replace(indent=None)
    return (show.json_text(value, one_line) for value in values)


def _listed(lines: Iterator[str]) -> Iterator[str]:
    """Yield lines of JSON as the items of one list; each is held back until it is known whether another follows."""
    before, item = "[", next(lines, None)
    while item is not None:
        following = next(lines, None)
        yield before + item + ("]" if following is None else ",")
        before, item = " ", following
    if before == "[":
        yield "[]"
