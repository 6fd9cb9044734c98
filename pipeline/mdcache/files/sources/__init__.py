"""Where documents come from: the disk, git's index or a revision. Scan, build and readers see all of them alike.

To add a source, write a module with a class for each of the two protocols in `source`: a Source, which lists folders
and makes entries, and its Reader, a small value that reads them in the worker processes and for those who search. If a
cache of it can be kept, give it a name in meta (`Source.facts`) and a line in `source_of` and `reader_of` below.
"""

from collections.abc import Mapping

from mdcache.files.sources.disk import DISK, DiskReader
from mdcache.files.sources.gittree import GitReader, GitTree, Trees
from mdcache.files.sources.source import IGNORE_LIMIT, Item, Reader, Source

__all__ = [
    "DISK",
    "IGNORE_LIMIT",
    "GitTree",
    "Item",
    "Reader",
    "Source",
    "Trees",
    "facts_in",
    "reader_of",
    "source_of",
]

_FACTS = ("commit",)


def facts_in(meta: Mapping[str, str]) -> dict[str, str]:
    """Return what the meta of a cache says of the source of its documents; nothing when that is the disk."""
    return {name: meta[name] for name in _FACTS if name in meta}


def source_of(base: str, meta: Mapping[str, str]) -> Source:
    """Return the source of a cache's documents, by its base and meta. Raises MdcacheError when it is gone."""
    if "commit" in meta:
        return Trees.around(base).revision(meta["commit"])
    return DISK


def reader_of(base: str, meta: Mapping[str, str]) -> Reader:
    """Return what reads a cache's documents, without a look at all there are. Raises MdcacheError when it is gone."""
    if "commit" in meta:
        return GitReader.of(base, meta["commit"])
    return DiskReader(base)
