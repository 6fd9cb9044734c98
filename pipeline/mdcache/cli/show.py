"""How results look: JSON with stable keys, trimmed and coloured at a terminal, plain in a pipe.

No control sequence out of a document reaches a terminal: everything that is shown is cleaned first.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import quote

import click

from mdcache.errors import WorkError

# Control characters, and marks that turn the direction of writing: with these a path can look like another.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_BREAKS = re.compile("[\t\n\u2028\u2029]+")
# What json.dumps leaves as it is, and a terminal or a line reader does not.
_JSON_ESCAPED = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Enough(Exception):
    """The reader of our output has closed it, as in `mdcache search … | head -1`."""


def clean(text: str) -> str:
    """Return text without control characters and marks that turn the direction of writing; breaks and tabs stay."""
    return _CONTROLS.sub("\ufffd", text.replace("\r\n", "\n"))


def line(text: str) -> str:
    """Return clean text in one line."""
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
    """Print a line; what stdout cannot encode is escaped."""
    encoding = _encoding()
    write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def write(what: str | bytes) -> None:
    """Print text or bytes as they are.

    Raises:
        Enough: nobody reads on.
        WorkError: they cannot be written.
    """
    try:
        click.echo(what, nl=False)
    except BrokenPipeError as error:
        raise Enough from error
    except OSError as error:
        raise WorkError(f"cannot write the output: {error.strerror}") from error


def records(texts: Iterable[str]) -> None:
    """Print many lines in UTF-8 as they come: data for programs, cleaned only where a terminal would obey it."""
    shown = map(clean, texts) if is_terminal() else iter(texts)
    while some := "".join(f"{text}\n" for text in islice(shown, _RECORDS_AT_ONCE)):
        write(some.encode("utf-8", "replace"))


# Enough to write quickly, few enough that a slow query's first rows are soon seen.
_RECORDS_AT_ONCE = 1000


def _encoding() -> str:
    return sys.stdout.encoding or "utf-8"


def note(text: str) -> None:
    """Print a line to stderr, if that is still open."""
    with contextlib.suppress(OSError):
        click.echo(line(text), err=True)


class Look(NamedTuple):
    """How JSON is written: ascii_only where the output takes no other characters, indented for people."""

    ascii_only: bool = False
    indent: int | None = None


def look() -> Look:
    """Return how JSON is to be written to stdout."""
    return Look(_encoding().lower().replace("-", "") != "utf8", 2 if is_terminal() else None)


def json_text(value: Any, look: Look) -> str:
    """Return a value as JSON, in every script, with nothing in it that a terminal would obey."""
    text = json.dumps(value, ensure_ascii=look.ascii_only, allow_nan=False, indent=look.indent)
    return _JSON_ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def as_json(value: dict[str, Any]) -> None:
    """Print one JSON object."""
    out(json_text(value, look()))


def style(text: str, **how: Any) -> str:
    """Return text with colours at a terminal, unless NO_COLOR is set; elsewhere as it is."""
    return click.style(text, **how) if _takes_colours() else text


def link(shown: str, path: str) -> str:
    """Return a link to a file that terminals can follow (OSC 8); in a pipe only its text."""
    if not _takes_sequences():
        return shown
    return f"\x1b]8;;file://{os.uname().nodename}{quote(os.fsencode(path))}\x1b\\{shown}\x1b]8;;\x1b\\"


def trimmed(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(room - 1, 0)] + "…"


def marked(snippet: str, start: str, end: str) -> str:
    """Return a snippet in one line with its marks made visible: bold at a terminal, «so» in a pipe."""
    before, after = ("\x1b[1;33m", "\x1b[0m") if _takes_colours() else ("«", "»")
    shown = {start: before, end: after}
    return "".join(shown.get(piece) or line(piece) for piece in re.split(f"([{start}{end}])", snippet))


def seconds(value: float) -> str:
    return f"{value:.1f} s" if value >= 10 else f"{value:.2f} s"


def size(value: int) -> str:
    return f"{value / 1e6:.1f} MB" if value >= 1_000_000 else f"{value / 1e3:.1f} kB"


def count(value: int, noun: str) -> str:
    """Return `1 document`, `2 documents`."""
    return f"{value:,} {noun}" if value == 1 else f"{value:,} {noun}s"
