"""The headings of a document, to see what there is before anything is read."""

from __future__ import annotations

from typing import Any, NamedTuple

from mdcache.model import as_dict
from mdcache.store.cache import Cache, Node


class Heading(NamedTuple):
    """A heading. bytes: how long its section is, with the deeper headings that read gives with it."""

    level: int
    heading: str
    anchor: str | None
    line: int
    bytes: int

    def as_dict(self) -> dict[str, Any]:
        return as_dict(self)


def outline(cache: Cache, node: Node) -> tuple[Heading, ...]:
    """Return the headings of a document in their order, as of when it was cached."""
    rows = cache.db.execute(
        'SELECT level, heading, anchor, line, start, "end" FROM sections WHERE node = ? AND level > 0 ORDER BY ordinal',
        (node.key,),
    ).fetchall()
    return tuple(
        Heading(level, heading, anchor, line, _end([row[:1] + row[5:] for row in rows[index:]]) - start)
        for index, (level, heading, anchor, line, start, _) in enumerate(rows)
    )


def _end(levels_and_ends: list[tuple[int, int]]) -> int:
    """Return where the first section ends, with those that follow as long as they are deeper."""
    (level, end), *rest = levels_and_ends
    for deeper, its_end in rest:
        if deeper <= level:
            break
        end = its_end
    return end
