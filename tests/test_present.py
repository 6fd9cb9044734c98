"""What exists and is no document counts as there, in every answer alike, and in none of the documents' own rows."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from caches import cache_of, settings_of
from judging import places
from law import assert_law, synced

from mdcache.build import digest, rebuild
from mdcache.config.settings import Settings
from mdcache.read import graph
from mdcache.store.cache import counts, find_node, opened
from mdcache.syncing import sync
from mdcache.verifying import verify

Git = Callable[..., str]
Vault = Callable[..., Path]

LINKS = "[x](x.md)\n\n[[x.md]]\n\n[[Plan]]\n\n![[d/y.md]]\n\n[z](gone.md)\n"
LEFT_OUT = {".gitignore": "x.md\n", "mdcache.toml": 'exclude = ["d/"]\n'}


@pytest.fixture
def folder(vault: Vault, git: Git) -> Path:
    made = vault({**LEFT_OUT, "a.md": LINKS})
    git(made, "init", "-q")
    return made


def answers(folder: Path) -> list[list[int]]:
    """The lines of links that lead nowhere, as the table, links, check, and the summary have them."""
    live = settings_of(folder)
    synced(live)
    with opened(live.database, live.base) as cache:
        told = [line for (line,) in cache.db.execute("SELECT line FROM problems ORDER BY line")]
        unresolved = [one.line for one in graph.around(cache, find_node(cache, "a", "/"), 1).unresolved]
        held = counts(cache.db)
    assert (held["unresolved"], held["problems"]) == (len(unresolved), len(told))
    assert_law(live)
    return [told, unresolved, [int(place.split(":")[1].split()[0]) for place in places(folder)]]


def test_every_answer_is_the_same_before_a_file_that_is_no_document_comes_and_after_it_left(
    folder: Path, vault: Vault
) -> None:
    assert answers(folder) == [[1, 3, 5, 7, 9]] * 3
    vault({"x.md": ""}, into=folder)
    assert answers(folder) == [[5, 7, 9]] * 3
    vault({"else/plan": "", "d/y.md": ""}, into=folder)
    assert answers(folder) == [[9]] * 3
    (folder / "x.md").unlink()
    (folder / "else/plan").unlink()
    assert answers(folder) == [[1, 3, 5, 9]] * 3


@pytest.mark.parametrize("target", [".hidden/n.md", "link/n.md", "../outside.md", "folder.md"])
def test_what_is_hidden_behind_a_link_outside_or_a_folder_is_no_problem(vault: Vault, target: str) -> None:
    folder = vault({"mdcache.toml": "", ".hidden/n.md": "", "folder.md/x.txt": "", "a.md": f"[x]({target}#part)\n"})
    (folder / "link").symlink_to("nowhere")
    assert answers(folder) == [[]] * 3


def test_a_document_that_comes_where_something_else_was_is_judged_as_one(folder: Path, vault: Vault) -> None:
    vault({"a.md": "[x](x.md#part)\n", "x.md": "# Other\n"}, into=folder)
    assert answers(folder) == [[]] * 3
    vault({".gitignore": ""}, into=folder)
    live = settings_of(folder)
    synced(live)
    with opened(live.database, live.base) as cache:
        assert cache.db.execute("SELECT code FROM problems").fetchall() == [("broken-anchor",)]
    assert_law(live)


def present_of(live: Settings) -> int:
    with opened(live.database, live.base) as cache:
        return len(cache.db.execute("SELECT * FROM present").fetchall())


def test_the_digest_does_not_know_what_is_no_document(folder: Path, vault: Vault) -> None:
    with cache_of(folder) as cache:
        before = digest.of_tables(cache.db)
    vault({"x.md": "", "plan": ""}, into=folder)
    live = settings_of(folder)
    synced(live)
    with opened(live.database, live.base) as cache:
        assert cache.meta.digest == digest.of_tables(cache.db) == before
    assert present_of(live) == 3


def test_a_cache_that_does_not_know_yet_of_what_is_no_document_is_sound_and_not_stale(
    folder: Path, vault: Vault
) -> None:
    live = settings_of(folder)
    synced(live)
    vault({"x.md": "", "plan": ""}, into=folder)
    assert verify.verify(live).ok
    assert sync.stale(live) is None
    assert present_of(live) == 0


def test_a_reproducible_build_does_not_look_around(folder: Path, vault: Vault, tmp_path: Path) -> None:
    def built(name: str) -> bytes:
        published = rebuild.Options(output=str(tmp_path / name), reproducible=True, workers=0)
        rebuild.rebuild(settings_of(folder), published)
        return (tmp_path / name).read_bytes()

    before = built("one.db")
    vault({"x.md": "", "plan": ""}, into=folder)
    assert built("two.db") == before


def test_a_sync_of_some_paths_looks_at_links_in_them_and_to_them(folder: Path, vault: Vault) -> None:
    def looked(*paths: str) -> int:
        look = sync.Look(within=frozenset(paths), patient=True)
        sync.update(live, look, lambda *_: None, lambda _: None)
        return present_of(live)

    live = settings_of(folder)
    synced(live)
    vault({"x.md": "", "deep/plan": "", "d/y.md": ""}, into=folder)
    assert looked("b.md") == 0
    assert looked("x.md") == 2
    assert looked("deep") == 2
    assert looked("deep/plan") == 3
    assert looked("a.md") == 4
    os.unlink(folder / "x.md")
    assert looked("x.md") == 2


def test_what_git_is_about_to_commit_is_looked_up_in_git(folder: Path, vault: Vault, git: Git) -> None:
    vault({"a.md": "[d](d/y.md)\n", "d/y.md": ""}, into=folder)
    git(folder, "add", "a.md", "mdcache.toml")
    assert places(folder) == []
    assert places(folder, staged=True) == ["a.md:1 broken-link"]
    git(folder, "add", "d/y.md")
    assert places(folder, staged=True) == []
