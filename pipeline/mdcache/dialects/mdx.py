"""MDX in words of CommonMark: text within JSX is markdown, however far it is indented, and comments stand in braces.

A tag of JSX becomes spaces, so that what stands between two is read as everywhere; one with an id becomes `{#id}`. Tags
that hold links stay. Where indented text would be code it is put into a quote: each four spaces may as well be `>  >`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from mdcache.dialects.fences import fenced

# A backslash with what it escapes, code within a line, a comment, and the beginning of a tag.
_SIGN = re.compile(rb"\\.|`+|\{[ \t\n]*/\*|</?(?=[A-Za-z>])", re.DOTALL)
_TAG = re.compile(
    rb"(?P<name>[\w.-]*+)(?=[\s/>{])(?:[^<>{}\"'`]++|\"[^\"]*+\"|'[^']*+'|"
    rb"\{(?:[^{}]++|\{(?:[^{}]++|\{(?:[^{}]++|\{[^{}]*+\})*+\})*+\})*+\})*+"
)
_ID = re.compile(rb"\sid=(?:\"([^\"{}\s]+)\"|'([^'{}\s]+)')")
_HTML_HEADING = re.compile(rb"[ ]{0,3}<h[1-6][\s>]")
_COMMENT_END = re.compile(rb"\*/[ \t\n]*\}?")
_PLACE = re.compile(rb"\{[ \t]*/\*[ \t]*#([^\s{}*]+)[ \t]*\*/[ \t]*\}")
_PLACE_IN_HTML = re.compile(
    rb"^#{1,6}[ \t][^\n<]*+(?P<comment><!--[ \t]*#(?P<id>[^\s<>{}]+)[ \t]*-->)[ \t]*$", re.MULTILINE
)
# Elements that are read for links, places and titles, or whose content is no text of the page.
_KEPT = frozenset(
    b"a area audio h1 h2 h3 h4 h5 h6 iframe img pre script source style template textarea title video".split()
)
_EXPORT = re.compile(
    rb"^export[ \t]+(?:const|let|var|function|default|class|async|type|interface|[{*])[^\n]*+\n"
    rb"(?:[^\n]*[^\s][^\n]*\n|[ \t]*\n(?=[ \t]+[^\s]|[})\]]))*+",
    re.MULTILINE,
)
_LISTED = re.compile(rb"(?:[-*+]|[0-9]{1,9}[.)])(?: {1,4}(?=[^ \n])|(?= *\n))")
_LONGEST_CODE = 2_000
_LONGEST_RUN = 20
_NO_BREAK = re.compile(rb"[^\r\n]")
_INDENT_OF_CODE = 4
_DEEPEST = 300


_PARTIAL = re.compile(rb"^import[ \t]+(?P<name>\w+)[ \t]+from[ \t]+['\"](?P<path>[^\n'\"]*)\.mdx?['\"]", re.MULTILINE)
_NO_SECTIONS = re.compile(rb"(?:note|warning|tip|caution|admonition|snippet|badge)s?\Z", re.IGNORECASE)
_MOST_PARTIALS = 100
_FEW_SECTIONS = 2
_USED = re.compile(rb"^[ \t]*<(\w+)(?:[ \t][^<>\n]*)?/>[ \t]*$", re.MULTILINE)
_OWN = (b".", b"/", b"@/", b"~/", b"@site/")
_SECTION = re.compile(rb"^[ ]{0,3}##", re.MULTILINE)


def partials(text: bytes) -> list[bytes]:
    """Return the names of the documents that a text takes in, but those that by their names are a note or the like."""
    found = [one["name"] for one in _PARTIAL.finditer(text) if not _NO_SECTIONS.search(one["path"])]
    return found[:_MOST_PARTIALS]


def places(text: bytes) -> Iterator[tuple[int, str]]:
    """Yield that a text may have any place, when it is made of others and has hardly a section of its own.

    Each of those is taken in as `<Part />` in a line of its own. Where there are more sections, they are notes and
    examples, unless they come out of a package: those are made by programs.
    """
    names = partials(text) if b"import" in text else []
    used = set(_USED.findall(text)).intersection(names) if names else set()
    if used and (len(_SECTION.findall(text)) <= _FEW_SECTIONS or any(name in used for name in _packaged(text))):
        yield 0, "*"


def _packaged(text: bytes) -> Iterator[bytes]:
    return (one["name"] for one in _PARTIAL.finditer(text) if not one["path"].startswith(_OWN))


def mdx(text: bytes) -> bytes:
    """Return a text of MDX as CommonMark of the same length, with the same line ends."""
    code, kept = list(fenced(text)), _KEPT.union(partials(text))  # places() looks for partials
    data = bytearray(text)
    for start, end in _between(code, len(text)):
        _without_tags(data, text, (start, end), kept)
    if b"\n    " in data or b"\n\t" in data:
        _without_indents(data, code)
    return bytes(data)


def _between(code: list[tuple[int, int]], length: int) -> Iterator[tuple[int, int]]:
    """Yield what lies between blocks of code."""
    yield from zip([0, *(end for _, end in code)], [*(start for start, _ in code), length], strict=True)


def _blank(data: bytearray, start: int, end: int, said: bytes = b"") -> None:
    """Put spaces in the place of a range, but for line ends, and what is said in its first line before them."""
    data[start:end] = _NO_BREAK.sub(b" ", data[start:end])
    line = data.find(b"\n", start, end)
    if said and (line < 0 or start + len(said) <= line):
        data[start : start + len(said)] = said


def _without_tags(data: bytearray, text: bytes, span: tuple[int, int], kept: frozenset[bytes]) -> None:
    """Blank out comments, exports and tags but the kept in a range of data, which is still that of text there."""
    start, end = span
    for export in _EXPORT.finditer(text, start, end):
        _blank(data, *export.span())
    for heading in _PLACE_IN_HTML.finditer(text, start, end) if text.find(b"<!--", start, end) >= 0 else ():
        _blank(data, heading.start("comment"), heading.end(), b"{#%s}" % heading["id"])
    at, last_comment = start, text.rfind(b"*/", start, end)
    while sign := _SIGN.search(text, at, end):
        at = sign.end()
        if sign[0].startswith(b"`"):
            at = _end_of_code(text, sign[0], at, end)
        elif sign[0].startswith(b"{") and at <= last_comment:
            over = _COMMENT_END.search(text, at, end)
            at = over.end() if over else at
            place = _PLACE.fullmatch(text, sign.start(), at)
            _blank(data, sign.start(), at, b"{#%s}" % place[1] if place else b"")
        elif sign[0].startswith(b"<"):
            tag = _TAG.match(text, at, end)
            if tag:
                at = tag.end()
                if text[at : at + 1] == b">":
                    at += 1
                    if tag["name"] not in kept:
                        _take(data, text, sign.start(), at)


def _take(data: bytearray, text: bytes, start: int, end: int) -> None:
    place = _ID.search(text, start, end)
    # A heading in HTML is no markdown.
    line = text.rfind(b"\n", max(0, start - _LONGEST_CODE), start) + 1
    form = b'<a id="%s">' if place and _HTML_HEADING.match(text, line, start) else b"{#%s}"
    _blank(data, start, end, form % (place[1] or place[2]) if place else b"")


def _end_of_code(text: bytes, ticks: bytes, at: int, end: int) -> int:
    """Return where the code ends that these ticks begin; where they end if it does not."""
    reach = min(end, at + _LONGEST_CODE)
    blank = text.find(b"\n\n", at, reach)
    closing = _run(len(ticks)).search(text, at, reach if blank < 0 else blank)
    return closing.end() if closing else at


@cache
def _run(length: int) -> re.Pattern[bytes]:
    return re.compile(rb"(?<!`)`{%d}(?!`)" % length) if length <= _LONGEST_RUN else re.compile(rb"(?!)")


def _without_indents(data: bytearray, code: list[tuple[int, int]]) -> None:
    """Put quotes in the place of indents that would make code of a text."""
    starts = dict(code)
    lists: list[int] = []
    at, after_blank, quoting = 0, True, False
    while at < len(data):
        fence = starts.get(at)
        end = data.find(b"\n", at) + 1 or len(data)
        line = data[at:end].lstrip(b" \t")
        text = end - len(line)
        indent = len(data[at:text].expandtabs(4))
        if not line.strip():
            after_blank, quoting, at = True, False, end
            continue
        while lists and indent < lists[-1]:
            lists.pop()
        beyond = indent - (lists[-1] if lists else 0)
        deep = _INDENT_OF_CODE <= beyond <= _DEEPEST
        if deep and (after_blank or quoting or fence is not None):
            begin = max(at, text - beyond)
            data[begin:text] = (b">  " * beyond)[: text - begin]
            quoting = True
            if fence is not None:
                _blank(data, end, fence)
        else:
            quoting = False
            listed = _LISTED.match(line) if not line.startswith(b"`") else None
            if listed and beyond < _INDENT_OF_CODE:
                lists.append(indent + max(listed.end(), 2))
        at = (data.find(b"\n", fence) + 1 or len(data)) if fence is not None else end
        after_blank = fence is not None
