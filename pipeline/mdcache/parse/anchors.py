"""Make the anchors of headings, as GitHub does, and the forms in which a fragment may name one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# GitHub keeps word characters (letters, marks, decimal and letter numbers, connecting punctuation, letters in circles
# and squares), hyphens and spaces, and turns each space into a hyphen; everything else, emoji too, goes.
_KEPT = frozenset(("Nd", "Nl", "Pc"))
_ENCLOSED = re.compile("[\u24b6-\u24e9\U0001f130-\U0001f149\U0001f150-\U0001f169\U0001f170-\U0001f189]")
_ASCII = {
    code: "-" if chr(code) == " " else (chr(code).lower() if chr(code).isalnum() or chr(code) in "-_" else None)
    for code in range(128)
}


def slug(text: str) -> str:
    """Return GitHub's slug of a heading's plain text, before duplicates are numbered."""
    if text.isascii():
        return text.translate(_ASCII)
    return "".join("-" if c == " " else c for c in text.lower() if c in " -" or _is_word(c))


def _is_word(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] in "LM" or category in _KEPT or (category == "So" and bool(_ENCLOSED.match(char)))


def anchors(headings: Iterable[str]) -> list[str]:
    """Return the anchor of each heading of one document, in order: a second `setup` becomes `setup-1`."""
    seen: dict[str, int] = {}
    made = []
    for heading in headings:
        wanted = anchor = slug(heading)
        while anchor in seen:
            seen[wanted] += 1
            anchor = f"{wanted}-{seen[wanted]}"
        seen[anchor] = 0
        made.append(anchor)
    return made


def forms(fragment: str) -> tuple[str, ...]:
    """Return the names that a fragment may have: itself, and the slug of a heading's text (as in Obsidian).

    `Guide#Setup#Linux` asks for the last heading of the path.
    """
    last = _place(fragment).rpartition("#")[2].strip().removeprefix("user-content-")
    if last.startswith("^"):
        return (last,)
    return (last, last.lower(), slug(last))


def _place(fragment: str) -> str:
    """Return a fragment without its text directive: `#setup:~:text=make%20install` is `#setup`."""
    return fragment.partition(":~:")[0] if ":~:" in fragment else fragment


def is_lenient(wiki: bool, fragment: str) -> bool:
    """Return whether a link holds a heading's text, as Obsidian writes it, and not an anchor: no anchor has a space."""
    return wiki or " " in fragment


def loose_forms(fragment: str) -> tuple[str, ...]:
    """Return what Obsidian compares: `[[#A B draft]]` means `## A/B #draft`, `[[#Guide > Setup]]` is a path."""
    return loose(fragment.rpartition("#")[2]), loose(fragment), loose(fragment.rpartition(" > ")[2])


def loose(text: str) -> str:
    """Return a heading's text or anchor without case, spaces and marks. A block id keeps its ^ and equals neither."""
    return "^" * text.startswith("^") + slug(text).replace("-", "").replace("_", "")


_MADE = re.compile(r"top|L\d+(?:C\d+)?(?:-L\d+(?:C\d+)?)?|fn(?:ref)?(?:[:-].*|\d+)", re.IGNORECASE)


def is_made_by_viewers(fragment: str) -> bool:
    """Return whether the program that shows a page makes the place: its top, lines, footnotes, or highlighted words."""
    place = _place(fragment)
    return not place or bool(_MADE.fullmatch(place.removeprefix("user-content-")))
