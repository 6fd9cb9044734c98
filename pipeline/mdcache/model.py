"""The values that pass from stage to stage: plain, frozen, one type a stage.

Offsets are bytes into the file, lines and columns count from 1, times are nanoseconds since 1970.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mdcache.dialects import GITHUB, Site, Sites

ERROR = "error"
WARNING = "warning"
NOTE = "note"
"""Of what is no problem, and yet worth telling: it is listed, and neither counted nor a reason to fail."""

INODE_BITS = (1 << 63) - 1
"""What is kept of an inode: SQLite's integers are signed, and some file systems use all 64 bits."""

LARGEST = 1_000_000_000
"""Bytes of the longest document that is read at all: SQLite holds no longer text, and to hash it takes seconds."""

FRONT_MATTER_LIMIT = 128 * 1024
"""More bytes of YAML are not read: few front matters have them, and an attack may."""


AUTO = "auto"
"""In place of a dialect's name: the one of the site in which a document lies."""


class Stamp(NamedTuple):
    """What stat says of a file: who finds the same again need not read it.

    Times are nanoseconds. mtime_ns is None while the bytes may change and the stamp not show it.
    """

    size: int
    mtime_ns: int | None
    ctime_ns: int
    inode: int


class Entry(NamedTuple):
    """A file that scan found: where it is, and its stamp (only the size counts where no file on disk has the bytes)."""

    path: str
    """Relative to the base, /-separated, as on disk."""
    default_id: str
    """The path without its extension if no other document shares that, else the path."""
    stamp: Stamp
    blob: str | None = None
    """The id of its object in git; None for a file on disk."""


class Content(NamedTuple):
    """The bytes of a file. data is only its head when it is over the size limit; hash and size are the file's."""

    data: bytes
    hash: str
    size: int


class Problem(NamedTuple):
    """Something wrong in a document, or with a file that is none. Its message is to be read, never to find it by."""

    path: str
    line: int
    column: int
    code: str
    severity: str
    message: str
    link: int | None = None
    """The ordinal of the link that it is about; None when it is about none. Users are not shown it."""

    @property
    def shown(self) -> tuple[str, int, int, str, str, str]:
        """What users are shown of it: all but the link."""
        return self.path, self.line, self.column, self.code, self.severity, self.message

    def as_dict(self) -> dict[str, Any]:
        return dict(zip(self._fields, self.shown, strict=False))


class Section(NamedTuple):
    """From one heading to the next; ordinal 0 is the text before the first heading (level 0, heading None)."""

    level: int
    heading: str | None
    anchor: str | None
    start: int
    end: int
    line: int
    hash: bytes | None
    """Of what an embedding model is to see of it; None when the file is too large to be read."""


class Link(NamedTuple):
    """One occurrence of a reference. section is an ordinal; name is where the resolver looks, None for nowhere.

    scope holds as long as the link does not resolve.
    """

    section: int
    line: int
    column: int
    kind: str
    type: str
    target: str
    fragment: str | None
    label: str | None
    name: str | None
    scope: str


class Task(NamedTuple):
    """A checkbox of a task list; done is 1 or 0."""

    section: int
    line: int
    done: int
    text: str


class CodeBlock(NamedTuple):
    """A fenced or indented code block; language is None when it names none."""

    section: int
    line: int
    language: str | None


class Anchor(NamedTuple):
    """A place to point at that is no heading."""

    anchor: str
    section: int
    line: int


class Claim(NamedTuple):
    """The id that a front matter asks for; name is the one under which documents with such a path are found."""

    claim: str
    name: str
    line: int


class Name(NamedTuple):
    """A name under which links can find a document; alias is '' when it comes from the path."""

    name: str
    alias: str


class Tag(NamedTuple):
    """A tag as it is first written in a document, without the #; folded is the form in which tags are compared."""

    tag: str
    folded: str


class Property(NamedTuple):
    """A value of a key of the front matter, as JSON; ordinal is 0, or its place in a list."""

    key: str
    ordinal: int
    value: str


class Document(NamedTuple):
    """A parsed file: everything the cache will know of it, before links are resolved.

    build/columns.py says which columns its attributes, and those of the rows in it, become.
    """

    path: str
    title: str
    type: str | None
    domain: str | None
    layer: str | None
    date: str | None
    summary: str | None
    hash: str
    size: int
    meta: str | None
    claims: tuple[Claim, ...]
    """One, or none."""
    tags: tuple[Tag, ...]
    aliases: tuple[str, ...]
    properties: tuple[Property, ...]
    names: tuple[Name, ...]
    sections: tuple[Section, ...]
    bodies: tuple[str, ...]
    """The text of each section, to be indexed and forgotten."""
    links: tuple[Link, ...]
    tasks: tuple[Task, ...]
    code_blocks: tuple[CodeBlock, ...]
    anchors: tuple[Anchor, ...]
    problems: tuple[Problem, ...]


class Rules(NamedTuple):
    """The part of the settings that parsing depends on: it travels to the worker processes."""

    extensions: tuple[str, ...] = (".md", ".markdown")
    roots: tuple[str, ...] = ("",)
    """Relative to the base: `[x](/a.md)` is tried below each."""
    size_limit: int = 10_000_000
    paths: tuple[PathRule, ...] = ()
    wikilinks: bool = True
    """Whether `[[x]]` in a text is a link."""
    placeholders: tuple[str, ...] = ("*{{*}}*", "*{%*%}*", "*${*}*", "*<*>*", "toc", "_toc_")
    """What a link's target looks like when something else puts the real one in; '*' is any text."""
    dialect: str = AUTO
    """The name of the dialect in which documents are read; AUTO: that of the site that they lie in."""
    sites: Sites = Sites()
    """Those that were found in the tree."""
    unsited: tuple[Site, ...] = (Site(GITHUB, ""),)
    """What holds outside of them, for each dialect that the settings name; the first where nothing is named."""
    ignored: tuple[str, ...] = ()
    """Regular expressions: what a target looks like that is not judged."""
    addresses: tuple[tuple[str, str], ...] = ()
    """Absolute addresses that mean files of this tree: how they begin, and the path relative to the base in place of
    that."""


class PathRule(NamedTuple):
    """Documents under a gitignore-style pattern get a type, domain or layer that their front matter lacks.

    dialect: the name of that in which they are read; None: as everywhere.
    """

    pattern: str
    type: str | None
    domain: str | None
    layer: str | None
    dialect: str | None = None


class Report(NamedTuple):
    """What a rebuild or sync did. added, changed, removed compare with the generation before."""

    database: str
    generation: int
    documents: int
    sections: int
    links: int
    unresolved: int
    problems: int
    added: int
    changed: int
    removed: int
    unchanged: int
    seconds: float
    digest: str | None
    fingerprint: str
    rebuilt: bool

    def as_dict(self) -> dict[str, Any]:
        return as_dict(self)


class Tally(NamedTuple):
    """What was done."""

    added: int = 0
    changed: int = 0
    removed: int = 0

    def plus(self, other: Tally) -> Tally:
        return Tally(*(a + b for a, b in zip(self, other, strict=True)))


def as_dict(value: Any) -> dict[str, Any]:
    """Return a named tuple as JSON has it: its fields, with named tuples among them as objects and tuples as lists."""
    return {name: _plain(field) for name, field in value._asdict().items()}


def _plain(value: Any) -> Any:
    if hasattr(value, "as_dict"):
        return value.as_dict()
    if hasattr(value, "_asdict"):
        return as_dict(value)
    return [_plain(one) for one in value] if isinstance(value, tuple | list) else value
