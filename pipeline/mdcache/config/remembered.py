"""What a cache remembers of its settings, for when there is no settings file."""

from __future__ import annotations

import os
from contextlib import suppress

from mdcache.config.settings import Settings
from mdcache.errors import Damaged
from mdcache.store.cache import opened


def with_remembered_roots(settings: Settings) -> Settings:
    """Return the settings with the folders that the cache was made of, when neither settings nor DOCS name any.

    Where symbolic links led to those folders, they are followed again: they may lead elsewhere by now.

    A damaged cache cannot tell: then they stay as they are.
    """
    if settings.roots or not os.path.exists(settings.database):
        return settings
    with suppress(Damaged), opened(settings.database, settings.base) as cache:
        roots = tuple(sorted({os.path.realpath(name) for name in cache.named})) or cache.roots
        base = cache.base if set(roots) == set(cache.roots) else os.path.commonpath(roots)
        return settings.with_roots(base, roots, cache.named)
    return settings
