"""What changes without being announced, and how it is noticed: by what stat says, compared with the time before."""

from __future__ import annotations

import os
from collections.abc import Hashable

from mdcache.config.settings import Settings
from mdcache.errors import WorkError
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
    repositories = [os.path.lexists(os.path.join(folder, ".git")) for folder in sorted(above)]
    return (*map(_stamp, names), *repositories)


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
