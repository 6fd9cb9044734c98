"""Where the cache is, as far as settings that cannot be used still tell: a watcher must be stopped beside them, too."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from mdcache import trusted
from mdcache.config.file import FILE_NAME
from mdcache.config.settings import DEFAULT_DATABASE, Asked
from mdcache.paths import up

_PROJECT, _TABLE = "pyproject.toml", "[tool.mdcache]"
_LONGEST = 1_000_000
# The setting in a line of its own, and the head of another table.
_SETTING = re.compile(r"""^[ \t]*database[ \t]*=[ \t]*(?:"([^"\\\n\0]{1,4096})"|'([^'\n\0]{1,4096})')""", re.MULTILINE)
_HEADER = re.compile(r"^[ \t]*\[[^\]\"'\n]*\][ \t]*(?:#.*)?$", re.MULTILINE)


def database(asked: Asked, environment: Mapping[str, str]) -> str:
    """Return the path of the cache: as named, as the settings say, or by default. Nothing is checked."""
    folder = os.path.realpath(asked.folder)
    named = asked.database or environment.get("MDCACHE_DB")
    if named:
        return os.path.realpath(os.path.join(folder, named))
    config = asked.config or environment.get("MDCACHE_CONFIG")
    file = os.path.join(folder, config) if config else _found(folder)
    home = os.path.dirname(file) if file else folder
    return os.path.realpath(os.path.join(home, (_setting(file) if file else None) or DEFAULT_DATABASE))


def _found(folder: str) -> str | None:
    """Return the nearest settings file that is or was believed, walking up; None without one."""
    for one in up(folder):
        if os.path.isfile(own := os.path.join(one, FILE_NAME)) and _is_known(own):
            return own
        if _TABLE in _text(project := os.path.join(one, _PROJECT)) and _is_known(project):
            return project
    return None


def _is_known(name: str) -> bool:
    """Return whether a settings file is not somebody else's, or was allowed, whatever it holds by now."""
    return not trusted.stranger(name) or bool(trusted.allowances(name))


def _setting(file: str) -> str | None:
    """Return what the settings call the database; what is no TOML beside it does not matter."""
    _, _, text = _text(file).partition(_TABLE) if os.path.basename(file) == _PROJECT else ("", "", _text(file))
    match = _SETTING.search(_HEADER.split(text, maxsplit=1)[0])
    return match and (match[1] or match[2])


def _text(name: str) -> str:
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK)  # a FIFO holds nobody up
        with open(descriptor, "rb") as file:
            return file.read(_LONGEST).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""
