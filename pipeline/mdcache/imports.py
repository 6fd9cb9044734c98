"""Where modules are imported from: never from the working folder, and from PYTHONPATH only what is nowhere else.

The working folder holds documents, which may be of others, and so may a click.py among them. An entry of PYTHONPATH
that is empty means the working folder.
"""

from __future__ import annotations

import os
import site
import sys
from collections.abc import Iterable, Sequence
from functools import cache

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""The folder in which this package lies."""


def entries(variable: str, folder: str) -> tuple[str, ...]:
    """Return the folders that a value of PYTHONPATH names in a working folder, absolute."""
    return tuple(os.path.join(folder, entry) if entry else folder for entry in variable.split(os.pathsep) if variable)


def wanted(variable: str, folder: str) -> tuple[str, ...]:
    """Return those of them to import from, each once: not the working folder, unless this package lies there."""
    return tuple(
        dict.fromkeys(one for one in entries(variable, folder) if _real(one) != _real(folder) or _is_root(one))
    )


def ordered(path: Sequence[str], variable: str, folder: str, is_safe: bool) -> list[str]:
    """Return a sys.path with the interpreter's own folders first and those of PYTHONPATH behind them.

    Args:
        path: the one that the interpreter has made.
        variable: the value of PYTHONPATH.
        folder: the working folder.
        is_safe: whether its first entry is not that of the program, or of `python -m`.
    """
    others = {*map(_real, entries(variable, folder)), _real(folder), *map(_real, () if is_safe else path[:1])}
    others -= set(map(_real, _INTERPRETERS))
    own = [one for one in path if _real(one) not in others]
    return list(dict.fromkeys((*own, *wanted(variable, folder), ROOT)))


_INTERPRETERS = (os.path.dirname(os.__file__), *site.getsitepackages(), *filter(None, (site.USER_SITE,)))


def _real(path: str) -> str:
    return os.path.realpath(path)


def _is_root(path: str) -> bool:
    return _real(path) == _real(ROOT)


def variable() -> str:
    """Return the PYTHONPATH of this process, '' for none."""
    return os.environ.get("PYTHONPATH", "")


def working_folder() -> str:
    """Return the working folder; the root of the file system when it was removed."""
    try:
        return os.getcwd()
    except OSError:
        return os.sep


def named() -> tuple[str, ...]:
    """Return the folders of PYTHONPATH that this process may import from."""
    return wanted(variable(), working_folder())


# For other processes


def without_variable() -> dict[str, str]:
    """Return the environment of this process without PYTHONPATH."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def needed() -> str | None:
    """Return the PYTHONPATH with which another Python finds this very package, and click; None when it needs none."""
    return None if _is_found_without() else os.pathsep.join(dict.fromkeys((ROOT, *named())))


def environment() -> dict[str, str]:
    """Return the environment for another process that runs this package: with the PYTHONPATH that it needs, or none."""
    path = needed()
    return without_variable() if path is None else {**without_variable(), "PYTHONPATH": path}


_ASKS = "import sys, click, mdcache.imports as found; sys.exit(found.ROOT != sys.argv[1])"


@cache
def _is_found_without() -> bool:
    import subprocess

    command = (sys.executable, "-P", "-c", _ASKS, ROOT)
    try:
        asked = subprocess.run(command, env=without_variable(), stdin=subprocess.DEVNULL, capture_output=True)
    except OSError:
        return True
    return asked.returncode == 0


# What shadows


DEPENDENCIES = ("mdcache", "click", "pyromark", "pysqlite3", "sqlite_utils", "tabulate", "watchdog", "yaml")


def shadows(folders: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the modules in these folders that bear the name of this package or of one it needs: name and file."""
    from importlib.machinery import PathFinder
    from importlib.util import find_spec

    found = []
    for folder in dict.fromkeys(folders):
        for name in DEPENDENCIES:
            there, ours = PathFinder.find_spec(name, [folder]), find_spec(name)
            # A folder without __init__.py has no file, and comes after all that has one.
            if there and there.origin and not (ours and ours.origin and _real(ours.origin) == _real(there.origin)):
                found.append((name, there.origin))
    return tuple(found)
