"""Leave out what readers never see: math, Obsidian's `%% comments %%`, and comments of HTML torn by blank lines.

Nothing in them is a link, a tag, a heading, a task, a code block or a place. Other comments of HTML are known from the
parser. Most texts hold no `$$`, `%%` or pair of `$` around a link; for them only the search for those signs is paid.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator, Mapping

from mdcache.dialects import Dialect
from mdcache.parse import inline, markdown
from mdcache.parse.markdown import Outline

_DOLLAR = re.compile(rb"\$")
# What a comment within a line does not reach over: a blank line, and the beginning of an item, heading, row or fence.
_NEXT_BLOCK = re.compile(rb"\n[ \t>]*(?:\r?\n|[-*+][ \t]|[0-9]{1,9}[.)][ \t]|#{1,6}[ \t]|\||```|~~~)")
_BLANK_LINE = re.compile(rb"\n[ \t>]*\r?\n")
_BEGINS_LINE = re.compile(rb"(?:\A|\n)[ \t>]*(?:(?:[-*+]|[0-9]{1,9}[.)])[ \t]+)*\Z")
_ENDS_LINE = re.compile(rb"[ \t]*(?:\r?\n|\Z)")
_WORD = re.compile(rb"\w")
_COMMENT = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)

_Span = tuple[int, int]


def may_hide(text: str) -> bool:
    """Return whether a text holds a sign of what this module looks for."""
    return "$" in text or "%%" in text or "<!--" in text


def without_hidden(
    outline: Outline, text: str, data: bytes, candidates: Mapping[int, inline.Candidate], dialect: Dialect
) -> Outline:
    """Return the outline without what lies in comments and math.

    data is the text as UTF-8; candidates are what may be said in it, by their offsets in bytes.
    """
    marks = _marks(outline, data, candidates, dialect)
    pairs = list(_between(marks, data))
    blocks = [*_torn_comments(outline.html, data), *((start, end) for start, end, is_block in pairs if is_block)]
    spans = [*blocks, *((start, end) for start, end, is_block in pairs if not is_block)]
    if _may_be_math([*(reference.start for reference in outline.references), *outline.plain], data):
        spans += (span for span in markdown.math(text) if _is_math(*span, data))
    if not marks and not spans:
        return outline
    hidden = _Spans(spans)
    unlinked = hidden
    if dialect.links_in_comments:
        unlinked = _Spans([one for one in spans if data[one[0] : one[0] + 2] != b"%%"])
    shown = outline._replace(
        references=[one for one in outline.references if not unlinked.hold(one.start, one.end)],
        html=[span for span in outline.html if not hidden.hold(*span)],
        plain=[at for at in outline.plain if not (hidden.hold(at, at + 1) or candidates[at][1] is inline.MARK)],
    )
    return _without_blocks(shown, _Spans(blocks)) if blocks else shown


def _marks(outline: Outline, data: bytes, candidates: Mapping[int, inline.Candidate], dialect: Dialect) -> list[int]:
    """Return where the signs are that may begin or end something hidden: in plain text, and alone on a line of HTML."""
    signs = (b"%%", b"$$") if dialect.percent_comments else (b"$$",)
    marks = [at for at, (_, kind, _) in candidates.items() if kind is inline.MARK and data[at : at + 2] in signs]
    if not marks:
        return marks
    plain, html = set(outline.plain), _Spans(outline.html)
    others = [at for at in marks if at not in plain and _is_alone(at, data) and html.hold(at, at + 2)]
    if others:
        comments = _Spans([comment.span() for comment in _COMMENT.finditer(data)])
        plain.update(at for at in others if not comments.hold(at, at + 2))
    return [at for at in marks if at in plain]


def _without_blocks(outline: Outline, hidden: _Spans) -> Outline:
    """Return the outline without the blocks that begin in these ranges."""
    return outline._replace(
        headings=[one for one in outline.headings if not hidden.hold(one.start, one.start + 1)],
        tasks=[
            (done, start, hidden.next(start, end))
            for done, start, end in outline.tasks
            if not hidden.hold(start, start + 1)
        ],
        code_blocks=[one for one in outline.code_blocks if not hidden.hold(one[1], one[1] + 1)],
    )


def _between(marks: list[int], data: bytes) -> Iterator[tuple[int, int, bool]]:
    """Yield the range from each `%%` or `$$` to its partner, and whether it is one of whole blocks.

    A sign without a partner is text, and the next one may begin something. What has a partner begins nothing: else what
    stands between two formulas would pass for a third.
    """
    opened: dict[bytes, int] = {}
    for at in marks:
        sign = data[at : at + 2]
        start = opened.pop(sign, None)
        is_block = start is not None and _are_blocks(start, at, data)
        if start is not None and (is_block or _is_pair(start, at, data)):
            if is_block or sign == b"%%":  # of other math the parser knows
                yield start, at + 2, is_block
        elif sign == b"$$" or not data[max(0, at - 1) : at].isdigit():  # 50%% begins no comment
            opened[sign] = at


def _are_blocks(start: int, end: int, data: bytes) -> bool:
    """Return whether what stands from one sign to the other are whole blocks: what follows the first begins a line.

    `%%` may end it anywhere, unless text follows it at the start of a line: that is `%%EOF` or a script's next cell.
    """
    if not _begins_line(start, data):
        return False
    has_lines = b"\n" in data[start:end]
    if data[start : start + 2] == b"%%":
        return _ends_line(end, data) or (has_lines and not _begins_line(end, data))
    is_torn = bool(_BLANK_LINE.search(data, start, end))
    return has_lines and (_is_alone(start, data) and _is_alone(end, data) if is_torn else _ends_line(end, data))


def _is_pair(start: int, end: int, data: bytes) -> bool:
    """Return whether two signs are partners within a paragraph, or `$$` at the end of a line begins a formula."""
    if data[start : start + 2] == b"%%":
        return not _NEXT_BLOCK.search(data, start, end)
    return _ends_line(start, data) or not _BLANK_LINE.search(data, start, end)


def _is_alone(at: int, data: bytes) -> bool:
    return _begins_line(at, data) and _ends_line(at, data)


def _begins_line(at: int, data: bytes) -> bool:
    return bool(_BEGINS_LINE.search(data[max(0, at - 64) : at]))


def _ends_line(at: int, data: bytes) -> bool:
    return bool(_ENDS_LINE.match(data, at + 2))


def _torn_comments(html: list[_Span], data: bytes) -> Iterator[_Span]:
    """Yield the comments that begin in HTML which ends before they do: a blank line ends a `<div>`, no comment."""
    reach = 0
    for start, end in html:
        opened = data.rfind(b"<!--", start, end)
        if start < reach or opened < 0 or data.find(b"-->", opened, end) >= 0:
            continue
        closed = data.find(b"-->", end)
        if closed < 0:
            return
        reach = closed + 3
        yield opened, reach


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

    def __init__(self, spans: list[_Span]) -> None:
        self._starts: list[int] = []
        self._reach: list[int] = []
        """The furthest end of all that start up to here."""
        for start, end in sorted(spans):
            self._starts.append(start)
            self._reach.append(max(end, self._reach[-1]) if self._reach else end)

    def hold(self, start: int, end: int) -> bool:
        index = bisect(self._starts, start)
        return index > 0 and end <= self._reach[index - 1]

    def next(self, start: int, end: int) -> int:
        """Return where the first range begins that begins between start and end; end without one."""
        index = bisect(self._starts, start)
        return min(self._starts[index], end) if index < len(self._starts) else end
