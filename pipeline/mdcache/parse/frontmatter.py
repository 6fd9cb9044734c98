"""Read the YAML at the top of a document: as written for columns, typed for meta and properties.

The one module that touches the YAML parser.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from mdcache.model import FRONT_MATTER_LIMIT, Property

# libyaml's parser where the wheel has it: ten times faster.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# The C loader crashes the interpreter on 65,000 '[', and alias or merge bombs hang it. Judged before parsing.
DEPTH_LIMIT = 64

_OPENING = re.compile(rb"---[ \t]*(?:\r\n|\n|\r)")
_CLOSING = re.compile(rb"(?<=[\r\n])(?:---|\.\.\.)[ \t]*(?:\r\n|\n|\r|\Z)")
# Possessive: a comment that ends in \r\n must not be tried in two ways, or thirty of them take for ever.
_KEY = re.compile(rb"(?:\s|#[^\r\n]*+)*+[\"']?[A-Za-z_][^\r\n:]{0,80}:(?:[ \t\r\n]|\Z)")
_SUSPECT = re.compile(r"[&*]|-[ \t]+-|\?[ \t]|[ ]{40}")
_WIKILINK = re.compile(r"!?\[\[([^\[\]\n]+)\]\]")
_NULL = "tag:yaml.org,2002:null"
_TYPED = frozenset((_NULL, *(f"tag:yaml.org,2002:{name}" for name in ("bool", "int", "float"))))
_INT_LIMIT = 1 << 63


class WikiProperty(NamedTuple):
    """A wikilink in a value: the key it stands under, what is between the brackets, its line in the block (from 0)."""

    key: str
    inner: str
    line: int


class FrontMatter(NamedTuple):
    """What a front matter says. Of a key that stands there twice the last value counts.

    fields are the scalars and lists the lists, as written, without nulls; their keys are in lower case, as those of
    lines. meta and properties hold JSON: numbers, booleans and nulls are typed as in YAML 1.1, but what JSON or SQLite
    has no type for (dates, NaN, numbers past 64 bits, binary data, unknown tags) stays as written; sets are objects.
    """

    fields: dict[str, str]
    lists: dict[str, tuple[str, ...]]
    lines: dict[str, int]
    meta: str
    properties: tuple[Property, ...]
    links: tuple[WikiProperty, ...]


class Trouble(NamedTuple):
    """Why a front matter cannot be read, and where: line and column count from 0 within the block."""

    line: int
    column: int
    message: str


def split(data: bytes) -> tuple[int, int, int] | None:
    """Return where the YAML starts and ends and where the text begins; None when the document has no front matter.

    Only a block that is closed and begins like a mapping counts: `---` also draws a line across the page.
    """
    opening = _OPENING.match(data)
    if not opening:
        return None
    start = opening.end()
    closing = _CLOSING.search(data, start)
    if not closing:
        return None
    inside = data[start : closing.start()]
    if inside.strip() and not _KEY.match(inside) and not _is_mapping(inside):
        return None
    return start, closing.start(), closing.end()


def unclosed(data: bytes) -> bool:
    """Return whether a document begins like a front matter that no line closes."""
    opening = _OPENING.match(data)
    return bool(opening and _KEY.match(data, opening.end()) and not _CLOSING.search(data, opening.end()))


def read(text: str) -> FrontMatter | Trouble:
    """Return what the YAML between the fences says, or why it cannot be read. Nothing raises."""
    trouble = _danger(text)
    if trouble:
        return trouble
    try:
        node = _compose(text)
        if node is None:
            return _EMPTY
        if not isinstance(node, yaml.MappingNode):
            return Trouble(0, 0, "it is not a list of 'key: value' lines")
        return _front_matter(node)
    except yaml.MarkedYAMLError as error:
        return _trouble(error.problem_mark or error.context_mark, error.problem or error.context)
    except Exception as error:  # PyYAML also raises ValueError, OverflowError, RecursionError … on odd values
        return _trouble(None, error)


def _trouble(mark: Any, message: object) -> Trouble:
    text = " ".join(str(message).split())[:200]
    return Trouble(mark.line, mark.column, text) if mark else Trouble(0, 0, text or "it is no YAML")


_EMPTY = FrontMatter({}, {}, {}, "{}", (), ())


def _compose(text: str) -> Any:
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _is_mapping(inside: bytes) -> bool:
    text = inside.decode("utf-8", "replace")
    if _danger(text):
        return False
    try:
        return isinstance(_compose(text), yaml.MappingNode)
    except Exception:  # whatever it is, it is no front matter
        return False


def _danger(text: str) -> Trouble | None:
    """Return why a text must not reach the parser (too large, too deep, aliases); None when it may."""
    if len(text) > FRONT_MATTER_LIMIT or len(text.encode()) > FRONT_MATTER_LIMIT:
        return Trouble(0, 0, f"it is larger than {FRONT_MATTER_LIMIT} bytes")
    if text.count("[") + text.count("{") < DEPTH_LIMIT and not _SUSPECT.search(text):
        return None
    try:
        return _danger_in_events(text)
    except yaml.YAMLError:
        return None  # the parser will say it better, and stops where this did


def _danger_in_events(text: str) -> Trouble | None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            return _trouble(event.start_mark, "aliases (*name) are not read")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEPTH_LIMIT:
                return _trouble(event.start_mark, f"it nests deeper than {DEPTH_LIMIT}")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return None


def _front_matter(node: Any) -> FrontMatter:
    values = {_written(key): (key.start_mark.line, value) for key, value in node.value}
    folded = {key.lower(): found for key, found in values.items()}
    meta = {key: _typed(value) for key, (_, value) in values.items()}
    written = _json(meta)
    written.encode()  # raises where a lone surrogate was escaped into a text: nothing could store it
    return FrontMatter(
        {key: value.value.strip() for key, (_, value) in folded.items() if _is_text(value)},
        {key: _items(value) for key, (_, value) in folded.items() if isinstance(value, yaml.SequenceNode)},
        {key: line for key, (line, _) in folded.items()},
        written,
        tuple(_properties(meta)),
        tuple(link for key, (_, value) in values.items() for link in _links(key, value)),
    )


def _is_text(node: Any) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag != _NULL


def _items(node: Any) -> tuple[str, ...]:
    return tuple(_written(item).strip() for item in node.value if item.tag != _NULL)


def _written(node: Any) -> str:
    """Return a scalar as it is written, anything else as JSON."""
    return node.value if isinstance(node, yaml.ScalarNode) else _json(_typed(node))


def _typed(node: Any) -> Any:
    """Return a node as a JSON value, see FrontMatter."""
    if isinstance(node, yaml.MappingNode):
        return {_written(key): _typed(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_typed(item) for item in node.value]
    if node.tag not in _TYPED:
        return node.value
    try:
        value = yaml.SafeLoader.yaml_constructors[node.tag](_CONSTRUCTOR, node)
    except (ValueError, KeyError):
        return node.value
    if isinstance(value, float) and not math.isfinite(value):
        return node.value
    return value if not isinstance(value, int) or -_INT_LIMIT <= value < _INT_LIMIT else node.value


_CONSTRUCTOR: Any = yaml.SafeLoader("")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _properties(meta: dict[str, Any]) -> Iterator[Property]:
    for key, value in meta.items():
        for ordinal, item in enumerate(value if isinstance(value, list) else [value]):
            yield Property(key, ordinal, _json(item))


def _links(key: str, node: Any) -> Iterator[WikiProperty]:
    """Yield the wikilinks in quoted values, and unquoted ones, which YAML reads as a list in a list."""
    if isinstance(node, yaml.ScalarNode):
        for match in _WIKILINK.finditer(node.value):
            yield WikiProperty(key, match[1], node.start_mark.line)
    elif isinstance(node, yaml.SequenceNode):
        if _is_unquoted_link(node):
            yield WikiProperty(key, ", ".join(n.value for n in node.value[0].value), node.start_mark.line)
        else:
            for item in node.value:
                yield from _links(key, item)
    else:
        for _, value in node.value:
            yield from _links(key, value)


def _is_unquoted_link(node: Any) -> bool:
    return (
        node.flow_style
        and len(node.value) == 1
        and isinstance(node.value[0], yaml.SequenceNode)
        and node.value[0].flow_style
        and bool(node.value[0].value)
        and all(isinstance(n, yaml.ScalarNode) for n in node.value[0].value)
    )
