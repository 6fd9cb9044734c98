"""Where documents come from: the disk, git's index, a revision, a zip archive. Scan, build and readers see them alike.

To add a source, write a module with a class for each of the two protocols in `source`: a Source, which lists folders
and makes entries, and its Reader, a small value that reads them in the worker processes and for those who search. If a
cache of it can be kept, give it a name in meta (`Source.facts`), and say below how command lines and meta lead to it.
"""

import os
from collections.abc import Mapping, Sequence

from mdcache.files.sources.archive import Archive, ArchiveReader
from mdcache.files.sources.disk import DISK, DiskReader
from mdcache.files.sources.gittree import GitReader, GitTree, Trees, differing
from mdcache.files.sources.source import IGNORE_LIMIT, Folders, Item, Reader, Source

__all__ = [
    "DISK",
    "IGNORE_LIMIT",
    "Archive",
    "Folders",
    "GitReader",
    "GitTree",
    "Item",
    "Reader",
    "Source",
    "Trees",
    "differing",
    "facts_in",
    "named",
    "reader_of",
    "source_of",
]

_FACTS = ("archive", "commit")


def named(folder: str, docs: Sequence[str], rev: str | None) -> Source:
    """Return the source that a command line names in a folder: a revision, a zip archive in place of DOCS, or the disk.

    Raises MdcacheError when it cannot be read.
    """
    if rev is not None:
        return Trees.around(folder).revision(rev)
    for name in (os.path.realpath(os.path.join(folder, doc)) for doc in docs):
        if name.lower().endswith(".zip") and os.path.isfile(name):
            return Archive(name)
    return DISK


def facts_in(meta: Mapping[str, str]) -> dict[str, str]:
    """Return what the meta of a cache says of the source of its documents; nothing when that is the disk."""
    return {name: meta[name] for name in _FACTS if name in meta}


def source_of(base: str, meta: Mapping[str, str]) -> Source:
    """Return the source of a cache's documents, by its base and meta. Raises MdcacheError when it is gone."""
    if "commit" in meta:
        return Trees(GitReader.of(base, meta["commit"]).repository).revision(meta["commit"])
    if "archive" in meta:
        return Archive(ArchiveReader.of(base, meta["archive"]).name)
    return DISK


def reader_of(base: str, meta: Mapping[str, str]) -> Reader:
    """Return what reads a cache's documents, without a look at all there are. Raises MdcacheError when it is gone."""
    if "commit" in meta:
        return GitReader.of(base, meta["commit"])
    if "archive" in meta:
        return ArchiveReader.of(base, meta["archive"])
    return DiskReader(base)
