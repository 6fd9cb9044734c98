"""Files that are no documents but may be linked to: is there one where a link points?

Only names are looked at. What lies behind a symbolic link, or in a repository within, is not: it counts as there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from mdcache.files.sources import Item, Source
from mdcache.parse.targets import AssetPaths
from mdcache.paths import fold, lies_in, nfc


class Assets:
    """The files below a base, as a source has them; remembers what it has seen."""

    def __init__(self, source: Source, base: str) -> None:
        self._source, self._base = source, base
        self._folders: dict[str, dict[str, Item]] = {}
        self._endings: dict[str, set[str]] | None = None

    def has(self, wanted: AssetPaths) -> bool:
        """Whether a link has something to point at. What leads out of what we know is not ours to judge: yes."""
        if wanted.ending is not None:
            name = wanted.ending.rpartition("/")[2]
            return any(f"/{path}".endswith(f"/{wanted.ending}") for path in self._by_name().get(name, ()))
        return not wanted.paths or any(self._is_there(path) for path in wanted.paths)

    def _is_there(self, path: str) -> bool:
        full = os.path.normpath(os.path.join(self._base, path))
        if not lies_in(full, self._base):
            return True
        folder = self._base
        for name in filter(None, full[len(folder) :].split("/")):
            item = self._names(folder).get(nfc(name))
            if item is None:
                return False
            if item.is_symlink():
                return True
            folder = item.path
        return True

    def _names(self, folder: str) -> dict[str, Item]:
        """What lies in a folder, by normalised name; nothing when it cannot be listed."""
        if folder not in self._folders:
            try:
                listed = self._source.listing(folder)
            except OSError:
                listed = ()
            self._folders[folder] = {nfc(item.name): item for item in listed}
        return self._folders[folder]

    def _by_name(self) -> dict[str, set[str]]:
        """All of them: folded paths by folded name, as Obsidian finds attachments."""
        if self._endings is None:
            self._endings = {}
            for path in self.files():
                folded = fold(path)
                self._endings.setdefault(folded.rpartition("/")[2], set()).add(folded)
        return self._endings

    def files(self) -> Iterator[str]:
        """The paths of all files that lie in no hidden folder."""
        folders = [self._base]
        prefix = len(os.path.join(self._base, ""))
        while folders:
            for item in self._names(folders.pop()).values():
                if not item.is_dir(follow_symlinks=False):
                    yield item.path[prefix:]
                elif not item.name.startswith("."):
                    folders.append(item.path)
