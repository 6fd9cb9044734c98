"""Stage 2, parse: the bytes of one file in, a Document out. Pure, and it never raises for bad content.

What is wrong becomes a problem with its line, and the rest of the document is still indexed.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Iterable, Iterator
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
_DATE = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?!\d)")
_CUSTOM_ID = re.compile(r"\{#([^\s{}]+)\}\s*$")
_CONFLICT = re.compile(r"^<<<<<<< .*?^=======$.*?^>>>>>>> ", re.DOTALL | re.MULTILINE)
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
    whole = _decoded(path, content.data, problems)
    front, text, front_lines = _front_matter(path, whole, problems)
    if content.size > len(content.data):
        message = f"larger than {rules.size_limit} bytes: only its front matter is read"
        problems.append(Problem(path, 1, 1, "too-large", WARNING, message))
        body = _Body.unread(text.base, content.size, front_lines)
    else:
        body = _read_body(path, text, front_lines, problems, rules)
    return _document(path, content, front, body, tuple(problems), rules)


def content_of(raw: bytes) -> Content:
    """The content of a file that is in memory as a whole."""
    return Content(raw, hashlib.sha256(raw).hexdigest(), len(raw))


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
    if "\0" in text:
        text = text.replace("\0", _REPLACED)
        data = data.replace(b"\0", _REPLACED.encode())
    return _Text(data, base, text)


def _breaks(data: bytes) -> bytes:
    """The same bytes with every line break a single \\n in its last byte: to the parser a lone \\r is one too."""
    return data.replace(b"\r\n", b" \n").replace(b"\r", b"\n") if b"\r" in data else data


class _Cursor:
    """Turns offsets that only grow into lines and columns; linear over all of them, however long the lines."""

    def __init__(self, data: bytes, first_line: int) -> None:
        self._data = data
        self._at, self._line, self._column = 0, first_line, 1

    def line(self, offset: int) -> int:
        return self.place(offset)[0]

    def place(self, offset: int) -> tuple[int, int]:
        """(line, column) of an offset not before the one asked for last."""
        last = self._data.rfind(b"\n", self._at, offset)
        if last < 0:
            self._column += len(self._data[self._at : offset].decode("utf-8", "replace"))
        else:
            self._line += self._data.count(b"\n", self._at, offset)
            self._column = len(self._data[last + 1 : offset].decode("utf-8", "replace")) + 1
        self._at = offset
        return self._line, self._column


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
    found = frontmatter.read(whole.data[start:end].decode())
    if isinstance(found, frontmatter.Trouble):
        message = f"the front matter cannot be read: {found.message}"
        problems.append(Problem(path, found.line + 2, found.column + 1, "front-matter", ERROR, message))
        found = None
    rest = whole.data[after:]
    lines = _breaks(whole.data[:after]).count(b"\n")
    text = whole.text[after:] if whole.text.isascii() else rest.decode()
    return found, _Text(rest, whole.base + after, text), lines


class _Body(NamedTuple):
    """What the text of a document holds."""

    headings: tuple[str, ...]
    sections: tuple[Section, ...]
    bodies: tuple[str, ...]
    links: tuple[Link, ...]
    tags: tuple[str, ...]
    tasks: tuple[Task, ...]
    code_blocks: tuple[CodeBlock, ...]
    anchors: tuple[Anchor, ...]

    @classmethod
    def unread(cls, start: int, end: int, front_lines: int) -> _Body:
        section = Section(0, None, None, start, end, front_lines + 1)
        return cls((), (section,), ("",), (), (), (), (), ())


def _read_body(path: str, text: _Text, front_lines: int, problems: list[Problem], rules: Rules) -> _Body:
    data, deep = markdown.neutralised(text.data)
    if deep:
        line = _breaks(data).count(b"\n", 0, deep[0]) + front_lines + 1
        message = f"nests {markdown.NESTING_LIMIT} quotes or lists or more: the line is left out"
        problems.append(Problem(path, line, 1, "nesting", WARNING, message))
    plain = data.decode() if deep else text.text
    candidates = _Candidates.of(plain)
    outline = markdown.outline(plain, candidates.any())
    candidates = candidates.within(outline.texts, _ByteOffsets(plain))
    breaks = _breaks(data)
    starts, sections = _sections(outline.headings, breaks, text.base, front_lines)
    found = _Finder(path, data, breaks, front_lines, starts, rules)
    if candidates.conflicts:
        line = _Cursor(breaks, front_lines + 1).line(candidates.conflicts[0].start)
        problems.append(Problem(path, line, 1, "conflict-marker", ERROR, "a merge conflict was left in"))
    comments = [(start, inline.comment_tags(data[start:end].decode())) for start, end in outline.html]
    return _Body(
        headings=tuple(heading.text for heading in outline.headings if heading.level == _H1 and heading.text),
        sections=sections,
        bodies=_bodies(text, sections),
        links=found.links(outline.references, candidates, comments),
        tags=tuple([tag.value for tag in candidates.tags] + [tag for _, comment in comments for tag in comment.tags]),
        tasks=found.tasks(outline.tasks),
        code_blocks=found.code_blocks(outline.code_blocks),
        anchors=found.anchors(outline, candidates.block_ids),
    )


class _ByteOffsets:
    """Turns offsets in characters that only grow into bytes."""

    def __init__(self, text: str) -> None:
        self._text, self._ascii = text, text.isascii()
        self._at = self._bytes = 0

    def __call__(self, offset: int) -> int:
        if self._ascii:
            return offset
        self._bytes += len(self._text[self._at : offset].encode())
        self._at = offset
        return self._bytes


class _Candidates(NamedTuple):
    """What might be in the text, found without knowing markdown."""

    tags: list[inline.Found]
    urls: list[inline.Found]
    tag_relations: list[inline.Found]
    block_ids: list[inline.Found]
    conflicts: list[inline.Found]

    @classmethod
    def of(cls, text: str) -> _Candidates:
        return cls(
            list(inline.tags(text)),
            list(inline.urls(text)),
            list(inline.tag_relations(text)),
            list(inline.block_ids(text)),
            _conflicts(text),
        )

    def any(self) -> bool:
        return any(self)

    def within(self, texts: list[tuple[int, int]], offsets: _ByteOffsets) -> _Candidates:
        """Those that lie in plain text, their offsets in bytes."""
        if not any(self):
            return self
        flat = sorted((found.start, found.end, kind, found.value) for kind, all_ in enumerate(self) for found in all_)
        kept = _Candidates([], [], [], [], [])
        index = 0
        for start, end, kind, value in flat:
            at = offsets(start)
            while index < len(texts) and texts[index][1] <= at:
                index += 1
            if index < len(texts) and texts[index][0] <= at:
                kept[kind].append(inline.Found(at, at + end - start, value))
        return kept


def _conflicts(text: str) -> list[inline.Found]:
    if "<<<<<<< " not in text:
        return []
    return [inline.Found(match.start(), match.end(), "") for match in _CONFLICT.finditer(text)]


def _sections(
    headings: list[markdown.Heading], breaks: bytes, base: int, front_lines: int
) -> tuple[list[int], tuple[Section, ...]]:
    """The sections, and where each starts in the parsed bytes. A section starts with its heading's line."""
    starts = [0]
    for heading in headings:
        starts.append(max(starts[-1], breaks.rfind(b"\n", starts[-1], heading.start) + 1))
    ends = [*starts[1:], len(breaks)]
    names = anchors.anchors(heading.text for heading in headings)
    cursor = _Cursor(breaks, front_lines + 1)
    sections = [Section(0, None, None, base, base + ends[0], front_lines + 1)]
    for heading, anchor, start, end in zip(headings, names, starts[1:], ends[1:], strict=True):
        text = heading.text.replace(_REPLACED, "\ufffd")
        sections.append(Section(heading.level, text, anchor, base + start, base + end, cursor.line(heading.start)))
    return starts, tuple(sections)


def _bodies(text: _Text, sections: tuple[Section, ...]) -> tuple[str, ...]:
    base = text.base
    if text.text.isascii():
        return tuple(text.text[section.start - base : section.end - base] for section in sections)
    return tuple(text.data[section.start - base : section.end - base].decode() for section in sections)


class _Finder:
    """Turns what lies at an offset into rows with line, column and section."""

    def __init__(
        self, path: str, data: bytes, breaks: bytes, front_lines: int, starts: list[int], rules: Rules
    ) -> None:
        self._path, self._data, self._breaks = path, data, breaks
        self._front_lines, self._starts, self._rules = front_lines, starts, rules

    def _places(self, offsets: Iterable[int]) -> Iterator[tuple[int, int, int]]:
        """(section, line, column) of offsets in order."""
        cursor, section = _Cursor(self._breaks, self._front_lines + 1), 0
        for offset in offsets:
            while section + 1 < len(self._starts) and self._starts[section + 1] <= offset:
                section += 1
            yield section, *cursor.place(offset)

    def links(
        self,
        references: list[markdown.Reference],
        candidates: _Candidates,
        comments: list[tuple[int, inline.CommentTags]],
    ) -> tuple[Link, ...]:
        found = [
            *self._references(references),
            *((url.start, "url", "LINKS_TO", url.value, None) for url in candidates.urls),
            *((tag.start, "relation", "TAGGED_AS", tag.value, None) for tag in candidates.tag_relations),
            *(
                (start + at, "relation", inline.edge_type(relation), target, None)
                for start, comment in comments
                for relation, target, at in comment.relations
            ),
        ]
        found.sort(key=lambda link: link[0])
        places = self._places(link[0] for link in found)
        return tuple(
            link_of(self._path, place, kind, type_, target, label, self._rules)
            for place, (_, kind, type_, target, label) in zip(places, found, strict=True)
        )

    def _references(self, references: list[markdown.Reference]) -> Iterator[tuple[int, str, str, str, str | None]]:
        """(start, kind, type, target, label); wikilinks after `key::` are relations."""
        related = b"::" in self._data
        relation, end = None, 0
        for reference in references:
            kind, type_ = _KINDS[reference.kind]
            target = "mailto:" + reference.target if reference.kind == "email" else reference.target
            if related and kind == "wikilink":
                relation = self._relation(reference, relation, end)
                end = reference.end
                if relation:
                    kind, type_ = "relation", relation
            label = reference.label.strip() if reference.label else None
            yield reference.start, kind, type_, target, label or None

    def _relation(self, reference: markdown.Reference, last: str | None, last_end: int) -> str | None:
        line = self._breaks.rfind(b"\n", max(0, reference.start - 400), reference.start) + 1
        before = self._data[max(line, reference.start - 400) : reference.start].decode("utf-8", "replace")
        key = inline.relation_key(before)
        if key:
            return inline.edge_type(key)
        between = self._data[last_end : reference.start][:16].decode("utf-8", "replace")
        return last if last and inline.continues_relation(between) else None

    def tasks(self, tasks: list[tuple[bool, int, int]]) -> tuple[Task, ...]:
        places = self._places(start for _, start, _ in tasks)
        return tuple(
            Task(section, line, done, " ".join(self._data[start:end].decode("utf-8", "replace").split()))
            for (section, line, _), (done, start, end) in zip(places, tasks, strict=True)
        )

    def code_blocks(self, blocks: list[tuple[str | None, int]]) -> tuple[CodeBlock, ...]:
        places = self._places(start for _, start in blocks)
        return tuple(
            CodeBlock(section, line, language) for (section, line, _), (language, _) in zip(places, blocks, strict=True)
        )

    def anchors(self, outline: markdown.Outline, block_ids: list[inline.Found]) -> tuple[Anchor, ...]:
        """The first of each name, in order."""
        found = [(block.start, "^" + block.value) for block in block_ids]
        for start, end in outline.html:
            raw = self._data[start:end].decode("utf-8", "replace")
            found.extend((start, anchor.value) for anchor in inline.html_anchors(raw))
        for heading in outline.headings:
            custom = _CUSTOM_ID.search(heading.text)
            if custom:
                found.append((heading.start, custom[1]))
        found.sort()
        unique: dict[str, Anchor] = {}
        places = self._places(start for start, _ in found)
        for (section, line, _), (_, anchor) in zip(places, found, strict=True):
            unique.setdefault(anchor, Anchor(anchor, section, line))
        return tuple(unique.values())


_KINDS = {
    "markdown": ("markdown", "LINKS_TO"),
    "autolink": ("markdown", "LINKS_TO"),
    "email": ("markdown", "LINKS_TO"),
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
        title=fields.get("title") or next(iter(body.headings), None) or stem,
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
        target, bar, label = inner.partition("|")
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
