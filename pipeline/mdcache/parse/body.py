"""Turn the text of a document, without its front matter, into sections, links, tags, tasks and problems.

Offsets only grow through a text, so lines and columns are counted along the way and never from the start again.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from itertools import accumulate, pairwise
from typing import NamedTuple

from mdcache.dialects import Dialect, fences, ids
from mdcache.dialects.punctuation import Spans
from mdcache.model import ERROR, WARNING, Anchor, CodeBlock, Link, Problem, Rules, Section, Task
from mdcache.parse import embeddable, hidden, html, inline, markdown, targets
from mdcache.parse.filetypes import is_file_name
from mdcache.parse.kinds import KINDS, LINKS_TO, TAGGED_AS, WIKI_KINDS
from mdcache.parse.sites import site_of

REPLACED = "\x1a"
"""Stands for a NUL byte and for each byte that is not UTF-8: one byte for one byte keeps every offset."""
_SHOWN = "\ufffd"

_H1 = 1
OFF = "off"
LABEL_FIRST = "label-first"

HEADING_LIMIT = LINK_LIMIT = 50_000
"""So many of a text are taken. A megabyte may have half a million; of 55,000 real documents none has 500 headings or
7,000 links."""


class Text(NamedTuple):
    """A text made fit for the parser: data is valid UTF-8 and text the same; data[0] is the file's byte number base.

    A line ends in \\n or \\r\\n, and the first is the file's line number line.
    """

    data: bytes
    text: str
    base: int
    line: int


class Body(NamedTuple):
    """What a text holds. title is the text of the heading that gives it one, see _title; None without any."""

    title: str | None
    sections: tuple[Section, ...]
    bodies: tuple[str, ...]
    links: tuple[Link, ...]
    tags: list[str]
    """In order of place, each as often as it is written."""
    tasks: tuple[Task, ...]
    code_blocks: tuple[CodeBlock, ...]
    anchors: tuple[Anchor, ...]
    problems: list[Problem]


def unread(text: Text, end: int) -> Body:
    """Return the body of a text that is not parsed: one section without words, up to byte number end of the file."""
    section = Section(0, None, None, text.base, end, text.line, None)
    return Body(None, (section,), ("",), (), [], (), (), (), [])


def read(path: str, text: Text, rules: Rules) -> Body:
    """Return the body of the document at path. Bad content never raises."""
    site = site_of(path, rules)
    dialect = site.dialect
    data, deep = markdown.neutralised(_rewritten(text.data, _rewrites(path, dialect)))
    plain = text.text if data is text.data else data.decode()
    candidates = inline.candidates(plain, dialect)
    offsets = _byte_offsets(plain, [start for start, _, _ in candidates])
    said_at = dict(zip(offsets, candidates, strict=True))
    outline = markdown.outline(plain, offsets, rules.wikilinks and dialect.wikilinks != OFF)
    if hidden.may_hide(plain):
        outline = hidden.without_hidden(outline, plain, data, said_at, dialect)
    if dialect.wikilinks == LABEL_FIRST:
        outline = _label_first(outline, data)
    if REPLACED in plain:
        outline = _shown(outline)
    surplus = outline.headings[HEADING_LIMIT:]
    if surplus:
        outline = outline._replace(headings=outline.headings[:HEADING_LIMIT])
    starts, lines = _starts(outline.headings, data, text.line)
    bounds = [*starts, len(data)]
    bodies = _bodies(text, bounds)
    titles = [(heading.level, heading.text) for heading in outline.headings]
    hashes = embeddable.hashes(titles, text.data, bounds)
    finder = _Finder(path, data, text.line, starts, rules)
    said = _said(said_at, outline, data, dialect)
    said.anchors.extend(_other_anchors(outline, text.data, dialect, site.is_part(path)))
    links = finder.found(outline.references, said.links)
    return Body(
        _title(outline.headings, said.headings),
        _sections(outline.headings, text.base, bounds, lines, hashes, dialect),
        bodies,
        finder.links(links[:LINK_LIMIT]),
        [tag for _, tag in sorted(said.tags, key=_start)],
        finder.tasks(outline.tasks),
        finder.code_blocks(outline.code_blocks),
        finder.anchors(said.anchors),
        finder.problems(deep, said.conflict, surplus, links[LINK_LIMIT:]),
    )


def _rewritten(data: bytes, names: tuple[str, ...]) -> bytes:
    """Return a text as rewrites leave it."""
    if not names:
        return data
    from mdcache.dialects.rewriting import rewritten  # here, not at the top: few texts need any

    return rewritten(data, names)


def _rewrites(path: str, dialect: Dialect) -> tuple[str, ...]:
    is_mdx = dialect.mdx_rewrites and path.lower().endswith(".mdx")
    return (*dialect.mdx_rewrites, *dialect.rewrites) if is_mdx else dialect.rewrites


def _title(headings: list[markdown.Heading], in_html: list[tuple[int, int, str]]) -> str | None:
    """Return the text of the first heading of level 1, else of the first heading; those that are empty do not count.

    Those of level 1 in HTML count: many a README begins with `<h1 align="center">Name</h1>`.
    """
    said = [(heading.start, heading.level, heading.text) for heading in headings if heading.text]
    if in_html:
        said = sorted([*said, *(heading for heading in in_html if heading[1] == _H1 and heading[2])])
    return next((text for _, level, text in said if level == _H1), said[0][2] if said else None)


def _label_first(outline: markdown.Outline, data: bytes) -> markdown.Outline:
    """Return the outline with the labels and targets of wikilinks swapped: `[[label|target]]`."""
    return outline._replace(
        references=[
            _swapped(one, data) if one.kind in WIKI_KINDS and one.label is not None else one
            for one in outline.references
        ]
    )


def _swapped(reference: markdown.Reference, data: bytes) -> markdown.Reference:
    """Return a wikilink with what follows its bar as the target, as it is written: names have `_` and `*`.

    A picture comes first in wikis, and after the bar how it is shown: `[[a.png|alt=A]]`.
    """
    inside = data[reference.start : reference.end].decode("utf-8", "replace").strip("![]")
    label, _, target = inside.partition("|")
    if is_file_name(label.strip()) and not is_file_name(target.strip()):
        return reference
    return reference._replace(target=" ".join(target.split()), label=label.removesuffix("\\"))


def _shown(outline: markdown.Outline) -> markdown.Outline:
    """Return the outline with U+FFFD, the sign that readers know, wherever a byte was replaced."""
    return outline._replace(
        headings=[
            heading._replace(text=heading.text.replace(REPLACED, _SHOWN), spoken=heading.spoken.replace(REPLACED, ""))
            for heading in outline.headings
        ],
        references=[
            reference._replace(
                target=reference.target.replace(REPLACED, _SHOWN),
                label=reference.label and reference.label.replace(REPLACED, _SHOWN),
            )
            for reference in outline.references
        ],
    )


def _byte_offsets(text: str, offsets: list[int]) -> list[int]:
    """Return offsets in characters (ascending) as offsets in UTF-8 bytes."""
    if not offsets or text.isascii():
        return offsets
    lengths = [len(text[start:end].encode()) for start, end in pairwise([0, *offsets])]
    return list(accumulate(lengths))


_NOWHERE = -2
_Found = tuple[int, str, str, str, str | None]
"""A link before it is placed: (start, kind, type, target, label)."""


class _Said(NamedTuple):
    """What plain text, HTML and comments hold beyond markdown: tags, relations, URLs, anchors, conflicts."""

    tags: list[tuple[int, str]]
    links: list[_Found]
    anchors: list[tuple[int, str]]
    headings: list[tuple[int, int, str]]
    """Those in HTML."""
    conflict: int | None
    """Where the first one begins."""


def _said(candidates: dict[int, inline.Candidate], outline: markdown.Outline, data: bytes, dialect: Dialect) -> _Said:
    tags: list[tuple[int, str]] = []
    links: list[_Found] = []
    found: list[tuple[int, str]] = []
    html_ends = {end for _, end in outline.html}
    tag_end = _NOWHERE
    conflict: tuple[int, re.Match[str]] | None = None
    attributes_end = 0
    for at in outline.plain:
        _, kind, match = candidates[at]
        if kind is inline.TAG:
            name = inline.tag(match, at in html_ends, tag_end) if match.start() >= attributes_end else None
            if name:
                tags.append((at, name))
                tag_end = match.end()
        elif kind is inline.URL:
            links += ((at, "url", LINKS_TO, url, None) for url in inline.url(match))
        elif kind is inline.TAG_RELATION:
            links += ((at, "relation", TAGGED_AS, target, None) for target in inline.tag_relation(match))
        elif kind is inline.BLOCK_ID:
            found.append((at, match[0]))
        elif kind is inline.ATTRIBUTES:
            ids = inline.attribute_ids(match[1])
            if ids:
                found += ((at, id_) for id_ in ids)
                attributes_end = match.end()
        elif conflict is None:  # if the first is none, no later one is
            conflict = at, match
    in_html = html.read(data, outline.html, dialect)
    links += ((start, kind, KINDS[kind].edge, target, label) for start, kind, target, label in in_html.links)
    found += in_html.places
    for start, comment in in_html.comments:
        tagged = inline.comment_tags(comment.decode())
        tags += ((start, tag) for tag in tagged.tags)
        links += ((start, "relation", inline.edge_type(key), target, None) for key, target in tagged.relations)
    found += _anchors_by_attributes(outline, data, dialect)
    torn = conflict[0] if conflict and inline.is_conflict(conflict[1]) else None
    return _Said(tags, links, found, in_html.headings, torn)


def _anchors_by_attributes(outline: markdown.Outline, data: bytes, dialect: Dialect) -> Iterator[tuple[int, str]]:
    """Yield the ids of fences, and the slugs of headings whose attributes name none: site builders take these off."""
    for language, start in outline.code_blocks:
        if language and language.startswith("{"):  # ```{#id .python}
            ended = inline.attributes_at_end(data[start : data.find(b"\n", start)].decode())
            yield from ((start, id_) for id_ in (ended[1] if ended else ()))
    for heading in outline.headings:
        ended = inline.attributes_at_end(heading.spoken) if "{" in heading.spoken else None
        if ended and not ended[1]:
            yield heading.start, dialect.slug(ended[0])


ANY = "*"
"""The anchor of a document that may have any place: it takes in what other files hold, or what only a run makes."""


def _other_anchors(
    outline: markdown.Outline, data: bytes, dialect: Dialect, is_part: bool
) -> Iterator[tuple[int, str]]:
    """Yield the ids that headings may have as well, and ANY where the text brings places that nobody here sees."""
    if dialect.other_ids:
        texts, code = _read_aloud(outline.headings, dialect)
        for place, anchor in ids.others(texts, dialect, code):
            yield outline.headings[place].start, anchor
    for finder in dialect.places:
        yield from finder.find(data, *finder.options)
    if dialect.term_ids and b": " in data:
        yield from _terms(outline.headings, data, dialect)
    brought = fences.outside(dialect.includes, data) if dialect.includes else None
    if brought is not None or is_part:
        yield brought or 0, ANY


# A term is a line of text, and the line behind it, or one more, begins with a colon.
_TERM = re.compile(rb"^ {0,3}([^\s:#>|`-][^\n]*|`[^\n]*)\n(?:[ \t]*\n)? {0,3}:[ \t]", re.MULTILINE)
_MARKUP = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*\)|[`*]+|(?<!\w)_+|_+(?!\w)")


def _terms(headings: list[markdown.Heading], data: bytes, dialect: Dialect) -> Iterator[tuple[int, str]]:
    """Yield the ids of the terms of definitions, which the parser does not know."""
    found = [(term.start(1), _MARKUP.sub(r"\1", term[1].decode().strip())) for term in _TERM.finditer(data)]
    names = ids.of_terms([text for _, text in found], *_read_aloud(headings, dialect), dialect)
    yield from zip((at for at, _ in found), names, strict=True)


def _starts(headings: list[markdown.Heading], data: bytes, line: int) -> tuple[list[int], list[int]]:
    """Return where each section starts, with its heading's line: its first byte, and its line."""
    starts, lines, at = [0], [line], 0
    for heading in headings:
        starts.append(max(starts[-1], data.rfind(b"\n", starts[-1], heading.start) + 1))
        line += data.count(b"\n", at, heading.start)
        at = heading.start
        lines.append(line)
    return starts, lines


def _bodies(text: Text, bounds: list[int]) -> tuple[str, ...]:
    if text.text.isascii():
        return tuple([text.text[start:end] for start, end in pairwise(bounds)])
    return tuple([text.data[start:end].decode() for start, end in pairwise(bounds)])


def _read_aloud(headings: list[markdown.Heading], dialect: Dialect) -> tuple[list[str], list[Spans]]:
    """Return the texts of headings as their ids are made of them, and where code lies in each."""
    if dialect.image_text_in_ids:
        return [heading.text for heading in headings], [_code_in_text(heading) for heading in headings]
    return [heading.spoken for heading in headings], [heading.code for heading in headings]


def _code_in_text(heading: markdown.Heading) -> Spans:
    """Return where code lies in a heading's text; nothing when images stand in it, too."""
    shift = heading.spoken.find(heading.text)
    return [(start - shift, end - shift) for start, end in heading.code] if shift >= 0 else ()


def _sections(
    headings: list[markdown.Heading],
    base: int,
    bounds: list[int],
    lines: list[int],
    hashes: list[bytes],
    dialect: Dialect,
) -> tuple[Section, ...]:
    """Return the sections; bounds: where each starts in the parsed bytes, and the last one ends."""
    texts, code = _read_aloud(headings, dialect)
    names = ids.of_headings(texts, dialect, code)
    sections = [Section(0, None, None, base, base + bounds[1], lines[0], hashes[0])]
    for i, (level, text, *_) in enumerate(headings, 1):
        sections.append(Section(level, text, names[i - 1], base + bounds[i], base + bounds[i + 1], lines[i], hashes[i]))
    return tuple(sections)


class _Places:
    """Turns ascending offsets into (section, line, column), in time linear in the text, however long its lines are."""

    __slots__ = ("_ascii", "_at", "_column", "_data", "_line", "_section", "_starts")

    def __init__(self, data: bytes, line: int, starts: list[int]) -> None:
        self._data, self._ascii = data, data.isascii()
        self._starts, self._section = starts, 0
        self._at, self._line, self._column = 0, line, 1

    def of(self, offset: int) -> tuple[int, int, int]:
        """Return the place of an offset, which must not be smaller than the last one."""
        at, data, starts = self._at, self._data, self._starts
        while self._section + 1 < len(starts) and starts[self._section + 1] <= offset:
            self._section += 1
        last = data.rfind(b"\n", at, offset)
        if last >= 0:
            self._line += data.count(b"\n", at, last) + 1
            self._column, at = 1, last + 1
        self._column += offset - at if self._ascii else len(data[at:offset].decode("utf-8", "replace"))
        self._at = offset
        return self._section, self._line, self._column


class _Finder:
    """Turns what was found at offsets into values with section, line and column."""

    def __init__(self, path: str, data: bytes, line: int, starts: list[int], rules: Rules) -> None:
        self._path, self._data = path, data
        self._line, self._starts, self._rules = line, starts, rules

    def _places(self) -> _Places:
        return _Places(self._data, self._line, self._starts)

    def problems(
        self, deep: list[int], conflict: int | None, headings: list[markdown.Heading], links: list[_Found]
    ) -> list[Problem]:
        """Return the problems.

        Args:
            deep: offsets of lines left out.
            conflict: that of the first conflict marker.
            headings: those beyond the limit.
            links: those beyond the limit.
        """
        found = []
        if deep:
            message = f"nests {markdown.NESTING_LIMIT} quotes or lists or more: the line is left out"
            found.append(Problem(self._path, self._line_of(deep[0]), 1, "nesting", WARNING, message))
        if conflict is not None:
            message = "a merge conflict was left in"
            found.append(Problem(self._path, self._line_of(conflict), 1, "conflict-marker", ERROR, message))
        if headings:
            found.append(self._too_many(headings[0].start, len(headings), "headings", HEADING_LIMIT, "are text"))
        if links:
            found.append(self._too_many(links[0][0], len(links), "links", LINK_LIMIT, "are left out"))
        return found

    def _too_many(self, at: int, surplus: int, what: str, limit: int, become: str) -> Problem:
        message = f"has {limit + surplus:,} {what}: those after the first {limit:,} {become}"
        return Problem(self._path, self._line_of(at), 1, "too-many", WARNING, message)

    def _line_of(self, offset: int) -> int:
        return self._line + self._data.count(b"\n", 0, offset)

    def found(self, references: list[markdown.Reference], said: list[_Found]) -> list[_Found]:
        """Return the links, in order of place."""
        found = [*self._references(references), *said]
        if said:
            found.sort(key=_start)
        return found

    def links(self, found: list[_Found]) -> tuple[Link, ...]:
        if not found:
            return ()
        look_up, place = targets.looker(self._path, self._rules), self._places().of
        return tuple(
            [link_of(look_up, place(at), kind, type_, target, label) for at, kind, type_, target, label in found]
        )

    def _references(self, references: list[markdown.Reference]) -> Iterator[_Found]:
        """Yield the references as links to be placed; wikilinks after `key::` become relations."""
        related = any(reference.kind == "wikilink" for reference in references) and b"::" in self._data
        relation, last = None, 0
        for written, target, label, start, end in references:
            kind = "markdown" if written == markdown.AUTOLINK else written
            type_ = KINDS[kind].edge
            if related and kind == "wikilink":
                relation = self._relation(start, relation, last)
                last = end
                if relation:
                    kind, type_ = "relation", relation
            yield start, kind, type_, target, (label.strip() or None) if label else None

    def _relation(self, start: int, last: str | None, last_end: int) -> str | None:
        """Return the relation type of the wikilink at start, None without one; last is that of the link before it."""
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
            found.append(Task(section, line, int(done), _in_one_line(self._data[start:end].decode())))
        return tuple(found)

    def code_blocks(self, blocks: list[tuple[str | None, int]]) -> tuple[CodeBlock, ...]:
        if not blocks:
            return ()
        place = self._places().of
        return tuple([CodeBlock(*place(start)[:2], language) for language, start in blocks])

    def anchors(self, found: list[tuple[int, str]]) -> tuple[Anchor, ...]:
        """Return the first anchor of each name, in order."""
        if not found:
            return ()
        unique: dict[str, Anchor] = {}
        place = self._places().of
        for start, anchor in sorted(found):
            section, line, _ = place(start)
            unique.setdefault(anchor, Anchor(anchor, section, line))
        return tuple(unique.values())


def _in_one_line(text: str) -> str:
    return " ".join(text.replace(REPLACED, _SHOWN).split())


_start = operator.itemgetter(0)


def link_of(
    look_up: Callable[[bool, str], targets.LookUp],
    place: tuple[int, int, int],
    kind: str,
    type_: str,
    target: str,
    label: str | None,
) -> Link:
    """Return a link; look_up is that of its document, place is (section, line, column)."""
    scope, name, fragment = look_up(kind in WIKI_KINDS, target)
    return Link(*place, kind, type_, target, fragment, label, name, scope)
