"""Blocks of Python-Markdown that CommonMark reads as code or HTML, and that hold markdown."""

from __future__ import annotations

import re

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
