"""Smart punctuation: the quotes, dashes and dots that mdBook, Hugo, Jekyll and Starlight make of ASCII."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

Spans = Iterable[tuple[int, int]]
"""Where code lies in a text: (start, end), in order."""

_ASCII = re.compile(r"-{2,}|\.\.\.|[\"']")
_QUOTES = {'"': "\u201c\u201d", "'": "\u2018\u2019"}
# A quote opens what follows at the beginning, behind a space, and behind what opens something itself.
_OPENS = frozenset(" \t\u00a0([{<-\u2013\u2014\u201c\u2018")


def smart(text: str) -> str:
    """Return a text with dashes for `--` and `---`, one character for `...`, and quotes that open and close."""
    return _ASCII.sub(_typographic, text)


def _typographic(found: re.Match[str]) -> str:
    sign, text, start = found[0], found.string, found.start()
    if sign in _QUOTES:
        return _QUOTES[sign][bool(start) and text[start - 1] not in _OPENS]
    return "\u2026" if sign[0] == "." else _dashes(len(sign))


def _dashes(hyphens: int) -> str:
    """Return the dashes that a row of hyphens is: long ones of three, short ones of two for what is left."""
    if hyphens % 3 and not hyphens % 2:
        return "\u2013" * (hyphens // 2)
    short = (0, 2, 1)[hyphens % 3]
    return "\u2014" * ((hyphens - 2 * short) // 3) + "\u2013" * short


def outside(code: Spans, text: str, change: Callable[[str], str]) -> str:
    """Return a text with its pieces changed that are no code."""
    pieces, at = [], 0
    for start, end in code:
        pieces += [change(text[at:start]), text[start:end]]
        at = max(at, end)
    return "".join([*pieces, change(text[at:])])
