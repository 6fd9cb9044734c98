"""What changes without being announced is noticed by what stat says."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from caches import settings_of

from mdcache.build import rebuild
from mdcache.watching.witnesses import cache_stamps, settings_stamps

FILES = {
    "mdcache.toml": 'docs = ["docs"]\nschema = ["views.sql"]\n',
    "views.sql": "CREATE VIEW mine AS SELECT 1 AS n;\n",
    "docs/one.md": "# One\n",
}


@pytest.mark.parametrize(
    "change",
    [
        lambda base: (base / "mdcache.toml").write_text("# another\n"),
        lambda base: (base / "mdcache.toml").unlink(),
        lambda base: os.utime(base / "mdcache.toml"),
        lambda base: (base / "views.sql").write_text(""),
        lambda base: (base / ".gitignore").write_text("x\n"),
        lambda base: (base / ".git").mkdir(),
    ],
)
def test_what_decides_what_is_seen_is_noticed(vault: Callable[..., Path], change: Callable[[Path], object]) -> None:
    base = vault(FILES)
    live = settings_of(base)
    before = settings_stamps(live)
    (base / "docs/one.md").write_text("# Edited\n")
    (base / "docs/.gitignore").write_text("x\n")  # the observer sees this one
    assert settings_stamps(live) == before
    change(base)
    assert settings_stamps(live) != before


def test_a_cache_that_is_another_one_is_noticed(vault: Callable[..., Path]) -> None:
    live = settings_of(vault(FILES))
    assert cache_stamps(live.database) == ()
    first = rebuild.rebuild(live, rebuild.Options(workers=0))
    before = cache_stamps(live.database)
    assert before == cache_stamps(live.database, first.generation) != ()
    rebuild.rebuild(live, rebuild.Options(workers=0))
    assert cache_stamps(live.database) != before
    Path(live.database).unlink()
    assert cache_stamps(live.database) == ()
