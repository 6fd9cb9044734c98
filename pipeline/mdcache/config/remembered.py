"""What a cache remembers of its settings, for when there is no settings file."""

from __future__ import annotations

import os
from contextlib import suppress
from enum import Enum

from mdcache.config.settings import Settings
from mdcache.errors import Damaged
from mdcache.names import name_of
from mdcache.paths import lies_in
from mdcache.store.cache import Cache, opened


class Trust(Enum):
    """Which caches may say what folders are looked at.

    MADE_HERE: those that were made here. NEAR: others, too, for folders below the one that they lie in. COMPARED: also
    published files that do not say where they were made, for the base of the settings; the documents are only compared.
    """

    MADE_HERE = "made here"
    NEAR = "near"
    COMPARED = "compared"


def with_remembered_roots(settings: Settings, trust: Trust = Trust.NEAR) -> Settings:
    """Return the settings with the folders that the cache was made of, when neither settings nor DOCS name any.

    Where symbolic links led to those folders, they are followed again: they may lead elsewhere by now.

    A cache that is damaged, or not believed, cannot tell: then they stay as they are.
    """
    if settings.roots or not os.path.exists(settings.database):
        return settings
    with suppress(Damaged), opened(settings.database, settings.base) as cache:
        if cache.made_here:
            return _own(settings, cache)
        if trust is Trust.COMPARED and cache.meta.base is None:
            return _compared(settings, cache)
        if trust is not Trust.MADE_HERE and cache.roots:
            return settings.with_roots(cache.base, cache.roots)
    return settings


def _own(settings: Settings, cache: Cache) -> Settings:
    roots = tuple(sorted({os.path.realpath(name) for name in cache.named})) or cache.roots
    base = cache.base if set(roots) == set(cache.roots) else os.path.commonpath(roots)
    return settings.with_roots(base, roots, cache.named)


def _compared(settings: Settings, cache: Cache) -> Settings:
    names = (os.path.join(settings.base, name_of(root)) for root in cache.meta.roots or ())
    roots = tuple(filter(lambda root: lies_in(root, settings.base), map(os.path.realpath, names)))
    return settings.with_roots(settings.base, roots) if roots else settings
