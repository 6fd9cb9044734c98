"""Parse markdown into its outline: headings, links, tasks, code blocks, and where its plain text lies.

The one module that touches the parser (pyromark, which is pulldown-cmark). Tables stay off: a `[[a|b]]` in a cell
would be split. Metadata blocks stay off: they match anywhere in a document and are quadratic.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import pyromark
from pyromark import Options

from mdcache.parse.kinds import WIKI_KINDS

_PLAIN = Options.ENABLE_FOOTNOTES | Options.ENABLE_STRIKETHROUGH | Options.ENABLE_TASKLISTS
_PLAIN_MARKDOWN = pyromark.Markdown(options=_PLAIN)
_MARKDOWN = pyromark.Markdown(options=_PLAIN | Options.ENABLE_WIKILINKS)
_MATH_MARKDOWN = pyromark.Markdown(options=_PLAIN | Options.ENABLE_MATH)

# Containers nested deeper than this are quadratic in the parser (256 KB of '> ' lines: 5.9 s) and occur in no
# real document. A line with so many markers is neutralised before parsing.
NESTING_LIMIT = 200
_MARKER = rb"[ \t]*(?:>|[-+*](?=[ \t])|[0-9]{1,9}[.)](?=[ \t]))"
_DEEP_LINE = re.compile(rb"^(?:%s){%d,}.*" % (_MARKER, NESTING_LIMIT), re.MULTILINE)
# Every byte that may stand in the markers of a line, as one: a deep line has many of them in a row.
_AS_MARKER = bytes(ord(">") if byte in b">-+*.) \t0123456789" else 0 for byte in range(256))

# What may make plain CommonMark see a link where wikilinks are on: [[1]](url), [[1]][ref], [a [[b]] c](d), and
# shortcut references, which need a definition. Both begin with a literal: re then searches at the speed of memchr.
_RIVAL = re.compile(r"\]\](?:[^\[\]\n]*\])?[(\[]")
_DEFINITION = re.compile(r"\n {0,3}\[[^\]\n]+\]:")

AUTOLINK = "autolink"
"""`<https://…>`: stored as the kind markdown, but no rival of a wikilink."""
_NEVER = sys.maxsize


class Heading(NamedTuple):
    """A heading: its level (1–6), its plain text, where it starts."""

    level: int
    text: str
    start: int
    spoken: str
    """The text without what stands for images, as anchors are made of it."""
    code: tuple[tuple[int, int], ...] = ()
    """Where code lies in it: (start, end)."""


class Reference(NamedTuple):
    """A link or image as the parser sees it. kind: one of KINDS, or AUTOLINK.

    label is None for a wikilink without one and for an autolink.
    """

    kind: str
    target: str
    label: str | None
    start: int
    end: int


_PENDING = Reference("", "", None, 0, 0)


class Outline(NamedTuple):
    """What a document consists of, in order of place. All offsets are bytes into the text that was parsed."""

    headings: list[Heading]
    references: list[Reference]
    tasks: list[tuple[bool, int, int]]
    """(done, start, end) of each checkbox's own text."""
    code_blocks: list[tuple[str | None, int]]
    html: list[tuple[int, int]]
    plain: list[int]
    """Those of the offsets asked about that lie in plain text: neither code, nor link, nor definition, nor HTML."""


def neutralised(data: bytes) -> tuple[bytes, list[int]]:
    """Return the text with lines that nest too deeply blanked out, offsets kept, and the offsets of those lines."""
    if b">" * NESTING_LIMIT not in data.translate(_AS_MARKER):
        return data, []
    deep = [match.span() for match in _DEEP_LINE.finditer(data)]
    blanked = bytearray(data)
    for start, end in deep:
        blanked[start:end] = b" " * (end - start)
    return bytes(blanked), [start for start, _ in deep]


def outline(text: str, asked: Sequence[int] = (), wikilinks: bool = True) -> Outline:
    """Return the outline of a text. Nothing raises: to CommonMark every text is a document.

    asked are ascending offsets in bytes; outline.plain holds those of them that lie in plain text.
    """
    if not wikilinks:
        return _Walk(asked).run(_PLAIN_MARKDOWN.events_with_range(text))
    found = _Walk(asked).run(_MARKDOWN.events_with_range(text))
    if any(reference.kind in WIKI_KINDS for reference in found.references) and _may_have_rivals(text):
        return _without_rivals(found, _Walk(()).run(_PLAIN_MARKDOWN.events_with_range(text)))
    return found


def _may_have_rivals(text: str) -> bool:
    return bool(_RIVAL.search(text) or _DEFINITION.search("\n" + text))


def _without_rivals(found: Outline, commonmark: Outline) -> Outline:
    """Return the outline without wikilinks that overlap a link of plain CommonMark: `[[1]](url)` is a markdown link."""
    links = [reference for reference in commonmark.references if reference.kind != AUTOLINK]
    references = [r for r in found.references if r.kind == AUTOLINK] + links
    rivals = iter(links)
    rival = next(rivals, None)
    for wikilink in found.references:
        if wikilink.kind not in WIKI_KINDS:
            continue
        while rival is not None and rival.end <= wikilink.start:
            rival = next(rivals, None)
        if rival is None or rival.start >= wikilink.end:
            references.append(wikilink)
    references.sort(key=lambda r: (r.start, -r.end))
    return found._replace(references=references, headings=commonmark.headings, plain=_outside(found.plain, links))


def _outside(offsets: list[int], links: list[Reference]) -> list[int]:
    """Return the offsets that do not lie within any of these links; both are ascending."""
    left, index, reach = [], 0, 0
    for offset in offsets:
        while index < len(links) and links[index].start <= offset:
            reach = max(reach, links[index].end)
            index += 1
        if offset >= reach:
            left.append(offset)
    return left


def math(text: str) -> list[tuple[int, int]]:
    """Return the ranges of `$math$` and `$$math$$` that the parser sees, signs included."""
    events = _MATH_MARKDOWN.events_with_range(text)
    return [(span["start"], span["end"]) for event, span in events if "InlineMath" in event or "DisplayMath" in event]


class _Code(str):
    """Text in a code span. A class of its own, as what changes punctuation leaves it alone."""

    __slots__ = ()


class _Alt(str):
    """Text that stands for an image. A class of its own, so that anchors can leave it out."""

    __slots__ = ()


_Open = tuple["list[str] | None", int, str, str, bool]
"""A link or image whose text is being collected: the pieces of the element around it, its place among the references
(which stay in the order in which they start), its kind and target, and whether its text is a label of its own."""


class _Walk:
    """One pass over the parser's events. Its state is the elements that are open."""

    def __init__(self, asked: Sequence[int]) -> None:
        self._found = Outline([], [], [], [], [], [])
        self._asked = iter(asked)
        self._open: list[_Open] = []
        self._opaque = 0
        """How many links and code blocks are open: what is said in them is no plain text."""
        self._task: tuple[bool, int] | None = None

    def run(self, events: Iterable[tuple[Any, Any]]) -> Outline:
        """Return the outline. The hot loop: half a million events for 10 MB, most of them text that is not needed.

        An event is a dict with one key or, for breaks and rules, a str in which no such key occurs: `in` serves both.
        """
        pieces: list[str] | None = None  # of the text of the innermost heading, link or image
        wanted = next(self._asked, _NEVER)
        for event, span in events:
            if "Text" in event:
                if pieces is not None:
                    pieces.append(event["Text"])
                if span["end"] > wanted and not self._opaque:
                    wanted = self._plain(wanted, span)
            elif "Start" in event:
                tag = event["Start"]
                if tag.__class__ is not str:
                    pieces = self._start(tag, span, pieces)
                elif tag == "Item":
                    self._end_task(span["start"])
                elif tag == "HtmlBlock":
                    self._found.html.append((span["start"], span["end"]))
            elif "End" in event:
                tag = event["End"]
                if tag == "Paragraph" or tag == "Item":
                    if self._task:
                        self._end_task(span["end"])
                else:
                    pieces = self._end(tag, span, pieces)
            elif "Code" in event:
                if pieces is not None:
                    pieces.append(_Code(event["Code"]))
            elif event.__class__ is str:
                if pieces is not None:
                    pieces.append(" ")
            elif "InlineHtml" in event:
                self._found.html.append((span["start"], span["end"]))
            elif "TaskListMarker" in event:
                self._task = event["TaskListMarker"], span["end"]
        return self._found

    def _plain(self, wanted: int, span: Any) -> int:
        """Keep the offsets that lie in this text; return the first one behind it."""
        start, end = span["start"], span["end"]
        while wanted < end:
            if wanted >= start:
                self._found.plain.append(wanted)
            wanted = next(self._asked, _NEVER)
        return wanted

    def _start(self, tag: Any, span: Any, pieces: list[str] | None) -> list[str] | None:
        """Return the list that collects text from now on."""
        if "Link" in tag:
            return self._start_link("Link", tag["Link"], pieces)
        if "Heading" in tag:
            return []
        if "CodeBlock" in tag:
            self._opaque += 1
            self._end_task(span["start"])
            self._found.code_blocks.append((_language(tag["CodeBlock"]), span["start"]))
        elif "List" in tag:
            self._end_task(span["start"])
        elif "Image" in tag:
            return self._start_link("Image", tag["Image"], pieces)
        return pieces

    def _start_link(self, name: str, value: Any, outer: list[str] | None) -> list[str]:
        self._opaque += 1
        references = self._found.references
        self._open.append((outer, len(references), *_meaning(name, value)))
        references.append(_PENDING)
        return []

    def _end(self, tag: Any, span: Any, pieces: list[str] | None) -> list[str] | None:
        """Return the list that collects text from now on."""
        if tag == "Link" or tag == "Image":
            return self._end_link(tag, span, pieces or [])
        if tag == "CodeBlock":
            self._opaque -= 1
        elif tag.__class__ is not str and "Heading" in tag:
            self._end_heading(int(tag["Heading"][1]), span["start"], pieces or [])
            return None
        return pieces

    def _end_heading(self, level: int, start: int, pieces: list[str]) -> None:
        text = spoken = "".join(pieces)
        kinds = set(map(type, pieces))
        if _Alt in kinds:
            pieces = [piece for piece in pieces if piece.__class__ is not _Alt]
            spoken = "".join(pieces)
        code = _spans_of_code(pieces) if _Code in kinds else ()
        self._found.headings.append(Heading(level, text.strip(), start, spoken, code))

    def _end_link(self, tag: str, span: Any, pieces: list[str]) -> list[str] | None:
        self._opaque -= 1
        outer, place, kind, target, labelled = self._open.pop()
        label = "".join(pieces) if labelled else None
        self._found.references[place] = Reference(kind, target, label, span["start"], span["end"])
        if outer is not None:
            outer += pieces if tag == "Link" else map(_Alt, pieces)
        return outer

    def _end_task(self, end: int) -> None:
        if self._task is not None:
            self._found.tasks.append((*self._task, end))
            self._task = None


def _spans_of_code(pieces: list[str]) -> tuple[tuple[int, int], ...]:
    ends = accumulate(map(len, pieces))
    return tuple((end - len(piece), end) for piece, end in zip(pieces, ends, strict=True) if piece.__class__ is _Code)


def _language(value: Any) -> str | None:
    """Return the first word of the info string of a fenced block, None without one."""
    words = value["Fenced"].split() if value.__class__ is not str else None
    return words[0] if words else None


def _meaning(name: str, value: Any) -> tuple[str, str, bool]:
    """Return (kind, target, whether its text is a label of its own) of a link or image."""
    link_type, target = value["link_type"], value["dest_url"]
    if link_type.__class__ is str:
        if link_type == "Autolink":
            return AUTOLINK, target, False
        if link_type == "Email":
            return AUTOLINK, "mailto:" + target, False
        return "image" if name == "Image" else "markdown", target, True
    kind = "embed" if name == "Image" else "wikilink"
    if "\n" in target:
        target = " ".join(target.split())
    if link_type["WikiLink"]["has_pothole"]:
        # In a table cell the bar is escaped, [[a\|b]], and the parser leaves the backslash to us.
        return kind, target.removesuffix("\\"), True
    return kind, target, False
