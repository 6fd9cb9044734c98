"""A place where a stranger has put things: a folder that came along, beside files that it must not reach."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from caches import settings_of

from mdcache.build import rebuild
from mdcache.store import connections

SECRET = "quokkasecret"
"""A word that stands in files outside the folder alone: wherever it is printed, something outside was read."""
SOMEBODY = 65534
"""The number of another user. Only root can give files to it."""

_driver: Any = connections.driver  # type: ignore[attr-defined]
_DOCUMENTS = {
    "a.md": "---\nid: guide\ntags: [t]\n---\n# A guide\n\nSome words. [gone](gone.md) [[b]]\n\n## Sub\n\nMore.\n",
    "b.md": "# B\n\n[a](a.md#sub) ![[a#Sub]] [[nowhere]]\n",
}


class Place(NamedTuple):
    """Folders of one trial. All that is in parent is watched; folder is the stranger's, and commands run in it.

    outside: a folder of the user's, with a secret; a repository, too. canary: a file that planted programs make.
    """

    parent: Path
    folder: Path
    outside: Path
    canary: Path

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file in the folder, with the folders above it."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content)
        return file

    def documents(self) -> None:
        """Write two documents, with links that lead nowhere."""
        for name, text in _DOCUMENTS.items():
            self.write(name, text)

    def git(self, *arguments: str, input: bytes = b"") -> str:
        """Run git in the folder, as the stranger would."""
        return git(self.folder, *arguments, input=input)

    def committed(self) -> None:
        """Make the folder a repository of two commits, with something staged."""
        self.git("init", "--quiet")
        for message in ("one", "two"):
            self.write("c.md", f"# {message}\n\n[[{message}]]\n")
            self.git("add", "--all")
            self.git("commit", "--quiet", "--message", message)
        self.write("c.md", "# Staged\n\n[[staged]]\n")
        self.git("add", "c.md")

    def configured(self, text: str) -> None:
        """Append to the repository's configuration."""
        with (self.folder / ".git/config").open("a") as file:
            file.write(text)

    def planted(self, name: str = "plant") -> Path:
        """Write a program that leaves a trace, and return its path."""
        file = self.write(name, f"#!/bin/sh\ntouch '{self.canary}'\ncat\n")
        file.chmod(0o755)
        return file

    def rebuilt(self) -> Path:
        """Build the folder's cache where it belongs, as its user would, and return its path."""
        rebuild.rebuild(settings_of(self.folder), rebuild.Options(workers=0))
        return self.cache

    def cloned(self) -> Path:
        """Bring a cache along that was made elsewhere, with its lock as if it had been made here; return its path."""
        elsewhere = self.parent.with_name(self.parent.name + "-made")
        shutil.rmtree(elsewhere, ignore_errors=True)
        elsewhere.mkdir()
        for file in self.folder.glob("*.md"):
            if file.is_file() and not file.is_symlink():
                shutil.copy(file, elsewhere)
        rebuild.rebuild(settings_of(elsewhere), rebuild.Options(workers=0))
        shutil.copytree(elsewhere / ".mdcache", self.folder / ".mdcache", dirs_exist_ok=True)
        self.locked()
        return self.cache

    def cloned_beside(self, name: str) -> Path:
        """Bring a cache along under another name, in the folder itself; return its path."""
        copy = self.folder / name
        shutil.copyfile(self.cache, copy)
        return copy

    def locked(self, **changes: Any) -> None:
        """Write a lock beside the cache that names its own inode, and whatever else."""
        lock = self.folder / ".mdcache/cache.db.lock"
        lock.touch()
        fields = {"pid": 1, "command": "mdcache rebuild", "since": "", "published": 1, "inode": lock.stat().st_ino}
        lock.write_text(json.dumps({**fields, "process": "", **changes}).ljust(511) + "\n")

    @property
    def cache(self) -> Path:
        return self.folder / ".mdcache/cache.db"

    @contextlib.contextmanager
    def altered(self, *statements: str) -> Iterator[Any]:
        """Give a connection that may change anything in the cache, its schema too; it is committed at the end."""
        with contextlib.closing(_driver.connect(str(self.cache), isolation_level=None)) as db:
            db.execute("PRAGMA writable_schema = ON")
            db.execute("PRAGMA foreign_keys = OFF")
            db.execute("PRAGMA journal_mode = DELETE")
            for statement in statements:
                db.execute(statement)
            yield db

    def alter(self, *statements: str) -> None:
        """Run statements in the cache."""
        with self.altered(*statements):
            pass


Make = Callable[[Place], object]
"""Puts into a place what makes it hostile."""


def git(folder: Path, *arguments: str, input: bytes = b"") -> str:
    command = ("git", "-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always", *arguments)
    done = subprocess.run(command, cwd=folder, input=input, capture_output=True, check=True)
    return done.stdout.decode("utf-8", "surrogateescape")


def place(parent: Path) -> Place:
    """Make a new place in a folder that is not there yet."""
    made = Place(parent, parent / "clone", parent / "outside", parent / "canary")
    made.folder.mkdir(parents=True)
    made.outside.mkdir()
    (made.outside / "secret.md").write_text(f"# {SECRET}\n\n{SECRET} [[{SECRET}]]\n")
    (made.outside / "secret.toml").write_text(f"{SECRET} = '{SECRET}'\n")
    git(made.outside, "init", "--quiet")
    git(made.outside, "add", "secret.md")
    git(made.outside, "commit", "--quiet", "--message", SECRET)
    return made


def cleared(parent: Path) -> None:
    """Remove a place, whatever its files and folders allow, and however deep it is."""
    try:
        shutil.rmtree(parent, onerror=_again)
    except RecursionError:
        subprocess.run(("rm", "-rf", "--", parent), check=True)


def _again(remove: Callable[[str], object], path: str, _: object) -> None:
    with contextlib.suppress(OSError):
        os.chmod(os.path.dirname(path), 0o700)
        remove(path)
