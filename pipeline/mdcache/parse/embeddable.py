"""What an embedding model is to see of a section, and the hash of it.

It is the text of the section under the headings that lead to it. The document's title is no part of it: a model's
work is kept by this hash, and with the title in it, a renamed document would be all new work.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from itertools import pairwise

_H1 = 1
_SIZE = 16
# What may stand before a heading in its line: the marks of quotes and list items.
_MARKS = rb"(?:[ \t]*(?:>|[-+*]|\d{1,9}[.)]))*[ \t]*"
_HASH_SIGN = re.compile(_MARKS + rb"#(?:[ \t\r\n]|\Z)")
_UNDERLINE = re.compile(rb"^" + _MARKS + rb"=+[ \t]*\r?$", re.MULTILINE)

Headings = Sequence[tuple[int, str]]
"""(level, plain text) of each section but the first, which is the text before any heading."""


def hashes(headings: Headings, data: bytes, bounds: Sequence[int]) -> list[bytes]:
    """Return the hash of each section's text: the first 16 bytes of its SHA-256. Takes what texts takes."""
    sha256 = hashlib.sha256
    return [sha256(text).digest()[:_SIZE] if text else _OF_NOTHING for text in texts(headings, data, bounds)]


_OF_NOTHING = hashlib.sha256().digest()[:_SIZE]  # of the text before the first heading, most often


def texts(headings: Headings, data: bytes, bounds: Sequence[int]) -> list[bytes]:
    """Return for each section of a document what a model is to see, in UTF-8.

    That is a line for each heading above it, of a level less than its own, from the highest down, and then its text,
    which begins with its own heading as it is written. The title's heading, the first of level 1 that says anything, is
    left out in both places: its own section begins after it.

    Args:
        data: the document's text in UTF-8.
        bounds: where in data each section starts, and the last one ends.
    """
    found = [data[: bounds[1]]]
    above: list[tuple[int, bytes]] = []  # level and lines of the headings that are open, each with those above it
    has_title = False
    for (level, heading), (start, end) in zip(headings, pairwise(bounds[1:]), strict=True):
        while above and above[-1][0] >= level:
            above.pop()
        if level == _H1 and heading and not has_title:
            has_title = True
            found.append(data[_after_heading(data, start, end) : end])
            continue
        before = above[-1][1] if above else b""
        found.append(before + data[start:end])
        above.append((level, b"%b%b\n" % (before, heading.encode())))
    return found


def _after_heading(data: bytes, start: int, end: int) -> int:
    """Return where the heading of level 1 at start is over: after a line with a #, or the first one of = below it."""
    is_line = data.startswith(b"# ", start) or _HASH_SIGN.match(data, start, end)
    underline = None if is_line else _UNDERLINE.search(data, start, end)
    return data.find(b"\n", underline.end() if underline else start, end) + 1 or end
