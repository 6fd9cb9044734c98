"""The ids of a document's headings: by explicit ids, a kernel that makes slugs, and a way to number duplicates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mdcache.dialects import explicit, slugs
from mdcache.dialects.dialect import Dialect
from mdcache.dialects.punctuation import Spans, outside, smart

NEVER, ABOVE, ALL = "never", "above", "all"
"""Which explicit ids automatic ones must not have."""


def of_headings(texts: Sequence[str], dialect: Dialect, code: Sequence[Spans] = ()) -> list[str]:
    """Return the id of each heading of a document, in order.

    Args:
        texts: their plain texts.
        dialect: that of the document.
        code: where code lies in each of the texts; () where none has any.
    """
    return _ids(texts, dialect, code)


def others(texts: Sequence[str], dialect: Dialect, code: Sequence[Spans] = ()) -> Iterable[tuple[int, str]]:
    """Yield (which heading, id) for the ids that count as well: another version or setting would make them.

    Punctuation stays as it is written there.
    """
    first = _ids(texts, dialect, code) if dialect.other_ids else []
    for kernel in dialect.other_ids:
        made = _ids(texts, dialect._replace(ids=kernel, smart_punctuation=False), code)
        yield from ((place, id_) for place, id_ in enumerate(made) if id_ != first[place])


def of_terms(terms: Sequence[str], texts: Sequence[str], code: Sequence[Spans], dialect: Dialect) -> list[str]:
    """Return the ids of the terms of definitions in a document with these headings, of which code is a part."""
    return _ids([*texts, *terms], dialect, [*code, *((),) * len(terms)])[len(texts) :]


def _ids(texts: Sequence[str], dialect: Dialect, code: Sequence[Spans]) -> list[str]:
    number = slugs.NUMBERINGS[dialect.numbers]
    seen: dict[str, int] = {}
    if not (dialect.explicit_ids or dialect.unspoken or dialect.smart_punctuation):
        return [number(dialect.slug(text), seen) for text in texts]
    parts = [explicit.split(text, dialect.explicit_ids) for text in texts]
    if dialect.reserved_ids == ALL:
        seen.update((written, 0) for _, written in parts if written)
    ids = []
    for place, (text, written) in enumerate(parts):
        if written and dialect.reserved_ids == ABOVE:
            seen.setdefault(written, 0)
        said = outside(code[place] if code else (), text, lambda piece: _spoken(piece, dialect))
        ids.append(written or number(dialect.slug(said), seen))
    return ids


def _spoken(text: str, dialect: Dialect) -> str:
    """Return a text as slugs are made of it: some signs have become pictures, or other signs, before."""
    text = dialect.unspoken.sub("", text) if dialect.unspoken else text
    return smart(text) if dialect.smart_punctuation else text
