"""What changes without being announced, and how it is noticed: by what stat says, compared with the time before."""

from __future__ import annotations

import os
import stat
from collections.abc import Hashable, Sequence
from itertools import takewhile

from mdcache import trusted
from mdcache.config.settings import Settings
from mdcache.errors import WorkError
from mdcache.files import markers
from mdcache.files.content import stamp_of
from mdcache.paths import up
from mdcache.store import lock


def settings_stamps(settings: Settings) -> Hashable:
    """Return what stat says of the files that decide what is seen and lie where no observer looks."""
    names = [settings.file] if settings.file else []
    home = os.path.realpath(os.path.dirname(settings.file)) if settings.file else settings.base
    names += [os.path.join(home, script.name) for script in settings.schema.user]
    above = {folder for root in settings.roots for folder in up(os.path.dirname(root))}
    names += [os.path.join(folder, ".gitignore") for folder in sorted(above)]
    # Where .git lies decides which .gitignore files count; what happens in it does not matter.
    names += sorted(markers.files_of(settings.sites(), settings.base))
    marked = [markers.in_folder(folder) for folder in sorted(above)]
    repositories = [os.path.lexists(os.path.join(folder, ".git")) for folder in sorted(above)]
    allowed = [trusted.allowances(settings.file)] if settings.file else []
    leading = resolved(settings.named or settings.roots)
    return (
        *map(_stamp, names),
        *repositories,
        *marked,
        *allowed,
        *leading,
        settings.asked and _leads_to(settings.asked.folder),
    )


def resolved(paths: Sequence[str]) -> list[str]:
    """Return where paths lead through all links on their way, as realpath does; each folder on it is looked at once.

    Paths are absolute and normalised.
    """
    known = {"/": "/"}
    for path in paths:
        for way in list(takewhile(lambda way: way not in known, up(path)))[::-1]:
            above, _, name = way.rpartition("/")
            real = known[above or "/"]
            full = way if real == above else os.path.join(real, name)
            known[way] = os.path.realpath(full) if os.path.islink(full) else full
    return [known[path] for path in paths]


def _leads_to(folder: str) -> str | None:
    try:
        return os.path.realpath(folder)
    except OSError:  # it counts from a working folder that was removed
        return None


Identities = dict[str, tuple[int, int] | None]
"""Which folder each root is; None for one that is none."""


def identities(roots: Sequence[str]) -> Identities:
    """Return which folder each root is; None for one that is none.

    A root has no links on its way. One that has by now leads where the settings may not have allowed: that is for those
    who read them again to say.
    """
    return {root: _identity(root) if real == root else None for root, real in zip(roots, resolved(roots), strict=True)}


def _identity(root: str) -> tuple[int, int] | None:
    try:
        found = os.stat(root)
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None


def _stamp(name: str) -> Hashable:
    try:
        found = os.stat(name)
    except OSError:
        return None
    return (found.st_dev, *stamp_of(found))


def cache_stamps(path: str, generation: int | None = None) -> Hashable:
    """Return what changes when the cache is replaced: which file it is, and which generation was published last.

    Args:
        generation: the one that was just written, where that is known; else the lock file says it.
    """
    try:
        found = os.stat(path)
        published = lock.read(path).published if generation is None else generation
    except (OSError, WorkError):
        return ()
    return (found.st_dev, found.st_ino, published)
