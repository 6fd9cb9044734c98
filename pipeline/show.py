"""How results look: JSON with stable keys, trimmed and coloured at a terminal, plain in a pipe.

No control sequence out of a document reaches a terminal: everything that is shown is cleaned first.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import socket
import sys
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

import click

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_BREAKS = re.compile(r"[\t\n]+")
_JSON_CONTROLS = re.compile("[\x7f-\x9f]")


def clean(text: str) -> str:
    """Text of a document without control characters or tricks with the direction of writing; breaks and tabs stay."""
    return _CONTROLS.sub("\ufffd", text.replace("\r\n", "\n"))


def line(text: str) -> str:
    """The same in one line."""
    return _BREAKS.sub(" ", clean(text))


def is_terminal() -> bool:
    return sys.stdout.isatty()


def width() -> int:
    return shutil.get_terminal_size().columns


def out(text: str) -> None:
    """One line to stdout; what cannot be encoded there is escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding))


def note(text: str) -> None:
    """One line to stderr."""
    click.echo(line(text), err=True)


def as_json(value: dict[str, Any]) -> None:
    """One JSON object, readable in every script, with nothing in it that a terminal would obey."""
    text = json.dumps(value, ensure_ascii=False, indent=2 if is_terminal() else None, default=_plain)
    out(_JSON_CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(type(value).__name__)


def style(text: str, **how: Any) -> str:
    """Coloured at a terminal only, and not when NO_COLOR is set."""
    return click.style(text, **how) if is_terminal() and "NO_COLOR" not in os.environ else text


def link(shown: str, path: str) -> str:
    """A link to a file that terminals can follow (OSC 8); plain in a pipe."""
    if not is_terminal():
        return shown
    return f"\x1b]8;;file://{socket.gethostname()}{quote(path)}\x1b\\{shown}\x1b]8;;\x1b\\"


def trimmed(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(room - 1, 0)] + "…"


def marked(snippet: str, start: str, end: str, before: str = "«", after: str = "»") -> str:
    """A snippet with its marks made visible: bold at a terminal, «so» in a pipe."""
    text = line(snippet.replace(start, "\ue000").replace(end, "\ue001"))
    if is_terminal() and "NO_COLOR" not in os.environ:
        return text.replace("\ue000", "\x1b[1;33m").replace("\ue001", "\x1b[0m")
    return text.replace("\ue000", before).replace("\ue001", after)


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


def comma_separated(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """CSV with a header (RFC 4180, with \\n)."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for row in _with_header(columns, rows):
        writer.writerow([value.hex() if isinstance(value, bytes) else value for value in row])
        if buffer.tell() > 1 << 16:
            _write(buffer)
    _write(buffer)


def _with_header(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterable[Sequence[Any]]:
    yield columns
    yield from rows


def _write(buffer: io.StringIO) -> None:
    text = clean(buffer.getvalue()) if is_terminal() else buffer.getvalue()
    click.echo(text.encode("utf-8", "replace"), nl=False)
    buffer.seek(0)
    buffer.truncate()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value.hex() if isinstance(value, bytes) else line(str(value))
