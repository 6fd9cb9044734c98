"""Git hooks, installed beside what stands there and taken away again; and the cache after what git does."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from caches import cache_of
from processes import mdcache, one_line, run

from mdcache.cli import main as cli
from mdcache.hooks import hook
from mdcache.store import connections, lock, watchstate

Git = Callable[..., str]
Vault = Callable[..., Path]
FILES = {"mdcache.toml": "", "a.md": "# A\n\n[b](b.md)\n", "b.md": "# B\n"}
ALL = sorted(hook.HOOKS)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, vault: Vault, git: Git) -> Path:
    return made(tmp_path_factory.mktemp("template"), FILES, vault, git)


@pytest.fixture
def repo(tmp_path: Path, template: Path) -> Path:
    """A repository with two documents and settings, committed."""
    return Path(shutil.copytree(template, tmp_path / "repo"))


def made(folder: Path, files: dict[str, str], vault: Vault, git: Git) -> Path:
    vault({"./": "", **files}, folder)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    return folder


def did(folder: Path, *arguments: str) -> dict[str, str]:
    """What mdcache hook says that it did to each hook."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert cli.run(["-C", str(folder), "hook", *arguments, "--json"]) == 0
    return {one["hook"]: one["action"] for one in json.loads(out.getvalue())["hooks"]}


def hooks_in(folder: Path) -> dict[str, tuple[int, str, bytes]]:
    """All that lies in a folder of hooks: mode, where links lead, bytes."""

    def of(path: Path) -> tuple[int, str, bytes]:
        link = os.readlink(path) if path.is_symlink() else ""
        return path.lstat().st_mode, link, path.read_bytes() if path.is_file() else b""

    return {path.name: of(path) for path in folder.iterdir() if not path.name.endswith(".sample")}


def script(path: Path, text: str | bytes, mode: int = 0o755) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path


# Installed and taken away


def test_hooks_are_written_once_and_taken_away_without_a_trace(repo: Path) -> None:
    hooks = repo / ".git/hooks"
    before = hooks_in(hooks)
    assert did(repo, "install") == dict.fromkeys(hook.HOOKS, "written")
    installed = hooks_in(hooks)
    assert sorted(installed) == ALL
    assert all(mode & stat.S_IXUSR for mode, _, _ in installed.values())
    assert did(repo, "install") == dict.fromkeys(hook.HOOKS, "unchanged")
    assert hooks_in(hooks) == installed
    assert did(repo, "uninstall") == dict.fromkeys(hook.HOOKS, "removed")
    assert hooks_in(hooks) == before
    assert did(repo, "uninstall") == dict.fromkeys(hook.HOOKS, "absent")


@pytest.mark.parametrize("before", [("-C", "repo", "hook"), ("hook", "-C", "repo"), ("-C", "/", "hook", "-C", "repo")])
def test_common_options_may_stand_anywhere(repo: Path, before: tuple[str, ...]) -> None:
    assert mdcache(repo.parent, *before, "install", "--quiet").stdout == ""
    assert mdcache(repo.parent, *before, "--quiet", "uninstall").stdout == ""


def test_the_nearest_of_common_options_counts(repo: Path) -> None:
    done = mdcache(repo.parent, "-C", "nothere", "hook", "-C", "elsewhere", "uninstall", "-C", "repo")
    assert (done.returncode, done.stdout.count("absent")) == (0, len(hook.HOOKS))


def test_people_are_told_what_became_of_each_hook(repo: Path) -> None:
    script(repo / ".git/hooks/post-merge", "exit 0")
    said = mdcache(repo, "hook", "install").stdout.splitlines()
    assert len(said) == len(hook.HOOKS)
    assert f"written  {repo}/.git/hooks/pre-commit" in said
    assert f"written  {repo}/.git/hooks/post-merge, which calls {repo}/.git/hooks/post-merge.before-mdcache" in said
    assert mdcache(repo, "hook", "uninstall", "--quiet").stdout == ""


STANDING: dict[str, Callable[[Path], Any]] = {
    "a script": lambda path: script(path, "#!/bin/sh\necho before\n"),
    "a script that only its owner may run": lambda path: script(path, "#!/bin/sh\n", 0o700),
    "what is not executable": lambda path: script(path, "#!/bin/sh\nexit 9\n", 0o644),
    "an empty file": lambda path: script(path, ""),
    "a program": lambda path: script(path, b"\x7fELF\0\xff" * 9),
    "a relative link": lambda path: path.symlink_to(
        os.path.relpath(script(path.parent / "all.sh", "#!/bin/sh\n"), path.parent)
    ),
    "a link to nowhere": lambda path: path.symlink_to("nowhere"),
}


@pytest.mark.parametrize("standing", STANDING)
def test_what_stood_there_comes_back_as_it_was(repo: Path, standing: str) -> None:
    hooks = repo / ".git/hooks"
    for name in ("pre-commit", "post-commit"):
        STANDING[standing](hooks / name)
    before = hooks_in(hooks)
    for _ in range(2):
        did(repo, "install")
    during = hooks_in(hooks)
    assert {during[f"{name}.before-mdcache"] == before[name] for name in ("pre-commit", "post-commit")} == {True}
    assert did(repo, "uninstall")["pre-commit"] == "restored"
    assert hooks_in(hooks) == before


def test_an_install_that_was_cut_short_is_finished_by_the_next(repo: Path) -> None:
    """Between the two moves there is a moment without a hook."""
    kept = script(repo / ".git/hooks/post-merge.before-mdcache", "exit 0")
    assert did(repo, "install")["post-merge"] == "written"
    assert did(repo, "uninstall")["post-merge"] == "restored"
    assert not kept.exists()


def test_nobody_else_may_write_to_hooks_whatever_umask_says(repo: Path, git: Git) -> None:
    git(repo, "config", "core.hooksPath", "tools/hooks")
    umask = os.umask(0)
    try:
        did(repo, "install")
    finally:
        os.umask(umask)
    made = [repo / "tools", repo / "tools/hooks", *(repo / "tools/hooks").iterdir()]
    assert len(made) == 2 + len(ALL)
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o755}


def test_hooks_follow_mdcache_to_another_place(repo: Path) -> None:
    did(repo, "install")
    path = repo / ".git/hooks/pre-commit"
    elsewhere = hook.script("pre-commit", hook.Where(""), "/opt/old/bin/mdcache")
    path.write_text(elsewhere)
    assert did(repo, "install")["pre-commit"] == "rewritten"
    assert path.read_text() != elsewhere


def test_a_hook_that_was_edited_stays(repo: Path) -> None:
    did(repo, "install")
    path = repo / ".git/hooks/pre-commit"
    path.write_text(path.read_text().replace("exit $status", "make lint"))
    edited = path.read_bytes()
    assert "was edited" in one_line(mdcache(repo, "hook", "install"), 3)
    assert did(repo, "uninstall") == {**dict.fromkeys(hook.HOOKS, "removed"), "pre-commit": "left"}
    assert path.read_bytes() == edited


def test_a_hook_that_replaced_ours_stays_and_so_does_what_is_kept(repo: Path) -> None:
    path = script(repo / ".git/hooks/pre-commit", "echo first")
    did(repo, "install")
    script(path, "echo later")
    before = hooks_in(path.parent)
    assert "remove one of them" in one_line(mdcache(repo, "hook", "install"), 3)
    assert hooks_in(path.parent) == before
    assert did(repo, "uninstall")["pre-commit"] == "left"
    assert hooks_in(path.parent) == {name: before[name] for name in ("pre-commit", "pre-commit.before-mdcache")}


def test_a_hook_that_another_tool_has_moved_stays_where_it_is_called(repo: Path) -> None:
    did(repo, "install")
    path = repo / ".git/hooks/pre-commit"
    path.rename(f"{path}.legacy")
    script(path, '#!/bin/sh\nexec "$0.legacy"\n')
    before = hooks_in(path.parent)
    assert did(repo, "install") == dict.fromkeys(hook.HOOKS, "unchanged")
    assert hooks_in(path.parent) == before
    assert did(repo, "uninstall")["pre-commit"] == "left"
    assert sorted(hooks_in(path.parent)) == ["pre-commit", "pre-commit.legacy"]


def test_hooks_that_cannot_be_written_are_an_error_and_leave_nothing_behind(repo: Path) -> None:
    hooks = repo / ".git/hooks"
    (hooks / "post-merge").mkdir()
    (hooks / "post-merge.before-mdcache").mkdir()
    (hooks / "post-merge/full").touch()
    one_line(mdcache(repo, "hook", "install"), 3)
    assert sorted(hooks_in(hooks)) == ["post-merge", "post-merge.before-mdcache"]
    for file in hooks.glob("*.sample"):
        file.unlink()
    (hooks / "post-merge.before-mdcache").rmdir()
    (hooks / "post-merge/full").unlink()
    (hooks / "post-merge").rmdir()
    hooks.rmdir()
    hooks.touch()
    assert "cannot write the hooks" in one_line(mdcache(repo, "hook", "install"), 3)


def test_a_fifo_in_place_of_a_hook_holds_nobody_up(repo: Path) -> None:
    os.mkfifo(repo / ".git/hooks/pre-commit")
    assert mdcache(repo, "hook", "install").returncode == 0
    assert mdcache(repo, "hook", "uninstall").returncode == 0
    assert (repo / ".git/hooks/pre-commit").is_fifo()


def test_nothing_is_written_when_one_hook_cannot_be(repo: Path) -> None:
    dispatcher = script(repo / ".git/hooks/post-rewrite", '#!/bin/sh\nexec run-hooks "$(basename "$0")"\n')
    said = one_line(mdcache(repo, "hook", "install"), 3)
    assert f"{dispatcher} asks by which name it was called" in said
    assert "mdcache hook sync" in said
    assert sorted(hooks_in(dispatcher.parent)) == ["post-rewrite"]


# Where hooks lie


def test_hooks_go_where_the_repository_keeps_them(repo: Path, git: Git) -> None:
    git(repo, "config", "core.hooksPath", "tools/hooks")
    assert set(did(repo, "install").values()) == {"written"}
    assert sorted(hooks_in(repo / "tools/hooks")) == ALL
    assert hooks_in(repo / ".git/hooks") == {}
    assert set(did(repo, "uninstall").values()) == {"removed"}


@pytest.mark.parametrize("command", ["install", "uninstall"])
def test_hooks_of_others_are_left_alone(repo: Path, git: Git, tmp_path: Path, command: str) -> None:
    (tmp_path / "shared").mkdir()
    git(repo, "config", "core.hooksPath", str(tmp_path / "shared"))
    assert f"outside the repository, in {tmp_path}/shared" in one_line(mdcache(repo, "hook", command), 2)
    git(repo, "config", "--unset", "core.hooksPath")
    os.rename(repo / ".git/hooks", tmp_path / "linked")
    (repo / ".git/hooks").symlink_to(tmp_path / "linked")
    assert "outside the repository" in one_line(mdcache(repo, "hook", command), 2)
    assert not list((tmp_path / "shared").iterdir())


@pytest.mark.parametrize("command", ["install", "uninstall"])
def test_a_work_tree_that_the_configuration_makes_up_is_not_the_repository(repo: Path, git: Git, command: str) -> None:
    others = repo.parent / "others/.git/hooks"
    others.mkdir(parents=True)
    git(repo, "config", "core.worktree", str(repo.parent))
    git(repo, "config", "core.hooksPath", str(others))
    assert f"outside the repository, in {others}" in one_line(mdcache(repo, "hook", command), 2)
    assert not list(others.iterdir())


def test_hooks_that_husky_writes_anew_are_left_to_it(repo: Path, git: Git) -> None:
    (repo / ".husky/_").mkdir(parents=True)
    script(repo / ".husky/_/h", "#!/usr/bin/env sh\n")
    git(repo, "config", "core.hooksPath", ".husky/_")
    assert ".husky/pre-commit" in one_line(mdcache(repo, "hook", "install"), 2)


def test_all_work_trees_share_their_hooks(repo: Path, git: Git, tmp_path: Path) -> None:
    git(repo, "worktree", "add", "-q", "../linked")
    did(tmp_path / "linked", "install")
    assert sorted(hooks_in(repo / ".git/hooks")) == ALL
    assert did(repo, "install") == dict.fromkeys(hook.HOOKS, "unchanged")


def test_a_submodule_has_hooks_of_its_own(repo: Path, vault: Vault, git: Git, tmp_path: Path) -> None:
    outer = made(tmp_path / "outer", {"mdcache.toml": ""}, vault, git)
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repo), "inner")
    did(outer / "inner", "install")
    assert sorted(hooks_in(outer / ".git/modules/inner/hooks")) == ALL
    assert hooks_in(outer / ".git/hooks") == {}


def test_without_a_repository_there_are_no_hooks(vault: Vault, git: Git, tmp_path: Path) -> None:
    assert "is not in a git repository" in one_line(mdcache(vault(FILES), "hook", "install"), 2)
    git(tmp_path, "init", "-q", "--bare", "bare")
    assert "has no work tree" in one_line(mdcache(tmp_path / "bare", "hook", "install"), 2)


def test_settings_must_make_sense_before_hooks_are_written(repo: Path) -> None:
    (repo / "mdcache.toml").write_text("docs = 1")
    assert "'docs' must be a list" in one_line(mdcache(repo, "hook", "install"), 2)
    assert hooks_in(repo / ".git/hooks") == {}


def test_without_settings_the_hooks_are_about_the_whole_repository(tmp_path: Path, vault: Vault, git: Git) -> None:
    folder = made(tmp_path / "code", {"sub/a.md": "# A\n"}, vault, git)
    did(folder / "sub", "install")
    assert '"$mdcache"  check --staged' in (folder / ".git/hooks/pre-commit").read_text()


def test_hooks_are_told_where_the_settings_are(repo: Path, vault: Vault, git: Git, tmp_path: Path) -> None:
    inner = made(tmp_path / "code", {"it's/docs/mdcache.toml": "", "it's/docs/sub/a.md": "# A\n"}, vault, git)
    did(inner / "it's/docs/sub", "install")
    assert "-C 'it'\"'\"'s/docs' check" in (inner / ".git/hooks/pre-commit").read_text()
    did(repo, "install", "--db", "x.db", "--config", "mdcache.toml")
    assert " --config mdcache.toml --db x.db check" in (repo / ".git/hooks/pre-commit").read_text()


# What the scripts do

CALLED = 'echo called "$*"'


@pytest.fixture
def said(repo: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a hook as git does, with a program in the place of mdcache that says how it was called."""

    def call(name: str, *arguments: str, program: str = CALLED, **options: Any) -> subprocess.CompletedProcess[str]:
        double = script(repo / "double", f"#!/bin/sh\n{program}\n")
        path = repo / ".git/hooks" / name
        script(path, hook.script(name, hook.Where(""), str(double)))
        return run((f".git/hooks/{name}", *arguments), repo, **options)

    return call


Said = Callable[..., subprocess.CompletedProcess[str]]


def test_what_stood_there_runs_first_with_arguments_and_input(repo: Path, said: Said) -> None:
    script(repo / ".git/hooks/post-rewrite.before-mdcache", '#!/bin/sh\necho before "$@"; cat\n')
    reading, writing = os.pipe()
    os.write(writing, b"old new\n")
    os.close(writing)
    done = said("post-rewrite", "a b", stdin=reading)
    os.close(reading)
    assert (done.returncode, done.stdout) == (0, "before a b\nold new\n")
    assert done.stderr == "called hook sync post-rewrite a b\n"


@pytest.mark.parametrize("name", hook.HOOKS)
def test_what_stood_there_decides_as_before(repo: Path, said: Said, name: str) -> None:
    script(repo / f".git/hooks/{name}.before-mdcache", "#!/bin/sh\nexit 7\n")
    done = said(name)
    assert (done.returncode, "called" in done.stdout + done.stderr) == (7, name in hook.SYNCS)


def test_what_was_not_executable_does_not_run_now(repo: Path, said: Said) -> None:
    script(repo / ".git/hooks/pre-commit.before-mdcache", "exit 7", 0o644)
    assert said("pre-commit").returncode == 0


@pytest.mark.parametrize("status", [0, 1, 2, 3, 130])
def test_a_check_that_fails_stands_in_the_way_and_a_sync_never_does(said: Said, status: int) -> None:
    assert said("pre-commit", program=f"exit {status}").returncode == status
    assert said("pre-merge-commit", program=f"exit {status}").returncode == status
    assert said("post-commit", program=f"exit {status}").returncode == 0


def test_a_sync_says_one_line_at_most(said: Said) -> None:
    done = said("post-commit", program="echo one; echo two >&2; echo three >&2; exit 1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "three\n")


@pytest.mark.parametrize("gone", ["removed", "its interpreter is gone"])
def test_without_mdcache_a_commit_is_refused_with_a_reason(repo: Path, gone: str) -> None:
    program = repo / "mdcache"
    if gone != "removed":
        script(program, "#!/nothere/python\n")
    for name in ("pre-commit", "post-commit"):
        script(repo / ".git/hooks" / name, hook.script(name, hook.Where(""), str(program)))
    where = {"env": {**os.environ, "PATH": "/usr/bin:/bin"}}
    done = run((".git/hooks/pre-commit",), repo, **where)
    assert (done.returncode > 0, done.stderr.splitlines()[-1]) == (
        True,
        "mdcache is gone: install it, or remove .git/hooks/pre-commit; git commit --no-verify does without it",
    )
    done = run((".git/hooks/post-commit",), repo, **where)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (0, "", 1)


def test_where_mdcache_has_moved_it_is_found_on_the_path(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    script(tmp_path / "bin/mdcache", "#!/bin/sh\necho found\n")
    script(repo / ".git/hooks/pre-commit", hook.script("pre-commit", hook.Where(""), "/nothere/mdcache"))
    where = {"env": {**os.environ, "PATH": f"{tmp_path}/bin:/usr/bin:/bin"}}
    assert run((".git/hooks/pre-commit",), repo, **where).stdout == "found\n"


def test_the_command_that_runs_is_the_one_that_hooks_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    program = str(script(tmp_path / "bin/mdcache", "#!/bin/sh\n"))
    monkeypatch.chdir(tmp_path)
    assert hook.program("bin/mdcache", "/nothere/python") == program
    assert hook.program("/nothere/mdcache/__main__.py", str(tmp_path / "bin/python")) == program
    assert hook.program("/nothere/mdcache/__main__.py", "/nothere/python") == "mdcache"


def test_a_branch_without_the_documents_is_let_through(repo: Path) -> None:
    for name in hook.HOOKS:
        script(repo / ".git/hooks" / name, hook.script(name, hook.Where("docs"), "/bin/false"))
        assert run((f".git/hooks/{name}",), repo).returncode == 0


def test_the_scripts_are_plain_sh() -> None:
    for name in hook.HOOKS:
        text = hook.script(name, hook.Where("it's", ("--db", "$x `y`\n")), 'mdcache "z"')
        assert run(("sh", "-n"), Path("/"), stdin=_text(text)).returncode == 0


def _text(text: str) -> int:
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    os.close(writing)
    return reading


# After what git does


@pytest.fixture
def cached(repo: Path) -> Path:
    """With a cache, and the hooks that keep it fresh; none that judges."""
    with cache_of(repo):
        pass
    did(repo, "install")
    for name in hook.CHECKS:
        (repo / ".git/hooks" / name).unlink()
    return repo


def titles(folder: Path) -> list[str]:
    with contextlib.closing(connections.open_reader(str(folder / ".mdcache/cache.db"))) as db:
        return [title for (title,) in db.execute("SELECT title FROM nodes ORDER BY 1")]


def gitted(folder: Path, *arguments: str, **options: Any) -> str:
    """What git and its hooks say on stderr when all goes well."""
    done = run(("git", *arguments), folder, **options)
    assert done.returncode == 0, done
    return done.stderr


def commit(folder: Path, name: str) -> None:
    (folder / f"{name}.md").write_text(f"# {name}\n")
    gitted(folder, "add", ".")
    gitted(folder, "commit", "-qm", name)


def test_the_cache_follows_commits_checkouts_and_merges(cached: Path) -> None:
    commit(cached, "C")
    assert titles(cached) == ["A", "B", "C"]
    gitted(cached, "checkout", "-q", "-b", "side", "HEAD~1")
    assert titles(cached) == ["A", "B"]
    commit(cached, "D")
    gitted(cached, "merge", "-q", "--no-edit", "main")
    assert titles(cached) == ["A", "B", "C", "D"]
    (cached / "a.md").write_text("# Else\n")
    gitted(cached, "checkout", "-q", "a.md")
    assert titles(cached) == ["A", "B", "C", "D"]
    gitted(cached, "commit", "-q", "--amend", "--no-edit")
    assert gitted(cached, "worktree", "add", "-q", "../linked", "main") == ""
    assert not (cached.parent / "linked/.mdcache").exists()


# With --apply git tells of the checkout before it begins to rebase.
@pytest.mark.parametrize(("how", "during"), [("--merge", ["A", "B", "Conflict", "D"]), ("--apply", ["A", "B", "C"])])
def test_a_rebase_is_left_alone_until_it_ends(cached: Path, how: str, during: list[str]) -> None:
    commit(cached, "C")
    gitted(cached, "checkout", "-q", "-b", "side", "HEAD~1")
    (cached / "C.md").write_text("# Conflict\n")
    gitted(cached, "add", ".")
    gitted(cached, "commit", "-qm", "C")
    commit(cached, "D")
    assert run(("git", "rebase", "-q", how, "main"), cached).returncode == 1
    (cached / "C.md").write_text("# Solved\n")
    assert mdcache(cached, "hook", "sync", "post-checkout").stderr == ""
    assert titles(cached) == during
    gitted(cached, "add", ".")
    gitted(cached, "rebase", "--continue", env={**os.environ, "GIT_EDITOR": "true"})
    assert titles(cached) == ["A", "B", "D", "Solved"]


def test_a_rebase_that_only_moves_forward_is_followed(cached: Path) -> None:
    commit(cached, "C")
    gitted(cached, "checkout", "-q", "-b", "side", "HEAD~1")
    gitted(cached, "rebase", "-q", "main")
    assert titles(cached) == ["A", "B", "C"]


def test_picked_and_reverted_commits_are_followed(cached: Path) -> None:
    for name in ("C", "D"):
        commit(cached, name)
    gitted(cached, "checkout", "-q", "-b", "side", "HEAD~2")
    gitted(cached, "cherry-pick", "main~2..main")
    assert titles(cached) == ["A", "B", "C", "D"]
    gitted(cached, "revert", "--no-edit", "HEAD", "HEAD~1")
    assert titles(cached) == ["A", "B"]


def test_a_cache_is_kept_fresh_and_never_made(repo: Path) -> None:
    did(repo, "install")
    gitted(repo, "checkout", "-q", "-b", "side")
    assert not (repo / ".mdcache").exists()


def test_beside_a_watcher_there_is_nothing_to_do(cached: Path) -> None:
    with watchstate.held(str(cached / ".mdcache/cache.db")):
        commit(cached, "C")
        assert titles(cached) == ["A", "B"]


def test_settings_in_a_folder_below_are_found(tmp_path: Path, vault: Vault, git: Git) -> None:
    repo = made(tmp_path / "code", {f"the docs/{name}": text for name, text in FILES.items()}, vault, git)
    mdcache(repo / "the docs", "rebuild")
    did(repo / "the docs", "install")
    (repo / ".git/hooks/pre-commit").unlink()
    commit(repo, "the docs/C")
    assert len(titles(repo / "the docs")) == 3


def test_settings_in_a_folder_above_are_found(tmp_path: Path, vault: Vault, git: Git) -> None:
    vault({"mdcache.toml": "", "z.md": "# Z\n"}, tmp_path)
    repo = made(tmp_path / "repo", {"a.md": "# A\n"}, vault, git)
    mdcache(repo, "rebuild")
    did(repo, "install")
    (repo / ".git/hooks/pre-commit").unlink()
    commit(repo, "C")
    assert titles(tmp_path) == ["A", "C", "Z"]


# Nothing that goes wrong is git's trouble


def warned(folder: Path) -> str:
    """What a commit warns of: one line."""
    (folder / "C.md").write_text("# C\n")
    gitted(folder, "add", ".")
    said = gitted(folder, "commit", "-qm", "C")
    assert said.startswith("mdcache: the cache is not up to date: ")
    assert said.count("\n") == 1
    return said


def test_broken_settings_are_a_warning(cached: Path) -> None:
    (cached / "mdcache.toml").write_text("docs =")
    assert "is not valid TOML" in warned(cached)


def test_a_writer_that_does_not_finish_is_a_warning(cached: Path) -> None:
    with lock.held(str(cached / ".mdcache/cache.db"), "somebody"):
        assert "is held by somebody" in warned(cached)


def test_a_foreign_file_in_the_place_of_the_cache_is_a_warning(cached: Path) -> None:
    database = cached / ".mdcache/cache.db"
    for file in database.parent.glob("cache.db*"):
        file.unlink()
    database.write_text("mine")
    assert "cache.db" in warned(cached)
    assert database.read_text() == "mine"


def test_a_damaged_cache_is_built_anew_without_a_word(cached: Path) -> None:
    (cached / ".mdcache/cache.db").write_bytes(b"")
    (cached / "C.md").write_text("# C\n")
    gitted(cached, "add", ".")
    assert gitted(cached, "commit", "-qm", "C") == ""
    assert titles(cached) == ["A", "B", "C"]


def test_outside_a_repository_it_is_a_warning(vault: Vault) -> None:
    done = mdcache(vault(FILES), "hook", "sync")
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert "is not in a git repository" in done.stderr
    assert mdcache(vault(FILES), "hook", "sync", "--quiet").stderr == ""
