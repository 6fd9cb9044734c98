"""What a repository may not bring: a state folder, which would be believed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import mdcache, one_line

from mdcache import state, trusted
from mdcache.config.remembering import insist_on_own_state
from mdcache.errors import UsageError
from mdcache.trusted import Doubt

Git = Callable[..., str]
Vault = Callable[..., Path]


@pytest.fixture
def checkout(tmp_path: Path, git: Git, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout that is the home folder, too, with a state folder that git does not track."""
    folder = vault({"checkout/notes/a.md": "# A\n", "checkout/.local/share/x": ""}, into=tmp_path) / "checkout"
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    for name in ("MDCACHE_STATE", "XDG_STATE_HOME"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setattr("sys.platform", "linux")
    return folder


def remembered(name: str = "made/1") -> Path:
    return Path(state.update(name, lambda _: b"{}"))


def refused(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"is believed, but holds files that the repository .* tracks: name a folder"):
        insist_on_own_state(str(folder))


@pytest.mark.parametrize("name", ["made/1", "allowed/2"])
def test_a_state_folder_that_git_tracks_is_refused(checkout: Path, git: Git, name: str) -> None:
    git(checkout, "add", "-f", str(remembered(name)))
    refused(checkout / "notes")
    said = one_line(mdcache(checkout / "notes", "check"), 2)
    assert f"the repository {checkout} tracks: name a folder outside with MDCACHE_STATE" in said


def test_a_change_cannot_allow_itself_what_only_the_user_may(checkout: Path, git: Git, vault: Vault) -> None:
    vault({"mdcache.toml": 'docs = ["../secret"]\n', "../secret/s.md": "[gone](gone.md)\n"}, into=checkout)
    trusted.allow(Doubt(str(checkout / "mdcache.toml"), "", trusted.digest((checkout / "mdcache.toml").read_bytes())))
    assert mdcache(checkout, "check").returncode == 1, "what the user has allowed holds"
    git(checkout, "add", "--all")
    git(checkout, "commit", "-qm", "a change")
    for command in ("check", "sync", "check --against HEAD", "allow --list", "status"):
        done = mdcache(checkout, *command.split())
        assert done.returncode == 2 and "secret" not in done.stdout, command


@pytest.mark.parametrize("named", ["state", "deep/er/state"])
def test_a_folder_that_was_named_is_refused_as_well(
    checkout: Path, git: Git, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MDCACHE_STATE", str(checkout / named))
    git(checkout, "add", "-f", str(remembered()))
    refused(checkout)
    refused(checkout.parent)


def test_a_link_on_the_way_is_followed(checkout: Path, git: Git) -> None:
    os.rename(checkout / ".local", checkout / "other")
    (checkout / ".local").symlink_to("other")
    git(checkout, "add", "-f", os.path.realpath(remembered()))
    refused(checkout)


def test_a_submodule_is_a_repository_too(checkout: Path, git: Git) -> None:
    within = checkout / ".local/state"
    within.mkdir()
    git(within, "init", "-q")
    git(within, "add", "-f", str(remembered()))
    refused(checkout)


def test_a_state_folder_that_is_a_repository_itself_is_refused(checkout: Path, git: Git) -> None:
    file = remembered()
    folder = file.parent.parent
    git(folder, "init", "-q")
    insist_on_own_state(str(checkout))
    git(folder, "add", "-f", str(file))
    refused(checkout)


def test_a_home_folder_may_be_a_repository(checkout: Path, git: Git) -> None:
    """Of settings, say: what it does not track is the user's own."""
    assert mdcache(checkout / "notes", "rebuild", ".").returncode == 0
    assert (checkout / ".local/state/mdcache/made").is_dir()
    assert mdcache(checkout / "notes", "sync").returncode == 0
    (checkout / ".gitignore").write_text("/.local/state/\n.mdcache/\n")
    git(checkout, "add", "--all")
    git(checkout, "commit", "-qm", "two")
    assert mdcache(checkout / "notes", "search", "a").returncode in (0, 1)
    insist_on_own_state(str(checkout / "notes"))


@pytest.mark.parametrize("what", ["nothing", "an empty folder"])
def test_where_there_is_no_repository_nothing_is_tracked(checkout: Path, what: str) -> None:
    remembered()
    os.rename(checkout / ".git", checkout / "gone")
    if what == "an empty folder":
        (checkout / ".git").mkdir()
    insist_on_own_state(str(checkout))


def test_without_git_a_checkout_that_holds_both_is_refused(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(checkout))
    insist_on_own_state(str(checkout))
    remembered()
    insist_on_own_state(str(checkout.parent))
    with pytest.raises(UsageError, match=r"git cannot say whether it came with that .*git is not installed"):
        insist_on_own_state(str(checkout / "notes"))


def test_git_is_not_asked_where_no_repository_is_around(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(checkout))
    monkeypatch.setenv("MDCACHE_STATE", str(checkout.parent / "state"))
    remembered()
    insist_on_own_state(str(checkout))
