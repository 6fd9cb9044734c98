"""How results look: JSON with stable keys, trimmed and coloured at a terminal, plain in a pipe.

All that the commands print goes through here, and nothing is printed elsewhere: what comes from others is cleaned, and
made harmless in the log of a CI system, as mdcache.printed says. What must be exact for programs says so itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import quote

import click

from mdcache.errors import WorkError
from mdcache.printed import clean as clean
from mdcache.printed import escaped, harmless, said
from mdcache.printed import line as line
from mdcache.printed import path as path

# What style, link and marked make: of sequences in what is printed these alone are ours.
_OURS = re.compile(r"(\x1b\[(?:0|1|2|3[0-9]|1;33)m|\x1b\]8;;(?:file://[!-~]+)?\x1b\\)")


class Enough(Exception):
    """The reader of our output has closed it, as in `mdcache search … | head -1`."""


def is_terminal() -> bool:
    return sys.stdout.isatty()


def _takes_sequences() -> bool:
    return is_terminal() and os.environ.get("TERM") != "dumb"


def _takes_colours() -> bool:
    return _takes_sequences() and not os.environ.get("NO_COLOR")


def width() -> int:
    return shutil.get_terminal_size().columns


def out(text: str) -> None:
    """Print text, which may have several lines; what stdout cannot encode is escaped."""
    encoding = _encoding()
    shown = harmless(_clean_but_ours(text) if _takes_sequences() else clean(text))
    write(shown.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def ours(text: str) -> None:
    """Print a line of which nothing comes from others, as it is."""
    write(f"{text}\n")


def lines(texts: Iterable[str]) -> None:
    """Print many texts as out does, some at a time."""
    for some in _some(texts):
        out("\n".join(some))


def _clean_but_ours(text: str) -> str:
    return "".join(piece if number % 2 else clean(piece) for number, piece in enumerate(_OURS.split(text)))


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
    """Print many lines in UTF-8 as they come: data for programs, changed only at a terminal."""
    _records(map(harmless, map(clean, texts)) if is_terminal() else texts)


def commands(texts: Iterable[str]) -> None:
    """Print commands for a CI system in UTF-8: what they quote is escaped already."""
    _records(texts)


def _records(shown: Iterable[str]) -> None:
    for some in _some(shown):
        write("".join(f"{text}\n" for text in some).encode("utf-8", "replace"))


def _some(texts: Iterable[str]) -> Iterator[list[str]]:
    """Yield texts, a thousand at a time: quickly written, and a slow query's first rows are still soon seen."""
    left = iter(texts)
    while some := list(islice(left, 1000)):
        yield some


def _encoding() -> str:
    return sys.stdout.encoding or "utf-8"


_LONGEST_NOTE, _END_OF_NOTE = 3_000, 1_000


def note(text: str) -> None:
    """Print a line to stderr, if that is still open. One without measure, as of a path in a cache, loses its middle."""
    shown = said(text)
    if len(shown) > _LONGEST_NOTE:
        shown = f"{shown[: _LONGEST_NOTE - _END_OF_NOTE]}…{shown[-_END_OF_NOTE:]}"
    _to_stderr(f"{shown}\n")


def trace(error: BaseException) -> None:
    """Print where an error comes from to stderr."""
    _to_stderr("".join(harmless(clean(text)) for text in traceback.format_exception(error)))


def _to_stderr(text: str) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


def usage(error: click.UsageError) -> None:
    """Print the help of a command that was given no arguments, as click has it, to stderr."""
    error.show()


def bar(length: int, label: str) -> AbstractContextManager[Any]:
    """Return a progress bar on stderr, which is a terminal: nothing in it comes from others."""
    return click.progressbar(length=length, label=label, file=sys.__stderr__, show_pos=True)


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
    return escaped(text, _json_escape)


def _json_escape(character: str) -> str:
    if character == "\n":  # between values: within one it is escaped already
        return character
    return json.dumps(character)[1:-1] if character > "\x7f" else f"\\u{ord(character):04x}"


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
