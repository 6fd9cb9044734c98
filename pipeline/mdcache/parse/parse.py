"""Stage 2, parse: turn the bytes of one file into a Document. Pure; bad content never raises.

What is wrong becomes a problem with its line, and the rest of the document is still indexed.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Iterable

from mdcache.dialects import Dialect
from mdcache.dialects.dialect import Fields
from mdcache.model import ERROR, WARNING, Claim, Content, Document, Link, PathRule, Problem, Rules, Tag
from mdcache.parse import body, frontmatter, inline, othermatter, targets
from mdcache.parse.body import REPLACED, Body, Text
from mdcache.parse.frontmatter import FrontMatter, Trouble
from mdcache.parse.sites import site_of
from mdcache.paths import fold, without_extension
from mdcache.patterns import matching

_BOM = b"\xef\xbb\xbf"
_LONE_RETURN = re.compile(r"\r(?!\n)")
_DATE = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?!\d)")

codecs.register_error(
    "mdcache-same-length",
    lambda error: (REPLACED * (error.end - error.start), error.end),  # type: ignore[attr-defined]
)


def parse(path: str, content: Content, rules: Rules) -> Document:
    """Return the document of the file at path (relative to the base) with this content."""
    problems: list[Problem] = []
    too_large = content.size > len(content.data)
    whole = _decoded(path, _without_torn_end(content.data) if too_large else content.data, problems)
    front, text = _front_matter(path, whole, rules, problems)
    if too_large:
        message = f"larger than {rules.size_limit} bytes: only its front matter is read"
        problems.append(Problem(path, 1, 1, "too-large", WARNING, message))
        found = body.unread(text, content.size)
    else:
        found = body.read(path, text, rules)
    return _document(path, content, front, found, (*problems, *found.problems), rules)


def content_of(raw: bytes) -> Content:
    """Return the content of a file whose bytes are all in memory."""
    return Content(raw, hashlib.sha256(raw).hexdigest(), len(raw))


def _without_torn_end(head: bytes) -> bytes:
    """Return the head of a file without its last character if that was cut in the middle."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(head)
    return head[: len(head) - len(decoder.getstate()[0])]


def _decoded(path: str, raw: bytes, problems: list[Problem]) -> Text:
    base = len(_BOM) if raw.startswith(_BOM) else 0
    data = raw[base:] if base else raw
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        before = _with_newlines(data[: error.start].decode())
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        problems.append(Problem(path, line, column, "not-utf8", ERROR, message))
        text = data.decode("utf-8", "mdcache-same-length")
        data = text.encode()
    if "\0" in text or "\r" in text:
        text = _with_newlines(text).replace("\0", REPLACED)
        data = text.encode()
    return Text(data, text, base, 1)


def _with_newlines(text: str) -> str:
    """Return text with \n for each lone \r, which ends a line in CommonMark; the parser misses one after a fence."""
    return _LONE_RETURN.sub("\n", text)


def _front_matter(path: str, whole: Text, rules: Rules, problems: list[Problem]) -> tuple[FrontMatter | None, Text]:
    """Return the front matter, None without a readable one, and the text after it; add what is wrong to problems."""
    if not whole.data.startswith(b"---"):
        return _other_matter(path, whole, rules, problems)
    place = frontmatter.split(whole.data)
    if place is None:
        if frontmatter.unclosed(whole.data):
            problems.append(Problem(path, 1, 1, "front-matter", WARNING, "the front matter is never closed with '---'"))
        return None, whole
    start, end, after = place
    written = whole.data[start:end].decode()
    found = frontmatter.read(written)
    if isinstance(found, Trouble) and not _is_template(written, found, rules):
        message = f"the front matter cannot be read: {found.message}"
        problems.append(Problem(path, found.line + 2, found.column + 1, "front-matter", ERROR, message))
    return None if isinstance(found, Trouble) else found, _behind(whole, after)


def _other_matter(path: str, whole: Text, rules: Rules, problems: list[Problem]) -> tuple[FrontMatter | None, Text]:
    """Return the front matter in another language than YAML that the dialect knows, and the text after it."""
    matter = othermatter.read(whole.data, site_of(path, rules).dialect.front_matter)
    if matter is None:
        return None, whole
    if isinstance(matter.said, Trouble):
        message = f"the front matter cannot be read: {matter.said.message}"
        problems.append(Problem(path, 1, 1, "front-matter", ERROR, message))
        return None, _behind(whole, matter.after)
    return matter.said, _behind(whole, matter.after)


def _behind(whole: Text, after: int) -> Text:
    """Return a text from byte number after on."""
    data = whole.data[after:]
    return Text(data, data.decode(), whole.base + after, whole.data.count(b"\n", 0, after) + 1)


def _is_template(front: str, trouble: Trouble, rules: Rules) -> bool:
    """Return whether the line that cannot be read is a template, which only becomes YAML when it is filled in."""
    lines = front.split("\n")
    return trouble.line < len(lines) and targets.is_placeholder(lines[trouble.line], rules)


def _document(
    path: str, content: Content, front: FrontMatter | None, found: Body, problems: tuple[Problem, ...], rules: Rules
) -> Document:
    fields = front.fields if front else {}
    name = path.rpartition("/")[2]
    stem = without_extension(name, rules.extensions)
    title = fields.get("title") or found.title or stem
    dated = _DATE.match(name)
    aliases = _aliases(front)
    dialect = site_of(path, rules).dialect
    spoken = {**dialect.properties(found.bodies[0]), **_spoken(front)}
    by_path = _by_path(path, rules.paths)
    return Document(
        path=path,
        title=title,
        type=fields.get("type") or by_path.type,
        domain=fields.get("domain") or by_path.domain,
        layer=fields.get("layer") or by_path.layer,
        date=fields.get("date") or (dated[0] if dated else None),
        summary=fields.get("summary") or fields.get("description") or None,
        hash=content.hash,
        size=content.size,
        meta=front.meta if front else None,
        claims=_claims(front, rules) if dialect.claims else (),
        tags=_tags([*_front_tags(front), *found.tags], dialect),
        aliases=aliases,
        properties=front.properties if front else (),
        names=tuple(sorted(targets.names_of(path, aliases, spoken, rules, title, found.bodies))),
        sections=found.sections,
        bodies=found.bodies,
        links=(*_property_links(path, front, rules), *found.links),
        tasks=found.tasks,
        code_blocks=found.code_blocks,
        anchors=found.anchors,
        problems=problems,
    )


def _spoken(front: FrontMatter | None) -> Fields:
    """Return the texts and lists of texts that a front matter holds."""
    return {**front.fields, **front.lists} if front else {}


def _claims(front: FrontMatter | None, rules: Rules) -> tuple[Claim, ...]:
    wanted = front.fields.get("id") if front else None
    if not front or not wanted:
        return ()
    return (Claim(wanted, targets.bucket(wanted, rules.extensions), front.lines["id"] + 2),)


def _front_tags(front: FrontMatter | None) -> list[str]:
    """Return the tags of the front matter: each item of a list as it is, one text by its words."""
    if not front:
        return []
    tags: list[str] = []
    for key in ("tags", "tag"):
        tags += (tag for tag in (item.lstrip("#").strip() for item in front.lists.get(key, ())) if tag)
        tags += inline.tags_in(front.fields.get(key, ""))
    return tags


def _tags(written: Iterable[str], dialect: Dialect) -> tuple[Tag, ...]:
    """Return the tags among these names. Of those that differ by case alone, the one that is written first."""
    found: dict[str, Tag] = {}
    for name in written:
        folded = fold(name).strip("/")
        if folded and (dialect.numeric_tags or not folded.isdigit()):
            found.setdefault(folded, Tag(name, folded))
    return tuple(found.values())


def _aliases(front: FrontMatter | None) -> tuple[str, ...]:
    if not front:
        return ()
    written = [front.fields.get(key, "") for key in ("aliases", "alias")]
    listed = [*front.lists.get("aliases", ()), *front.lists.get("alias", ())]
    return _unique(alias for alias in (*listed, *written) if alias)


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _property_links(path: str, front: FrontMatter | None, rules: Rules) -> tuple[Link, ...]:
    if not front or not front.links:
        return ()
    links, look_up = [], targets.looker(path, rules)
    for key, inner, line in front.links:
        target, _, label = inner.partition("|")
        place = (0, line + 2, 1)
        type_ = inline.edge_type(key)
        links.append(body.link_of(look_up, place, "property", type_, target.strip(), label.strip() or None))
    return tuple(links)


_NO_RULE = PathRule("", None, None, None)


def _by_path(path: str, rules: tuple[PathRule, ...]) -> PathRule:
    """Return what the path rules say of a path; a later rule overrides an earlier one, value by value."""
    said = _NO_RULE
    for rule in rules:
        if matching(rule.pattern).matches(path):
            said = PathRule("", rule.type or said.type, rule.domain or said.domain, rule.layer or said.layer)
    return said
