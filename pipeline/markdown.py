"""From markdown to its outline: headings, links, tasks, code blocks and where its plain text lies.

The one module that touches the parser (pyromark, which is pulldown-cmark). Tables stay off: a `[[a|b]]` in a cell
would be split. Metadata blocks stay off: they match anywhere in a document and are quadratic.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pyromark
from pyromark import Options

VERSION = pyromark.__version__

_PLAIN = Options.ENABLE_FOOTNOTES | Options.ENABLE_STRIKETHROUGH | Options.ENABLE_TASKLISTS
_PLAIN_MARKDOWN = pyromark.Markdown(options=_PLAIN)
_MARKDOWN = pyromark.Markdown(options=_PLAIN | Options.ENABLE_WIKILINKS)

# Containers nested deeper than this are quadratic in the parser (256 KB of '> ' lines: 5.9 s) and occur in no
# real document. A line with so many markers is neutralised before parsing.
NESTING_LIMIT = 200
_MARKERS = bytes.maketrans(b"-+*.)", b">>>>>")
_MARKER = rb"[ \t]*(?:>|[-+*](?=[ \t])|[0-9]{1,9}[.)](?=[ \t]))"
_DEEP_LINE = re.compile(rb"^(?:%s){%d,}.*" % (_MARKER, NESTING_LIMIT), re.MULTILINE)

# What may make plain CommonMark see a link where wikilinks are on: [[1]](url), [[1]][ref], [a [[b]] c](d), and
# shortcut references, which need a definition.
_RIVAL = re.compile(r"\]\](?:[^\[\]\n]*\])?[(\[]|^ {0,3}\[[^\]\n]+\]:", re.MULTILINE)

_LINK_KINDS = {"Autolink": "autolink", "Email": "email"}


class Heading(NamedTuple):
    """A heading: 1–6, its plain text, where it starts."""

    level: int
    text: str
    start: int


class Reference(NamedTuple):
    """A link or image as the parser sees it. kind: markdown, image, wikilink, embed, autolink or email.

    label is None for a wikilink without one and for an autolink.
    """

    kind: str
    target: str
    label: str | None
    start: int
    end: int


class Outline(NamedTuple):
    """What a document consists of. All offsets are bytes into the text that was parsed."""

    headings: list[Heading]
    references: list[Reference]
    tasks: list[tuple[bool, int, int]]
    """(done, start, end) of each checkbox's own text."""
    code_blocks: list[tuple[str | None, int]]
    html: list[tuple[int, int]]
    texts: list[tuple[int, int]]
    """Where plain text lies that is neither code, nor link, nor HTML."""


class _Open(NamedTuple):
    """An element whose text is being collected."""

    reference: Reference | None
    pieces: list[str]


def neutralised(data: bytes) -> tuple[bytes, list[int]]:
    """Blank out lines nested too deeply, keeping every offset; also gives the offsets of those lines."""
    squeezed = data.translate(_MARKERS, b" \t0123456789")
    if b">" * NESTING_LIMIT not in squeezed:
        return data, []
    deep = [match.span() for match in _DEEP_LINE.finditer(data)]
    blanked = bytearray(data)
    for start, end in deep:
        blanked[start:end] = b" " * (end - start)
    return bytes(blanked), [start for start, _ in deep]


def outline(text: str, with_texts: bool = True) -> Outline:
    """Walk the parser's events once. Never raises for bad content: to CommonMark every text is a document.

    Without with_texts, texts stays empty: most documents have nothing there to look for, and most events are text.
    """
    walk = _Walk(with_texts)
    walk.run(_MARKDOWN.events_with_range(text))
    if "[[" in text and _RIVAL.search(text) and any(r.kind in ("wikilink", "embed") for r in walk.references):
        return _without_rivals(walk.outline(), text)
    return walk.outline()


def _without_rivals(found: Outline, text: str) -> Outline:
    """`[[1]](url)` is a markdown link: a wikilink that overlaps a link of plain CommonMark is none."""
    walk = _Walk(False)
    walk.run(_PLAIN_MARKDOWN.events_with_range(text))
    plain = [reference for reference in walk.references if reference.kind in ("markdown", "image")]
    references = [r for r in found.references if r.kind in ("autolink", "email")]
    wikilinks = [r for r in found.references if r.kind in ("wikilink", "embed")]
    rivals = iter(plain)
    rival = next(rivals, None)
    for wikilink in wikilinks:
        while rival is not None and rival.end <= wikilink.start:
            rival = next(rivals, None)
        if rival is None or rival.start >= wikilink.end:
            references.append(wikilink)
    references = sorted(references + plain, key=lambda r: (r.start, -r.end))
    return found._replace(references=references, headings=walk.headings, texts=_outside(found.texts, plain))


def _outside(texts: list[tuple[int, int]], links: list[Reference]) -> list[tuple[int, int]]:
    """The texts that do not lie within any of these links; both are in order."""
    left, index, reach = [], 0, 0
    for start, end in texts:
        while index < len(links) and links[index].start <= start:
            reach = max(reach, links[index].end)
            index += 1
        if start >= reach:
            left.append((start, end))
    return left


class _Walk:
    """One pass over the events. State that outlives an event: the elements that are open."""

    def __init__(self, with_texts: bool) -> None:
        self.headings: list[Heading] = []
        self.references: list[Reference] = []
        self.tasks: list[tuple[bool, int, int]] = []
        self.code_blocks: list[tuple[str | None, int]] = []
        self.html: list[tuple[int, int]] = []
        self.texts: list[tuple[int, int]] = []
        self._with_texts = with_texts
        self._open: list[_Open] = []
        self._links = 0
        self._in_code = False
        self._task: tuple[bool, int] | None = None

    def outline(self) -> Outline:
        references = sorted(self.references, key=lambda r: (r.start, -r.end))
        return Outline(self.headings, references, self.tasks, self.code_blocks, self.html, self.texts)

    def run(self, events: Iterator[tuple[Any, Any]]) -> None:
        """The hot loop: half a million events for 10 MB, most of them text that nobody asked for."""
        open_, texts, with_texts = self._open, self.texts, self._with_texts
        for event, span in events:
            if event.__class__ is str:
                for element in open_:
                    element.pieces.append(" ")
                continue
            ((name, value),) = event.items()
            if name == "Text":
                if open_:
                    for element in open_:
                        element.pieces.append(value)
                if with_texts and not self._links and not self._in_code:
                    texts.append((span["start"], span["end"]))
            elif name == "Start":
                self._start(value, span)
            elif name == "End":
                self._end(value, span)
            elif name == "Code":
                for element in open_:
                    element.pieces.append(value)
            elif name == "InlineHtml":
                self.html.append((span["start"], span["end"]))
            elif name == "TaskListMarker":
                self._task = (value, span["end"])

    def _start(self, tag: Any, span: Any) -> None:
        if tag.__class__ is str:
            if tag == "HtmlBlock":
                self.html.append((span["start"], span["end"]))
            elif tag == "Item":
                self._close_task(span["start"])
            return
        ((name, value),) = tag.items()
        if name == "Link" or name == "Image":
            self._links += 1
            self._open.append(_Open(_reference(name, value, span), []))
        elif name == "Heading":
            self._open.append(_Open(None, []))
        elif name == "CodeBlock":
            self._in_code = True
            info = value if value.__class__ is str else value["Fenced"].split()
            self.code_blocks.append((info[0] if info and info != "Indented" else None, span["start"]))
            self._close_task(span["start"])
        elif name == "List":
            self._close_task(span["start"])

    def _end(self, tag: Any, span: Any) -> None:
        if tag.__class__ is str:
            if tag == "Link" or tag == "Image":
                self._links -= 1
                self._close_reference(self._open.pop())
            elif tag == "CodeBlock":
                self._in_code = False
            elif tag == "Item" or tag == "Paragraph":
                self._close_task(span["end"])
            return
        level = tag.get("Heading")
        if level is not None:
            text = "".join(self._open.pop().pieces).strip()
            self.headings.append(Heading(int(level[1]), text, span["start"]))

    def _close_reference(self, element: _Open) -> None:
        reference = element.reference
        assert reference is not None
        if reference.label is not None:
            reference = reference._replace(label="".join(element.pieces))
        self.references.append(reference)

    def _close_task(self, end: int) -> None:
        if self._task is not None:
            done, start = self._task
            self.tasks.append((done, start, end))
            self._task = None


def _reference(name: str, value: Any, span: Any) -> Reference:
    """label '' stands for: collect it."""
    link_type, target = value["link_type"], value["dest_url"]
    if link_type.__class__ is not str:
        label = "" if link_type["WikiLink"]["has_pothole"] else None
        # In a table cell the bar is escaped, [[a\|b]], and the parser leaves the backslash to us.
        target = target.removesuffix("\\") if label is not None else target
        kind = "embed" if name == "Image" else "wikilink"
        return Reference(kind, target, label, span["start"], span["end"])
    kind = _LINK_KINDS.get(link_type)
    if kind is not None:
        return Reference(kind, target, None, span["start"], span["end"])
    return Reference("image" if name == "Image" else "markdown", target, "", span["start"], span["end"])
