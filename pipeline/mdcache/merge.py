"""Two sorted streams side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

_A = TypeVar("_A")
_B = TypeVar("_B")


def merged(
    left: Iterable[_A], right: Iterable[_B], key: Callable[[_A | _B], Any]
) -> Iterator[tuple[Any, _A | None, _B | None]]:
    """Yield (key, left's item, right's item) for each key of either stream; None for a side that lacks it.

    Both streams come in the order of their keys, each key once. One item of each is held at a time.
    """
    lefts, rights = iter(left), iter(right)
    one, other = next(lefts, None), next(rights, None)
    while one is not None and other is not None:
        mine, theirs = key(one), key(other)
        if mine == theirs:
            yield mine, one, other
            one, other = next(lefts, None), next(rights, None)
        elif mine < theirs:
            yield mine, one, None
            one = next(lefts, None)
        else:
            yield theirs, None, other
            other = next(rights, None)
    while one is not None:
        yield key(one), one, None
        one = next(lefts, None)
    while other is not None:
        yield key(other), None, other
        other = next(rights, None)
