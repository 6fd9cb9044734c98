"""Kinds of hostile places: a table of each family, with what is made in a folder and which commands are run on it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from torture.judge import STATUSES
from torture.stranger import Make, Place

CHECKS = ("check", "check --json", "check --format github", "check --strict")
OF_GIT = ("check --staged", "check --rev HEAD", "check --against HEAD~1")
READS = ("search words", "read guide", "query 'SELECT path, title FROM nodes'", "links guide", "status --json")
WRITES = ("rebuild", "sync")
WHOLE = (*CHECKS, *WRITES)
ALL = (*CHECKS, *OF_GIT, *READS, *WRITES, "verify", "doctor", "changes", "schema", "sync --check")


class Kind(NamedTuple):
    """A kind of hostile place.

    commands: what is run on it, each on a new one; the short round runs the first. statuses: which exit statuses are
    right. may_change: patterns of paths, from the parent, that a command may write to. must_not: paths in the folder's
    .mdcache that must stay as they are. at: where the commands are run, from the folder.
    """

    name: str
    make: Make
    commands: Sequence[str | tuple[str, ...]]
    statuses: frozenset[int] = STATUSES
    may_change: Sequence[str] = ()
    must_not: Sequence[str] = ()
    at: str = "."


IS_ROOT = os.geteuid() == 0
"""Only root can give files to another user and make devices; other users' rounds leave such kinds out."""
FINDS = frozenset((1,))
REFUSES = frozenset((2, 3))


def documented(files: dict[str, str | bytes]) -> Make:
    """Return what makes a folder of the two usual documents and these files."""

    def make(place: Place) -> None:
        place.documents()
        for name, content in files.items():
            place.write(name, content)

    return make


def odd(name: str, what: str, then: Make | None = None) -> Make:
    """Return what puts something other than a plain file at a path in the folder, after the documents.

    what: fifo, link, zero (a link to /dev/zero), device, folder, socket, loop, huge (sparse, 10 GB) or garbage.
    """

    def make(place: Place) -> None:
        place.documents()
        if then:
            then(place)
        put(place, name, what)

    return make


def put(place: Place, name: str, what: str) -> None:
    """Put something other than a plain file at a path in the folder."""
    file = place.folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    if what == "fifo":
        os.mkfifo(file)
    elif what == "link":
        file.symlink_to(place.outside / "secret.md")
    elif what == "zero":
        file.symlink_to("/dev/zero")
    elif what == "device":
        os.mknod(file, 0o20666, os.makedev(1, 5))
    elif what == "folder":
        (file / "within").mkdir(parents=True)
    elif what == "loop":
        file.symlink_to(file.name)
    elif what == "huge":
        with file.open("wb") as opened:
            opened.truncate(10_000_000_000)
    elif what == "garbage":
        file.write_bytes(bytes(range(256)) * 400)
    else:
        raise ValueError(what)


ODD = ("fifo", "link", "zero", "folder", "loop", "huge", "garbage", *(("device",) if IS_ROOT else ()))
"""What put knows."""
