"""Stage 2, parse: the bytes of one file in, a Document out. Pure, and it never raises for bad content.

What is wrong becomes a problem with its line, and the rest of the document is still indexed.
"""

from __future__ import annotations

import codecs
import hashlib
import operator
import re
from collections.abc import Iterable, Iterator
from itertools import accumulate, pairwise
from typing import NamedTuple

from pipeline import anchors, frontmatter, inline, markdown, targets
from pipeline.model import (
    ERROR,
    WARNING,
    Anchor,
    Claim,
    CodeBlock,
    Content,
    Document,
    Link,
    PathRule,
    Problem,
    Rules,
    Section,
    Task,
)
from pipeline.paths import without_extension
from pipeline.patterns import Patterns

_BOM = b"\xef\xbb\xbf"
# Stands for a NUL byte and for each byte that is not UTF-8 while parsing: one byte for one byte keeps every offset.
_REPLACED = "\x1a"
_SHOWN = "\ufffd"
_LONE_RETURN = re.compile(r"\r(?!\n)")
_DATE = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?!\d)")
_CUSTOM_ID = re.compile(r"\{#([^\s{}]+)\}\s*$")
_H1 = 1

codecs.register_error(
    "mdcache-same-length",
    lambda error: (_REPLACED * (error.end - error.start), error.end),  # type: ignore[attr-defined]
)


class _Text(NamedTuple):
    """A document made fit for the parser: data is valid UTF-8, and data[0] is the file's byte number base."""

    data: bytes
    base: int
    text: str


def parse(path: str, content: Content, rules: Rules) -> Document:
    """Parse the content of the file at path, relative to the base."""
    problems: list[Problem] = []
    too_large = content.size > len(content.data)
    whole = _decoded(path, _without_torn_end(content.data) if too_large else content.data, problems)
    front, text, front_lines = _front_matter(path, whole, problems)
    if too_large:
        message = f"larger than {rules.size_limit} bytes: only its front matter is read"
        problems.append(Problem(path, 1, 1, "too-large", WARNING, message))
        body = _Body.unread(text.base, content.size, front_lines)
    else:
        body = _read_body(path, text, front_lines, problems, rules)
    return _document(path, content, front, body, tuple(problems), rules)


def content_of(raw: bytes) -> Content:
    """The content of a file that is in memory as a whole."""
    return Content(raw, hashlib.sha256(raw).hexdigest(), len(raw))


def _without_torn_end(head: bytes) -> bytes:
    """The head of a file without a last character of which only a part is in it."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(head)
    return head[: len(head) - len(decoder.getstate()[0])]


def _decoded(path: str, raw: bytes, problems: list[Problem]) -> _Text:
    base = len(_BOM) if raw.startswith(_BOM) else 0
    data = raw[base:] if base else raw
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = _breaks(data).count(b"\n", 0, error.start) + 1
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        problems.append(Problem(path, line, 1, "not-utf8", ERROR, message))
        text = data.decode("utf-8", "mdcache-same-length")
        data = text.encode()
    if "\0" in text or "\r" in text:
        # A lone return ends a line, says CommonMark, but the parser forgets it after a fence, for one.
        text = _LONE_RETURN.sub("\n", text.replace("\0", _REPLACED))
        data = text.encode()
    return _Text(data, base, text)


def _breaks(data: bytes) -> bytes:
    """The same bytes, but every \\r is a line break of its own or blank: so each line ends in one \\n."""
    return data.replace(b"\r\n", b" \n").replace(b"\r", b"\n") if b"\r" in data else data


def _front_matter(
    path: str, whole: _Text, problems: list[Problem]
) -> tuple[frontmatter.FrontMatter | None, _Text, int]:
    """What the front matter says, the text after it, and how many lines it takes."""
    if not whole.data.startswith(b"---"):
        return None, whole, 0
    place = frontmatter.split(whole.data)
    if place is None:
        if frontmatter.unclosed(whole.data):
            problems.append(Problem(path, 1, 1, "front-matter", WARNING, "the front matter is never closed with '---'"))
        return None, whole, 0
    start, end, after = place
    found: frontmatter.FrontMatter | None = None
    match frontmatter.read(whole.data[start:end].decode()):
        case frontmatter.Trouble(line, column, why):
            message = f"the front matter cannot be read: {why}"
            problems.append(Problem(path, line + 2, column + 1, "front-matter", ERROR, message))
        case frontmatter.FrontMatter() as read:
            found = read
    rest = whole.data[after:]
    lines = _breaks(whole.data[:after]).count(b"\n")
    text = whole.text[after:] if whole.text.isascii() else rest.decode()
    return found, _Text(rest, whole.base + after, text), lines


class _Body(NamedTuple):
    """What the text of a document holds."""

    title: str | None
    sections: tuple[Section, ...]
    bodies: tuple[str, ...]
    links: tuple[Link, ...]
    tags: list[str]
    tasks: tuple[Task, ...]
    code_blocks: tuple[CodeBlock, ...]
    anchors: tuple[Anchor, ...]

    @classmethod
    def unread(cls, start: int, end: int, front_lines: int) -> _Body:
        section = Section(0, None, None, start, end, front_lines + 1)
        return cls(None, (section,), ("",), (), [], (), (), ())


def _read_body(path: str, text: _Text, front_lines: int, problems: list[Problem], rules: Rules) -> _Body:
    data, deep = markdown.neutralised(text.data)
    plain = data.decode() if deep else text.text
    breaks = _breaks(data)
    candidates = inline.candidates(plain)
    offsets = _byte_offsets(plain, [start for start, _, _ in candidates])
    outline = markdown.outline(plain, offsets)
    if _REPLACED in plain:
        outline = _shown(outline)
    starts, sections = _sections(outline.headings, breaks, text.base, front_lines + 1)
    finder = _Finder(path, data, breaks, front_lines + 1, starts, rules)
    if deep:
        message = f"nests {markdown.NESTING_LIMIT} quotes or lists or more: the line is left out"
        problems.append(Problem(path, finder.line(deep[0]), 1, "nesting", WARNING, message))
    said = _said(dict(zip(offsets, candidates, strict=True)), outline, data)
    if said.conflict is not None:
        message = "a merge conflict was left in"
        problems.append(Problem(path, finder.line(said.conflict), 1, "conflict-marker", ERROR, message))
    return _Body(
        next((heading.text for heading in outline.headings if heading.level == _H1 and heading.text), None),
        sections,
        _bodies(text, sections),
        finder.links(outline.references, said.links),
        said.tags,
        finder.tasks(outline.tasks),
        finder.code_blocks(outline.code_blocks),
        finder.anchors(said.anchors),
    )


def _shown(outline: markdown.Outline) -> markdown.Outline:
    """With the sign that readers know where a byte was replaced."""
    return outline._replace(
        headings=[
            heading._replace(text=heading.text.replace(_REPLACED, _SHOWN), spoken=heading.spoken.replace(_REPLACED, ""))
            for heading in outline.headings
        ],
        references=[
            reference._replace(
                target=reference.target.replace(_REPLACED, _SHOWN),
                label=reference.label and reference.label.replace(_REPLACED, _SHOWN),
            )
            for reference in outline.references
        ],
    )


def _byte_offsets(text: str, offsets: list[int]) -> list[int]:
    """Offsets in characters, in order, as offsets in bytes."""
    if not offsets or text.isascii():
        return offsets
    lengths = [len(text[start:end].encode()) for start, end in pairwise([0, *offsets])]
    return list(accumulate(lengths))


_Found = tuple[int, str, str, str, str | None]
"""A link before it is placed: (start, kind, type, target, label)."""


class _Said(NamedTuple):
    """What is said in plain text, HTML comments and HTML, in words that markdown does not know."""

    tags: list[str]
    links: list[_Found]
    anchors: list[tuple[int, str]]
    conflict: int | None
    """Where the first one begins."""


def _said(candidates: dict[int, inline.Candidate], outline: markdown.Outline, data: bytes) -> _Said:
    tags: list[str] = []
    links: list[_Found] = []
    anchors: list[tuple[int, str]] = []
    conflict: tuple[int, re.Match[str]] | None = None
    for at in outline.plain:
        _, kind, match = candidates[at]
        if kind is inline.TAG:
            tags += inline.tag(match)
        elif kind is inline.URL:
            links += ((at, "url", "LINKS_TO", url, None) for url in inline.url(match))
        elif kind is inline.TAG_RELATION:
            links += ((at, "relation", "TAGGED_AS", target, None) for target in inline.tag_relation(match))
        elif kind is inline.BLOCK_ID:
            anchors.append((at, match[0]))
        elif conflict is None:  # if the first is none, no later one is
            conflict = at, match
    for start, end in outline.html:
        raw = data[start:end].decode()
        anchors += ((start, anchor) for anchor in inline.html_anchors(raw))
        comment = inline.comment_tags(raw)
        tags += comment.tags
        for key, target, at in comment.relations:
            links.append((start + at, "relation", inline.edge_type(key), target, None))
    for heading in outline.headings:
        if "{#" in heading.text and (custom := _CUSTOM_ID.search(heading.text)):
            anchors.append((heading.start, custom[1]))
    return _Said(tags, links, anchors, conflict[0] if conflict and inline.is_conflict(conflict[1]) else None)


def _sections(
    headings: list[markdown.Heading], breaks: bytes, base: int, line: int
) -> tuple[list[int], tuple[Section, ...]]:
    """The sections, and where each starts in the parsed bytes. A section starts with its heading's line."""
    starts, lines, at = [0], [line], 0
    for heading in headings:
        starts.append(max(starts[-1], breaks.rfind(b"\n", starts[-1], heading.start) + 1))
        line += breaks.count(b"\n", at, heading.start)
        at = heading.start
        lines.append(line)
    starts.append(len(breaks))
    sections = [Section(0, None, None, base, base + starts[1], lines[0])]
    names = anchors.anchors([heading.spoken for heading in headings])
    for i, (level, text, _, _) in enumerate(headings):
        sections.append(Section(level, text, names[i], base + starts[i + 1], base + starts[i + 2], lines[i + 1]))
    return starts[:-1], tuple(sections)


def _bodies(text: _Text, sections: tuple[Section, ...]) -> tuple[str, ...]:
    base = text.base
    if text.text.isascii():
        return tuple([text.text[section.start - base : section.end - base] for section in sections])
    return tuple([text.data[section.start - base : section.end - base].decode() for section in sections])


class _Places:
    """Turns offsets that only grow into (section, line, column); linear over all of them, however long the lines."""

    __slots__ = ("_ascii", "_at", "_breaks", "_column", "_line", "_section", "_starts")

    def __init__(self, breaks: bytes, line: int, starts: list[int]) -> None:
        self._breaks, self._ascii = breaks, breaks.isascii()
        self._starts, self._section = starts, 0
        self._at, self._line, self._column = 0, line, 1

    def of(self, offset: int) -> tuple[int, int, int]:
        """The place of an offset not before the one asked for last."""
        at, breaks, starts = self._at, self._breaks, self._starts
        while self._section + 1 < len(starts) and starts[self._section + 1] <= offset:
            self._section += 1
        last = breaks.rfind(b"\n", at, offset)
        if last >= 0:
            self._line += breaks.count(b"\n", at, last) + 1
            self._column, at = 1, last + 1
        self._column += offset - at if self._ascii else len(breaks[at:offset].decode("utf-8", "replace"))
        self._at = offset
        return self._section, self._line, self._column


class _Finder:
    """Turns what lies at an offset into rows with line, column and section."""

    def __init__(self, path: str, data: bytes, breaks: bytes, line: int, starts: list[int], rules: Rules) -> None:
        self._path, self._data, self._breaks = path, data, breaks
        self._line, self._starts, self._rules = line, starts, rules

    def _places(self) -> _Places:
        return _Places(self._breaks, self._line, self._starts)

    def line(self, offset: int) -> int:
        return self._line + self._breaks.count(b"\n", 0, offset)

    def links(self, references: list[markdown.Reference], said: list[_Found]) -> tuple[Link, ...]:
        if not references and not said:
            return ()
        found = [*self._references(references), *said]
        if said:
            found.sort(key=_start)
        path, rules, place = self._path, self._rules, self._places().of
        return tuple(
            [link_of(path, place(at), kind, type_, target, label, rules) for at, kind, type_, target, label in found]
        )

    def _references(self, references: list[markdown.Reference]) -> Iterator[_Found]:
        """Wikilinks after `key::` are relations."""
        related = b"::" in self._data
        relation, last = None, 0
        for kind, target, label, start, end in references:
            kind, type_ = _KINDS[kind]
            if related and kind == "wikilink":
                relation = self._relation(start, relation, last)
                last = end
                if relation:
                    kind, type_ = "relation", relation
            yield start, kind, type_, target, (label.strip() or None) if label else None

    def _relation(self, start: int, last: str | None, last_end: int) -> str | None:
        """The type of the wikilink at start; last is that of the one before it."""
        if last and inline.continues_relation(self._data[last_end:start]):
            return last
        key = inline.relation_key(self._data, start)
        return inline.edge_type(key) if key else None

    def tasks(self, tasks: list[tuple[bool, int, int]]) -> tuple[Task, ...]:
        if not tasks:
            return ()
        found, place = [], self._places().of
        for done, start, end in tasks:
            section, line, _ = place(start)
            found.append(Task(section, line, done, _in_one_line(self._data[start:end].decode())))
        return tuple(found)

    def code_blocks(self, blocks: list[tuple[str | None, int]]) -> tuple[CodeBlock, ...]:
        if not blocks:
            return ()
        place = self._places().of
        return tuple([CodeBlock(*place(start)[:2], language) for language, start in blocks])

    def anchors(self, found: list[tuple[int, str]]) -> tuple[Anchor, ...]:
        """The first of each name, in order."""
        if not found:
            return ()
        unique: dict[str, Anchor] = {}
        place = self._places().of
        for start, anchor in sorted(found):
            section, line, _ = place(start)
            unique.setdefault(anchor, Anchor(anchor, section, line))
        return tuple(unique.values())


def _in_one_line(text: str) -> str:
    return " ".join(text.replace(_REPLACED, _SHOWN).split())


_start = operator.itemgetter(0)
_KINDS = {
    "markdown": ("markdown", "LINKS_TO"),
    "autolink": ("markdown", "LINKS_TO"),
    "image": ("image", "EMBEDS"),
    "wikilink": ("wikilink", "LINKS_TO"),
    "embed": ("embed", "EMBEDS"),
}
WIKI_KINDS = frozenset(("wikilink", "embed", "property", "relation"))
"""Kinds of links whose target is looked up by name, not by path."""


def link_of(
    path: str,
    place: tuple[int, int, int],
    kind: str,
    type_: str,
    target: str,
    label: str | None,
    rules: Rules,
) -> Link:
    """A link in the document at path; place is (section, line, column)."""
    section, line, column = place
    found = targets.look_up(kind in WIKI_KINDS, target, path, rules.extensions)
    return Link(section, line, column, kind, type_, target, found.fragment, label, found.scope, found.name)


def _document(
    path: str,
    content: Content,
    front: frontmatter.FrontMatter | None,
    body: _Body,
    problems: tuple[Problem, ...],
    rules: Rules,
) -> Document:
    fields = front.fields if front else {}
    name = path.rpartition("/")[2]
    stem = without_extension(name, rules.extensions)
    dated = _DATE.match(name)
    by_path = _by_path(path, rules.paths)
    return Document(
        path=path,
        title=fields.get("title") or body.title or stem,
        type=fields.get("type") or by_path.type,
        domain=fields.get("domain") or by_path.domain,
        layer=fields.get("layer") or by_path.layer,
        date=fields.get("date") or (dated[0] if dated else None),
        summary=fields.get("summary") or fields.get("description") or None,
        hash=content.hash,
        size=content.size,
        meta=front.meta if front else None,
        claim=_claim(front),
        tags=_unique([*_front_tags(front), *body.tags]),
        aliases=_aliases(front),
        properties=front.properties if front else (),
        sections=body.sections,
        bodies=body.bodies,
        links=(*_property_links(path, front, rules), *body.links),
        tasks=body.tasks,
        code_blocks=body.code_blocks,
        anchors=body.anchors,
        problems=problems,
    )


def _claim(front: frontmatter.FrontMatter | None) -> Claim | None:
    wanted = front.fields.get("id") if front else None
    return Claim(wanted, front.lines["id"] + 2) if front and wanted else None


def _front_tags(front: frontmatter.FrontMatter | None) -> list[str]:
    """A list, or words in one value: with commas between, else spaces."""
    if not front:
        return []
    tags: list[str] = []
    for key in ("tags", "tag"):
        tags += front.lists.get(key, ())
        written = front.fields.get(key, "")
        tags += written.split(",") if "," in written else written.split()
    return [tag for tag in (tag.strip().lstrip("#") for tag in tags) if tag]


def _aliases(front: frontmatter.FrontMatter | None) -> tuple[str, ...]:
    if not front:
        return ()
    written = [front.fields.get(key, "") for key in ("aliases", "alias")]
    listed = [*front.lists.get("aliases", ()), *front.lists.get("alias", ())]
    return _unique(alias for alias in (*listed, *written) if alias)


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _property_links(path: str, front: frontmatter.FrontMatter | None, rules: Rules) -> tuple[Link, ...]:
    links = []
    for key, inner, line in front.links if front else ():
        target, _, label = inner.partition("|")
        place = (0, line + 2, 1)
        type_ = inline.edge_type(key)
        links.append(link_of(path, place, "property", type_, target.strip(), label.strip() or None, rules))
    return tuple(links)


_NO_RULE = PathRule("", None, None, None)


def _by_path(path: str, rules: tuple[PathRule, ...]) -> PathRule:
    """What the path rules say; a later rule overrides an earlier one, value by value."""
    said = _NO_RULE
    for rule in rules:
        if Patterns((rule.pattern,)).matches(path):
            said = PathRule("", rule.type or said.type, rule.domain or said.domain, rule.layer or said.layer)
    return said
