"""Whether the code that runs is still what is installed, and the same command started again when it is not.

A watcher outlives an upgrade of what it runs. What it has imported stays as it is, but its worker processes would be of
the new version, and what it reads later, as the schema, too: rows of two versions in one cache. So all that it may need
is imported at the start, and it looks whether files of the package, of the parsers or of Python are others by now.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import pkgutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import mdcache

# What a watcher works with; their modules are imported by functions here and there.
_PACKAGES = ("parse", "dialects", "files", "store", "config", "build", "syncing", "watching")
# What decides rows, and is loaded by workers.
_PARSERS = ("pyromark", "yaml")
# An installer has done its work when the files have been as they are for so long; what cannot be run after so long is
# not going to be.
_SETTLED_S, _LOST_S = 2.0, 60.0
_PROBE_S = 30.0


class Code(NamedTuple):
    """The code that is installed, beside that which runs.

    own: the stamp of what runs; seen: of what is there, None where some of it is missing; since: when that was first
    seen; lost_at: when to give up. Times are those of time.monotonic.
    """

    own: str | None
    seen: str | None
    since: float = 0.0
    lost_at: float = 0.0

    def looked(self, seen: str | None, now: float) -> Code:
        """Return what holds after another look."""
        if seen == self.seen:
            return self
        return Code(self.own, seen, now, now + _LOST_S if self.is_current else self.lost_at)

    @property
    def is_current(self) -> bool:
        """Whether what runs is what is installed."""
        return self.seen == self.own

    def is_settled(self, now: float) -> bool:
        """Return whether something else is installed, and complete as far as it shows."""
        return not self.is_current and self.seen is not None and now - self.since >= _SETTLED_S

    def is_lost(self, now: float) -> bool:
        """Return whether there has been nothing to run for too long."""
        return not self.is_current and now >= self.lost_at


class Installed:
    """What is installed of mdcache and what it runs on. Made before anything else, it stands for what runs."""

    def __init__(self) -> None:
        import_all()
        self._folders = tuple(_walk(*_roots()))
        loaded = [getattr(sys.modules.get(name), "__file__", None) for name in _PARSERS]
        self._parsers = tuple(filter(None, loaded))
        self._glance = self._at_a_glance()
        self._stamp = self._all()

    def stamp(self, thorough: bool = True) -> str | None:
        """Return what changes when any of it does; None where some is missing.

        thorough: look at every file; else only where folders have changed, which costs a twentieth. An installer makes
        new files, but an editor may write into those that are there.
        """
        glance = self._at_a_glance()
        if thorough or glance != self._glance:
            self._glance, self._stamp = glance, self._all()
        return self._stamp

    def _at_a_glance(self) -> tuple[object, ...]:
        names = (*self._folders, *self._parsers, mdcache.__file__ or "", sys.executable or "")
        return tuple(map(_stat, names))

    def _all(self) -> str | None:
        names = [os.path.join(folder, name) for folder in _walk(*_roots()) for name in _sources(folder)]
        found = [(name, _stat(name)) for name in (*sorted(names), *self._parsers, sys.executable or "/")]
        is_whole = names and all(stamp for _, stamp in found)
        return hashlib.sha256(repr(found).encode("utf-8", "surrogateescape")).hexdigest() if is_whole else None


def import_all() -> None:
    """Import what a watcher may need later, when another version may lie there."""
    for package in _PACKAGES:
        found = importlib.import_module(f"mdcache.{package}")
        for module in pkgutil.walk_packages(found.__path__, found.__name__ + "."):
            importlib.import_module(module.name)


def _roots() -> tuple[str, ...]:
    schema = importlib.import_module("mdcache.schema")
    return (os.path.dirname(os.path.abspath(mdcache.__file__ or "")), *map(os.path.abspath, schema.__path__))


def _walk(*roots: str) -> Iterator[str]:
    left = list(roots)
    while left:
        yield (folder := left.pop())
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            left += [one.path for one in entries if one.name[0] not in "._" and one.is_dir(follow_symlinks=False)]


def _sources(folder: str) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if name.endswith((".py", ".sql"))]
    except OSError:
        return []


def _stat(name: str) -> tuple[int, ...]:
    try:
        found = os.stat(name)
    except OSError:
        return ()
    return (found.st_ino, 0 if stat.S_ISDIR(found.st_mode) else found.st_size, found.st_mtime_ns)


# The same command again


class Command:
    """The command that this process is, to be run again by what is installed now.

    The process stays the same, and with it what its parent, systemd and the state file know of it.
    """

    def __init__(self) -> None:
        words = sys.orig_argv
        self._program = (sys.executable, *words[1 : len(words) - len(sys.argv[1:])])
        self._arguments = tuple(sys.argv[1:])

    def can_run(self) -> bool:
        """Return whether what is installed now can be run, as it cannot be while half of it is there."""
        probe = (*self._program, "watch", "--help")
        try:
            done = subprocess.run(probe, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PROBE_S)
        except (OSError, subprocess.SubprocessError):
            return False
        return done.returncode == 0

    def run(self, environment: Mapping[str, str]) -> None:
        """Run it in place of what runs; this returns never. Raises OSError."""
        os.execve(self._program[0], (*self._program, *self._arguments), environment)
