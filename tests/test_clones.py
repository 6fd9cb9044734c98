"""Clones that lack something: repositories within, what a sparse checkout leaves out, objects of a partial clone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from judging import places
from processes import mdcache, one_line

Git = Callable[..., str]
Vault = Callable[..., Path]

_LINKS = (
    "[s](sub/a.md) [t](sub/deep/b) [u](sub/)\n\n[v](/docs/sub/c.png)\n\n"
    "[p](../far/plan.md) [q](../far/p.png)\n\n[[plan.md]] [[plan]] [[sub/a]] [[docs/sub/deep/b]]\n\n[x](gone.md)\n"
)


@pytest.fixture
def origin(tmp_path: Path, git: Git, vault: Vault) -> Path:
    """A repository with two commits, a repository within, and all that may be asked of a server."""
    folder = tmp_path / "origin"
    git(tmp_path, "init", "-q", "within")
    vault({"a.md": "", "deep/b.md": "", "c.png": ""}, into=tmp_path / "within")
    git(tmp_path, "init", "-q", "origin")
    for repository in ("within", "origin"):
        git(tmp_path / repository, "config", "uploadpack.allowFilter", "true")
        git(tmp_path / repository, "config", "uploadpack.allowAnySHA1InWant", "true")
    git(tmp_path / "within", "add", ".")
    git(tmp_path / "within", "commit", "-qm", "one")
    files = {f"docs/d{number}.md": f"# D{number}\n" for number in range(20)}
    vault({**files, "docs/a.md": "# A\n", "far/plan.md": "# Plan\n", "far/p.png": ""}, into=folder)
    git(folder, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(tmp_path / "within"), "docs/sub")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    vault({f"docs/d{number}.md": f"# Other {number}\n" for number in range(20)}, into=folder)
    git(folder, "commit", "-qam", "two")
    return folder


def cloned(origin: Path, git: Git, *options: str) -> Path:
    git(origin.parent, "clone", "-q", *options, f"file://{origin}", "clone")
    return origin.parent / "clone"


def everywhere(folder: Path, git: Git) -> None:
    """Link to all that is lacking, and to one thing that is nowhere; only that is told, however one asks."""
    (folder / "docs/a.md").write_text(_LINKS)
    assert places(folder) == ["docs/a.md:9 broken-link"]
    git(folder, "add", "docs/a.md")
    assert places(folder, staged=True) == ["docs/a.md:9 broken-link"]
    git(folder, "commit", "-qm", "links")
    for tree in ({"rev": "HEAD"}, {"against": "HEAD^"}):
        assert places(folder, **tree) == ["docs/a.md:9 broken-link"]
    assert mdcache(folder, "rebuild", ".").returncode == 0
    told = mdcache(folder, "query", "--csv", "SELECT line FROM problems")
    assert told.stdout.split() == ["line", "9"]


def test_a_repository_within_that_is_not_cloned_counts_as_there(origin: Path, git: Git) -> None:
    clone = cloned(origin, git)
    assert not list((clone / "docs/sub").iterdir())
    everywhere(clone, git)


@pytest.mark.parametrize("options", [(), ("--filter=blob:none",), ("--filter=tree:0",)])
def test_what_a_sparse_checkout_leaves_out_counts_as_there(origin: Path, git: Git, options: tuple[str, ...]) -> None:
    clone = cloned(origin, git, "--sparse", *options)
    git(clone, "sparse-checkout", "set", "docs")
    assert not (clone / "far").exists()
    everywhere(clone, git)


def test_what_is_marked_by_hand_counts_as_there(origin: Path, git: Git) -> None:
    clone = cloned(origin, git)
    git(clone, "update-index", "--skip-worktree", "far/plan.md", "far/p.png")
    for name in ("plan.md", "p.png"):
        (clone / "far" / name).unlink()
    everywhere(clone, git)


@pytest.mark.parametrize("filter_", ["blob:none", "tree:0"])
def test_a_partial_clone_is_told_what_fetches_all_that_it_lacks_at_once(
    origin: Path, git: Git, filter_: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = cloned(origin, git, f"--filter={filter_}")
    (clone / "docs/a.md").write_text("# A\n\nmore\n")
    git(clone, "commit", "-qam", "three")
    trace = tmp_path / "trace"
    monkeypatch.setenv("GIT_TRACE", str(trace))
    for asked in (("--staged",), ("--rev", "HEAD"), ("--against", "HEAD^")):
        done = mdcache(clone, "check", *asked)
        assert done.returncode == 0, done
    said = one_line(mdcache(clone, "check", "--rev", "HEAD^^"), 3)
    assert "noop fetch" not in trace.read_text()
    remedy = said.partition("partial clone does: ")[2].partition(" fetches")[0]
    assert remedy.startswith("git diff --shortstat "), said
    assert os.system(f'cd "{clone}" && {remedy} >/dev/null') == 0
    if filter_ == "blob:none":
        assert trace.read_text().count("noop fetch") == trace.read_text().count("run_command: git -c fetch.") == 1
    assert mdcache(clone, "check", "--rev", "HEAD^^").returncode == 0


def test_a_hook_lets_commits_of_a_partial_clone_pass(origin: Path, git: Git) -> None:
    clone = cloned(origin, git, "--filter=blob:none", "--sparse")
    git(clone, "sparse-checkout", "set", "docs")
    assert mdcache(clone, "hook", "install").returncode == 0
    (clone / "docs/a.md").write_text("# A\n\n[p](../far/plan.md)\n")
    git(clone, "commit", "-qam", "linked")
    (clone / "docs/a.md").write_text("# A\n\n[p](../far/gone.md)\n")
    git(clone, "commit", "-qam", "broken", check=False)
    assert git(clone, "log", "-1", "--format=%s").strip() == "linked"
