"""Leave out what readers never see as text: math, and Obsidian's `%% comments %%`. No link or tag in it counts.

Most texts hold no `$$`, `%%` or pair of `$` around a link; for them only the search for those signs is paid.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator, Mapping

from mdcache.parse import inline, markdown
from mdcache.parse.markdown import Outline

_DOLLAR = re.compile(rb"\$")
_BLANK_LINE = re.compile(rb"\n[ \t>]*\r?\n")
_BEGINS_LINE = re.compile(rb"(?:\A|\n)[ \t>]*\Z")
_ENDS_LINE = re.compile(rb"[ \t]*(?:\r?\n|\Z)")
_WORD = re.compile(rb"\w")


def without_hidden(outline: Outline, text: str, data: bytes, candidates: Mapping[int, inline.Candidate]) -> Outline:
    """Return the outline without the links and the plain text that lie in comments and math.

    data is the text as UTF-8; candidates are what may be said in it, by their offsets in bytes.
    """
    marks = [at for at in outline.plain if candidates[at][1] is inline.MARK]
    places = [*(reference.start for reference in outline.references), *outline.plain]
    has_math = _may_be_math(places, data)
    if not marks and not has_math:
        return outline
    hidden = list(_between(marks, data))
    if has_math:
        hidden += (span for span in markdown.math(text) if _is_math(*span, data))
    spans = _Spans(hidden)
    return outline._replace(
        references=[one for one in outline.references if not spans.hold(one.start, one.end)],
        plain=[at for at in outline.plain if not (spans.hold(at, at + 1) or candidates[at][1] is inline.MARK)],
    )


def _between(marks: list[int], data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the range from each `%%` or `$$` to its partner: in one paragraph, or both alone on their lines."""
    opened: dict[bytes, int] = {}
    for at in marks:
        sign = data[at : at + 2]
        start = opened.pop(sign, None)
        if start is None:
            opened[sign] = at
        elif (_is_alone(start, data) and _is_alone(at, data)) or (
            sign == b"%%" and not _BLANK_LINE.search(data, start, at)
        ):
            yield start, at + 2
        else:
            opened[sign] = at


def _is_alone(at: int, data: bytes) -> bool:
    return bool(_BEGINS_LINE.search(data[max(0, at - 64) : at])) and bool(_ENDS_LINE.match(data, at + 2))


def _may_be_math(places: list[int], data: bytes) -> bool:
    """Return whether any of the places lies between two `$` of one paragraph."""
    if data.count(b"$") < 2:
        return False
    dollars = [match.start() for match in _DOLLAR.finditer(data)]
    gaps = sorted({bisect(dollars, place) for place in places})
    return any(0 < gap < len(dollars) and b"\n\n" not in data[dollars[gap - 1] : dollars[gap]] for gap in gaps)


def _is_math(start: int, end: int, data: bytes) -> bool:
    """Return whether a range is math and not money (`$5 … A$6`): no word may touch its signs from outside."""
    return not (_WORD.match(data, start - 1, start) if start else None) and not _WORD.match(data, end)


class _Spans:
    """Ranges that may overlap; hold says whether something lies wholly within one of them."""

    def __init__(self, spans: list[tuple[int, int]]) -> None:
        self._starts: list[int] = []
        self._reach: list[int] = []
        """The furthest end of all that start up to here."""
        for start, end in sorted(spans):
            self._starts.append(start)
            self._reach.append(max(end, self._reach[-1]) if self._reach else end)

    def hold(self, start: int, end: int) -> bool:
        index = bisect(self._starts, start)
        return index > 0 and end <= self._reach[index - 1]
