"""Stage 1, scan: which files are documents, in the order of their paths. Every command sees what this sees.

gitignore rules hold; hidden folders are skipped; symbolic links below a root are not followed; the `._x.md` that macOS
writes beside `x.md` on other systems' disks are no documents. A stream, not a list: a million files cost no more memory
than one folder's names.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import chain
from typing import NamedTuple

from mdcache import names, trusted
from mdcache.errors import Unlisted, WorkError, doing
from mdcache.files.sources import DISK, IGNORE_LIMIT, Item, Source
from mdcache.model import ERROR, Entry, Problem
from mdcache.paths import folder, has_extension, lies_in, lies_within, up, ways, without_extension
from mdcache.patterns import COST_LIMIT, Patterns, lines_of
from mdcache.trusted import Doubt, Doubted


class Tree(NamedTuple):
    """What is to be scanned. base is absolute; roots are absolute folders below it; paths are relative to the base.

    more: extensions that documents below a folder, relative to the base, may have as well.
    """

    base: str
    roots: tuple[str, ...]
    extensions: tuple[str, ...]
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    source: Source = DISK
    more: tuple[tuple[str, tuple[str, ...]], ...] = ()


class _Ignore(NamedTuple):
    """The patterns of one .gitignore; prefix is its absolute folder, with a slash at its end."""

    prefix: str
    patterns: Patterns


class _Folder(NamedTuple):
    """A folder to walk down into. prefix is its path relative to the base: '' or with a slash at its end."""

    name: str
    prefix: str
    ignores: tuple[_Ignore, ...]


Found = Entry | Problem
_APPLE_DOUBLE = "._"
_Items = dict[str, "Item | _Folder"]
"""What is wanted in a folder, by name; folders with a slash at its end, so that names sort as the paths below do."""


def scan(tree: Tree, within: frozenset[str] | None = None) -> Iterator[Found]:
    """Yield every document below the roots, once, by path; a file whose name is not UTF-8 comes as a Problem.

    within: look only at these paths (files, or folders with all below them, relative to the base); the folders above
    them are listed, for their .gitignore files, and nothing else is looked at. An Entry's default_id is then a guess.
    Raises Unlisted when a root or a folder cannot be listed: a caller that took it for empty would lose documents.
    """
    names.insist_on_utf8()
    walk = _Walk(tree, _Within(within))
    # A stack of iterators, not recursion: folders may nest deeper than Python's calls do.
    stack: list[Iterator[Found | _Folder]] = [walk.roots()]
    while stack:
        found = next(stack[-1], None)
        if found is None:
            stack.pop()
        elif isinstance(found, _Folder):
            stack.append(walk.folder(found))
        else:
            yield found


def folders(tree: Tree, within: frozenset[str] | None = None) -> Iterator[str]:
    """Yield the absolute path of every folder that scan lists, before it is listed here.

    So nothing is missed by a caller that begins to watch each as it comes: what appears in it earlier is listed, what
    appears later is announced. A folder that cannot be listed is passed over.

    Args:
        tree: as for scan.
        within: as for scan; the folders above these paths are listed, and not yielded.
    """
    paths = _Within(within)
    walk = _Walk(tree, paths, _pass_over)
    left = [*walk.roots()]
    while left:
        folder = left.pop()
        if paths.names(folder.prefix) is None:
            yield folder.name
        left += walk.below(folder)


def listings(tree: Tree) -> Iterator[tuple[str, Sequence[Item]]]:
    """Yield the absolute path of every folder that scan lists, with what lies in it.

    A folder that cannot be listed is passed over.
    """
    walk = _Walk(tree, _Within(None), _pass_over)
    left = [*walk.roots()]
    while left:
        folder = left.pop()
        try:
            listed = tree.source.listing(folder.name)
        except OSError:
            continue
        yield folder.name, listed
        left += walk.below(folder, listed)


def may_be_document(name: str, extensions: tuple[str, ...]) -> bool:
    """Return whether a file of this name is a document, if no pattern leaves it out."""
    return has_extension(name, extensions) and not name.startswith(_APPLE_DOUBLE)


class _Within:
    """Which part of the tree is looked at; without paths all of it."""

    def __init__(self, paths: frozenset[str] | None) -> None:
        self._all = paths is None
        self._wholes = paths or frozenset()
        self._names: dict[str, set[str]] = {}
        for path in self._wholes:
            for way in ways(path):
                self._names.setdefault(_prefix(folder(way)), set()).add(way.rpartition("/")[2])

    def names(self, prefix: str) -> set[str] | None:
        """Return what to look at in the folder with this prefix; None for all."""
        if self._all or lies_within(prefix.removesuffix("/"), self._wholes):
            return None
        return self._names.get(prefix, set())

    def reaches(self, prefix: str) -> bool:
        """Return whether there is anything to look at in the folder with this prefix."""
        return self.names(prefix) != set()


class _Walk:
    """Decides which folders are walked into and which files are documents."""

    def __init__(self, tree: Tree, within: _Within, doubted: Doubted = trusted.insist_at_work) -> None:
        self._base = tree.base
        self._doubted = doubted
        self._source = tree.source
        self._within = within
        self._extensions = tree.extensions
        self._more: dict[str, tuple[str, ...]] = {}
        for docs, own in tree.more:  # there may be as many as folders
            self._more[docs] = (*self._more.get(docs, ()), *own)
        self._include = Patterns(tree.include)
        self._exclude = Patterns(tree.exclude)
        self._roots = sorted({_prefix(os.path.relpath(root, tree.base)) for root in tree.roots})

    def roots(self) -> Iterator[_Folder]:
        """Yield the folders to begin with; roots within roots are met on the way."""
        return map(self._root, filter(self._within.reaches, _outermost(self._roots)))

    def _root(self, prefix: str) -> _Folder:
        name = os.path.join(self._base, prefix.removesuffix("/")) if prefix else self._base
        return _Folder(name, prefix, self._ignores_above(name))

    def folder(self, folder: _Folder) -> Iterator[Found | _Folder]:
        """Yield the documents and folders in a folder, in the order of their paths."""
        items = self._wanted(folder)
        if len(self._roots) > 1:
            self._put_roots(folder.prefix, items)
        extensions = self._extensions_in(folder.prefix)
        shared = _shared_stems(items, extensions)
        for name in sorted(items, key=_shown):
            item = items[name]
            if isinstance(item, _Folder):
                yield item
            else:
                path = folder.prefix + name
                found = self._found(item, path, path if name in shared else without_extension(path, extensions))
                if found:
                    yield found

    def below(self, folder: _Folder, listed: Sequence[Item] | None = None) -> list[_Folder]:
        """Return the folders to walk into from this one; none when it cannot be listed."""
        try:
            items = self._wanted(folder, listed, folders_only=True)
        except WorkError:
            return []
        if len(self._roots) > 1:
            self._put_roots(folder.prefix, items)
        return [item for item in items.values() if isinstance(item, _Folder)]

    def _wanted(self, folder: _Folder, listed: Sequence[Item] | None = None, folders_only: bool = False) -> _Items:
        items: _Items = {}
        try:
            listed = self._source.listing(folder.name) if listed is None else listed
            ignores = folder.ignores
            if any(entry.name == ".gitignore" for entry in listed):
                ignores = _with(ignores, _read_ignore(self._source, folder.name))
            names, extensions = self._within.names(folder.prefix), self._extensions_in(folder.prefix)
            for entry in listed if names is None else [one for one in listed if one.name in names]:
                name, path = entry.name, folder.prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    if not name.startswith(".") and not self._left_out(entry.path, path, True, ignores):
                        items[name + "/"] = _Folder(entry.path, path + "/", ignores)
                elif (
                    not folders_only
                    and may_be_document(name, extensions)
                    and entry.is_file(follow_symlinks=False)
                    and not self._left_out(entry.path, path, False, ignores)
                    and (not self._include or self._include.matches(path))
                ):
                    items[name] = entry
        except OSError as error:
            raise Unlisted(f"cannot list {error.filename or folder.name}: {error.strerror}") from error
        return items

    def _extensions_in(self, prefix: str) -> tuple[str, ...]:
        """Return the extensions of documents in the folder with this prefix."""
        if not self._more:
            return self._extensions
        more = (self._more.get(docs, ()) for docs in ("", *ways(prefix.rstrip("/"))))
        return tuple(dict.fromkeys((*self._extensions, *chain.from_iterable(more))))

    def _left_out(self, absolute: str, path: str, is_folder: bool, ignores: tuple[_Ignore, ...]) -> bool:
        return _ignored(absolute, is_folder, ignores) or bool(self._exclude and self._exclude.verdict(path, is_folder))

    def _put_roots(self, prefix: str, items: _Items) -> None:
        """Put the roots below a folder among its items, also where the folders on the way to them are not wanted."""
        below = [root[len(prefix) :] for root in self._roots if root.startswith(prefix) and root != prefix]
        for root in below:
            items.pop(root, None)
        for root in _outermost(below):
            if root[: root.index("/") + 1] not in items and self._within.reaches(prefix + root):
                items[root] = self._root(prefix + root)

    def _found(self, item: Item, path: str, id_: str) -> Found | None:
        if _shown(path) != path:
            return Problem(_shown(path), 1, 1, "odd-name", ERROR, "its name is not UTF-8: rename it")
        try:
            return self._source.entry(item, path, id_)
        except FileNotFoundError:
            return None  # gone since it was listed: the next look will not see it at all
        except OSError as error:
            return Problem(path, 1, 1, "unreadable", ERROR, f"cannot be read: {error.strerror}")

    def _ignores_above(self, root: str) -> tuple[_Ignore, ...]:
        """Return the .gitignore files from the top down to the root's parent, less lines that would ignore the root."""
        folder = top_of(root, self._base)
        ignores: tuple[_Ignore, ...] = ()
        for doubt in doubts_above(root, self._base):
            self._doubted(doubt)
        for name in filter(None, root[len(folder) :].split("/")):
            ignores = _with(ignores, _read_ignore(self._source, folder))
            folder = os.path.join(folder, name)
            if _ignored(folder, True, ignores):
                ignores = tuple(_Ignore(at, lines.without_those_taking(folder[len(at) :])) for at, lines in ignores)
        return ignores


def _shown(path: str) -> str:
    """Return a path as it can be written: bytes that are not UTF-8 as \\xNN."""
    return path if path.isascii() else os.fsencode(path).decode("utf-8", "backslashreplace")


def _shared_stems(names: Iterable[str], extensions: tuple[str, ...]) -> set[str]:
    """Return the names that are not unique without their extension, or would then be another's whole name."""
    stems: dict[str, list[str]] = {}
    for name in names:
        stems.setdefault(without_extension(name, extensions), []).append(name)
    whole = set(names)
    return {name for stem, same in stems.items() for name in same if len(same) > 1 or (stem in whole and stem != name)}


def _prefix(relative: str) -> str:
    return "" if relative in ("", ".") else relative + "/"


def _outermost(prefixes: list[str]) -> Iterator[str]:
    """Yield those of sorted prefixes that lie in no other."""
    last = None
    for prefix in prefixes:
        if last is None or not prefix.startswith(last):
            last = prefix
            yield prefix


# What .gitignore files say


class Ignores:
    """The .gitignore files of a source, asked for paths that no scan has met."""

    def __init__(self, source: Source, base: str) -> None:
        for doubt in doubts_above(base, base):
            trusted.insist_at_work(doubt)
        self._base, self._top = base, top_of(base, base)
        self._of = cache(partial(_read_ignore, source))

    def take(self, path: str) -> bool:
        """Return whether they leave out a path, relative to the base, or a folder it lies in. Raises WorkError."""
        folder, name = self._top, os.path.join(self._base, path)
        ignores: tuple[_Ignore, ...] = ()
        for part in filter(None, name[len(folder) :].split("/")):
            ignores = _with(ignores, self._of(folder))
            folder = os.path.join(folder, part)
            if _ignored(folder, folder != name or os.path.isdir(name), ignores):
                return True
        return False


def _with(above: tuple[_Ignore, ...], own: tuple[_Ignore, ...]) -> tuple[_Ignore, ...]:
    """Return the .gitignore files that count in a folder. Raises WorkError when they take too much work together."""
    if own and sum(one.patterns.cost for one in (*above, *own)) > COST_LIMIT:
        raise WorkError(
            f"{own[0].prefix}.gitignore: with those above it, it has more than {COST_LIMIT:,} patterns with wildcards"
        )
    return (*above, *own)


def _read_ignore(source: Source, folder: str) -> tuple[_Ignore, ...]:
    """Return the .gitignore of a folder, or nothing. Raises WorkError when it cannot be read or is too long."""
    name = os.path.join(folder, ".gitignore")
    with doing(f"read {name}"):
        raw = source.ignore_file(name)
    if raw and len(raw) > IGNORE_LIMIT:
        raise WorkError(f"{name} is longer than {IGNORE_LIMIT // 1000} kB")
    return () if raw is None else (_Ignore(os.path.join(folder, ""), Patterns(lines_of(raw))),)


def _ignored(path: str, is_folder: bool, ignores: tuple[_Ignore, ...]) -> bool:
    """Return whether a path is ignored; the innermost .gitignore that says anything of it decides."""
    for ignore in reversed(ignores):
        verdict = ignore.patterns.verdict(path[len(ignore.prefix) :], is_folder)
        if verdict is not None:
            return verdict
    return False


def doubts_above(root: str, base: str) -> Iterator[Doubt]:
    """Yield what decides from above a root which of its documents are seen, and belongs to somebody else.

    That is .git, as it lies where .gitignore files begin to count, and these. Those within the root are content.
    """
    top = top_of(root, base)
    if top == root:
        return
    above = os.path.dirname(root)
    files = (os.path.join(folder, ".gitignore") for folder in up(above) if lies_in(folder, top))
    for name in (os.path.join(top, ".git"), *files):
        whose = trusted.stranger(name)
        if whose and (not name.endswith(".gitignore") or not os.path.islink(name)):  # a link is not read
            yield Doubt(top, f"it belongs to {whose}", file=name)


def _pass_over(_: Doubt) -> None:
    """To observe more than is seen does no harm."""


def top_of(root: str, base: str) -> str:
    """Return where files above a root begin to count: at the top of its repository, else at the base."""
    return next((folder for folder in up(root) if os.path.lexists(os.path.join(folder, ".git"))), base)
