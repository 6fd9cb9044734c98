"""What rewrites put in the place of text: as many bytes, with line ends where they were."""

from __future__ import annotations

import re

_NO_END = re.compile(rb"[^\r\n]")
_FENCE = b"~" * 8


def blanked(text: bytes) -> bytes:
    """Return blanks in the place of a text."""
    return _NO_END.sub(b" ", text)


def destination(path: bytes, length: int, before: int = 0) -> bytes | None:
    """Return a path as a link's destination between blanks, as long as what it replaces; None when that is too short.

    before: how many blanks come before it.
    """
    written = path.strip().replace(b" ", b"%20")
    left = length - before - len(written)
    return b" " * before + written + b" " * left if written and left >= 0 else None


def fence(sign: bytes) -> bytes:
    """Return the line of a fence in the place of a sign that begins or ends code; a sign has 8 bytes at least."""
    return _FENCE + blanked(sign[len(_FENCE) :])
