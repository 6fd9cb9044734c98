"""The sites and vaults of a tree, found by the files that their own programs look for."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from itertools import chain

from mdcache import trusted
from mdcache.dialects import GITHUB, Marked, Site
from mdcache.dialects.dialect import with_wikilinks
from mdcache.dialects.known import MARKERS, kinds
from mdcache.dialects.site import based
from mdcache.files.scan import Tree, listings, top_of
from mdcache.files.sources import Source
from mdcache.paths import lies_in, up, ways

# Bytes of the files that say how a site is built. What is longer is not read, as if it were empty.
_LONGEST = 1_000_000
_IGNORES = ".gitignore"
_OBSIDIAN = re.compile(rb"^!?(?:\*\*/|/)?\.obsidian(?:/[^\r\n]*)?[ \t]*\r?$", re.MULTILINE)
_MOST = 200
"""Files of a folder that are read where all may be."""


def sites(tree: Tree) -> tuple[Site, ...]:
    """Return the sites that hold documents of a tree, by their docs folders, with paths relative to its base.

    Looked at are the folders that scan lists, and those above them up to the top of the repository: of these only what
    belongs to this user or to root, or was allowed, counts.
    """
    found: dict[tuple[str, str], Site] = {}
    for home, names in chain(_above(tree), _listed(tree)):
        for site in _of_folder(home, names, tree.source):
            here = based(site, tree.base)
            if here:
                found.setdefault((here.docs, here.dialect.name), here)
    return tuple(sorted(_as_built(found.values()), key=_order)) if found else tuple(_likely(tree))


def _likely(tree: Tree) -> Iterator[Site]:
    """Yield the vault of a tree without any site whose .gitignore names the settings that Obsidian writes.

    Many keep these out of git. Of the .gitignore files only those count that lie at the base or above it, in the
    repository: all else is ordinary folders, which need not be read for it.
    """
    top = top_of(tree.base, tree.base)
    for folder in up(tree.base):
        if not lies_in(folder, top):
            return
        said = None
        with suppress(OSError):
            said = tree.source.ignore_file(os.path.join(folder, _IGNORES))
        if said and _OBSIDIAN.search(said) and (folder == tree.base or not _is_strange(folder, _IGNORES)):
            from mdcache.dialects.obsidian import likely_vault

            yield from filter(None, (based(likely_vault(folder, _IGNORES), tree.base),))
            return


def _as_built(found: Collection[Site]) -> Iterator[Site]:
    """Yield the sites, without those of editors' folders within the documents of a site that is built.

    Those who write a site in Obsidian have a folder .obsidian in it, but what readers see is made by its builder. If
    that knows no wikilinks, they are the editor's. A builder that takes all that lies beside its marker has named no
    folder: vaults further down are none of its documents.
    """
    built = {site.docs: site for site in sorted(found, key=_order, reverse=True) if _is_built(site)}
    written: dict[str, Site] = {}
    for site in found:
        if site.dialect.name not in _editors():
            continue
        holding = (built[way] for way in (*ways(site.docs), "") if way in built)
        holder = next((one for one in holding if one.docs == site.docs or _names_its_folder(one)), None)
        if holder:
            written.setdefault(holder.docs, site)
        else:
            yield site
    for site in found:
        if site.dialect.name not in _editors():
            editor = written.get(site.docs) if _is_built(site) else None
            yield site._replace(dialect=with_wikilinks(site.dialect, editor.dialect)) if editor else site


@cache
def _places() -> Mapping[str, int]:
    """Return which dialect counts before others: what lies beside a site is read as on GitHub if no other knows it."""
    return {name: place for place, name in enumerate((*(kind.dialect.name for kind in kinds()), GITHUB.name))}


@cache
def _editors() -> frozenset[str]:
    return frozenset(kind.dialect.name for kind in kinds() if kind.is_editor)


def _order(site: Site) -> tuple[str, int]:
    return site.docs, _places()[site.dialect.name]


def _is_built(site: Site) -> bool:
    return site.dialect.name not in (*_editors(), GITHUB.name)


def _names_its_folder(site: Site) -> bool:
    return posixpath.dirname(site.marker) != site.docs


def files_of(settled: Collection[Site], base: str) -> Iterator[str]:
    """Yield the absolute names of the files that say of sites, whose paths are relative to a base, what they say."""
    read = {kind.dialect.name: (*kind.markers, *kind.texts) for kind in kinds()} if settled else {}
    for site in settled:
        marker = os.path.normpath(os.path.join(base, site.marker))
        names = read.get(site.dialect.name, ())
        ending = next((f"/{name.rstrip('/')}" for name in names if marker.endswith(f"/{name.rstrip('/')}")), None)
        if site.marker and ending:
            yield from (os.path.join(marker.removesuffix(ending), name) for name in names)


def in_folder(folder: str) -> tuple[str, ...]:
    """Return which markers lie in a folder on disk."""
    return tuple(sorted(name for name in all_names() if os.path.lexists(os.path.join(folder, name))))


def _listed(tree: Tree) -> Iterator[tuple[str, frozenset[str]]]:
    for folder, items in listings(tree):
        yield folder, frozenset(item.name for item in items)


def _above(tree: Tree) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the folders above the roots that lie in the repository or below the base, with what is in them."""
    seen = set(tree.roots)
    for root in tree.roots:
        top = top_of(root, tree.base)
        for folder in up(os.path.dirname(root)):
            if folder in seen or not lies_in(folder, top):
                break
            seen.add(folder)
            try:
                listed = tree.source.listing(folder)
            except OSError:
                continue
            names = frozenset(item.name for item in listed)
            if not MARKERS.isdisjoint(names):
                yield folder, frozenset(name for name in names & all_names() if not _is_strange(folder, name))


def _is_strange(folder: str, name: str) -> bool:
    return bool(trusted.stranger(os.path.join(folder, name)))


@cache
def all_names() -> frozenset[str]:
    """Return the names in a folder that say whether a site is there, or what it is like."""
    return frozenset(one.partition("/")[0] for kind in kinds() for one in (*kind.markers, *kind.texts))


def _of_folder(home: str, names: frozenset[str], source: Source) -> Iterator[Site]:
    if not MARKERS.isdisjoint(names):
        for kind in kinds():
            marker = next((one for one in kind.markers if _is_there(one, home, names, source)), None)
            if marker:
                wanted = (one for one in (*kind.markers, *kind.texts) if _may_be(one, names))
                texts = _texts(home, _expanded(home, wanted, source), source)
                yield from kind.sites(Marked(home, marker, names, texts))


def _may_be(marker: str, names: frozenset[str]) -> bool:
    return marker.partition("/")[0] in names


def _is_there(marker: str, home: str, names: frozenset[str], source: Source) -> bool:
    """Return whether a marker lies in a folder: a name in it, or a path whose folders are looked into, too."""
    above, _, name = marker.rstrip("/").rpartition("/")
    if not above:
        return name in names
    if not _may_be(marker, names):
        return False
    try:
        return any(item.name == name for item in source.listing(os.path.join(home, above)))
    except OSError:
        return False


def _expanded(home: str, wanted: Iterable[str], source: Source) -> Iterator[str]:
    """Yield the paths of files; `a/b/*` means all that lie in a/b, of which only so many count as a site has."""
    for one in wanted:
        above, star, _ = one.partition("/*")
        if not star:
            yield one
            continue
        try:
            names = sorted(item.name for item in source.listing(os.path.join(home, above)))
        except OSError:
            continue
        yield from (f"{above}/{name}" for name in names[:_MOST])


def _texts(home: str, wanted: Iterable[str], source: Source) -> dict[str, str]:
    files = [one for one in wanted if not one.endswith("/")]
    found, left = {}, _LONGEST
    names = [os.path.join(home, one) for one in files]
    for one, raw in zip(files, source.texts(names, _LONGEST + 1), strict=True):
        if raw is not None and len(raw) <= left:
            left -= len(raw)
            with suppress(UnicodeDecodeError):
                found[one] = raw.decode("utf-8-sig")
    return found
