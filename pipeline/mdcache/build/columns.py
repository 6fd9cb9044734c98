"""The tables' columns, declared once: layout, load, digest, update and verify's comparison follow from this.

A new column is written in three places: in the DDL in schema/, here, and where its value is made, as an attribute of
the row in model.py. The order of the columns here is that of the digest; nothing else depends on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from mdcache.model import Anchor, Claim, CodeBlock, Document, Link, Name, Problem, Property, Section, Stamp, Tag, Task


class Role(Enum):
    """Where the value of a column comes from."""

    VALUE = "the attribute of this name of a row of the model"
    ITSELF = "the row of the model, which is one plain value"
    NODE_KEY = "the document's own key"
    SECTION_KEY = "the section's own key, counted from 0 within a batch"
    NODE = "the key of the document that the row belongs to"
    ORDINAL = "the row's place among its document's rows"
    SECTION = "the key of a section, from the ordinal in the model's row; counted from 0 within a batch"
    KNOWN = "layout knows it, from elsewhere than the model's row"
    WORDS = "layout makes it for the full-text index; the table does not keep it"
    RESOLVED = "resolve makes it; layout does not write it"
    TARGET = "resolve makes it: the key of another document"


PLACED = (Role.NODE_KEY, Role.SECTION_KEY, Role.NODE, Role.ORDINAL, Role.SECTION, Role.KNOWN)
VALUES = (Role.VALUE, Role.ITSELF)


class Column(NamedTuple):
    """A column of a table."""

    name: str
    role: Role = Role.VALUE
    digested: bool = True
    """Whether it is part of the digest: of its document, or of all problems."""
    compared: bool = True
    """Whether verify compares it."""


class Table(NamedTuple):
    """A table that layout fills."""

    name: str
    row: type[Any]
    """The class of the rows in the model."""
    columns: tuple[Column, ...]
    rows: str = ""
    """The attribute of Document that holds a document's rows; '' when they come from elsewhere."""
    order: tuple[str, ...] = ()
    """The columns by which the digest sorts a document's rows; () when the table keeps the order that the model has."""
    view: str = ""
    """The view to insert into, where it is not the table."""

    def of(self, *roles: Role) -> tuple[Column, ...]:
        """Return the columns that have one of these roles."""
        return tuple(column for column in self.columns if column.role in roles)

    @property
    def written(self) -> tuple[Column, ...]:
        """The columns in the order in which layout writes them: what it places, the model's values, words to index."""
        return (*self.of(*PLACED), *self.of(*VALUES), *self.of(Role.WORDS))

    @property
    def digested(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.digested)

    @property
    def compared(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.compared)

    @property
    def owner(self) -> str:
        """The name of the column with the key of the document that a row belongs to."""
        (column,) = self.of(Role.NODE)
        return column.name

    def values(self, columns: tuple[Column, ...]) -> Callable[[Any], tuple[Any, ...]]:
        """Return a function that gives the values of these columns in a row of the model, as a tuple."""
        if self.of(Role.ITSELF):
            return lambda row: (row,)
        return _getter(self.row, tuple(column.name for column in columns))


def _getter(row: type[Any], names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that gives these attributes of a row.

    Rows are named tuples: where the names follow each other as in the row's class, a slice gives them all in a fifth of
    the time that they take one by one. Each row of a rebuild is asked twice, for its table and for the digest.
    """
    fields: tuple[str, ...] = row._fields
    start = fields.index(names[0]) if names[0] in fields else len(fields)
    end = start + len(names)
    if fields[start:end] == names:
        return itemgetter(slice(start, end))
    get = attrgetter(*names)
    return get if len(names) > 1 else lambda one: (get(one),)


def names(columns: Iterable[Column]) -> str:
    """Return the columns' names as a list in SQL."""
    return ", ".join(f'"{column.name}"' for column in columns)


_NODE = Column("node", Role.NODE, digested=False, compared=False)
_ORDINAL = Column("ordinal", Role.ORDINAL, digested=False)  # the rows' order says it
_SECTION = Column("section", Role.SECTION)


def _values(*names: str) -> tuple[Column, ...]:
    return tuple(map(Column, names))


NODES = Table(
    "nodes",
    Document,
    (
        Column("key", Role.NODE_KEY, digested=False, compared=False),
        Column("id", Role.KNOWN, digested=False),  # resolve settles it: the digest adds the ids at its end
        *_values("path", "title", "type", "domain", "layer", "date", "summary", "hash", "size", "meta"),
    ),
)
SECTIONS = Table(
    "sections",
    Section,
    (
        Column("key", Role.SECTION_KEY, digested=False, compared=False),
        *(_NODE, _ORDINAL),
        *_values("level", "heading", "anchor", "start", "end", "line", "hash"),
        *(Column(name, Role.WORDS, digested=False, compared=False) for name in ("title", "words", "tags", "body")),
    ),
    rows="sections",
    view="section_texts",
)
LINKS = Table(
    "links",
    Link,
    (
        Column("source", Role.NODE, digested=False, compared=False),
        *(_ORDINAL, _SECTION),
        *_values("line", "column", "kind", "type", "target", "fragment", "label", "name"),
        # Resolving decides these; the digest adds what a link resolves to at its end.
        Column("scope", digested=False),
        Column("target_node", Role.TARGET, digested=False),
        Column("rivals", Role.RESOLVED, digested=False),
    ),
    rows="links",
)
PARTS = (
    Table("claims", Claim, (_NODE, *_values("claim"), Column("name", digested=False), *_values("line")), rows="claims"),
    Table("tags", Tag, (_NODE, Column("tag"), Column("folded", digested=False)), rows="tags", order=("folded",)),
    Table("aliases", str, (_NODE, Column("alias", Role.ITSELF)), rows="aliases", order=("alias",)),
    Table(
        "properties",
        Property,
        (_NODE, *_values("key", "ordinal", "value")),
        rows="properties",
        order=("key", "ordinal"),
    ),
    Table("names", Name, (_NODE, *_values("name", "alias")), rows="names", order=("name", "alias")),
    SECTIONS,
    LINKS,
    Table("tasks", Task, (_NODE, _SECTION, *_values("line", "done", "text")), rows="tasks"),
    Table("code_blocks", CodeBlock, (_NODE, _SECTION, *_values("line", "language")), rows="code_blocks"),
    Table(
        "anchors", Anchor, (_NODE, *_values("anchor"), _SECTION, *_values("line")), rows="anchors", order=("anchor",)
    ),
)
"""The tables whose rows belong to documents, in the order of the digest."""
FILES = Table(
    "files",
    Stamp,
    (
        Column("path", Role.KNOWN, digested=False),
        Column("hash", Role.KNOWN, digested=False),
        Column("size", digested=False),
        # A file that was touched since is as good as before.
        *(Column(name, digested=False, compared=False) for name in ("mtime_ns", "ctime_ns", "inode")),
    ),
)
PROBLEMS = Table("all_problems", Problem, _values("path", "line", "column", "code", "severity", "message", "link"))
TABLES = (NODES, *PARTS, FILES, PROBLEMS)
