"""Paths of documents as text: /-separated, relative to the base, compared normalised, never touching the disk."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator

# To normalise a long row of accents takes time that grows with its square: half a megabyte takes minutes.
_LONGEST = 1024


def nfc(text: str) -> str:
    """The form in which names are compared, for macOS and some archives decompose accents. No name is endless."""
    return text if text.isascii() or len(text) > _LONGEST else unicodedata.normalize("NFC", text)


def fold(text: str) -> str:
    """The form in which names are compared without case."""
    return text.lower() if text.isascii() else nfc(nfc(text).casefold())


def folder(path: str) -> str:
    """The folder of a path; '' at the base."""
    return path.rpartition("/")[0]


def ways(path: str) -> Iterator[str]:
    """The path itself, and the folders that it lies in, the nearest first; not the base."""
    while path:
        yield path
        path = folder(path)


def up(name: str) -> Iterator[str]:
    """An absolute folder, and all that it lies in."""
    yield name
    while (above := os.path.dirname(name)) != name:
        yield (name := above)


def lies_within(path: str, within: frozenset[str]) -> bool:
    """Whether a path is one of these, or lies below one; '' is the base, and all lies below it."""
    return "" in within or any(way in within for way in ways(path))


def lies_in(path: str, folder: str) -> bool:
    """Whether a path is a folder's, or lies below it; both are absolute, and normal."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def without_extension(path: str, extensions: tuple[str, ...]) -> str:
    """The path without a document's extension, if its last component has one, and more than dots before it."""
    dot = path.rfind(".")
    if path[dot:].lower() in extensions and path[path.rfind("/") + 1 : dot].strip("."):
        return path[:dot]
    return path


def has_extension(path: str, extensions: tuple[str, ...]) -> bool:
    """Whether the name ends like a document's."""
    dot = path.rfind(".")
    return dot > path.rfind("/") and path[dot:].lower() in extensions


def join(base: str, relative: str) -> str | None:
    """Follow a relative path from a folder; None when it leaves the base."""
    parts = base.split("/") if base else []
    for part in relative.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part and part != ".":
            parts.append(part)
    return "/".join(parts)
