"""zk: a notebook, whose links are parts of names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mdcache.dialects.dialect import Dialect, Fields
from mdcache.dialects.site import Kind, Marked, Mount, Site

_BETWEEN = re.compile(r"(?<=\w)[-_. ]+(?=\w)")
# Words of a file's name by which it is found: a name is an id and a title.
_MOST = 12


def parts(path: str, fields: Fields) -> Iterator[str]:  # noqa: ARG001
    """Yield the beginnings and ends of a document's name in whole words.

    `20240101-my-note.md` is `20240101` and `my-note`, too: zk takes any part of a name, and prefers its beginning.
    """
    name = path.rpartition("/")[2].rpartition(".")[0]
    for between, _ in zip(_BETWEEN.finditer(name), range(_MOST), strict=False):
        yield name[: between.start()]
        yield name[between.end() :]


ZK = Dialect(
    name="zk",
    title="zk",
    from_docs_too=True,
    addresses=parts,
    wikilinks_begin=("folder", "root", "anywhere"),
    exact_names=True,
    nearest="vault",
    aliases=False,
    fragments_are_text=True,
)


def _sites(marked: Marked) -> Iterator[Site]:
    yield Site(ZK, marked.home, marked.at(marked.marker), (Mount("", marked.home),))


KIND = Kind(ZK, markers=(".zk/",), texts=(), sites=_sites, is_editor=True)
