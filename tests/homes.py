"""An environment in which nothing of whoever runs the tests is found, and nothing of theirs is touched."""

from __future__ import annotations

import os
from pathlib import Path


def environment(home: Path) -> dict[str, str | None]:
    """What to set, and with None what to unset, so that home is the home folder and git knows a tester."""
    theirs = [name for name in os.environ if name.startswith(("MDCACHE_", "GIT_")) and name != "MDCACHE_CORPORA"]
    theirs += [name for name in ("COLUMNS", "LINES") if name in os.environ]  # they would overrule the terminal's size
    return {
        **dict.fromkeys(theirs),
        **dict.fromkeys(("HOME", "USERPROFILE"), str(home)),
        **{f"XDG_{name}_HOME": str(home / name.lower()) for name in ("CONFIG", "CACHE", "DATA", "STATE")},
        "XDG_RUNTIME_DIR": str(home / "run"),
        "MDCACHE_STATE": f"{home}-state",
        "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
        "GIT_CONFIG_SYSTEM": str(home / "gitconfig-of-the-system"),
        **{f"GIT_{role}_NAME": "A Tester" for role in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{role}_EMAIL": "tester@example.org" for role in ("AUTHOR", "COMMITTER")},
    }
