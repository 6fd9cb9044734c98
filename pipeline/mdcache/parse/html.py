"""Read raw HTML in a document: links, the places that links can point at, comments. Markdown within is the parser's.

The parser says where HTML lies: blocks, and single tags within a paragraph. A tag is read as HTML says: names without
case, values in quotes or bare, entities decoded, the first of two attributes of one name. What stands in comments and
in elements whose content is no text of the page (scripts, styles, templates) is not read, also when blank lines or
paragraphs lie between their ends. Every byte is passed once, however many ends are missing.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mdcache.dialects import Dialect

# A tag's name and its attributes, or the beginning of a comment or the like. A quote counts only behind a =, so that
# `<p title=it's>` ends where it seems to. Without a > the rest is no tag: group 4 is None.
_TOKEN = re.compile(
    rb"<(?:(/?)([A-Za-z][^\s/>]*+)"
    rb"((?:[^>=]++|=\s*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^\s>\"'][^\s>]*+)?+)*+)(>)?"
    rb"|!--|!\[CDATA\[|[!?])"
)
_ATTRIBUTE = re.compile(rb"([^\s/>=][^\s/>=]*+)(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s>\"'][^\s>]*+)))?+")
_COMMENT = b"<!--"
_EMPTY_COMMENT = re.compile(rb"-?>")
_ENDS = {_COMMENT: b"-->", b"<![CDATA[": b"]]>", b"<?": b"?>", b"<!": b">"}
# Elements whose content is not read at all.
_NO_CONTENT = frozenset(
    (b"iframe", b"noembed", b"noframes", b"script", b"style", b"template", b"textarea", b"title", b"xmp")
)
_LISTING = b"pre"
# The table of a bot that hangs a title on each picture by an `<a href="#content-login">`, which leads nowhere.
_MADE_BY_BOT, _END_OF_MADE = re.compile(rb"<!--\s*ALL-CONTRIBUTORS-LIST:START"), b"ALL-CONTRIBUTORS-LIST:END"
_HEADINGS = frozenset((b"h1", b"h2", b"h3", b"h4", b"h5", b"h6"))
_ANCHOR = b"a"
# HTML knows the name of an <a> alone as a place; GitHub's pages find headings by it, too, and READMEs count on that.
_NAMED = _HEADINGS | {_ANCHOR}

# What says something without an attribute.
_TELLING = frozenset((*_NO_CONTENT, *_HEADINGS, _LISTING, _ANCHOR))

# Which attributes of which elements are links, of what kind.
_LINKS: dict[bytes, tuple[str, tuple[bytes, ...]]] = {
    _ANCHOR: ("html", (b"href",)),
    b"area": ("html", (b"href",)),
    b"audio": ("image", (b"src",)),
    b"img": ("image", (b"src", b"srcset")),
    b"source": ("image", (b"src", b"srcset")),
    b"video": ("image", (b"src", b"poster")),
}
_SEVERAL = b"srcset"

_TAG = re.compile(rb"<!--.*?-->|<[^<>]*>", re.DOTALL)
_ENTITY = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[A-Za-z0-9]+;)")
# What a browser takes off the ends of an address, and out of it.
_AROUND = "".join(map(chr, range(33)))
_WITHIN = str.maketrans({"\t": None, "\n": None, "\r": None, "\\": "/"})
# A template fills these in. Its own quotes may have cut it short.
_TEMPLATES = (("{{", "}}"), ("{%", "%}"), ("${", "}"), ("<%", "%>"), ("<?", "?>"))
_NO_ADDRESS = re.compile(r"data:|javascript:|\{(?![{%])", re.IGNORECASE)
_MARKS = frozenset(b"*`[]\\")
_LONGEST_LABEL = 500
_NEXT_QUOTED_LINE = re.compile(rb"\n[ \t]*>[ \t>]*")
_SHOWN = "\ufffd"

# What stands before the text of a line in quotes and lists.
_CONTAINERS = re.compile(rb"(?:[ \t]*(?:>|[-+*]|\d{1,9}[.)]))*")


class Link(NamedTuple):
    """A link: where its tag begins, its kind, its target as a browser understands it, its text."""

    start: int
    kind: str
    target: str
    label: str | None


class Html(NamedTuple):
    """What the HTML of a document says, in order of place; offsets are bytes."""

    links: list[Link]
    places: list[tuple[int, str]]
    """Where the tag begins, and the name of the place."""
    comments: list[tuple[int, bytes]]
    """Where each comment begins, and its text, with both ends."""
    headings: list[tuple[int, int, str]]
    """Where the tag of each heading begins, its level, and its text in one line."""


def read(data: bytes, ranges: Iterable[tuple[int, int]], dialect: Dialect) -> Html:
    """Return what is said in these ranges of a text, which come in order and do not overlap."""
    reader = _Reader(data, dialect)
    for start, end in ranges:
        reader.read(start, end)
    return reader.found


class _Reader:
    """Passes the ranges one by one. Its state is what is still open at the end of one."""

    def __init__(self, data: bytes, dialect: Dialect) -> None:
        self.found = Html([], [], [], [])
        self._data, self._slug = data, dialect.slug
        self._until = 0
        """Nothing before this byte is read."""
        self._unlinked = 0
        """Before this byte no link is read: it is a listing, or made by a bot."""
        self._endless: set[bytes] = set()
        """The ends that do not come any more."""
        self._open: tuple[int, int] | None = None
        """The `<a href>` that waits for its text: its place among the links, and where its tag ends."""
        self._heading: tuple[int, int, int] | None = None
        """The heading that is open: where its tag begins and ends, and its level."""

    def read(self, start: int, end: int) -> None:
        """Read the next range."""
        text, shift = _without_quote_marks(self._data, start, end)
        self._heading = None
        at, search = max(start, self._until), _TOKEN.search
        while at < end and (token := search(text, at - shift, end - shift)):
            at = token.end() + shift
            closing, name, attributes, complete = token.groups()
            if name is None:
                at = self._passed(token, shift, end)
            elif not complete:
                break
            elif closing:
                self._close(name.lower(), token.start() + shift)
            elif b"=" in attributes or name.lower() in _TELLING:
                name = name.lower()
                self._element(name, attributes, token.start() + shift, at)
                if name in _NO_CONTENT:
                    at = max(at, self._end_of(name, at))
        self._until = max(at, self._until)

    def _passed(self, token: re.Match[bytes], shift: int, end: int) -> int:
        """Return the end of a comment or of what else no reader sees; keep a comment."""
        start, at = token.start() + shift, token.end() + shift
        sign = token[0]
        empty = _EMPTY_COMMENT.match(self._data, at) if sign == _COMMENT else None
        if empty:
            return empty.end()
        over = self._find(_ENDS[sign], at)
        if over is None or (sign != _COMMENT and over > end):
            return end
        if sign == _COMMENT:
            self.found.comments.append((start, self._data[start:over]))
            if over > self._unlinked and _MADE_BY_BOT.match(self._data, start):
                self._unlinked = self._find(_END_OF_MADE, over) or self._unlinked
        return over

    def _end_of(self, name: bytes, at: int) -> int:
        """Return where an element's end tag begins; where it should end if it has none."""
        over = self._find(b"</" + name, at)
        return at if over is None else over - len(name) - 2

    def _find(self, sign: bytes, at: int) -> int | None:
        """Return where the next of these signs ends; None when none comes any more."""
        if sign in self._endless:
            return None
        found = re.compile(re.escape(sign), re.IGNORECASE).search(self._data, at)
        if not found:
            self._endless.add(sign)
        return found.end() if found else None

    def _element(self, name: bytes, raw: bytes, start: int, after: int) -> None:
        """Take the start tag between these bytes, with its attributes as they are written."""
        if name in _HEADINGS:
            self._heading = start, after, int(name[1:])
        elif name == _LISTING and after > self._unlinked:
            self._unlinked = self._end_of(name, after)
        elif name == _ANCHOR:
            self._open = None
        attributes = _attributes(raw)
        for key in (b"id", b"name") if name in _NAMED else (b"id",):
            place = attributes.get(key)
            if place and (key == b"id" or place != attributes.get(b"id")):
                self.found.places.append((start, _text(place)))
        if name in _LINKS and start >= self._unlinked:
            self._link(name, attributes, start, after)

    def _link(self, name: bytes, attributes: dict[bytes, bytes], start: int, after: int) -> None:
        kind, keys = _LINKS[name]
        alt = attributes.get(b"alt")
        label = (_text(alt).strip() or None) if alt else None
        wanted = dict.fromkeys(target for key in keys for target in _targets(key, attributes.get(key)))
        if name == _ANCHOR:
            self._open = (len(self.found.links), after) if wanted else None
        self.found.links.extend(Link(start, kind, target, label) for target in wanted)

    def _close(self, name: bytes, at: int) -> None:
        """Take what an end tag at this byte ends."""
        if name == _ANCHOR and self._open:
            place, start = self._open
            self._open = None
            links = self.found.links
            links[place] = links[place]._replace(label=_label(self._data, start, at))
        elif self._heading and name in _HEADINGS:
            start, after, level = self._heading
            self._heading = None
            said = html.unescape(_TAG.sub(b"", self._data[after:at]).decode().strip())
            self.found.places.append((start, self._slug(said)))
            self.found.headings.append((start, level, " ".join(said.split())))


def _without_quote_marks(data: bytes, start: int, end: int) -> tuple[bytes, int]:
    """Return a text in which a range has no marks of the quotes around it, and how far its bytes are shifted there.

    In `> <a` and `> href="x">` the second > ends no tag. Where there is no such mark it is the text itself.
    """
    if data.find(b"\n", start, end - 1) < 0:
        return data, 0
    line = _CONTAINERS.match(data, data.rfind(b"\n", 0, start) + 1, start)
    depth = line[0].count(b">") if line else 0
    if not depth:
        return data, 0
    marks = rb"(?<=\n)(?:[ \t]*>){1,%d}" % depth
    return re.sub(marks, lambda mark: b" " * len(mark[0]), data[start:end]), start


def _attributes(raw: bytes) -> dict[bytes, bytes]:
    """Return the attributes of a tag that have a value, as written, by their names in lower case."""
    found: dict[bytes, bytes] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(raw):
        found.setdefault(name.lower(), double or single or bare)
    return found


def _text(value: bytes) -> str:
    """Return an attribute's value. As in HTML, `&copy=` is no entity."""
    text = value.decode().replace("\x1a", _SHOWN)
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), text) if "&" in text else text


def _targets(key: bytes, value: bytes | None) -> Iterator[str]:
    """Yield the addresses that an attribute holds: none where there is no address, or a template is cut short."""
    if not value:
        return
    text = _text(value)
    for one in _candidates(text) if key == _SEVERAL else (text,):
        target = one.strip(_AROUND).translate(_WITHIN)
        if target and not _NO_ADDRESS.match(target) and not _is_cut(target):
            yield target


def _candidates(srcset: str) -> Iterator[str]:
    """Yield the addresses of a srcset: `a.png 1x, b.png 2x`. One may hold a comma, but not end in it."""
    is_address = True
    for word in srcset.split():
        written = word
        if not is_address:
            _, comma, written = word.partition(",")
            is_address = bool(comma)
        if is_address and written:
            yield written.strip(",")
            is_address = written.endswith(",")


def _is_cut(target: str) -> bool:
    return any(opened in target and closed not in target for opened, closed in _TEMPLATES)


def _label(data: bytes, start: int, end: int) -> str | None:
    """Return the text of an `<a>`; None when it has none, or more in it than tags and words."""
    if end - start > _LONGEST_LABEL:
        return None
    said = _TAG.sub(b"", _NEXT_QUOTED_LINE.sub(b"\n", data[start:end]))
    if not _MARKS.isdisjoint(said):
        return None
    return " ".join(html.unescape(said.decode()).replace("\x1a", _SHOWN).split()) or None
