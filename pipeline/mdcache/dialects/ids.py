"""The ids of a document's headings: by explicit ids, a kernel that makes slugs, and a way to number duplicates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mdcache.dialects import explicit, slugs
from mdcache.dialects.dialect import Dialect

NEVER, ABOVE, ALL = "never", "above", "all"
"""Which explicit ids automatic ones must not have."""


def of_headings(texts: Sequence[str], dialect: Dialect) -> list[str]:
    """Return the id of each heading of a document, in order; texts are their plain texts."""
    return _ids(texts, dialect, dialect.ids)


def others(texts: Sequence[str], dialect: Dialect) -> Iterable[tuple[int, str]]:
    """Yield (which heading, id) for the ids that count as well: another version or setting would make them."""
    for kernel in dialect.other_ids:
        yield from enumerate(_ids(texts, dialect, kernel))


def _ids(texts: Sequence[str], dialect: Dialect, kernel: str) -> list[str]:
    slug, number = slugs.KERNELS[kernel], slugs.NUMBERINGS[dialect.numbers]
    seen: dict[str, int] = {}
    if not dialect.explicit_ids:
        return [number(slug(text), seen) for text in texts]
    parts = [explicit.split(text, dialect.explicit_ids) for text in texts]
    if dialect.reserved_ids == ALL:
        seen.update((written, 0) for _, written in parts if written)
    ids = []
    for text, written in parts:
        if written and dialect.reserved_ids == ABOVE:
            seen.setdefault(written, 0)
        ids.append(written or number(slug(text), seen))
    return ids
