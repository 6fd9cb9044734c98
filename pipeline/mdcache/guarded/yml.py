"""YAML as strangers may write it in the settings of their sites: texts, lists and mappings; no tag makes anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml

# libyaml's parser where the wheel has it: ten times faster.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# Bytes of a text: settings of sites have 50 kB at most.
_LONGEST = 256_000
_DEPTH = 64
# How many values there may be when each alias is written out: a line of nine aliases to a line of nine … has no end.
_VALUES = 100_000
_NULLS = frozenset(("", "~", "null"))
_BOOLS: Mapping[str, bool] = {"true": True, "false": False}


class Tagged(NamedTuple):
    """A value with a tag of its own, such as `!ENV` or `!!python/name:a.b`: tag is what follows the last `!`."""

    tag: str
    value: Any


def loads(text: str) -> Any:
    """Return what a text says: mappings, lists and texts as written; plain null, true and false are None and bool.

    Other types are not guessed: 1.10 and 12:30 are texts. Of a key that stands there twice the last counts, and a key
    that is no text is left out. Raises ValueError with what is wrong with the text.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"it is longer than {_LONGEST:,} characters")
    try:
        return _Builder(yaml.parse(text, Loader=_Loader)).document()
    except (yaml.YAMLError, UnicodeError) as error:
        raise ValueError(" ".join(str(error).split())[:200]) from error


class _Built(NamedTuple):
    """A value, and how many values it consists of."""

    value: Any
    size: int


class _Builder:
    """Builds the value of the first document out of the parser's events. Its state is the anchors seen so far."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._anchors: dict[str, _Built] = {}

    def document(self) -> Any:
        for event in self._events:
            if isinstance(event, yaml.NodeEvent):
                return self._node(event, 0).value
        return None

    def _node(self, event: Any, depth: int) -> _Built:
        if isinstance(event, yaml.AliasEvent):
            return self._anchors.get(event.anchor or "", _Built(None, 1))
        if depth > _DEPTH:
            raise ValueError(f"it nests deeper than {_DEPTH}")
        if isinstance(event, yaml.ScalarEvent):
            built = _Built(_scalar(event), 1)
        elif isinstance(event, yaml.SequenceStartEvent):
            built = self._list(depth)
        else:
            built = self._mapping(depth)
        if built.size > _VALUES:
            raise ValueError(f"it holds more than {_VALUES:,} values")
        if event.tag and event.tag != "!":
            built = built._replace(value=Tagged(event.tag.removeprefix("tag:yaml.org,2002:").lstrip("!"), built.value))
        if event.anchor:
            self._anchors[event.anchor] = built
        return built

    def _list(self, depth: int) -> _Built:
        items = []
        size = 1
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            item = self._node(event, depth + 1)
            items.append(item.value)
            size += item.size
        return _Built(items, size)

    def _mapping(self, depth: int) -> _Built:
        items: dict[str, Any] = {}
        size = 1
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key, value = self._node(event, depth + 1), self._node(next(self._events), depth + 1)
            size += key.size + value.size
            if isinstance(key.value, str):
                items[key.value] = value.value
        return _Built(items, size)


def _scalar(event: Any) -> Any:
    if event.style or event.tag:
        return event.value
    if event.value.lower() in _NULLS:
        return None
    return _BOOLS.get(event.value.lower(), event.value)
