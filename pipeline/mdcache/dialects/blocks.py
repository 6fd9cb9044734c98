"""What Python-Markdown reads otherwise than CommonMark: blocks that hold markdown, and definitions of references."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from mdcache.dialects import fences

# `!!! note "Title"`, `??? x`, `???+ x`, `=== "Tab"`, `===! "Tab"`; within quotes and lists, too.
_BLOCK = re.compile(rb"^([ \t>]*+)(?:(?:!!!|\?\?\?)\+?|===[+!]{0,2}(?=[ \t]+[\"']))[ \t]*(?=[^\s!?=])", re.MULTILINE)
_DEFINITION = re.compile(rb"^([ \t>]*+):(?=[ \t]+\S)", re.MULTILINE)
_TAG = re.compile(rb"^[ \t]*+<[A-Za-z][^<>\n]*+>[ \t]*(?=\r?$)", re.MULTILINE)
_ASKING = re.compile(rb"[\s\"']markdown(?:=[\"']?(?:1|block|span)[\"']?)?[\s>]")


def indented_blocks(data: bytes) -> bytes:
    """Return a text with an item of a list in place of each admonition, block of details and tab.

    `!!! note` becomes `-   note`: what follows at four spaces belongs to it in both, also behind blank lines.
    """
    if b"!!!" not in data and b"???" not in data and b"===" not in data:
        return data
    return _BLOCK.sub(_item, data)


def _item(found: re.Match[bytes]) -> bytes:
    """Return the beginning of an item whose text begins in column five, as many bytes long as the block's."""
    length = found.end() - found.end(1)
    return found[1] + b"-   ".ljust(length, b".")[:length]


def definitions(data: bytes) -> bytes:
    """Return a text with an item of a list in place of each definition: `:   text` becomes `-   text`."""
    return _DEFINITION.sub(rb"\1-", data) if b":" in data else data


def markdown_in_html(data: bytes) -> bytes:
    """Return a text without the tags, each in a line of its own, between which `markdown` asks for markdown.

    One that has an id is left, or a place would be lost.
    """
    if b"markdown" not in data:
        return data
    return _TAG.sub(_blanked, data)


def _blanked(tag: re.Match[bytes]) -> bytes:
    return b" " * len(tag[0]) if _ASKING.search(tag[0]) and b"id=" not in tag[0] else tag[0]


_REFERENCE = re.compile(rb"^[ ]{0,3}\[(?!\^)([^\[\]\n]+)\]:[ \t]*\S[^\r\n]*", re.MULTILINE)


def last_references(data: bytes) -> bytes:
    """Return a text in which of several definitions `[label]: target` of a label only the last is left, as it counts.

    In CommonMark the first does.
    """
    if data.count(b"]:") < 2:
        return data
    last: dict[bytes, re.Match[bytes]] = {}
    blanked = bytearray(data)
    for found in _outside_of_fences(data):
        label = b" ".join(found[1].lower().split())
        if label in last:
            start, end = last[label].span()
            blanked[start:end] = b" " * (end - start)
        last[label] = found
    return bytes(blanked)


def _outside_of_fences(data: bytes) -> Iterator[re.Match[bytes]]:
    fenced = chain(fences.fenced(data), ((len(data), len(data)),))
    start, end = next(fenced)
    for found in _REFERENCE.finditer(data):
        while end <= found.start():
            start, end = next(fenced)
        if found.start() < start:
            yield found
