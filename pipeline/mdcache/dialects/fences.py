"""Where fenced code lies in a text, line by line: what stands in it is no markdown, before any parser runs."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator

_FENCE = re.compile(
    rb"^[ \t>]*(?:(?:[-+*]|[0-9]{1,9}[.)])[ \t]+)*+(?P<mark>`{3,}+(?=[^`\n]*$)|~{3,}+)(?P<info>[^\n]*)$", re.MULTILINE
)


def fenced(text: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each fenced block begins and ends, from the start of its first line to the end of its last."""
    opened: tuple[int, bytes] | None = None
    for line in _FENCE.finditer(text):
        mark = line["mark"]
        if opened is None:
            opened = line.start(), mark
        elif mark.startswith(opened[1]) and not line["info"].strip():
            yield opened[0], line.end()
            opened = None
    if opened:
        yield opened[0], len(text)


def outside(pattern: re.Pattern[bytes], text: bytes) -> int | None:
    """Return where a pattern is first found that does not begin in fenced code; None where it is not."""
    found = pattern.search(text)
    if not found:
        return None
    spans = list(fenced(text))
    starts = [start for start, _ in spans]
    for one in pattern.finditer(text, found.start()):
        place = bisect(starts, one.start()) - 1
        if place < 0 or one.start() >= spans[place][1]:
            return one.start()
    return None
