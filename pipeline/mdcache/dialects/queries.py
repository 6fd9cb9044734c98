"""Queries of SilverBullet in a text: `query[[from index.pages()]]` is a program, and no link."""

from __future__ import annotations

import re

_QUERY = re.compile(rb"\bquery[ \t]*\[\[")
_VISIBLE = re.compile(rb"[^\r\n]")


def read(data: bytes) -> bytes:
    """Return a text with its queries blanked out."""
    at, parts = 0, list[bytes]()
    while found := _QUERY.search(data, at):
        end = data.find(b"]]", found.end())
        if end < 0:
            break
        parts += (data[at : found.start()], _VISIBLE.sub(b" ", data[found.start() : end + 2]))
        at = end + 2
    return b"".join((*parts, data[at:])) if parts else data
