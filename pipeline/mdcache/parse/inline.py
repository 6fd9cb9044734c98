"""Find what people write in plain text beyond markdown: #tags, bare URLs, key:: [[T]], [tag: X], ^blocks.

Candidates are found by fast literal searches over the whole text. The caller drops those that do not lie in plain
text (but in code, links or definitions): it knows from the parser where plain text is.
"""

from __future__ import annotations

import html
import operator
import re
import unicodedata
from typing import NamedTuple

from mdcache.dialects import Dialect

# Each pattern begins with a literal: re then searches with memchr speed (9 MB: 7 ms instead of 220 ms). None may
# look further for its end than the next place where it could begin: a megabyte of beginnings would take minutes.
_URL = r"%s(?<![A-Za-z0-9]%s)%s://[^\s\x00-\x1f<>\[\]`\"\u201c\u201d]+"
_TAG_RELATION = re.compile(r"\[tag:([^\[\]\n]*)\]")
_BLOCK_ID = re.compile(r"\^(?<=[ \t\r\n]\^)([A-Za-z0-9-]+)(?=[ \t]*(?:[\r\n]|\Z))")
# `{#id .class key="value"}`, in any order; `{{x}}`, `${x}` and `{# comment #}` are templates.
_ATTRIBUTES = re.compile(r"\{(?<!\{\{)(?<!\$\{):?([^{}\r\n]*+)\}(?!\})")
_ATTRIBUTE = re.compile(
    r"""\s*+(?:#(?P<id>\w[^\s"'{}]*+)|(?P<key>[\w.:@-]++)=(?P<value>"[^"]*+"|'[^']*+'|[^\s"']++)|[.\w-]++)(?=\s|\Z)"""
)
_CONFLICT = re.compile(r"<<<<<<< (?<![^\r\n]<<<<<<< )")
_CONFLICT_MIDDLE = re.compile(r"[\r\n]=======(?=[\r\n])")
_CONFLICT_END = re.compile(r"[\r\n]>>>>>>> ")
_RELATION_KEY = re.compile(
    r"[\s>]*+(?:(?:[-*+]|\d+[.)])[ \t]+(?:\[.\][ \t]+)?)?[*_]{0,2}([^\W_][\w -]{0,60}?)[*_]{0,2}::[*_]{0,2}[ \t]*$"
)
_BRACKET_KEY = re.compile(r"[\[(]([^\W_][\w -]{0,60}?)::[ \t]*$")
_KEY_BYTES = 400
_TAG_ENDS = re.compile(r"[,\s]+")
_COMMENT_RELATION = re.compile(r"\[ ?([A-Za-z][\w -]*+):((?:\[\[[^\[\]]*\]\]|[^\[\]])*+)\]")
_ENTITY = re.compile(r"&[A-Za-z0-9]+;\Z")
_URL_END = "?!.,:*_~'\";"

TAG = "tag"
URL = "url"
TAG_RELATION = "tag relation"
BLOCK_ID = "block id"
"""`^id` at the end of a line names the block."""
ATTRIBUTES = "attributes"
"""`{#id}`, `{: .class #id}`, `{key="value" id="i"}`, as many site builders and pandoc read it."""
MARK = "mark"
"""`%%` and `$$` may begin or end what is hidden."""
CONFLICT = "conflict"
# For each kind of candidate that is the same everywhere: what every text with one contains, and how one looks. One
# character is found fastest.
_KINDS = (
    (URL, "http", re.compile(_URL % ("http", "http", "s?"))),
    (URL, "ftp://", re.compile(_URL % ("ftp", "ftp", ""))),
    (TAG_RELATION, "[tag:", _TAG_RELATION),
    (BLOCK_ID, "^", _BLOCK_ID),
    (ATTRIBUTES, "{", _ATTRIBUTES),
    (MARK, "%", re.compile("%%")),
    (MARK, "$", re.compile(r"\$\$")),
    (CONFLICT, "<<<<<<< ", _CONFLICT),
)

Candidate = tuple[int, str, "re.Match[str]"]
"""(where it begins, in characters; its kind; the match)."""


def candidates(text: str, dialect: Dialect) -> list[Candidate]:
    """Return what might be one of the kinds, in order of place."""
    found: list[Candidate] = []
    for kind, sign, pattern in ((TAG, "#", dialect.tag), *_KINDS):
        if sign in text:
            found += [(match.start(), kind, match) for match in pattern.finditer(text)]
    found.sort(key=_start)
    return found


_start = operator.itemgetter(0)


_MARKS = "*_~="
"""What emphasis leaves before a tag: `**#tag**`."""
# What begins a list of attributes, between its { and a tag: `{.class #id}`, `{ style="color: #fff" }`.
_IN_ATTRIBUTES = re.compile(r"\{:?[ \t]*(?:[.#]|[\w-]+=|\Z)[^{}\r\n]*\Z")
_ATTRIBUTES_REACH = 200


def tag(match: re.Match[str], after_html: bool, after_tag: int) -> str:
    """Return the name of `#tag`, '' where it is none: what a word is attached to, in quotes or brackets, an attribute.

    after_html: a tag of HTML ends where it begins, as in `<b>#tag</b>`. after_tag: where the tag before it ends.
    """
    text, start = match.string, match.start()
    name = match[1].lstrip("/-").rstrip("/-_\u200c\u200d")
    if not name or not _is_first(name[0]):
        return ""
    if not (after_html or _begins_word(text, start, match.end()) or _goes_on(text, start, after_tag)):
        return ""
    brace = text.rfind("{", max(0, start - _ATTRIBUTES_REACH), start)
    return "" if brace >= 0 and _IN_ATTRIBUTES.match(text[brace:start]) else name


def _is_first(char: str) -> bool:
    """Return whether a name may begin so. The keycap emoji #️⃣ is a # with marks: no tag."""
    return char.isalnum() or char == "_" or unicodedata.category(char)[0] in "LNS"


def _begins_word(text: str, start: int, end: int) -> bool:
    """Return whether what lies between start and end begins a word, as a reader sees it: markup counts for nothing."""
    while start and text[start - 1] in _MARKS:
        start -= 1
    if start and text[start - 1] == "|":  # a cell of a table; [[|#alias]] is a link to nothing
        return text[start - 2 : start - 1] != "[" and text[end : end + 1] != "]"
    while start and text[start - 1] == ">":
        start -= 1
    return not start or text[start - 1].isspace() or text[start - 1] in _FULL_WIDTH


_FULL_WIDTH = "\u3001\u3002\uff01\uff0c\uff1a\uff1b\uff1f"


def _goes_on(text: str, start: int, after_tag: int) -> bool:
    """Return whether only a comma or semicolon divides a tag from the one before it: `#a,#b`."""
    return start - 1 == after_tag and text[after_tag] in ",;"


def url(match: re.Match[str]) -> tuple[str, ...]:
    """Return a bare URL, cut where GitHub ends it: no trailing punctuation, brackets balanced (GFM autolinks)."""
    found = _trimmed(match[0])
    return () if found.endswith("://") else (html.unescape(found),)


def _trimmed(url: str) -> str:
    end = len(url)
    surplus = url.count(")") - url.count("(")
    while end:
        last = url[end - 1]
        entity = _ENTITY.search(url, max(0, end - 32), end) if last == ";" else None
        if entity:
            end = entity.start()
        elif last in _URL_END:
            end -= 1
        elif last == ")" and surplus > 0:
            end -= 1
            surplus -= 1
        else:
            break
    return url[:end]


def tag_relation(match: re.Match[str]) -> tuple[str, ...]:
    """Return X of `[tag: X]`, which is a TAGGED_AS edge to X."""
    target = match[1].strip()
    return (target,) if target else ()


def attributes_at_end(text: str) -> tuple[str, tuple[str, ...]] | None:
    """Return a text without the attributes at its end, such as `Setup {.big}`, and their ids; None without any."""
    before, brace, said = text.rstrip().rpartition("{")
    said = said[:-1].removeprefix(":") if said.endswith("}") else ""
    # `GET /users/{id}` and `{x}` are text.
    is_list = brace and (said.lstrip().startswith((".", "-", "#")) or "=" in said)
    ids = attribute_ids(said) if is_list else None
    return None if ids is None else (before.rstrip(), ids)


def attribute_ids(said: str) -> tuple[str, ...] | None:
    """Return the ids in a list of attributes, without its braces; None when it is prose or a template in braces."""
    said, at, ids = said.rstrip(), 0, []
    while at < len(said):
        one = _ATTRIBUTE.match(said, at)
        if not one:
            return None
        if one["id"] or one["key"] == "id":
            ids.append(one["id"] or one["value"].strip("\"'"))
        at = one.end()
    return tuple(ids)


def is_conflict(match: re.Match[str]) -> bool:
    """Return whether `<<<<<<< ` at the start of a line begins a merge conflict: the other two markers must follow."""
    middle = _CONFLICT_MIDDLE.search(match.string, match.end())
    return bool(middle and _CONFLICT_END.search(match.string, middle.end()))


def relation_key(data: bytes, start: int) -> str | None:
    """Return the key of `key:: [[T]]` or `[key:: [[T]]]` for the link at start; None without one."""
    if not data[max(0, start - 64) : start].rstrip(b" \t*_").endswith(b"::"):
        return None
    first = max(0, start - _KEY_BYTES)
    line = max(data.rfind(b"\n", first, start), data.rfind(b"\r", first, start)) + 1
    before = data[max(line, first) : start].decode("utf-8", "replace")
    whole = _RELATION_KEY.match(before) if line or not first else None
    match = whole or _BRACKET_KEY.match(before, max(before.rfind("["), before.rfind("("), 0))
    return match[1].strip() if match else None


def continues_relation(between: bytes) -> bool:
    """Return whether a link belongs to the relation of the one before it: `key:: [[A]], [[B]]`."""
    return len(between) < 16 and between.strip() in (b",", b";", b"and", b"&")


def edge_type(key: str) -> str:
    """Return the edge type of a key: `depends on` becomes DEPENDS_ON."""
    return re.sub(r"[\s-]+", "_", key.strip()).upper()


class CommentTags(NamedTuple):
    """What `<!-- tags: … -->` holds: plain tags, and (relation, target) pairs."""

    tags: list[str]
    relations: list[tuple[str, str]]


_NO_TAGS = CommentTags([], [])


def comment_tags(comment: str) -> CommentTags:
    """Return what a comment such as `<!-- tags: one, [SUPERSEDES: other, another] -->` holds."""
    before, colon, said = comment.removeprefix("<!--").partition(":")
    if not colon or before.strip() != "tags" or not said.endswith("-->"):
        return _NO_TAGS
    said = " ".join(said.removesuffix("-->").split())
    relations = [
        (relation, target) for relation, targets in _COMMENT_RELATION.findall(said) for target in _listed(targets)
    ]
    return CommentTags(tags_in(_COMMENT_RELATION.sub(",", said)), relations)


def tags_in(text: str) -> list[str]:
    """Return the tags in one text, between commas and white space, without brackets and leading #."""
    return [tag for tag in (word.strip("[]").lstrip("#") for word in _TAG_ENDS.split(text)) if tag]


def _listed(text: str) -> list[str]:
    return [item for item in (item.strip(" []#") for item in text.split(",")) if item]
