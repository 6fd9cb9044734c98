"""How results look: JSON with stable keys, trimmed and coloured at a terminal, plain in a pipe.

No control sequence out of a document reaches a terminal: everything that is shown is cleaned first.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any
from urllib.parse import quote

import click

from mdcache.errors import WorkError

# Control characters, and those that turn the direction of writing: with them a path can look like another.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_BREAKS = re.compile("[\t\n\u2028\u2029]+")
# What json.dumps leaves as it is, and a terminal or a line reader does not.
_JSON_ESCAPED = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Enough(Exception):
    """Whoever reads our output has closed it: `mdcache search … | head -1`."""


def clean(text: str) -> str:
    """Text of a document without control characters or tricks with the direction of writing; breaks and tabs stay."""
    return _CONTROLS.sub("\ufffd", text.replace("\r\n", "\n"))


def line(text: str) -> str:
    """The same in one line."""
    return _BREAKS.sub(" ", clean(text))


def is_terminal() -> bool:
    return sys.stdout.isatty()


def _takes_sequences() -> bool:
    return is_terminal() and os.environ.get("TERM") != "dumb"


def _takes_colours() -> bool:
    return _takes_sequences() and not os.environ.get("NO_COLOR")


def width() -> int:
    return shutil.get_terminal_size().columns


def out(text: str) -> None:
    """One line to stdout; what cannot be encoded there is escaped."""
    encoding = _encoding()
    write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def write(what: str | bytes) -> None:
    """Text or bytes to stdout, as they are. Raises Enough when nobody reads on, WorkError when it cannot be written."""
    try:
        click.echo(what, nl=False)
    except BrokenPipeError as error:
        raise Enough from error
    except OSError as error:
        raise WorkError(f"cannot write the output: {error.strerror}") from error


def _encoding() -> str:
    return sys.stdout.encoding or "utf-8"


def note(text: str) -> None:
    """One line to stderr, if that is still there."""
    with contextlib.suppress(OSError):
        click.echo(line(text), err=True)


def as_json(value: dict[str, Any]) -> None:
    """One JSON object, readable in every script, with nothing in it that a terminal would obey."""
    ascii_only = _encoding().lower().replace("-", "") != "utf8"
    text = json.dumps(value, ensure_ascii=ascii_only, allow_nan=False, indent=2 if is_terminal() else None)
    out(_JSON_ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def plain(value: Any) -> Any:
    """A value of SQLite as JSON has it: blobs in hex, and null for infinite numbers."""
    if isinstance(value, bytes):
        return value.hex()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def style(text: str, **how: Any) -> str:
    """Coloured at a terminal only, and not when NO_COLOR is set."""
    return click.style(text, **how) if _takes_colours() else text


def link(shown: str, path: str) -> str:
    """A link to a file that terminals can follow (OSC 8); plain in a pipe."""
    if not _takes_sequences():
        return shown
    return f"\x1b]8;;file://{os.uname().nodename}{quote(os.fsencode(path))}\x1b\\{shown}\x1b]8;;\x1b\\"


def trimmed(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(room - 1, 0)] + "…"


def marked(snippet: str, start: str, end: str) -> str:
    """A snippet in one line with its marks made visible: bold at a terminal, «so» in a pipe."""
    before, after = ("\x1b[1;33m", "\x1b[0m") if _takes_colours() else ("«", "»")
    shown = {start: before, end: after}
    return "".join(shown.get(piece) or line(piece) for piece in re.split(f"([{start}{end}])", snippet))


def seconds(value: float) -> str:
    return f"{value:.1f} s" if value >= 10 else f"{value:.2f} s"


def size(value: int) -> str:
    return f"{value / 1e6:.1f} MB" if value >= 1_000_000 else f"{value / 1e3:.1f} kB"


def count(value: int, noun: str) -> str:
    """`1 document`, `2 documents`."""
    return f"{value:,} {noun}" if value == 1 else f"{value:,} {noun}s"


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """An aligned table; empty for NULL."""
    from tabulate import tabulate

    shown = [[_cell(value) for value in row] for row in rows]
    out(tabulate(shown, headers=[line(column) for column in columns], disable_numparse=True))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value.hex() if isinstance(value, bytes) else line(str(value))


def comma_separated(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """CSV with a header (RFC 4180, with \\n), in UTF-8; the values as they are, unless a terminal would obey them."""
    write(_csv_row(columns))
    rest = iter(rows)
    while some := b"".join(_csv_row(row) for row in islice(rest, _ROWS_AT_ONCE)):
        write(some)


_ROWS_AT_ONCE = 1000
# Python's csv leaves a lone carriage return unquoted where lines end in a line feed; readers take it for a break.
_QUOTED = re.compile(r'[",\r\n]')


def _csv_row(values: Sequence[Any]) -> bytes:
    row = ",".join(map(_csv_cell, values)) or '""'
    return f"{clean(row) if is_terminal() else row}\n".encode("utf-8", "replace")


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    text = value.hex() if isinstance(value, bytes) else str(value)
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text
