"""What the files say by which a site is found: plain values of TOML, YAML and JSON, nothing where none can be read."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mdcache.guarded import toml, yml

_DEEPEST = 20
# Characters of a file: settings of sites have 50 kB at most.
_LONGEST = 256_000


def said(text: str, name: str) -> dict[str, Any]:
    """Return what a text says, read as the extension of its name tells; {} when it is no such thing, or too long."""
    if len(text) > _LONGEST:
        return {}
    try:
        found = _READERS[posixpath.splitext(name)[1].lower()](text)
    except (ValueError, KeyError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


_READERS: Mapping[str, Callable[[str], Any]] = {
    ".toml": lambda text: toml.loads(text.encode()),
    ".yaml": yml.loads,
    ".yml": yml.loads,
    ".json": json.loads,
}


def within(value: Any, *keys: str) -> Any:
    """Return what lies below these keys, one after the other; None where a dict or a key is missing."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def text(value: Any, *keys: str) -> str:
    """Return the text that lies below these keys; '' where there is none."""
    found = within(value, *keys)
    return found if isinstance(found, str) else ""


def tables(value: Any, *keys: str) -> Iterator[Mapping[str, Any]]:
    """Yield the dicts in the list that lies below these keys."""
    found = within(value, *keys)
    for one in found if isinstance(found, list) else ():
        if isinstance(one, Mapping):
            yield one


def texts(value: Any, *keys: str) -> tuple[str, ...]:
    """Return the texts in the list that lies below these keys, or the one text that stands there in its place."""
    found = within(value, *keys)
    if isinstance(found, str):
        return (found,)
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()


def lower_keys(value: Any, depth: int = 0) -> Any:
    """Return a value with all keys of its dicts in lower case; of two that are the same then, the last counts.

    What lies deeper than any setting is None: JSON may nest deeper than a function can follow.
    """
    if depth > _DEEPEST:
        return None
    if isinstance(value, Mapping):
        return {key.lower(): lower_keys(one, depth + 1) for key, one in value.items()}
    return [lower_keys(one, depth + 1) for one in value] if isinstance(value, list) else value


def path_of(address: str) -> str:
    """Return the path of an absolute address, without slashes at its ends: `https://x.org/docs/` is `docs`."""
    _, scheme, rest = address.partition("://")
    return (rest.partition("/")[2] if scheme else address).partition("?")[0].partition("#")[0].strip("/")
