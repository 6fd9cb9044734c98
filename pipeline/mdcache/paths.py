"""Paths of documents as text: /-separated, relative to the base, compared normalised, never touching the disk."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator

# To normalise a long row of accents takes time that grows with its square: half a megabyte takes minutes.
_LONGEST = 1024


def nfc(text: str) -> str:
    """Return text in NFC, the form in which names are compared (macOS decomposes accents).

    Text over 1,024 characters is returned unchanged: normalising it is quadratic.
    """
    return text if text.isascii() or len(text) > _LONGEST else unicodedata.normalize("NFC", text)


def fold(text: str) -> str:
    """Return the form in which names are compared without case."""
    return text.lower() if text.isascii() else nfc(nfc(text).casefold())


def folder(path: str) -> str:
    """Return the folder of a path; '' at the base."""
    return path.rpartition("/")[0]


def ways(path: str) -> Iterator[str]:
    """Yield the path itself and the folders that it lies in, the nearest first, without the base."""
    while path:
        yield path
        path = folder(path)


def up(name: str) -> Iterator[str]:
    """Yield an absolute folder and all folders above it."""
    yield name
    while (above := os.path.dirname(name)) != name:
        yield (name := above)


def lies_within(path: str, within: frozenset[str]) -> bool:
    """Return whether a path is one of these or lies below one; '' is the base, with everything below it."""
    return "" in within or any(way in within for way in ways(path))


def lies_in(path: str, folder: str) -> bool:
    """Return whether a path is a folder or lies below it; both are absolute and normalised."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def without_extension(path: str, extensions: tuple[str, ...]) -> str:
    """Return the path without a document's extension, if its last component has one and more than dots before it."""
    dot = path.rfind(".")
    if path[dot:].lower() in extensions and path[path.rfind("/") + 1 : dot].strip("."):
        return path[:dot]
    return path


def has_extension(path: str, extensions: tuple[str, ...]) -> bool:
    """Return whether the name ends in a document's extension."""
    dot = path.rfind(".")
    return dot > path.rfind("/") and path[dot:].lower() in extensions


def join(base: str, relative: str) -> str | None:
    """Return where a relative path leads from a folder; None when it leaves the base.

    The folder may be two thousand deep, and be asked for with each of a hundred thousand links: it is not taken apart.
    """
    parts: list[str] = []
    for part in relative.split("/"):
        if part == "..":
            if parts:
                parts.pop()
            elif base:
                base = folder(base)
            else:
                return None
        elif part and part != ".":
            parts.append(part)
    return "/".join((base, *parts) if base else parts)
