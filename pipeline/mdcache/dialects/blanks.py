"""What rewrites put in the place of text: as many bytes, with line ends where they were."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_NO_END = re.compile(rb"[^\r\n]")
_FENCE = b"~" * 8


def blanked(text: bytes) -> bytes:
    """Return blanks in the place of a text."""
    return _NO_END.sub(b" ", text)


def destination(path: bytes, length: int) -> bytes | None:
    """Return a path behind as many blanks as make it so long, for a link's destination; None where it is too long."""
    written = path.strip().replace(b" ", b"%20")
    return written.rjust(length) if 0 < len(written) <= length else None


def fence(sign: bytes) -> bytes:
    """Return the line of a fence in the place of a sign that begins or ends code; a sign has 8 bytes at least."""
    return _FENCE + blanked(sign[len(_FENCE) :])


class Block(NamedTuple):
    """What stands between two signs: where the first begins and ends, and the last begins and ends."""

    start: int
    inside: int
    after: int
    end: int


def blocks(data: bytes, opening: re.Pattern[bytes], closing: re.Pattern[bytes]) -> Iterator[Block]:
    """Yield what stands between signs, each to the first that closes it. Every byte is passed once."""
    at = 0
    while (opened := opening.search(data, at)) and (closed := closing.search(data, opened.end())):
        yield Block(opened.start(), opened.end(), closed.start(), closed.end())
        at = closed.end()
