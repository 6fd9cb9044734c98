"""Who is believed of those whose files are found, not named: this user, root, and whom `mdcache allow` was said for.

Settings, repositories and caches are looked for upwards from the working folder, so they may lie in a folder where
others put files, too. As git does with repositories, what belongs to somebody else is refused until the user has
allowed it. The same allowance lets settings decide what found ones may not by themselves: documents or a cache outside
their folder.

Files below the roots are documents: content, no matter whose they are.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import stat
from collections.abc import Callable
from typing import NamedTuple

from mdcache import state
from mdcache.errors import UsageError, WorkError
from mdcache.process import user_name

ROOT = 0
# Of one path, the latest: of settings as they are in several branches.
_MOST = 8


class Doubt(NamedTuple):
    """Why something that was found does not count unless the user has allowed it.

    path: what would be allowed. why: what stands in the way. sha256: what it holds and must go on to hold; None for
    what may change, as a repository does. otherwise: what else the user can do, as "or name another with --db". file:
    in which file of path it lies; '' for path itself. is_cache: a cache or its folder, which may be looked at all the
    same.
    """

    path: str
    why: str
    sha256: str | None = None
    otherwise: str = ""
    file: str = ""
    is_cache: bool = False

    def message(self) -> str:
        """Return the line that refuses it."""
        changed = " and has changed since it was allowed" if allowances(self.path) else ""
        otherwise = self.otherwise and f", {self.otherwise}"
        return f"{self.file or self.path}: {self.why}{changed}: mdcache allow allows it{otherwise}"


Doubted = Callable[[Doubt], None]
"""What becomes of a doubt: it is raised, or collected to be allowed."""


class Strange(WorkError):
    """What decides which documents there are belongs to somebody else. The command has to be another one."""

    status = UsageError.status


def insist(doubt: Doubt) -> None:
    """Raise UsageError unless the user has allowed what is doubted."""
    if not is_allowed(doubt.path, doubt.sha256):
        raise UsageError(doubt.message())


def insist_but_on_caches(doubt: Doubt) -> None:
    """Raise UsageError unless the user has allowed what is doubted, or it is a cache: that is only looked at."""
    if not doubt.is_cache:
        insist(doubt)


def insist_at_work(doubt: Doubt) -> None:
    """Raise Strange unless the user has allowed what is doubted: for what is found only while documents are."""
    if not is_allowed(doubt.path, doubt.sha256):
        raise Strange(doubt.message())


def stranger(name: str) -> str | None:
    """Return whose a file is, and where a link leads whose that is; None if it is ours, root's, or not there."""
    for look in (os.lstat, os.stat):
        try:
            found = look(name)
        except OSError:
            return None
        if whose := stranger_of(found):
            return whose
    return None


def stranger_of(found: os.stat_result) -> str | None:
    """Return the name of the user whom a file belongs to; None if that is this one, or root."""
    return None if found.st_uid in (ROOT, os.geteuid()) else user_name(found.st_uid)


class File(NamedTuple):
    """A plain file as it was found, or what a link there leads to. stranger: whose it is, or the link."""

    name: str
    raw: bytes
    stranger: str | None

    @property
    def sha256(self) -> str:
        return digest(self.raw)


def read(name: str, at_most: int) -> File:
    """Return a plain file, or that to which a link leads, with at most so many of its bytes, and whose it is.

    Names in /dev are taken for what they are: a shell passes streams by such. Raises OSError.
    """
    is_stream = name.startswith("/dev/")
    descriptor = os.open(name, os.O_RDONLY | (0 if is_stream else os.O_NONBLOCK))
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) and not is_stream:
            raise FileNotFoundError(errno.ENOENT, "not a plain file", name)
        # Looked at when it is open: a user who may put another file in its place leaves that to be seen.
        return File(name, file.read(at_most), stranger_of(found) or stranger(name))


def digest(raw: bytes) -> str:
    """Return what an allowance keeps of a file's bytes."""
    return hashlib.sha256(raw).hexdigest()


# What the user has allowed: a file for each path in the state folder, with a line of JSON for each content.


def is_allowed(path: str, sha256: str | None) -> bool:
    """Return whether the user has allowed a path, as long as it holds these bytes; None: whatever it holds."""
    return sha256 in allowances(path)


def allowances(path: str) -> frozenset[str | None]:
    """Return what the user has allowed of a path: the hashes of what it held then, None for whatever it holds."""
    found = set()
    for line in b"\n".join(state.read(_name(path))).splitlines():
        with contextlib.suppress(ValueError, TypeError, KeyError):  # half a line that a crash has left
            kept = json.loads(line)
            if kept["path"] == path:
                found.add(kept["sha256"])
    return frozenset(found)


def allow(doubt: Doubt) -> None:
    """Remember that the user allows what is doubted. Raises WorkError, UsageError: the state folder is none."""
    line = json.dumps({"path": doubt.path, "sha256": doubt.sha256}).encode() + b"\n"

    def with_it(before: bytes) -> bytes:
        lines = [one for one in before.splitlines(keepends=True) if one != line]
        return b"".join([*lines, line][-_MOST:])

    state.update(_name(doubt.path), with_it)


def forget(path: str) -> bool:
    """Take back what the user has allowed of a path, and return whether there was anything. Raises as allow does."""
    if not allowances(path):
        return False
    state.update(_name(path), lambda _: b"")
    return True


def _name(path: str) -> str:
    return f"allowed/{digest(os.fsencode(path))}"
