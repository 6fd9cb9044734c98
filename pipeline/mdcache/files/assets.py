"""Files that are no documents but may be linked to: is there one where a link points?

Only names are looked at. What lies behind a symbolic link, or in a repository within, counts as there when a path leads
to it. A wikilink gives no path: documents of its name are looked for in hidden folders and behind links, too. What a
sparse checkout leaves out is there as well; git is asked for that only when a link leads to nothing else.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from mdcache.files.scan import Ignores
from mdcache.files.sources import DISK, Folders, Item, Source
from mdcache.parse.targets import NOWHERE, AssetPaths
from mdcache.paths import fold, lies_in, nfc, ways

# Hidden folders that hold what was thrown away, copies, or other people's packages.
_NO_NOTES = frozenset(
    (".git", ".hg", ".jj", ".svn", ".mdcache", ".trash", ".Trash", ".cache", ".direnv", ".nox", ".tox", ".venv")
)
_BEHIND_LINKS = 10_000
"""How many names are looked at behind symbolic links: one may lead to the root of the disk."""


class Assets:
    """The files below a base, as a source has them; remembers what it has seen."""

    def __init__(self, source: Source, base: str) -> None:
        self._source, self._base = source, base
        self._prefix = len(os.path.join(base, ""))
        self._folders: dict[str, dict[str, Item]] = {}
        # What is there, by whether git keeps it and by its normalised path: the way to a deep folder is walked once.
        self._known: dict[tuple[bool, str], str] = {}

    def has(self, wanted: AssetPaths) -> bool:
        """Return whether a link has something to point at. What leads out of what we know is not ours to judge: yes.

        What .gitignore files keep out of git's trees lies on the disk alone, and is there if it is there, or if a run
        makes it. Raises WorkError.
        """
        if wanted == NOWHERE or any(True for _ in self._found(wanted)):
            return True
        if wanted.made and any(self._ignores.take(path) for path in wanted.paths if path[:2] not in ("..", ".")):
            return True
        return self._source is not DISK and any(map(self._is_kept_out, self._on_disk._found(wanted)))

    def files(self) -> list[str]:
        """Return the paths of all files that lie in no hidden folder."""
        return self._tree[0]

    def _found(self, wanted: AssetPaths) -> Iterator[str]:
        """Yield the paths of what a link may point at."""
        yield from filter(self._is_there, wanted.paths)
        if wanted.ending is not None:
            endings = (wanted.ending, *wanted.documents)
            yield from self._by_ending.of(endings)
            yield from self._aside.of(wanted.documents)
            yield from self._kept_by_ending.of(endings)
            yield from self._not_looked_into.of(ways(wanted.ending))

    def _is_kept_out(self, path: str) -> bool:
        """Return whether git leaves out a file or folder on disk, because a .gitignore names it or what is in it.

        Raises WorkError.
        """
        inside = self._on_disk._names(os.path.join(self._base, path))
        return any(map(self._ignores.take, (path, *(f"{path}/{name}" for name in inside))))

    def _is_there(self, path: str) -> bool:
        full = os.path.normpath(os.path.join(self._base, path))
        if not lies_in(full, self._base):
            return True
        below = full[len(self._base) :].strip("/")
        below = below if below.isascii() else "/".join(map(nfc, below.split("/")))
        return self._leads_somewhere(below, False) or self._leads_somewhere(below, True)

    def _leads_somewhere(self, path: str, kept: bool) -> bool:
        """Return whether a way down from the base is there: to its end, or to a link or a repository within.

        kept: go by what belongs to git and may not lie on disk.
        """
        end = self._length_known(path, kept)
        folder = self._known[kept, path[:end]] if end else self._base
        while end < len(path):
            start = end + 1 if end else 0
            end = (path + "/").find("/", start)
            names = self._kept_names.get(folder, {}) if kept else self._names(folder)
            item = names.get(path[start:end])
            if item is None:
                return False
            if item.is_symlink():
                return True
            folder = self._known[kept, path[:end]] = item.path
        return True

    def _length_known(self, path: str, kept: bool) -> int:
        """Return how much of a path is known, in characters: whole components. A folder is known with all above it."""
        if (kept, path) in self._known:
            return len(path)
        known, unknown = 0, len(path)
        while True:
            middle = (known + unknown) // 2
            cut = path.rfind("/", known + 1, middle + 1)
            cut = path.find("/", max(middle, known + 1), unknown) if cut < 0 else cut
            if cut < 0:
                return known
            if (kept, path[:cut]) in self._known:
                known = cut
            else:
                unknown = cut

    def _names(self, folder: str) -> dict[str, Item]:
        """Return what lies in a folder, by normalised name; nothing when it cannot be listed."""
        if folder not in self._folders:
            self._folders[folder] = {nfc(item.name): item for item in _listed(self._source, folder)}
        return self._folders[folder]

    @cached_property
    def _on_disk(self) -> Assets:
        return Assets(DISK, self._base)

    @cached_property
    def _kept_names(self) -> dict[str, dict[str, Item]]:
        return {folder: {nfc(name): item for name, item in items.items()} for folder, items in self._kept.items()}

    @cached_property
    def _kept(self) -> Folders:
        return self._source.kept_by_git(self._base)

    @cached_property
    def _not_looked_into(self) -> _Endings:
        """Repositories within, and what lies in git as a link: a name that leads through one is there."""
        kept = [item.path for folder in self._kept.values() for item in folder.values() if item.is_symlink()]
        links = kept if self._source is DISK else self._tree[2]
        return _Endings([name[self._prefix :] for name in links if lies_in(name, self._base)])

    @cached_property
    def _kept_by_ending(self) -> _Endings:
        items = (item for folder in self._kept.values() for item in folder.values() if item.is_file())
        return _Endings([item.path[self._prefix :] for item in items if lies_in(item.path, self._base)])

    @cached_property
    def _ignores(self) -> Ignores:
        return Ignores(self._source, self._base)

    @cached_property
    def _tree(self) -> tuple[list[str], list[str], list[str]]:
        """What lies in no hidden folder: the paths of files, the names of hidden folders and those of links."""
        return self._walk([self._base])

    def _walk(self, folders: list[str]) -> tuple[list[str], list[str], list[str]]:
        files, hidden, links = [], [], []
        while folders:
            for item in self._names(folders.pop()).values():
                if not item.is_dir(follow_symlinks=False):
                    files.append(item.path[self._prefix :])
                    if item.is_symlink():
                        links.append(item.path)
                elif item.name.startswith("."):
                    hidden.append(item.path)
                else:
                    folders.append(item.path)
        return files, hidden, links

    @cached_property
    def _by_ending(self) -> _Endings:
        """All of them, as Obsidian finds attachments."""
        return _Endings(self._tree[0])

    @cached_property
    def _aside(self) -> _Endings:
        """What lies in hidden folders and behind links."""
        found, hidden, links = [], list(self._tree[1]), list(self._tree[2])
        while hidden:
            folder = hidden.pop()
            if os.path.basename(folder) not in _NO_NOTES:
                files, more, linked = self._walk([folder])
                found += files
                hidden += more
                links += linked
        return _Endings([*found, *(name[self._prefix :] for name in _behind(links, self._base))])


def _listed(source: Source, folder: str) -> Sequence[Item]:
    try:
        return source.listing(folder)
    except OSError:
        return ()


def _behind(links: list[str], base: str) -> Iterator[str]:
    """Yield the names of files behind links to folders, the nearest first, as if the folders lay there.

    What lies below the base is no news, and no folder is entered twice.
    """
    folders, known, left = deque(links), {os.path.realpath(base)}, _BEHIND_LINKS
    while folders and left > 0:
        folder = folders.popleft()
        real = os.path.realpath(folder)
        if real in known or not os.path.isdir(real) or (lies_in(real, os.path.realpath(base)) and real != folder):
            continue
        known.add(real)
        for item in _listed(DISK, folder):
            left -= 1
            if item.is_dir() and item.name not in _NO_NOTES:
                folders.append(item.path)
            else:
                yield item.path


class _Endings:
    """Paths by their ends, in whole components and whatever the case."""

    def __init__(self, paths: list[str]) -> None:
        self._paths = paths
        self._deepest = max((path.count("/") + 1 for path in paths), default=0)
        self._by_depth: dict[int, dict[str, list[str]]] = {}

    def of(self, endings: Iterable[str]) -> Iterator[str]:
        """Yield the paths with one of these ends, which are folded."""
        if self._paths:
            for ending in endings:
                yield from self._ending_in(ending)

    def _ending_in(self, ending: str) -> Sequence[str]:
        depth = ending.count("/") + 1
        if depth > self._deepest:
            return ()
        if depth not in self._by_depth:
            known: dict[str, list[str]] = {}
            for path in self._paths:
                last = path.rsplit("/", depth)[-depth:]
                if len(last) == depth:
                    known.setdefault(fold("/".join(last)), []).append(path)
            self._by_depth[depth] = known
        return self._by_depth[depth].get(ending, ())
