"""Find the settings file and read it, if it counts.

One that was found by walking up, not named, may come with a cloned repository, or lie in a folder where others write,
too: it counts only if it is ours, and speaks only for its own folder, unless the user has allowed more.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from mdcache import trusted
from mdcache.errors import UsageError
from mdcache.files.sources import DISK, Source
from mdcache.guarded import toml
from mdcache.names import name_of
from mdcache.paths import lies_in, up
from mdcache.trusted import Doubt, Doubted

FILE_NAME = "mdcache.toml"
_PROJECT = "pyproject.toml"
# Bytes of a schema file, and of a settings file. A clone's may be as large as a disk.
_LONGEST = 1_000_000
# Characters of a message that repeats what the settings say.
_LONGEST_MESSAGE = 1000
_BY_NAME = "or name the file with --config to trust it"


class File(NamedTuple):
    """A settings file; without any, name is None and values is empty.

    home is the folder where it stands, links resolved; is_named: not found, so it may speak for other folders; sha256:
    of its bytes in the source, and of where links lead outside; doubted: called for what it may not decide by itself.
    """

    name: str | None
    home: str
    is_named: bool
    values: dict[str, Any]
    source: Source
    sha256: str
    doubted: Doubted

    def inside(self, key: str, path: str) -> str:
        """Return the absolute form of a path in the settings; it is doubted when the file may not name it by itself."""
        full, plain = self.target(path)
        if not self.is_named and not lies_in(full, self.home):
            why = f"'{key}' leads outside its folder ({path}{'' if full == plain else f', a link to {full}'})"
            if not self.name:
                raise self.refused(f"{why}: name it with --db")
            self.doubted(Doubt(self.name, why, self.sha256, _BY_NAME))
        return full

    def target(self, path: str) -> tuple[str, str]:
        """Return the absolute form of a path in the settings, with its links resolved and without."""
        full = os.path.join(self.home, name_of(path))
        return os.path.realpath(full), os.path.normpath(full)

    def bound_to_links(self) -> File:
        """Return it with a hash of its bytes and of where links lead outside its folder: they may change without it.

        Its values have the right types.
        """
        database = self.values.get("database")
        paths = (*self.values.get("docs", ()), *self.values.get("schema", ()), *((database,) if database else ()))
        outside = {full for full, plain in map(self.target, paths) if full != plain and not lies_in(full, self.home)}
        if self.is_named or not outside:
            return self
        return self._replace(sha256=trusted.digest(b"\0".join(map(os.fsencode, (self.sha256, *sorted(outside))))))

    def refused(self, message: str) -> UsageError:
        return UsageError(f"{self.name or self.home}: {_shortened(message)}")


def _shortened(message: str) -> str:
    if len(message) <= _LONGEST_MESSAGE:
        return message
    return f"{message[: _LONGEST_MESSAGE // 2]}…{message[-_LONGEST_MESSAGE // 2 :]}"


def settings_file(folder: str, named: str | None, source: Source, doubted: Doubted) -> File:
    """Return the settings file that is named, or the nearest one; without any, a file without values.

    Args:
        folder: the working folder.
        named: its path, relative to that folder; None to look for it upwards.
        source: what it holds of the file counts.
        doubted: called for what does not count by itself.

    Raises:
        UsageError: it cannot be read, or is not valid.
    """
    found = _named(os.path.join(folder, named), source) if named else _find(folder, source, doubted)
    if not found:
        return File(None, folder, False, {}, source, "", doubted)
    if found.stranger and not named:
        doubted(_of_stranger(found.name, found.stranger, found.sha256))
    home = os.path.realpath(os.path.dirname(found.name))
    file = File(found.name, home, bool(named), {}, source, found.sha256, doubted)
    with telling_nothing_of_files_elsewhere(file):
        return file._replace(values=_values(found))


def _of_stranger(name: str, stranger: str, sha256: str | None) -> Doubt:
    return Doubt(name, f"it belongs to {stranger}", sha256, _BY_NAME)


@contextmanager
def telling_nothing_of_files_elsewhere(file: File) -> Iterator[None]:
    """A clone may bring a link in place of settings, to any file of the user's: what that holds is shown to nobody."""
    try:
        yield
    except UsageError as error:
        target = os.path.realpath(file.name or file.home)
        if file.is_named or lies_in(target, file.home):
            raise
        where = f"{file.name} leads to {target}, which holds no settings"
        raise UsageError(f"{where}: --config {target} says why") from error


def _named(name: str, source: Source) -> trusted.File | None:
    """Return the settings file of this name; None where the source is from a time before it. Raises UsageError."""
    there = on_disk(name)
    held = _project(name, source) if os.path.basename(name) == _PROJECT else in_source(name, source)
    return held or (None if source.came_later(name) else there)


def _find(folder: str, source: Source, doubted: Doubted) -> trusted.File | None:
    """Return the nearest settings file, walking up; None without one. What the source has of a file goes first."""
    for one in up(folder):
        own, project = os.path.join(one, FILE_NAME), os.path.join(one, _PROJECT)
        if held := in_source(own, source):
            return held
        if os.path.isfile(own) and not source.came_later(own):
            try:
                return on_disk(own)
            except UsageError:
                if whose := trusted.stranger(own):
                    doubted(_of_stranger(own, whose, None))
                raise
        if found := _project(project, source):
            return found
    return None


def _project(name: str, source: Source) -> trusted.File | None:
    """Return a pyproject.toml if it has a table of ours, which the source's may not have yet; None when it has not.

    Without the word there is no table of ours, and somebody else's broken file is none of our business.
    """
    held = in_source(name, source)
    if held and _has_table(held):
        return held
    if not os.path.isfile(name) or source.came_later(name):
        return None
    try:
        there = on_disk(name)
    except UsageError:
        if trusted.stranger(name):
            return None
        raise
    return there if _has_table(there) else None


def _has_table(file: trusted.File) -> bool:
    if b"mdcache" not in file.raw:
        return False
    try:
        return "mdcache" in _tools(file)
    except UsageError:
        if file.stranger:
            return True  # that it belongs to somebody else is told first
        raise


def in_source(name: str, source: Source) -> trusted.File | None:
    """Return what the source holds under this name in place of the disk; None where that counts. Raises UsageError."""
    raw = None if source is DISK else next(source.texts((source.resolved(name),), _LONGEST + 1))
    return None if raw is None else _bounded(trusted.File(name, raw, trusted.stranger(name)))


def on_disk(name: str) -> trusted.File:
    """Return what a name leads to on disk. Raises UsageError."""
    try:
        return _bounded(trusted.read(name, _LONGEST + 1))
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from error


def _bounded(file: trusted.File) -> trusted.File:
    if len(file.raw) > _LONGEST:
        raise UsageError(f"{file.name} is longer than {_LONGEST // 1_000_000} MB")
    return file


def _values(file: trusted.File) -> dict[str, Any]:
    if os.path.basename(file.name) != _PROJECT:
        return _toml(file)
    found = _tools(file).get("mdcache")
    if not isinstance(found, dict):
        raise UsageError(f"{file.name} has no table [tool.mdcache]")
    return found


def _tools(file: trusted.File) -> dict[str, Any]:
    tools = _toml(file).get("tool")
    return tools if isinstance(tools, dict) else {}


def _toml(file: trusted.File) -> dict[str, Any]:
    try:
        return toml.loads(file.raw)
    except ValueError as error:  # no TOML, no UTF-8, or a number of a million digits
        raise UsageError(f"{file.name} is not valid TOML: {_shortened(str(error))}") from error
