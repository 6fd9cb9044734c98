from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from caches import cache_of

from mdcache.read.hydrate import passage
from mdcache.read.outline import outline
from mdcache.store.cache import Cache, find_node

TEXT = "before\n\n# One\n\ntext\n\n## Two\n\n### Three\n\n## Four\n\n# Five\n"


def look(cache: Cache, id_: str) -> list[tuple[object, ...]]:
    return [tuple(one) for one in outline(cache, find_node(cache, id_, cache.base))]


def test_headings_come_in_their_order_with_level_anchor_and_line(vault: Callable[..., Path]) -> None:
    with cache_of(vault({"a.md": TEXT})) as cache:
        assert [one[:4] for one in look(cache, "a")] == [
            (1, "One", "one", 3),
            (2, "Two", "two", 7),
            (3, "Three", "three", 9),
            (2, "Four", "four", 11),
            (1, "Five", "five", 13),
        ]


def test_their_bytes_are_what_read_gives_with_the_deeper_headings(vault: Callable[..., Path]) -> None:
    with cache_of(vault({"a.md": TEXT})) as cache:
        node = find_node(cache, "a", cache.base)
        for heading in outline(cache, node):
            assert heading.bytes == len(passage(cache, node, heading.anchor).data)


def test_a_document_without_headings_has_none(vault: Callable[..., Path]) -> None:
    with cache_of(vault({"a.md": "text\n"})) as cache:
        assert look(cache, "a") == []
