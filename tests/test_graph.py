from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from caches import cache_of
from hypothesis import given
from hypothesis import strategies as st

from mdcache.read.graph import Around, around
from mdcache.store import connections, ddl
from mdcache.store.cache import Cache, find_node
from mdcache.store.meta import Meta

Vault = Callable[..., Path]

# a -> b -> c -> a, c -> d; e alone
RING = {
    "a.md": "[to b](b.md#start) and [[b|again]]\n\n[me](#top) [[a]]\n",
    "b.md": "# Start\n\nnext:: [[c]]\n",
    "c.md": "![[d]] [[a]]\n",
    "d.md": "[gone](nowhere.md)\n\n[[Nobody]] ![x](x.png) https://example.org\n",
    "e.md": "",
}


@pytest.fixture(scope="module")
def ring(vault: Vault) -> Iterator[Cache]:
    with cache_of(vault(RING)) as cache:
        yield cache


def look(cache: Cache, id_: str, depth: int = 1) -> Around:
    return around(cache, find_node(cache, id_, cache.base), depth)


def test_every_link_is_shown_with_its_place_label_and_fragment(ring: Cache) -> None:
    assert [one[:2] + one[3:] for one in look(ring, "a").outgoing] == [
        ("b", "b.md", "LINKS_TO", 1, "to b", "start"),
        ("b", "b.md", "LINKS_TO", 1, "again", None),
    ]


def test_backlinks_name_the_document_and_the_line_that_link_here(ring: Cache) -> None:
    assert [(one.id, one.type, one.line) for one in look(ring, "c").backlinks] == [("b", "NEXT", 3)]
    assert [(one.id, one.type) for one in look(ring, "d").backlinks] == [("c", "EMBEDS")]


def test_links_of_a_document_to_itself_are_left_out(ring: Cache) -> None:
    found = look(ring, "a", 5)
    assert "a" not in {one[0] for part in found[1:] for one in part}


def test_unresolved_links_are_those_to_documents(ring: Cache) -> None:
    assert [(one.target, one.line, one.kind) for one in look(ring, "d").unresolved] == [
        ("nowhere.md", 1, "markdown"),
        ("Nobody", 3, "wikilink"),
    ]


def test_a_document_without_links_has_none(ring: Cache) -> None:
    assert look(ring, "e", 9)[1:] == ((), (), (), (), ())


def test_a_walk_goes_round_a_ring_once(ring: Cache) -> None:
    found = look(ring, "a", 9)
    assert [(one.id, one.distance) for one in found.reachable] == [("b", 1), ("c", 2), ("d", 3)]
    assert [(one.id, one.distance) for one in found.reaching] == [("c", 1), ("b", 2)]


def test_a_walk_ends_where_there_is_nothing_more_to_reach(ring: Cache) -> None:
    assert look(ring, "a", 10**30) == look(ring, "a", 100)


def test_a_walk_ends_at_its_depth(ring: Cache) -> None:
    assert [one.id for one in look(ring, "a", 2).reachable] == ["b", "c"]
    assert look(ring, "a", 1).reachable == ()


PAIRS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20)


@given(pairs=PAIRS, start=st.integers(0, 7), depth=st.integers(2, 9))
def test_distances_are_those_of_the_shortest_ways(pairs: list[tuple[int, int]], start: int, depth: int) -> None:
    with closing(connections.open_memory()) as db:
        ddl.apply_tables(db, ddl.schema())
        node = (
            "INSERT INTO nodes (key, id, path, title, hash, size) VALUES (?1, 'n' || ?1, 'n' || ?1 || '.md', '', '', 0)"
        )
        db.executemany(node, [(key,) for key in range(8)])
        link = (
            'INSERT INTO links (source, section, ordinal, line, "column", kind, type, target, scope, target_node)'
            " VALUES (?, 0, 0, 1, 1, 'markdown', 'LINKS_TO', '', 'document', ?)"
        )
        db.executemany(link, pairs)
        found = look(Cache("", db, "/", ("/",), Meta()), f"n{start}", depth)
    assert {one.id: one.distance for one in found.reachable} == _ways(set(pairs), start, depth)
    assert {one.id: one.distance for one in found.reaching} == _ways({(b, a) for a, b in pairs}, start, depth)


def _ways(pairs: set[tuple[int, int]], start: int, depth: int) -> dict[str, int]:
    """Distances by following every way, a step at a time."""
    distances: dict[int, int] = {}
    reached = {start}
    for distance in range(1, depth + 1):
        reached = {b for a, b in pairs if a in reached}
        distances = dict.fromkeys(reached, distance) | distances
    return {f"n{key}": distance for key, distance in distances.items() if key != start}
