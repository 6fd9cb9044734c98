"""Explicit ids of headings: what an author writes at the end of one in place of its slug, syntax by syntax."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

SYNTAXES: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        # `Setup {#install .big}`
        "curly": re.compile(r"[ \t]*\{[ \t]*(?:[^{}#]*[ \t])?#(?P<id>[^\s{}]+)[^{}]*\}[ \t]*$"),
        # `Setup {#install}` and nothing else in the braces
        "curly-only-id": re.compile(r"[ \t]*\{#(?P<id>[^\s{}]+)\}[ \t]*$"),
        # `Setup {: #install }`
        "colon-curly": re.compile(r"[ \t]*\{:[ \t]*(?:[^{}#]*[ \t])?#(?P<id>[^\s{}]+)[^{}]*\}[ \t]*$"),
    }
)
"""Each finds the attributes at the end of a heading's plain text; the group `id` is the id."""


def split(text: str, syntaxes: tuple[str, ...]) -> tuple[str, str | None]:
    """Return a heading's text without the attributes at its end, and the id in them; None without one."""
    if "{" in text:
        for name in syntaxes:
            if found := SYNTAXES[name].search(text):
                return text[: found.start()], found["id"]
    return text, None
