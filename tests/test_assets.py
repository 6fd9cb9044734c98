"""Is there a file where a link points? On disk and in git alike."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from mdcache.files.assets import Assets
from mdcache.files.sources import DISK, Trees
from mdcache.model import Rules
from mdcache.parse.targets import NOWHERE, asset_paths

Git = Callable[..., str]
Vault = Callable[..., Path]

FILES = {
    "docs/a.md": "",
    "docs/p.png": "",
    "docs/deep/q.png": "",
    "assets/Photo One.JPG": "",
    ".hidden/h.png": "",
    ".hidden/deep/Noted.md": "",
    ".hidden/deep/README.md": "",
    ".trash/thrown.md": "",
    ".git.md": "",
    "LICENSE": "",
}


@pytest.fixture(scope="module")
def sources(vault: Vault, git: Git) -> list[Assets]:
    """The same files on disk, in the index, and in a revision."""
    folder = vault(FILES)
    (folder / "link").symlink_to("nowhere")
    (folder / "docs/link.png").symlink_to("p.png")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    trees = Trees.around(str(folder))
    return [Assets(source, str(folder)) for source in (DISK, trees.index(), trees.revision("HEAD"))]


@pytest.mark.parametrize(
    ("target", "there"),
    [
        ("p.png", True),
        ("./deep/../p.png", True),
        ("p.png?raw=true#part", True),
        ("deep", True),
        ("deep/", True),
        ("..", True),
        ("../LICENSE", True),
        ("/LICENSE", True),
        ("../assets/Photo%20One.JPG", True),
        ("../.hidden/h.png", True),
        ("../link", True),
        ("../link/below/it", True),
        ("link.png", True),
        ("../../elsewhere.png", True),
        ("../../../../../../../../../../../x", True),
        ("https://example.org/x.png", True),
        ("P.png", False),
        ("gone.png", False),
        ("p.png/below", False),
        ("deep/gone.png", False),
        ("../assets/photo%20one.jpg", False),
        ("nothere/../../gone", False),
        ("x" * 5000, False),
    ],
)
def test_a_path_is_followed_as_it_is_written(sources: list[Assets], target: str, there: bool) -> None:
    wanted = asset_paths(False, target, "docs/a.md", Rules())
    assert [assets.has(wanted) for assets in sources] == [there] * 3


@pytest.mark.parametrize(
    ("target", "there"),
    [
        ("p.png", True),
        ("q.png", True),
        ("deep/q.png", True),
        ("photo one.jpg", True),
        ("assets/PHOTO ONE.jpg", True),
        ("eep/q.png", False),
        ("h.png", False),
        ("gone.png", False),
        ("noted", True),
        (".hidden/deep/Noted.md", True),
        ("deep", True),
        ("LICENSE", True),
        ("license.md", False),
        ("a", True),
        ("docs/A", True),
        ("link", True),
        ("thrown", False),
        ("config", False),
    ],
)
def test_a_wikilink_finds_a_file_wherever_it_lies(sources: list[Assets], target: str, there: bool) -> None:
    wanted = asset_paths(True, target, "docs/a.md", Rules())
    assert [assets.has(wanted) for assets in sources] == [there] * 3


def test_what_points_nowhere_has_nothing_to_lack(sources: list[Assets]) -> None:
    assert all(assets.has(NOWHERE) for assets in sources)


def test_all_files_are_listed_but_those_of_hidden_folders(sources: list[Assets]) -> None:
    wanted = sorted(
        {*FILES, "link", "docs/link.png"} - {name for name in FILES if name.startswith((".hidden/", ".trash/"))}
    )
    assert [sorted(assets.files()) for assets in sources] == [wanted] * 3


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are normalised")
def test_accents_may_be_composed_or_not(vault: Vault) -> None:
    for form in ("NFC", "NFD"):
        assets = Assets(DISK, str(vault({unicodedata.normalize(form, "é/ü.png"): ""})))
        for other in ("NFC", "NFD"):
            target = unicodedata.normalize(other, "é/ü.png")
            assert assets.has(asset_paths(False, target, "a.md", Rules()))
            assert assets.has(asset_paths(True, target, "a.md", Rules()))


def test_what_lies_beside_a_repository_is_what_is_on_disk(vault: Vault, git: Git) -> None:
    folder = vault({"repo/docs/p.png": "", "beside.png": ""})
    git(folder / "repo", "init", "-q")
    git(folder / "repo", "add", ".")
    assets = Assets(Trees.around(str(folder / "repo")).index(), str(folder))
    for target, there in (("p.png", True), ("gone.png", False), ("../../beside.png", True), ("../../gone.png", False)):
        assert assets.has(asset_paths(False, target, "repo/docs/a.md", Rules(roots=("repo/docs",)))) is there
    assert assets.has(asset_paths(True, "beside.png", "repo/docs/a.md", Rules()))


def test_a_folder_that_cannot_be_listed_holds_nothing(vault: Vault) -> None:
    folder = vault({"a.md": "", "b": ""})
    os.symlink("b", folder / "b.link")
    assets = Assets(DISK, str(folder / "gone"))
    assert not assets.has(asset_paths(False, "x.png", "a.md", Rules()))
    assert list(assets.files()) == []


def test_a_wikilink_finds_documents_behind_a_link_once_and_no_matter_where_links_lead(tmp_path: Path) -> None:
    base, other = tmp_path / "base", tmp_path / "other"
    for folder in (base / "sub", other / "deep"):
        folder.mkdir(parents=True)
    (other / "near.md").touch()
    (other / "deep/far.md").touch()
    (other / "deep/again").symlink_to(other)
    (base / "link").symlink_to(other)
    (base / "loop").symlink_to(base)
    (base / "sub/up").symlink_to("..")
    (base / "file.md").symlink_to(other / "near.md")
    (base / "none").symlink_to("nowhere")
    assets = Assets(DISK, str(base))
    for target, there in {
        "near": True,
        "Far": True,
        "link/near": True,
        "deep/far.md": True,
        "file": True,
        "none": True,
        "gone": False,
        "other/near": False,
        "base/file": False,
    }.items():
        assert assets.has(asset_paths(True, target, "a.md", Rules())) is there, target
    assert assets.files() and not any("near" in path for path in assets.files())


def test_what_a_link_to_the_whole_disk_leads_to_is_looked_at_within_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mdcache.files.assets._BEHIND_LINKS", 100)
    for number in range(50):
        (tmp_path / f"other/{number}/below").mkdir(parents=True)
        (tmp_path / f"other/{number}/below/{number}.md").touch()
    (tmp_path / "other/near.md").touch()
    (tmp_path / "base").mkdir()
    (tmp_path / "base/link").symlink_to(tmp_path / "other")
    assets = Assets(DISK, str(tmp_path / "base"))
    found = [assets.has(asset_paths(True, f"{name}.md", "a.md", Rules())) for name in ("near", *range(50))]
    assert found[0]
    assert not all(found)


@pytest.mark.parametrize(
    ("wiki", "target", "there"),
    [
        (False, "made.md", True),
        (False, "made", True),
        (False, "out/below.md", True),
        (False, "out", True),
        (True, "made", True),
        (True, "below", True),
        (True, "Out/Below.md", True),
        (False, "forgotten.md", False),
        (True, "forgotten", False),
        (False, "gone.md", False),
        (False, "out/gone.md", False),
    ],
)
def test_what_git_ignores_is_there_if_it_is_on_disk(
    vault: Vault, git: Git, wiki: bool, target: str, there: bool
) -> None:
    folder = vault({".gitignore": "made.md\nout/\ngone.md\n", "made.md": "", "out/below.md": "", "forgotten.md": ""})
    git(folder, "init", "-q")
    git(folder, "add", ".gitignore")
    git(folder, "commit", "-qm", "one")
    trees = Trees.around(str(folder))
    wanted = asset_paths(wiki, target, "a.md", Rules())
    for source in (trees.index(), trees.revision("HEAD")):
        assert Assets(source, str(folder)).has(wanted) is there
