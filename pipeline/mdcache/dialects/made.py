"""Headings that a template makes in part: what is written of their ids, and `*` for what is not known."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mdcache.dialects import slugs

_HEADING = re.compile(rb"^ {0,3}#{1,6}[ \t]+([^\n{]*+\{[{%][^\n]*)$", re.MULTILINE)
_MADE = re.compile(r"\{\{[^{}]*+\}\}|\{%[^{}]*+\}")
_WRITTEN_ID = re.compile(r"\{[ \t]*#[^\s{}]+[ \t]*\}\s*\Z")


def headings(text: bytes, kernel: str) -> Iterator[tuple[int, str]]:
    """Yield patterns for the ids of headings with a template in them, `*` in its place; those with a written id not."""
    if b"{{" in text or b"{%" in text:
        for heading in _HEADING.finditer(text):
            said = heading[1].decode()
            if not _WRITTEN_ID.search(said):
                pieces = (piece.strip() for piece in _MADE.split(said))
                yield heading.start(), "*".join(slugs.KERNELS[kernel](piece) if piece else "" for piece in pieces)
