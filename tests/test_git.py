"""Where a repository lies, whatever the environment says; nothing that its configuration names is run."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import mdcache, one_line, run

from mdcache.errors import UsageError, WorkError
from mdcache.files import git as mine

Git = Callable[..., str]


@pytest.fixture
def repo(tmp_path: Path, git: Git) -> Path:
    """A repository with one commit."""
    folder = tmp_path / "repo"
    git(tmp_path, "init", "-q", "repo")
    (folder / "docs").mkdir()
    (folder / "docs/a.md").write_text("# A\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    return folder


def test_a_folder_belongs_to_the_repository_that_holds_it(repo: Path) -> None:
    assert mine.repository(str(repo / "docs")) == (str(repo), str(repo / ".git"), str(repo / ".git"), None)


@pytest.mark.parametrize(
    "name", ["a b", 'it\'s "so"', "two\nlines\n", "true\ntrue", "größe", b"\xff".decode("utf-8", "surrogateescape")]
)
def test_a_repository_may_be_called_anything(tmp_path: Path, git: Git, name: str) -> None:
    (tmp_path / name).mkdir()
    git(tmp_path / name, "init", "-q")
    found = mine.repository(str(tmp_path / name))
    assert found.top == str(tmp_path / name)
    assert found.hooks_folder() == str(tmp_path / name / ".git/hooks")


def test_a_linked_work_tree_shares_the_hooks_of_its_repository(repo: Path, git: Git, tmp_path: Path) -> None:
    git(repo, "worktree", "add", "-q", "../linked")
    found = mine.repository(str(tmp_path / "linked"))
    assert (found.top, found.common_dir) == (str(tmp_path / "linked"), str(repo / ".git"))
    assert found.git_dir == str(repo / ".git/worktrees/linked")
    assert found.hooks_folder() == str(repo / ".git/hooks")


@pytest.mark.parametrize("name", ["", "HEAD", "config", "index", "commondir", "packed-refs", "linked config"])
def test_git_is_not_started_to_wait_for_a_fifo_among_its_files(repo: Path, name: str) -> None:
    place = repo / ".git" / name.removeprefix("linked ")
    if name:
        place.unlink(missing_ok=True)
    else:
        shutil.rmtree(place)
    os.mkfifo(repo / "fifo" if name.startswith("linked") else place)
    if name.startswith("linked"):
        place.symlink_to(repo / "fifo")
    with pytest.raises(UsageError, match="is no plain file"):
        mine.repository(str(repo / "docs"))


@pytest.mark.parametrize("what", ["fifo", "device"])
@pytest.mark.parametrize(
    "name", ["refs/heads/main", "refs/tags/a/b", "objects/info/alternates", "objects/pack/x.idx", "sharedindex.1"]
)
def test_nor_for_one_where_it_looks_for_whatever_is_there(repo: Path, name: str, what: str) -> None:
    place = repo / ".git" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    if what == "fifo":
        os.mkfifo(place)
    else:
        place.symlink_to("/dev/zero")
    with pytest.raises(UsageError, match=f"{place} is no plain file: git would wait for it, remove it"):
        mine.repository(str(repo / "docs"))


def test_a_fifo_in_the_repository_of_a_git_file_and_in_that_of_a_linked_work_tree_is_found(
    repo: Path, git: Git, tmp_path: Path
) -> None:
    git(repo, "worktree", "add", "-q", "../linked")
    os.mkfifo(repo / ".git/refs/heads/x")
    with pytest.raises(UsageError, match="refs/heads/x is no plain file"):
        mine.repository(str(tmp_path / "linked"))
    os.rename(repo / ".git", tmp_path / "apart")
    (repo / ".git").write_text("gitdir: ../apart\n")
    with pytest.raises(UsageError, match="refs/heads/x is no plain file"):
        mine.repository(str(repo))


def test_a_socket_a_broken_link_and_a_link_to_a_folder_in_place_of_refs_hold_nobody_up(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repo / ".git")  # an address of a socket has 108 bytes at most
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("fsmonitor--daemon.ipc")
    (repo / ".git/refs/broken").symlink_to("gone")
    (repo / ".git/refs/around").symlink_to("..")
    assert mine.commit_of(mine.repository(str(repo)), "HEAD")


def test_a_revision_that_git_does_not_find_in_time_is_an_error_and_not_none(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = mine.repository(str(repo))
    monkeypatch.setattr(mine, "_PATIENCE_S", 0.2)
    os.mkfifo(repo / ".git/refs/tags/v1")
    with pytest.raises(WorkError, match="git has said nothing in"):
        mine.commit_of(found, "v1")


@pytest.mark.parametrize("command", ["check --staged", "hook install"])
def test_a_command_says_which_file_git_would_wait_for(repo: Path, command: str) -> None:
    (repo / ".git/config").unlink()
    os.mkfifo(repo / ".git/config")
    said = one_line(mdcache(repo, *command.split()), 2)
    assert f"{repo}/.git/config is no plain file: git would wait for it, remove it" in said


def test_git_is_not_waited_for_when_its_configuration_leads_to_a_fifo(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(repo / "fifo")
    with (repo / ".git/config").open("a") as file:
        file.write("[include]\n path = ../fifo\n")
    monkeypatch.setattr(mine, "_LOOK_S", 0.2)
    with pytest.raises(UsageError, match="git has said nothing in"):
        mine.repository(str(repo / "docs"))


@pytest.mark.parametrize("inside", ["bare", "repo/.git"])
def test_what_has_no_work_tree_is_refused(repo: Path, git: Git, tmp_path: Path, inside: str) -> None:
    git(repo, "init", "-q", "--bare", "../bare")
    with pytest.raises(UsageError, match=f"{inside} has no work tree"):
        mine.repository(str(tmp_path / inside))


def test_what_is_no_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not in a git repository"):
        mine.repository(str(tmp_path))


def test_a_repository_of_somebody_else_is_refused_as_git_refuses_it(repo: Path) -> None:
    if os.getuid():
        pytest.skip("only root can give a folder away")
    os.chown(repo, 12345, -1)
    with pytest.raises(UsageError, match=f"safe.directory {repo}$"):
        mine.repository(str(repo / "docs"))


def test_without_git_the_error_says_so(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repo))
    with pytest.raises(WorkError, match="git is not installed"):
        mine.repository(str(repo))


def test_an_error_of_git_is_told_in_its_words(repo: Path) -> None:
    with pytest.raises(mine.Failed, match=r"^Needed a single revision$"):
        mine.run(mine.repository(str(repo)), "rev-parse", "--verify", "nothere")


@pytest.mark.parametrize(
    ("gone", "said"), [("top", "git cannot be run in .*gone: No such file"), ("git_dir", "lacks the object 000")]
)
def test_a_repository_that_goes_away_while_it_is_read_is_an_error(repo: Path, gone: str, said: str) -> None:
    found = mine.repository(str(repo))._replace(**{gone: str(repo / "gone")})
    more_than_a_pipe_holds = ["0" * 1000] * 240
    with pytest.raises(WorkError, match=said):
        list(mine.contents(found, more_than_a_pipe_holds, lambda read, size: read(size)))


# Repositories that come among the files of others


@pytest.fixture(params=["a git that knows safe.bareRepository", "an older one"])
def any_git(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "an older one":
        program = tmp_path / "bin/git"
        program.parent.mkdir()
        drop = 'for one; do shift; [ safe.bareRepository=explicit = "$one" ] && one=a.b=c; set -- "$@" "$one"; done'
        program.write_text(f'#!/bin/sh\n{drop}\nexec {shutil.which("git")} "$@"\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A folder of somebody's, with a document in it."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/diary.md").write_text("# Diary\n")
    return tmp_path / "secret"


def bare_in(folder: Path, git: Git, worktree: Path | None) -> None:
    """Make a folder a bare repository by what a clone can bring, with another folder for its work tree."""
    git(folder, "init", "-q", "--bare")
    if worktree:
        git(folder, "config", "core.bare", "false")
        git(folder, "config", "core.worktree", str(worktree))


@pytest.mark.usefixtures("any_git")
@pytest.mark.parametrize("has_worktree", [True, False])
@pytest.mark.parametrize("folder", ["docs", "docs/refs", "docs/objects/info"])
def test_a_bare_repository_among_the_files_of_another_is_none(
    repo: Path, git: Git, secret: Path, has_worktree: bool, folder: str
) -> None:
    bare_in(repo / "docs", git, secret if has_worktree else None)
    assert mine.repository(str(repo / folder)) == (str(repo), str(repo / ".git"), str(repo / ".git"), None)
    assert "diary" not in mdcache(repo / folder, "check", "--against", "HEAD").stdout


@pytest.mark.usefixtures("any_git")
@pytest.mark.parametrize("worktree", ["secret", "docs/..", "docs", None])
def test_a_bare_repository_is_none_where_there_is_no_other(
    tmp_path: Path, git: Git, secret: Path, worktree: str | None
) -> None:
    (secret.parent / "docs").mkdir()
    bare_in(tmp_path / "docs", git, tmp_path / worktree if worktree else None)
    with pytest.raises(UsageError, match="has no work tree: a bare repository"):
        mine.repository(str(tmp_path / "docs"))


@pytest.mark.parametrize("how", ["configuration", "file", "link", "environment"])
def test_a_work_tree_must_hold_the_working_folder(
    repo: Path, git: Git, secret: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(repo, "config", "core.worktree", str(secret))
    if how == "file":
        os.rename(repo / ".git", repo.parent / "apart")
        (repo / ".git").write_text("gitdir: ../apart\n")
    elif how == "link":
        os.rename(repo / ".git", repo.parent / "apart")
        (repo / ".git").symlink_to("../apart")
    elif how == "environment":
        monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.chdir(repo)
    with pytest.raises(UsageError, match=f"{repo}.* is not in {secret}, the work tree that .* names"):
        mine.repository(str(repo / "docs"))
    assert "is not in" in one_line(mdcache(repo / "docs", "check", "--against", "HEAD"), 2)


@pytest.mark.parametrize("above", ["..", "../..", "/"])
def test_a_repository_does_not_speak_for_folders_above_it(repo: Path, git: Git, above: str) -> None:
    git(repo, "config", "core.worktree", above if above == "/" else f"../{above}")
    for command in ("check --against HEAD", "check --rev HEAD", "check --staged", "rebuild --rev HEAD --output x.db"):
        said = one_line(mdcache(repo / "docs", *command.split()), 2)
        assert f"{repo}/.git calls" in said and "its work tree, which is more than the folder it lies in" in said


def test_who_names_a_repository_may_have_its_files_anywhere(
    repo: Path, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.rename(repo / ".git", tmp_path / "apart.git")
    git(tmp_path / "apart.git", "config", "core.worktree", str(repo))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "apart.git"))
    assert mdcache(repo / "docs", "check", "--rev", "HEAD").returncode == 0


def test_a_work_tree_further_down_is_one(repo: Path, git: Git) -> None:
    git(repo, "config", "core.worktree", "../docs")
    assert mine.repository(str(repo / "docs")).top == str(repo / "docs")


@pytest.mark.parametrize("how", ["gitdir: ../repo/.git", "gitdir: {}/.git", "link"])
def test_the_repository_of_another_work_tree_is_not_lent(repo: Path, tmp_path: Path, how: str) -> None:
    clone = tmp_path / "clone"
    clone.mkdir()
    if how == "link":
        (clone / ".git").symlink_to(repo / ".git")
    else:
        (clone / ".git").write_text(how.format(repo) + "\n")
    with pytest.raises(UsageError, match=f"leads to the repository of {repo}: git worktree add makes one of its own"):
        mine.repository(str(clone))
    assert "leads to" in one_line(mdcache(clone, "check", "--rev", "HEAD"), 2)


def test_a_repository_that_lies_apart_is_no_other_work_tree_s(repo: Path, git: Git, tmp_path: Path) -> None:
    for name in ("apart", "apart/.git"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        os.rename(repo / ".git", tmp_path / "moved")
        (tmp_path / name).parent.mkdir(exist_ok=True)
        os.rename(tmp_path / "moved", tmp_path / name)
        git(tmp_path / name, "config", "core.worktree", str(repo))
        (repo / ".git").write_text(f"gitdir: {tmp_path / name}\n")
        assert mine.repository(str(repo / "docs")).top == str(repo)
        (repo / ".git").unlink()
        os.rename(tmp_path / name, repo / ".git")
        shutil.rmtree(tmp_path / "apart", ignore_errors=True)


# The environment of hooks


@pytest.fixture
def in_hook(repo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As git starts a hook of a commit that has an index of its own."""
    monkeypatch.chdir(repo)
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index.lock")
    monkeypatch.setenv("GIT_PREFIX", "docs/")
    return repo


@pytest.mark.parametrize("folder", [".", "docs"])
def test_in_a_hook_its_index_counts_from_wherever_it_is_asked(in_hook: Path, folder: str) -> None:
    found = mine.repository(str(in_hook / folder))
    assert (found.top, found.index_file) == (str(in_hook), str(in_hook / ".git/index.lock"))
    assert mine.environment(found)["GIT_INDEX_FILE"] == str(in_hook / ".git/index.lock")
    assert {"GIT_DIR", "GIT_PREFIX"}.isdisjoint(mine.environment(found))


@pytest.mark.parametrize("where", ["../other", "docs/other"])
def test_the_environment_of_a_hook_says_nothing_of_another_repository(in_hook: Path, where: str) -> None:
    other = in_hook / where
    other.mkdir()
    run(("env", "-u", "GIT_DIR", "-u", "GIT_INDEX_FILE", "git", "init", "-q"), other)
    found = mine.repository(str(other))
    assert (found.top, found.index_file) == (os.path.realpath(other), None)
    assert mine.run(found, "ls-files") == b""


def test_a_work_tree_apart_from_its_repository_is_found_where_the_environment_names_both(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.rename(repo / ".git", tmp_path / "apart")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "apart"))
    monkeypatch.setenv("GIT_WORK_TREE", str(repo))
    found = mine.repository(str(repo / "docs"))
    assert (found.top, found.git_dir) == (str(repo), str(tmp_path / "apart"))
    assert mine.run(found, "ls-files") == b"docs/a.md\n"


# Configuration that names programs


def test_no_program_that_a_repository_names_is_run(repo: Path, git: Git) -> None:
    trap = repo / "trap"
    trap.write_text(f"#!{sys.executable}\nopen('{repo}/sprung', 'w')\n")
    trap.chmod(0o755)
    for name in ("core.fsmonitor", "core.pager", "core.sshCommand", "core.askPass"):
        git(repo, "config", name, str(trap))
    (repo / "docs/a.md").write_text("# B\n")
    found = mine.repository(str(repo))
    assert mine.run(found, "status", "--porcelain", "-uno") == b" M docs/a.md\n"
    assert mine.run(found, "log", "--format=%s") == b"one\n"
    assert not (repo / "sprung").exists()
    git(repo, "status")
    assert (repo / "sprung").exists()


# What says otherwise than the objects


def replaced(repo: Path, git: Git, what: str) -> None:
    git(repo, "update-ref", f"refs/replace/{git(repo, 'rev-parse', what).strip()}", what.replace("HEAD", "HEAD~2"))


def replaced_as_configured(repo: Path, git: Git) -> None:
    replaced(repo, git, "HEAD")
    git(repo, "config", "core.useReplaceRefs", "true")


def replaced_as_included(repo: Path, git: Git) -> None:
    replaced(repo, git, "HEAD")
    (repo / ".git/more").write_text("[core]\n useReplaceRefs = true\n")
    git(repo, "config", "includeIf.gitdir:**.path", "more")


def replaced_in_packed_refs(repo: Path, git: Git) -> None:
    replaced(repo, git, "HEAD")
    git(repo, "pack-refs", "--all")


def grafted(repo: Path, git: Git) -> None:
    (repo / ".git/info/grafts").write_text(" ".join(git(repo, "rev-parse", "HEAD", "HEAD~2").split()) + "\n")


def false_commit_graph(repo: Path, git: Git) -> None:
    """Let the graph of commits call the last the parent of the one before it."""
    commits = sorted(git(repo, "rev-list", "HEAD").split())
    git(repo, "commit-graph", "write", "--reachable")
    graph = repo / ".git/objects/info/commit-graph"
    raw = bytearray(graph.read_bytes())
    heads = (raw[8 + 12 * number :] for number in range(raw[6]))
    data = next(int.from_bytes(head[4:12], "big") for head in heads if head[:4] == b"CDAT")
    last, before = git(repo, "rev-parse", "HEAD", "HEAD^").split()
    at = data + 36 * commits.index(before) + 20
    raw[at : at + 4] = commits.index(last).to_bytes(4, "big")
    graph.chmod(0o644)
    graph.write_bytes(raw)


LIES: dict[str, Callable[[Path, Git], None]] = {
    "a replaced commit": lambda repo, git: replaced(repo, git, "HEAD"),
    "a replaced commit that the configuration asks for": replaced_as_configured,
    "a replaced commit that an included file asks for": replaced_as_included,
    "a replaced commit in packed-refs": replaced_in_packed_refs,
    "a replaced tree": lambda repo, git: replaced(repo, git, "HEAD^{tree}"),
    "a replaced document": lambda repo, git: replaced(repo, git, "HEAD:docs/a.md"),
    "a graft": grafted,
    "a graph of commits": false_commit_graph,
}


@pytest.mark.parametrize("lie", LIES)
def test_a_commit_is_what_its_objects_say(repo: Path, git: Git, lie: str) -> None:
    for number in ("two", "three"):
        (repo / "docs/a.md").write_text(f"# {number}\n[gone](gone.md)\n")
        git(repo, "commit", "-qam", number)
    before = said_of_head(repo), said_by_git(repo, git)
    LIES[lie](repo, git)
    assert said_of_head(repo) == before[0]
    assert said_by_git(repo, git) != before[1]  # so git would have been deceived


def said_of_head(repo: Path) -> tuple[object, ...]:
    found = mine.repository(str(repo))
    commit = mine.commit_of(found, "HEAD") or ""
    blobs = mine.committed(found, commit)
    texts = list(mine.contents(found, [blob.id for blob in blobs], lambda read, size: read(size)))
    revisions = [mine.commit_of(found, name) for name in ("HEAD^", "HEAD~2")]
    file = mine.file_of(found, commit, str(repo / "docs/a.md"))
    checked = mdcache(repo, "check", "--against", "HEAD~2")
    return blobs, texts, revisions, file, checked.returncode, checked.stdout


def said_by_git(repo: Path, git: Git) -> tuple[str, ...]:
    asked = ("rev-parse HEAD~2", "ls-tree -r HEAD", "cat-file blob HEAD:docs/a.md")
    return tuple(git(repo, *words.split(), check=False) for words in asked)


@pytest.mark.parametrize("name", ["GIT_GRAFT_FILE", "GIT_SHALLOW_FILE"])
def test_no_file_that_the_environment_names_says_what_came_before(
    repo: Path, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    git(repo, "commit", "-q", "--allow-empty", "-m", "two")
    head, first = git(repo, "rev-parse", "HEAD", "HEAD^").split()
    (tmp_path / "file").write_text(f"{head}\n")
    monkeypatch.setenv(name, str(tmp_path / "file"))
    assert git(repo, "rev-list", "--count", "HEAD").strip() == "1"
    assert mine.commit_of(mine.repository(str(repo)), "HEAD^") == first


def test_a_fifo_in_place_of_grafts_is_not_read(repo: Path) -> None:
    os.mkfifo(repo / ".git/info/grafts")
    assert mine.committed(mine.repository(str(repo)), "HEAD")


def test_the_reason_why_git_ended_is_told_below_what_a_trace_prints(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TRACE", "1")
    with pytest.raises(mine.Failed, match=r"^Needed a single revision$"):
        mine.run(mine.repository(str(repo)), "rev-parse", "--verify", "nothere")
    with pytest.raises(UsageError, match="is not in a git repository"):
        mine.repository(str(tmp_path))


def test_asking_writes_nothing(repo: Path) -> None:
    index = repo / ".git/index"
    os.utime(repo / "docs/a.md", (1, 1))
    before = index.read_bytes(), index.stat().st_mtime_ns
    mine.run(mine.repository(str(repo)), "status", "--porcelain")
    assert (index.read_bytes(), index.stat().st_mtime_ns) == before


# A rebase


def test_a_rebase_that_has_stopped_is_seen(repo: Path, git: Git) -> None:
    found = mine.repository(str(repo))
    assert not found.is_rebasing()
    for apply in ("--apply", "--merge"):
        git(repo, "checkout", "-qB", "side", "main")
        (repo / "docs/a.md").write_text(f"# Side {apply}\n")
        git(repo, "commit", "-qam", "side")
        git(repo, "checkout", "-q", "main")
        (repo / "docs/a.md").write_text(f"# Main {apply}\n")
        git(repo, "commit", "-qam", "main")
        git(repo, "rebase", "-q", apply, "main", "side", check=False)
        assert found.is_rebasing()
        git(repo, "rebase", "--abort")
        assert not found.is_rebasing()
        git(repo, "checkout", "-q", "main")


# Hooks in folders below, and in linked work trees


@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("folder", ["", "docs"])
def test_a_hook_that_goes_into_a_folder_asks_for_the_same_work_tree_and_index(
    repo: Path, git: Git, tmp_path: Path, linked: bool, folder: str
) -> None:
    tree = repo
    if linked:
        tree = tmp_path / "linked tree"
        git(repo, "worktree", "add", "-q", "--detach", str(tree))
    said = tmp_path / "said"
    ask = "from mdcache.files.git import repository as r; f = r('.'); print(f.top, f.index_file, f.git_dir, sep='\\n')"
    hook = repo / ".git/hooks/pre-commit"
    hook.write_text(f'#!/bin/sh\ncd "./{folder}" && "{sys.executable}" -c "{ask}" > "{said}"\n')
    hook.chmod(0o755)
    (tree / "docs/a.md").write_text("# B\n")
    git(tree, "commit", "-qam", "two")
    top, index, git_dir = said.read_text().splitlines()
    assert top == str(tree)
    assert os.path.dirname(index) == git_dir and os.path.basename(index).startswith("index.lock")


@pytest.mark.parametrize("name", ["../b.md", "/etc/b.md", "docs/../../b.md", "./b.md", "docs//b.md", "..", "b.md/"])
def test_a_tree_with_a_name_that_leads_elsewhere_is_not_read(repo: Path, git: Git, name: str) -> None:
    found, commit = mine.repository(str(repo)), commit_with(repo, git, name)
    with pytest.raises(WorkError, match="a name that leads elsewhere"):
        mine.committed(found, commit)
    assert "git fsck says more" in one_line(mdcache(repo, "check", "--rev", commit), 3)


@pytest.mark.parametrize("name", ["..b.md", "b..md", "...", "-b.md", "b\\..\\c.md"])
def test_dots_within_a_name_lead_nowhere(repo: Path, git: Git, name: str) -> None:
    assert [blob.path for blob in mine.committed(mine.repository(str(repo)), commit_with(repo, git, name))] == [name]


def commit_with(repo: Path, git: Git, name: str) -> str:
    """Make a commit of one file under a name that git itself would refuse."""
    blob = git(repo, "rev-parse", "HEAD:docs/a.md").strip()
    entry = b"100644 " + name.encode() + b"\0" + bytes.fromhex(blob)
    raw = b"tree %d\0" % len(entry) + entry
    tree = hashlib.sha1(raw, usedforsecurity=False).hexdigest()
    at = repo / ".git/objects" / tree[:2] / tree[2:]
    at.parent.mkdir(exist_ok=True)
    at.write_bytes(zlib.compress(raw))
    return git(repo, "commit-tree", tree, "-m", "x").strip()
