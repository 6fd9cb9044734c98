"""The hooks that .pre-commit-hooks.yaml offers, run by the real pre-commit in real repositories."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import installing
import pytest
from processes import MDCACHE, mdcache, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
Git = Callable[..., str]
Vault = Callable[..., Path]
PRE_COMMIT = (sys.executable, "-m", "pre_commit")
CONFIG = """
default_install_hook_types: [pre-commit, pre-merge-commit, post-checkout, post-merge, post-commit, post-rewrite]
repos:
  - repo: {source}
    rev: {rev}
    hooks:
      - id: mdcache-check
      - id: mdcache-sync
        verbose: true
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the variables of the framework and of the tools that it asks: all that they keep lies in one folder."""
    return installing.environment(tmp_path_factory.mktemp("framework"))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, git: Git, environment: dict[str, str]) -> str:
    """A configuration that names a repository with the code as it is here, its environment made."""
    source = installing.sources(tmp_path_factory.mktemp("source"))
    git(source, "init", "-q")
    git(source, "add", ".")
    git(source, "commit", "-qm", "all")
    text = CONFIG.format(source=source, rev=git(source, "rev-parse", "HEAD").strip())
    user = tmp_path_factory.mktemp("user")
    git(user, "init", "-q")
    (user / ".pre-commit-config.yaml").write_text(text)
    installing.install((*PRE_COMMIT, "install-hooks"), user, environment)
    return text


Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def repo(tmp_path: Path, vault: Vault, git: Git, config: str, environment: dict[str, str]) -> Path:
    """A repository that uses the framework, with two documents, committed."""
    folder = vault({"mdcache.toml": "", "a.md": "# A\n\n[b](b.md)\n", "b.md": "# B\n"}, tmp_path)
    (folder / ".pre-commit-config.yaml").write_text(config)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    assert run((*PRE_COMMIT, "install"), folder, env=environment).returncode == 0
    done = run(("git", "commit", "-m", "one"), folder, env=environment)
    assert done.returncode == 0, done
    return folder


@pytest.fixture
def in_repo(repo: Path, environment: dict[str, str]) -> Run:
    def call(*command: str) -> CompletedProcess[str]:
        return run(command, repo, env=environment)

    return call


def test_a_commit_is_refused_then_mended_then_accepted(repo: Path, in_repo: Run) -> None:
    (repo / "a.md").write_text("# A\n\n[c](c.md)\n")
    done = in_repo("git", "commit", "-am", "two")
    assert done.returncode == 1
    assert "a.md:3:" in done.stderr
    (repo / "c.md").write_text("# C\n")
    in_repo("git", "add", ".")
    assert in_repo("git", "commit", "-m", "two").returncode == 0


def test_a_document_that_only_goes_away_is_noticed(in_repo: Run) -> None:
    in_repo("git", "rm", "-q", "b.md")
    done = in_repo("git", "commit", "-m", "two")
    assert done.returncode == 1
    assert "a.md:3:" in done.stderr


def test_what_is_not_staged_is_not_judged(repo: Path, in_repo: Run) -> None:
    (repo / "a.md").write_text("# A\n\n[c](c.md)\n")
    (repo / "b.md").write_text("# B, again\n")
    in_repo("git", "add", "b.md")
    done = in_repo("git", "commit", "-m", "two")
    assert done.returncode == 0, done
    assert (repo / "a.md").read_text() == "# A\n\n[c](c.md)\n"


def test_a_merge_that_breaks_a_link_is_refused(repo: Path, in_repo: Run) -> None:
    in_repo("git", "checkout", "-qb", "side")
    (repo / "c.md").write_text("# C\n\n[b](b.md)\n")
    in_repo("git", "add", ".")
    assert in_repo("git", "commit", "-m", "c").returncode == 0
    in_repo("git", "checkout", "-q", "-")
    (repo / "a.md").write_text("# A\n")
    in_repo("git", "rm", "-q", "b.md")
    assert in_repo("git", "commit", "-am", "without b").returncode == 0
    done = in_repo("git", "merge", "--no-edit", "side")
    assert done.returncode == 1
    assert "c.md:3:" in done.stderr


def titles(folder: Path) -> list[str]:
    return mdcache(folder, "query", "--csv", "SELECT title FROM nodes ORDER BY 1").stdout.split()[1:]


def test_the_cache_follows(repo: Path, in_repo: Run) -> None:
    assert not (repo / ".mdcache").exists()
    mdcache(repo, "rebuild")
    (repo / "c.md").write_text("# C\n")
    in_repo("git", "add", ".")
    assert in_repo("git", "commit", "-m", "c").returncode == 0
    assert titles(repo) == ["A", "B", "C"]
    assert in_repo("git", "checkout", "-qb", "side", "HEAD~1").returncode == 0
    assert titles(repo) == ["A", "B"]
    (repo / "d.md").write_text("# D\n")
    in_repo("git", "add", ".")
    in_repo("git", "commit", "-m", "d")
    assert in_repo("git", "rebase", "main").returncode == 0
    assert titles(repo) == ["A", "B", "C", "D"]
    (repo / "mdcache.toml").write_text("docs =")
    in_repo("git", "commit", "--no-verify", "-am", "broken settings")
    done = in_repo("git", "checkout", "-q", "-b", "other")
    assert done.returncode == 0
    assert "mdcache: the cache is not up to date" in done.stdout + done.stderr


def test_both_ways_to_install_get_along(repo: Path, in_repo: Run) -> None:
    """Whichever comes first, and again: what stands there is called, and never in a circle."""
    for number, command in enumerate(((*MDCACHE, "hook"), PRE_COMMIT, (*MDCACHE, "hook"))):
        assert in_repo(*command, "install").returncode == 0
        (repo / "b.md").write_text(f"# {number}\n")
        done = in_repo("git", "commit", "-am", "more")
        assert done.returncode == 0, done
        assert "mdcache check....." in done.stdout + done.stderr


def test_a_repository_can_be_tried_without_a_configuration(
    repo: Path, in_repo: Run, config: str, environment: dict[str, str]
) -> None:
    source = config.partition("repo: ")[2].splitlines()[0]
    (repo / "a.md").write_text("# A\n\n[c](c.md)\n")
    in_repo("git", "add", ".")
    done = installing.downloading((*PRE_COMMIT, "try-repo", source, "mdcache-check"), repo, environment)
    assert done.returncode == 1
    assert "a.md:3:" in done.stdout
