"""Hints alone suffice: who looks only where they lead knows what a scan of everything finds, whatever happens."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sys
import time
from pathlib import Path

import pytest

from mdcache.errors import WorkError
from mdcache.files.scan import Tree, folders, scan
from mdcache.model import Entry, Stamp
from mdcache.paths import lies_in, lies_within
from mdcache.watching.inbox import Inbox
from mdcache.watching.observer import Observer

FOLDERS, FILES = ["a", "b", ".h", "nm", "c.md"], ["x.md", ".y.md", "z.txt", "c.md"]
IGNORES = ["nm\n", "", "a/b\n", "*.md\n!x.md\n", ".h\n"]
QUIET_S = 0.25


class Follower:
    """What is known of a tree by looking at what was hinted at. Nothing else is ever compared."""

    def __init__(self, tree: Tree) -> None:
        self._tree, self._inbox = tree, Inbox()
        self._observer = Observer(tree, frozenset(), self._inbox)
        self.known: dict[str, Stamp] = {}
        self._look(None)

    def _look(self, within: frozenset[str] | None) -> None:
        self._observer.cover(within)
        found = stamps(self._tree, within)
        self.known = {path: known for path, known in self.known.items() if within and not lies_within(path, within)}
        self.known |= found

    def follow(self) -> bool:
        """Look at what was hinted at; return whether there was anything."""
        taken = self._inbox.take()
        if taken is None:
            return False
        assert not taken.lost, taken
        try:
            self._look(taken.paths)
        except WorkError:  # it went while it was looked at
            self._inbox.add("")
        return True

    def come_to_rest(self) -> None:
        until = time.monotonic() + QUIET_S
        while time.monotonic() < until:
            if self.follow():
                until = time.monotonic() + QUIET_S
            time.sleep(0.005)

    def stop(self) -> None:
        self._observer.stop()

    def watched(self) -> set[str]:
        return {folder for folder in self._observer._folders if os.path.isdir(folder)}


def stamps(tree: Tree, within: frozenset[str] | None = None) -> dict[str, Stamp]:
    return {found.path: found.stamp for found in scan(tree, within) if isinstance(found, Entry)}


class Chaos:
    """Changes folders, files and .gitignore files below a base at random, but not its roots."""

    def __init__(self, base: Path, roots: tuple[str, ...], aside: Path, chance: random.Random) -> None:
        self._base, self._roots, self._aside, self._chance = base, roots, aside, chance
        self._number = 0

    def _folder(self) -> str:
        return self._chance.choice([folder for folder, _, _ in os.walk(self._base)])

    def _free(self) -> str:
        """A folder that is no root, and holds none."""
        return self._chance.choice(
            [folder for folder, _, _ in os.walk(self._base) if not any(lies_in(root, folder) for root in self._roots)]
        )

    def _place(self, names: list[str]) -> str:
        return os.path.join(self._folder(), self._chance.choice(names))

    def change(self) -> None:
        self._number += 1
        acts = [self.make, self.write, self.write, self.move, self.move_out, self.move_in, self.remove, self.ignore]
        with contextlib.suppress(OSError, IndexError):
            self._chance.choice([*acts, self.link, self.unlink])()

    def make(self) -> None:
        os.makedirs(os.path.join(self._place(FOLDERS), self._chance.choice(FOLDERS)), exist_ok=True)

    def write(self) -> None:
        with open(self._place(FILES), "a") as file:
            file.write("x")

    def move(self) -> None:
        os.rename(self._free(), self._place(FOLDERS))

    def move_out(self) -> None:
        os.rename(self._free(), self._aside / str(self._number))

    def move_in(self) -> None:
        os.rename(self._aside / self._chance.choice(os.listdir(self._aside)), self._place(FOLDERS))

    def remove(self) -> None:
        shutil.rmtree(self._free())

    def ignore(self) -> None:
        Path(self._folder(), ".gitignore").write_text(self._chance.choice(IGNORES))

    def link(self) -> None:
        os.symlink(self._chance.choice(["a", "..", "x.md"]), self._place(FOLDERS))

    def unlink(self) -> None:
        os.unlink(self._place(FILES))


@pytest.mark.slow
@pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere the system lags behind, and folders that move are doubted"
)
@pytest.mark.parametrize("seed", range(20))
def test_what_hints_lead_to_is_all_there_is(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    base, aside = tmp_path / "base", tmp_path / "aside"
    named = chance.choice([(".",), (".", "a/.h", "nm/b")])
    for folder in (*(base / root for root in named), aside):
        folder.mkdir(parents=True, exist_ok=True)
    roots = tuple(os.path.normpath(base / root) for root in named)
    tree = Tree(str(base), roots, (".md",), exclude=chance.choice([(), ("b/nm",)]))
    follower, chaos = Follower(tree), Chaos(base, roots, aside, chance)
    for _ in range(200):
        chaos.change()
        if chance.random() < 0.3:
            follower.follow()
    follower.come_to_rest()
    assert follower.known == stamps(tree)
    assert follower.watched() == set(folders(tree))
    follower.stop()
