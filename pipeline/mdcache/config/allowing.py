"""What `mdcache allow` is for in a folder: all that is found from there and does not count by itself."""

from __future__ import annotations

import os
from collections.abc import Mapping

from mdcache.config.settings import Asked, load
from mdcache.files.scan import doubts_above
from mdcache.trusted import Doubt


def doubts(asked: Asked, environment: Mapping[str, str]) -> tuple[Doubt, ...]:
    """Return what stands in the way of commands in a folder, one doubt for each path, allowed already or not.

    Folders of documents may be named below the working folder, so what it holds itself counts as above them.

    Raises UsageError when the settings are broken.
    """
    found: list[Doubt] = []
    settings = load(asked, environment, doubted=found.append)
    for root in settings.roots or (settings.base,):
        found += doubts_above(os.path.join(root, "*"), settings.base)
    whys: dict[tuple[str, str | None], list[str]] = {}
    for doubt in found:
        about = whys.setdefault((doubt.path, doubt.sha256), [])
        why = f"{os.path.relpath(doubt.file, doubt.path)}: {doubt.why}" if doubt.file else doubt.why
        about += [why] if why not in about else []
    return tuple(Doubt(path, "; ".join(why), sha256) for (path, sha256), why in whys.items())
