"""Ids of headings: kernels, which make a slug of a heading's text, and ways to number duplicates."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from types import MappingProxyType

# GitHub keeps word characters (letters, marks, decimal and letter numbers, connecting punctuation, letters in circles
# and squares), hyphens and spaces, and turns each space into a hyphen; everything else, emoji too, goes.
_KEPT = frozenset(("Nd", "Nl", "Pc"))
_ENCLOSED = re.compile("[\u24b6-\u24e9\U0001f130-\U0001f149\U0001f150-\U0001f169\U0001f170-\U0001f189]")
_ASCII = {
    code: "-" if chr(code) == " " else (chr(code).lower() if chr(code).isalnum() or chr(code) in "-_" else None)
    for code in range(128)
}


def github(text: str) -> str:
    """Return GitHub's slug of a heading's plain text."""
    if text.isascii():
        return text.translate(_ASCII)
    return "".join("-" if c == " " else c for c in text.lower() if c in " -" or _is_word(c))


def _is_word(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] in "LM" or category in _KEPT or (category == "So" and bool(_ENCLOSED.match(char)))


def skipping_taken(wanted: str, seen: dict[str, int]) -> str:
    """Return a slug told apart from those seen: a second `setup` becomes `setup-1`, unless that is taken."""
    anchor = wanted
    while anchor in seen:
        seen[wanted] += 1
        anchor = f"{wanted}-{seen[wanted]}"
    seen[anchor] = 0
    return anchor


KERNELS: Mapping[str, Callable[[str], str]] = MappingProxyType({"github": github})
"""What makes a slug of a heading's plain text, by the names that settings use."""
NUMBERINGS: Mapping[str, Callable[[str, dict[str, int]], str]] = MappingProxyType({"skip-taken": skipping_taken})
"""What tells a slug apart from those before it, seen: how often each was asked for again. By the names of settings."""
