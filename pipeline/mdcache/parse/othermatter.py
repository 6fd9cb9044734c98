"""Front matter in TOML, between two lines of `+++`, and in JSON, one object at the very top, as in Hugo and Zola."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from mdcache.guarded import toml
from mdcache.model import FRONT_MATTER_LIMIT
from mdcache.parse import frontmatter
from mdcache.parse.frontmatter import FrontMatter, Trouble

_OPENING = re.compile(rb"\+\+\+[ \t]*\r?\n")
_CLOSING = re.compile(rb"(?<=\n)\+\+\+[ \t]*(?:\r?\n|\Z)")
_LINE_END = re.compile(rb"[ \t]*(?:\r?\n|\Z)")
_KEY = re.compile(r"""^[ \t]*["']?([\w-]+)["']?[ \t]*[=:]""", re.MULTILINE)
_JSON = json.JSONDecoder()


class Matter(NamedTuple):
    """A front matter: what it says, and at which byte the text behind it begins."""

    said: FrontMatter | Trouble
    after: int


def read(data: bytes, languages: tuple[str, ...]) -> Matter | None:
    """Return the front matter at the top of a text in one of these languages; None without one. Nothing raises."""
    if data.startswith(b"+++") and "toml" in languages:
        return _toml(data)
    if data.startswith(b"{") and "json" in languages:
        return _json(data)
    return None


def _toml(data: bytes) -> Matter | None:
    opening = _OPENING.match(data)
    closing = _CLOSING.search(data, opening.end()) if opening else None
    if not opening or not closing:
        return None
    inside = data[opening.end() : closing.start()]
    if len(inside) > FRONT_MATTER_LIMIT:
        return Matter(_too_large(), closing.end())
    try:
        values = toml.loads(inside)
    except ValueError as error:
        return Matter(Trouble(0, 0, " ".join(str(error).split())[:200]), closing.end())
    return Matter(frontmatter.of_values(values, dict(_lines(inside.decode()))), closing.end())


def _json(data: bytes) -> Matter | None:
    """Return what the object says with which the text begins; what is no object in JSON is text."""
    text = data[:FRONT_MATTER_LIMIT].decode("utf-8", "ignore")
    try:
        values, end = _JSON.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    behind = _LINE_END.match(data, len(text[:end].encode()))
    if not behind or not values:
        return None
    lines = {key: line - 1 for key, line in _lines(text[:end])}
    return Matter(frontmatter.of_values(values, lines), behind.end())


def _too_large() -> Trouble:
    return Trouble(0, 0, f"it is larger than {FRONT_MATTER_LIMIT} bytes")


def _lines(text: str) -> Iterator[tuple[str, int]]:
    """Yield the keys that seem to begin lines, with their numbers, from 0; of equal ones the first comes last."""
    found: list[tuple[str, int]] = []
    line, at = 0, 0
    for key in _KEY.finditer(text):
        line += text.count("\n", at, key.start(1))
        at = key.start(1)
        found.append((key[1], line))
    yield from reversed(found)
