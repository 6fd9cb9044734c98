"""Read the YAML at the top of a document by one rule: what is written is what is kept.

What other YAML says is read by guarded.yml.

YAML's grammar says where keys, lists and texts begin and end; what a text means is decided here, by _plain. YAML 1.1
would turn `12:30` into 750, `no` into false and `1.10` into 1.1, and no two parsers agree on such values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from json.encoder import encode_basestring
from typing import Any, NamedTuple

import yaml

from mdcache.model import FRONT_MATTER_LIMIT, Property

# libyaml's parser where the wheel has it: ten times faster.
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# The C parser crashes the interpreter on 65,000 '[', and alias or merge bombs hang it. Judged before parsing.
DEPTH_LIMIT = 64
# A list or object as a key becomes JSON, that of a key within it JSON in JSON, with twice as many backslashes.
_KEY_LIMIT = 1024

# Characters of a text that aliases may repeat: each of them is a few bytes long, and no bomb grows of that.
_LONGEST_NAMED = 100

_OPENING = re.compile(rb"---[ \t]*(?:\r\n|\n|\r)")
_CLOSING = re.compile(rb"(?<=[\r\n])(?:---|\.\.\.)[ \t]*(?:\r\n|\n|\r|\Z)")
# Possessive: a comment that ends in \r\n must not be tried in two ways, or thirty of them take for ever.
_KEY = re.compile(rb"(?:\s|#[^\r\n]*+)*+[\"']?[A-Za-z_][^\r\n:]{0,80}:(?:[ \t\r\n]|\Z)")
# Blocks nest by indentation, at most two levels a column, or in one line as '- - x' and '? ? x'.
_NESTED = re.compile(r"[-?][ \t]+[-?][ \t]")
_INDENTED = " " * 40
_ALIAS = re.compile(r"\*[\w-]")
_WIKILINK = re.compile(r"!?\[\[([^\[\]\n]+)\]\]")
_WORDS = {"": "null", "~": "null", "null": "null", "true": "true", "false": "false"}
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?(e[+-][0-9]{2,3})?")
_CORE_TAGS = frozenset((None, *(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float"))))
_INT_LIMIT = 1 << 63
# Characters that end a line in YAML 1.1, and are text in YAML 1.2 and in Markdown. The parser is shown stand-ins that
# nobody writes: the last characters for private use.
_BREAKS = {"\x85": "\U0010fffb", "\u2028": "\U0010fffc", "\u2029": "\U0010fffd"}
_HIDE_BREAKS = str.maketrans(_BREAKS)
_SHOW_BREAKS = str.maketrans({hidden: shown for shown, hidden in _BREAKS.items()})


class WikiProperty(NamedTuple):
    """A wikilink in a value: the key it stands under, what is between the brackets, its line in the block (from 0)."""

    key: str
    inner: str
    line: int


class FrontMatter(NamedTuple):
    """What a front matter says. Of a key that stands there twice the last value counts.

    fields are the scalars and lists the texts in lists, however deep, both as written and without nulls; their keys are
    in lower case, as those of lines. meta and properties are JSON: a plain scalar is null, a boolean or a number where
    JSON would write it in the same way, and everything else is text as written; sets are objects.
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


_nodes: Any = yaml  # its types know no nodes without tags


class _Mark(NamedTuple):
    """Where a node made of a value stands."""

    line: int


def of_values(values: dict[str, Any], lines: Mapping[str, int]) -> FrontMatter | Trouble:
    """Return what a front matter in another language than YAML says; lines: where its keys stand, as far as known.

    values are texts, numbers, booleans, dates, None, lists and dicts.
    """
    try:
        pairs = [(key, value, lines.get(key, 0)) for key, value in values.items()]
        return _front_matter(
            _nodes.MappingNode(None, [(_text(key, line), _node(value, line, 1)) for key, value, line in pairs])
        )
    except Exception as error:  # a lone surrogate, a key that is too long
        return _trouble(None, error)


def _node(value: Any, line: int, depth: int) -> Any:
    """Return the node of a value that stands in this line. Raises ValueError where it nests too deeply."""
    if depth > DEPTH_LIMIT:
        raise ValueError(f"it nests deeper than {DEPTH_LIMIT}")
    if isinstance(value, dict):
        pairs = [(_text(key, line), _node(one, line, depth + 1)) for key, one in value.items()]
        return _nodes.MappingNode(None, pairs, _Mark(line))
    if isinstance(value, list):
        return _nodes.SequenceNode(None, [_node(one, line, depth + 1) for one in value], _Mark(line))
    if value is None or isinstance(value, bool | int | float):
        return _nodes.ScalarNode(None, json.dumps(value), _Mark(line))
    return _text(value if isinstance(value, str) else value.isoformat(), line)


def _text(text: str, line: int) -> Any:
    return _nodes.ScalarNode(None, text, _Mark(line), style='"')


class _Untyped:
    """What a parser asks at each node: a node's tag is None unless one is written."""

    def resolve(self, *_: object) -> None: ...

    def descend_resolver(self, *_: object) -> None: ...

    def ascend_resolver(self) -> None: ...


class _Loader(_Untyped, _Parser):  # type: ignore[misc]
    """Composes nodes without types."""


def _compose(text: str) -> Any:
    has_breaks = any(one in text for one in _BREAKS)
    loader = _Loader(text.translate(_HIDE_BREAKS) if has_breaks else text)
    try:
        node = loader.get_single_node()
    finally:
        loader.dispose()
    if has_breaks:
        _show_breaks(node)
    return node


def _show_breaks(node: Any) -> None:
    """Put the line breaks of YAML 1.1 back into the texts below a node."""
    if isinstance(node, yaml.ScalarNode):
        node.value = node.value.translate(_SHOW_BREAKS)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _show_breaks(item)
    elif node:
        for pair in node.value:
            _show_breaks(pair[0])
            _show_breaks(pair[1])


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
    if len(text) > FRONT_MATTER_LIMIT // 4 and len(text.encode()) > FRONT_MATTER_LIMIT:
        return Trouble(0, 0, f"it is larger than {FRONT_MATTER_LIMIT} bytes")
    deep = text.count("[") + text.count("{") >= DEPTH_LIMIT or _INDENTED in text or _NESTED.search(text)
    if not deep and not ("*" in text and _ALIAS.search(text)):
        return None
    try:
        return _danger_in_events(text)
    except yaml.YAMLError:
        return None  # the parser will say it better, and stops where this did


def _danger_in_events(text: str) -> Trouble | None:
    depth, named = 0, set()
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.ScalarEvent) and event.anchor and len(event.value) <= _LONGEST_NAMED:
            named.add(event.anchor)
        elif isinstance(event, yaml.AliasEvent) and event.anchor not in named:
            return _trouble(event.start_mark, "aliases (*name) of lists, objects and long texts are not read")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEPTH_LIMIT:
                return _trouble(event.start_mark, f"it nests deeper than {DEPTH_LIMIT}")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return None


class _Value(NamedTuple):
    """The value of a key: the key's line, its node, and the node as JSON."""

    line: int
    node: Any
    json: str


def _front_matter(node: Any) -> FrontMatter:
    values = {_written(key): _Value(key.start_mark.line, value, _json(value)) for key, value in node.value}
    meta = _object({key: value.json for key, value in values.items()})
    meta.encode()  # raises where a lone surrogate was escaped into a text: nothing could store it
    folded = {key.lower(): value for key, value in values.items()}
    links: list[WikiProperty] = []
    for key, value in values.items():
        _add_links(key, value.node, links)
    return FrontMatter(
        {key: value.node.value.strip() for key, value in folded.items() if _is_text(value.node, value.json)},
        {key: tuple(_texts(value.node)) for key, value in folded.items() if isinstance(value.node, yaml.SequenceNode)},
        {key: value.line for key, value in folded.items()},
        meta,
        tuple(_properties(values)),
        tuple(links),
    )


def _properties(values: dict[str, _Value]) -> Iterator[Property]:
    for key, value in values.items():
        if isinstance(value.node, yaml.SequenceNode):
            yield from (Property(key, ordinal, _json(item)) for ordinal, item in enumerate(value.node.value))
        else:
            yield Property(key, 0, value.json)


def _is_text(node: Any, as_json: str) -> bool:
    return isinstance(node, yaml.ScalarNode) and as_json != "null"


def _texts(node: Any) -> Iterator[str]:
    """Yield the texts in a list and in the lists within it, as written; objects and nulls are none."""
    for item in node.value:
        if isinstance(item, yaml.SequenceNode):
            yield from _texts(item)
        elif _is_text(item, _json(item)):
            yield item.value.strip()


def _written(node: Any) -> str:
    """Return a key as it is written, a list or an object as JSON. Raises MarkedYAMLError when that is too long."""
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    text = _json(node)
    if len(text) > _KEY_LIMIT:
        raise yaml.MarkedYAMLError(
            problem=f"a key is longer than {_KEY_LIMIT} characters", problem_mark=node.start_mark
        )
    return text


def _json(node: Any) -> str:
    """Return a node as JSON. Quoted and block scalars are text, and so is what has a tag that JSON has no type for."""
    if isinstance(node, yaml.ScalarNode):
        is_plain = not node.style and node.tag in _CORE_TAGS
        return (is_plain and _plain(node.value)) or encode_basestring(node.value)
    if isinstance(node, yaml.SequenceNode):
        return f"[{','.join(map(_json, node.value))}]"
    return _object({_written(key): _json(value) for key, value in node.value})


def _object(values: dict[str, str]) -> str:
    """Return the JSON object of these keys, whose values are JSON."""
    return f"{{{','.join(f'{encode_basestring(key)}:{value}' for key, value in values.items())}}}"


def _plain(text: str) -> str | None:
    """Return the JSON of a plain scalar that is null, a boolean or a number; None when it is text.

    A number is what JSON would write in the same way and what fits 64 bits: its JSON is its spelling.
    """
    if text in _WORDS:
        return _WORDS[text]
    number = _NUMBER.fullmatch(text) if text[0] in "-0123456789" else None
    if not number:
        return None
    if number.lastindex:
        return text if repr(float(text)) == text else None
    return text if str(int(text)) == text and -_INT_LIMIT <= int(text) < _INT_LIMIT else None


def _add_links(key: str, node: Any, found: list[WikiProperty]) -> None:
    """Add the wikilinks in quoted values, and unquoted ones, which YAML reads as a list in a list."""
    if isinstance(node, yaml.ScalarNode):
        if "[[" in node.value:
            found += (WikiProperty(key, link[1], node.start_mark.line) for link in _WIKILINK.finditer(node.value))
    elif isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            _add_links(key, value, found)
    elif _is_unquoted_link(node):
        found.append(WikiProperty(key, ", ".join(one.value for one in node.value[0].value), node.start_mark.line))
    else:
        for item in node.value:
            _add_links(key, item, found)


def _is_unquoted_link(node: Any) -> bool:
    return (
        node.flow_style
        and len(node.value) == 1
        and isinstance(node.value[0], yaml.SequenceNode)
        and node.value[0].flow_style
        and bool(node.value[0].value)
        and all(isinstance(n, yaml.ScalarNode) for n in node.value[0].value)
    )
