"""Stage 1, scan: which files are documents, in the order of their paths. Everyone sees what this sees.

gitignore rules hold; hidden folders are skipped; symbolic links below a root are not followed. A stream, not a list:
a million files cost no more memory than one folder's names.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from pipeline.errors import WorkError
from pipeline.model import ERROR, Entry, Problem
from pipeline.paths import has_extension, without_extension
from pipeline.patterns import Patterns


class Tree(NamedTuple):
    """What is to be scanned. base is absolute; roots are absolute folders, and paths come out relative to the base."""

    base: str
    roots: tuple[str, ...]
    extensions: tuple[str, ...]
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class _Ignore(NamedTuple):
    """The patterns of one .gitignore; prefix is its folder relative to the walk's top, with a slash at its end."""

    prefix: str
    patterns: Patterns


class _Folder(NamedTuple):
    """A folder to walk down into; see _Walk._folder."""

    folder: str
    prefix: str
    inside: str
    ignores: tuple[_Ignore, ...]


Found = Entry | Problem


def scan(tree: Tree) -> Iterator[Found]:
    """Every document below the roots, once, by path; a file whose name is no UTF-8 comes as a Problem.

    Raises WorkError when a root or a folder cannot be listed: whoever would take that for 'empty' loses documents.
    """
    walks = [_Walk(tree, root).run() for root in sorted(tree.roots)]
    if len(walks) == 1:
        return walks[0]
    merged = heapq.merge(*walks, key=lambda found: found.path)
    return (next(same) for _, same in groupby(merged, key=lambda found: found.path))


class _Walk:
    """One root. Paths for .gitignore are relative to the top: the repository's folder, else the base, else the root."""

    def __init__(self, tree: Tree, root: str) -> None:
        self._tree = tree
        self._root = root
        self._top = _top(root, tree.base)
        self._include = Patterns(tree.include)
        self._exclude = Patterns(tree.exclude)

    def run(self) -> Iterator[Found]:
        inside = os.path.relpath(self._root, self._top)
        inside = "" if inside == "." else inside
        ignores = _above(self._top, inside)
        relative = os.path.relpath(self._root, self._tree.base)
        prefix = "" if relative == "." else relative + "/"
        # A stack of iterators, not recursion: folders may nest deeper than Python's calls do.
        stack = [self._folder(self._root, prefix, inside + "/" if inside else "", ignores)]
        while stack:
            found = next(stack[-1], None)
            if found is None:
                stack.pop()
            elif isinstance(found, _Folder):
                stack.append(self._folder(*found))
            else:
                yield found

    def _folder(
        self, folder: str, prefix: str, inside: str, ignores: tuple[_Ignore, ...]
    ) -> Iterator[Entry | Problem | _Folder]:
        """prefix: this folder relative to the base; inside: relative to the top; both '' or with a slash at the end."""
        listed = _listed(folder)
        own = _read_ignore(folder, inside) if any(entry.name == ".gitignore" for entry in listed) else None
        ignores = (*ignores, own) if own else ignores
        documents, folders = [], []
        for entry in listed:
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith(".") and self._wanted(prefix, inside, entry.name, True, ignores):
                    folders.append(entry)
            elif (
                has_extension(entry.name, self._tree.extensions)
                and entry.is_file(follow_symlinks=False)
                and self._wanted(prefix, inside, entry.name, False, ignores)
            ):
                documents.append(entry)
        shared = _shared_stems([entry.name for entry in documents], self._tree.extensions)
        # 'a/' sorts among names as it does within paths: after 'a-b.md', before 'a0.md'.
        order = [(entry.name, entry, False) for entry in documents]
        order += [(entry.name + "/", entry, True) for entry in folders]
        for name, entry, is_folder in sorted(order, key=lambda item: item[0]):
            if is_folder:
                yield _Folder(entry.path, prefix + name, inside + name, ignores)
            else:
                yield from _found(entry, prefix + name, name in shared, self._tree.extensions)

    def _wanted(self, prefix: str, inside: str, name: str, is_folder: bool, ignores: tuple[_Ignore, ...]) -> bool:
        for ignore in reversed(ignores):
            verdict = ignore.patterns.verdict((inside + name)[len(ignore.prefix) :], is_folder)
            if verdict is not None:
                if verdict:
                    return False
                break
        path = prefix + name
        if self._exclude and self._exclude.verdict(path, is_folder):
            return False
        return is_folder or not self._include or self._include.matches(path)


def _listed(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise WorkError(f"cannot list {folder}: {error.strerror}") from error


def _found(entry: os.DirEntry[str], path: str, shared: bool, extensions: tuple[str, ...]) -> Iterator[Found]:
    try:
        path.encode()
    except UnicodeEncodeError:
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        yield Problem(shown, 1, 1, "odd-name", ERROR, "its name is not UTF-8: rename it")
        return
    try:
        stat = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return  # gone since it was listed: the next look will not see it at all
    except OSError as error:
        yield Problem(path, 1, 1, "unreadable", ERROR, f"cannot be read: {error.strerror}")
        return
    id_ = path if shared else without_extension(path, extensions)
    yield Entry(path, id_, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


def _shared_stems(names: list[str], extensions: tuple[str, ...]) -> set[str]:
    """The names that are not unique without their extension, or would then be another's whole name."""
    stems: dict[str, list[str]] = {}
    for name in names:
        stems.setdefault(without_extension(name, extensions), []).append(name)
    whole = set(names)
    return {name for stem, same in stems.items() for name in same if len(same) > 1 or (stem in whole and stem != name)}


def _top(root: str, base: str) -> str:
    """Where .gitignore files begin to count: the repository that the root lies in, else the base, else the root."""
    folder = root
    while True:
        if os.path.lexists(os.path.join(folder, ".git")):
            return folder
        parent = os.path.dirname(folder)
        if parent == folder:
            break
        folder = parent
    return base if root == base or root.startswith(base.rstrip("/") + "/") else root


def _above(top: str, inside: str) -> tuple[_Ignore, ...]:
    """The .gitignore files from the top down to the root's parent, less what they say of the root itself."""
    ignores = []
    parts = inside.split("/") if inside else []
    for depth in range(len(parts)):
        prefix = "/".join(parts[:depth]) + "/" if depth else ""
        ignore = _read_ignore(os.path.join(top, prefix), prefix)
        for end in range(depth + 1, len(parts) + 1):
            if ignore:
                below = "/".join(parts[depth:end])
                ignore = ignore._replace(patterns=ignore.patterns.without_those_matching(below))
        if ignore:
            ignores.append(ignore)
    return tuple(ignores)


def _read_ignore(folder: str, prefix: str) -> _Ignore | None:
    """The .gitignore of a folder; None when there is none. Git reads no symbolic link here, and nor do we."""
    try:
        descriptor = os.open(os.path.join(folder, ".gitignore"), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            raw = file.read()
    except FileNotFoundError:
        return None
    except IsADirectoryError:
        return None
    except OSError as error:
        if os.path.islink(os.path.join(folder, ".gitignore")):
            return None
        raise WorkError(f"cannot read {os.path.join(folder, '.gitignore')}: {error.strerror}") from error
    text = os.fsdecode(raw.removeprefix(b"\xef\xbb\xbf"))
    lines = tuple(line.removesuffix("\r") for line in text.split("\n"))
    return _Ignore(prefix, Patterns(lines))
