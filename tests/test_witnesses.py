"""What changes without being announced is noticed by what stat says."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from caches import settings_of
from hypothesis import given, settings
from hypothesis import strategies as st

from mdcache.build import rebuild
from mdcache.watching.witnesses import cache_stamps, resolved, settings_stamps

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


FOLDERS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3).map("/".join)
LINKS = st.dictionaries(FOLDERS, st.one_of(FOLDERS, FOLDERS.map("../{}".format)), max_size=4)


@given(st.lists(FOLDERS, max_size=4), LINKS, st.lists(FOLDERS, min_size=1, max_size=4))
@settings(deadline=None, max_examples=100)
def test_where_paths_lead_is_what_realpath_says(folders: list[str], links: dict[str, str], paths: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        base = os.path.realpath(name)
        for folder in folders:
            os.makedirs(os.path.join(base, folder), exist_ok=True)
        for link, target in links.items():
            with contextlib.suppress(OSError):
                os.symlink(target, os.path.join(base, link))
        asked = [os.path.join(base, path) for path in paths]
        assert resolved(asked) == [os.path.realpath(path) for path in asked]


def test_a_root_as_deep_as_a_path_can_be_is_followed(tmp_path: Path) -> None:
    deep = str(tmp_path) + "/d" * 1500
    assert resolved([deep, "/"]) == [deep, "/"]


def test_links_on_the_way_to_roots_are_noticed(vault: Callable[..., Path]) -> None:
    base = vault(
        {"mdcache.toml": "docs = ['current/docs', 'plain']\n", "1/docs/a.md": "", "2/docs/a.md": "", "plain/": ""}
    )
    (base / "plain").mkdir(exist_ok=True)
    (base / "current").symlink_to("1")
    live = settings_of(base)
    before = settings_stamps(live)
    (base / "current").unlink()
    (base / "current").symlink_to("2")
    after = settings_stamps(live)
    assert after != before
    (base / "plain").rename(base / "elsewhere")
    (base / "plain").symlink_to("elsewhere")
    assert settings_stamps(live) != after


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
