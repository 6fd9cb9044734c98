"""Regular expressions out of settings, which may have come with a clone: only such as end in time are taken.

Python's engine tries one way after another, so an expression may take longer than anybody waits: each open repeat (`*`,
`+`, `{2,}`) multiplies the ways by the length of the text, and one within another doubles them with each character. So
nothing that is repeated may hold a repeat or alternatives, and repeats are counted, but for one at the end: the first
way is as good as any.
"""

from __future__ import annotations

import re
from functools import cache
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

LOOKED_AT = 200
"""Characters of a text that are looked at."""
COST_LIMIT = 50
"""What all expressions of a setting may cost: one without open repeats costs 1, one with a repeat 10."""
_LONGEST = 500
_REPEATS = (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT)
_MANY = 16


def cost(pattern: str) -> int:
    """Return what an expression costs. Raises ValueError, with the reason, for one that is none or may never end."""
    if len(pattern) > _LONGEST:
        raise ValueError(f"it has more than {_LONGEST} characters")
    try:
        parsed = list(_parser.parse(pattern))
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"it is no regular expression: {error}") from error
    open_repeats = sum(map(_open_repeats, parsed)) - bool(parsed and _is_open(parsed[-1]))
    anchored = bool(parsed) and parsed[0][0] is ops.AT
    if open_repeats > 1 + anchored:
        raise ValueError("it has more than one open repeat, or two after ^, and may take too long")
    return 10 if open_repeats else 1


def finds(pattern: str, text: str) -> bool:
    """Return whether an expression of which the cost is known is found in a text, as far as it is looked at."""
    return bool(_compiled(pattern).search(text, 0, LOOKED_AT))


_compiled = cache(re.compile)


def _is_open(item: Any) -> bool:
    """Return whether it repeats without an end, or so often that it makes no difference."""
    return item[0] in _REPEATS and item[1][1] > _MANY


def _open_repeats(item: Any) -> int:
    """Return how many open repeats there are in a part of an expression. Raises ValueError for one in another."""
    op, value = item
    if op is ops.GROUPREF or op is ops.GROUPREF_EXISTS:
        raise ValueError("it refers to a group, and may take too long")
    if op in _REPEATS and value[1] > 1:
        if any(_is_manifold(part) for part in value[2]):
            raise ValueError("what is repeated in it holds a repeat or alternatives, and may take too long")
        return int(_is_open(item))
    return sum(_open_repeats(part) for part in _parts(value))


def _is_manifold(item: Any) -> bool:
    """Return whether a part may match in more than one way."""
    op, value = item
    return op is ops.BRANCH or op in _REPEATS or any(map(_is_manifold, _parts(value)))


def _parts(value: Any) -> list[Any]:
    """Return the parts within what the parser says of a part: groups, alternatives, what looks ahead."""
    if isinstance(value, _parser.SubPattern):
        return list(value)
    if isinstance(value, tuple | list):
        return [part for one in value if isinstance(one, tuple | list | _parser.SubPattern) for part in _flat(one)]
    return []


def _flat(value: Any) -> list[Any]:
    return list(value) if isinstance(value, _parser.SubPattern) else _parts(value)
