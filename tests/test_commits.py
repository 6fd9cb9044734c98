"""Nothing broken gets in: real commits in real repositories, judged by the hooks that mdcache installs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from processes import mdcache, run

from mdcache.hooks import hook

Git = Callable[..., str]
Vault = Callable[..., Path]
FILES = {"mdcache.toml": "", "a.md": "# A\n\n[b](b.md)\n", "b.md": "# B\n", "c.md": "# C\n"}


class Repo:
    """A repository with hooks; top is its work tree."""

    def __init__(self, top: Path) -> None:
        self.top = top

    def __call__(self, *arguments: str, **options: Any) -> CompletedProcess[str]:
        return run(("git", *arguments), self.top, **options)

    def passes(self, *arguments: str, **options: Any) -> None:
        done = self(*arguments, **options)
        assert (done.returncode, "mdcache" in done.stderr) == (0, False), done

    def refuses(self, *arguments: str, **options: Any) -> list[str]:
        """What is said of the documents when git is kept from what it was asked to do: path:line CODE."""
        done = self(*arguments, **options)
        assert done.returncode == 1, done
        lines = [line.split(":", 3) for line in (done.stdout + done.stderr).splitlines() if ".md:" in line]
        return [f"{path}:{line} {rest.split()[0]}" for path, line, _, rest in lines]

    def write(self, **files: str) -> None:
        for name, text in files.items():
            (self.top / f"{name}.md").write_text(text)

    def stage(self, **files: str) -> None:
        self.write(**files)
        self.passes("add", "-A")


def with_hooks(folder: Path, git: Git, install_from: str = ".") -> Repo:
    if not (folder / ".git").exists():
        git(folder, "init", "-q")
    done = mdcache(folder / install_from, "hook", "install")
    assert done.returncode == 0, done
    for name in hook.SYNCS:  # nothing here looks at a cache
        (folder / git(folder, "rev-parse", "--git-path", f"hooks/{name}").strip()).unlink()
    return Repo(folder)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, vault: Vault, git: Git) -> Path:
    """With three documents, the first of which links to the second, committed."""
    made = with_hooks(vault(FILES, tmp_path_factory.mktemp("template")), git)
    made.passes("add", ".")
    made.passes("commit", "-qm", "one")
    return made.top


@pytest.fixture
def repo(tmp_path: Path, template: Path) -> Repo:
    """The same, for each test its own."""
    return Repo(Path(shutil.copytree(template, tmp_path / "repo")))


def heads(repo: Repo) -> int:
    return int(repo("rev-list", "--count", "HEAD").stdout)


# One commit


def test_a_commit_is_refused_then_mended_then_accepted(repo: Repo) -> None:
    repo.stage(a="# A\n\n[d](d.md) and [b](b.md#nowhere)\n")
    assert repo.refuses("commit", "-m", "two") == ["a.md:3 broken-link", "a.md:3 broken-anchor"]
    assert heads(repo) == 1
    repo.stage(d="# D\n", b="# B\n\n## Nowhere\n")
    repo.passes("commit", "-qm", "two")
    assert heads(repo) == 2


def test_the_first_commit_is_judged(tmp_path: Path, vault: Vault, git: Git) -> None:
    repo = with_hooks(vault({**FILES, "a.md": "# A\n\n[d](d.md)\n"}, tmp_path / "repo"), git)
    repo.passes("add", ".")
    assert repo.refuses("commit", "-m", "one") == ["a.md:3 broken-link"]
    repo.stage(d="# D\n")
    repo.passes("commit", "-qm", "one")


def test_what_was_broken_before_is_no_hindrance(repo: Repo) -> None:
    repo.stage(c="# C\n\n[d](d.md)\n")
    repo.passes("commit", "-qnm", "broken")
    repo.stage(b="# B, again\n")
    repo.passes("commit", "-qm", "else")
    repo.stage(c="# C\n\n[d](d.md) still\n")
    assert repo.refuses("commit", "-m", "the broken one") == ["c.md:3 broken-link"]


def test_a_commit_without_documents_is_none_of_our_business(repo: Repo) -> None:
    (repo.top / "code.c").write_text("[d](d.md)")
    repo.passes("add", ".")
    repo.passes("commit", "-qm", "code")
    repo.passes("commit", "-qm", "nothing", "--allow-empty")


def test_broken_settings_stand_in_the_way_in_one_line(repo: Repo) -> None:
    (repo.top / "mdcache.toml").write_text("docs =")
    repo.passes("add", ".")
    done = repo("commit", "-m", "settings")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "is not valid TOML" in done.stderr


# What is staged, and what is not


def test_only_what_is_staged_counts(repo: Repo) -> None:
    repo.stage(b="# B, again\n")
    repo.write(a="# A\n\n[d](d.md)\n")
    repo.passes("commit", "-qm", "b")
    assert repo("diff", "--name-only").stdout == "a.md\n"


def test_what_is_mended_on_disk_alone_is_still_broken(repo: Repo) -> None:
    repo.stage(a="# A\n\n[d](d.md)\n")
    repo.write(a="# A\n")
    assert repo.refuses("commit", "-m", "a") == ["a.md:3 broken-link"]


def test_a_target_must_be_staged_too(repo: Repo) -> None:
    repo.stage(a="# A\n\n[d](d.md)\n")
    repo.write(d="# D\n")
    assert repo.refuses("commit", "-m", "a") == ["a.md:3 broken-link"]
    repo.passes("add", "--intent-to-add", "d.md")
    assert repo.refuses("commit", "-m", "a") == ["a.md:3 broken-link"]
    repo.passes("add", "d.md")
    repo.passes("commit", "-qm", "a")


def test_some_lines_of_a_document_may_be_staged(repo: Repo) -> None:
    text = "# A\n\n[b](b.md)\n" + "\n" * 20
    repo.stage(a=text)
    repo.passes("commit", "-qnm", "longer")
    repo.write(a=text.replace("(b.md)", "(b.md) good") + "[d](d.md)\n")
    repo.passes("add", "--patch", "a.md", stdin=_answers("y\nn\n"))
    repo.passes("commit", "-qm", "the first hunk")
    repo.passes("add", "a.md")
    assert repo.refuses("commit", "-m", "the second hunk") == ["a.md:24 broken-link"]


def _answers(text: str) -> int:
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    os.close(writing)
    return reading


@pytest.mark.parametrize("how", [("-a",), ("a.md",), ("--only", "a.md"), ("--include", "a.md")])
def test_a_commit_that_stages_for_itself_is_judged_by_what_it_stages(repo: Repo, how: tuple[str, ...]) -> None:
    """git makes an index for such a commit, and names it to the hook."""
    repo.write(a="# A\n\n[d](d.md)\n")
    assert repo.refuses("commit", "-m", "two", *how) == ["a.md:3 broken-link"]
    repo.write(a="# A, good\n")
    repo.passes("commit", "-qm", "two", *how)


def test_what_is_staged_but_not_of_this_commit_does_not_count(repo: Repo) -> None:
    repo.stage(d="# D\n", c="# C\n\n[e](e.md)\n")
    repo.write(a="# A\n\n[d](d.md)\n")
    assert repo.refuses("commit", "-m", "a", "a.md") == ["a.md:3 broken-link"]
    repo.write(a="# A\n\n[b](b.md), again\n")
    repo.passes("commit", "-qm", "a", "a.md")


def test_an_amended_commit_is_judged(repo: Repo) -> None:
    repo.stage(d="# D\n\n[e](e.md)\n")
    assert repo.refuses("commit", "--amend", "--no-edit") == ["d.md:3 broken-link"]
    repo.stage(e="# E\n")
    repo.passes("commit", "-q", "--amend", "--no-edit")
    assert heads(repo) == 1


# Documents that go away


def test_a_document_that_others_need_cannot_go(repo: Repo) -> None:
    repo.passes("rm", "-q", "b.md")
    assert repo.refuses("commit", "-m", "two") == ["a.md:3 broken-link"]
    repo.stage(a="# A\n")
    repo.passes("commit", "-qm", "two")


def test_a_document_that_is_renamed_takes_its_links_along(repo: Repo) -> None:
    repo.passes("mv", "b.md", "moved.md")
    assert repo.refuses("commit", "-m", "two") == ["a.md:3 broken-link"]
    repo.stage(a="# A\n\n[b](moved.md)\n")
    repo.passes("commit", "-qm", "two")
    (repo.top / "sub").mkdir()
    repo.passes("mv", "a.md", "sub/a.md")
    assert repo.refuses("commit", "-m", "three") == ["sub/a.md:3 broken-link"]


def test_a_heading_or_a_picture_that_goes_breaks_links(repo: Repo) -> None:
    (repo.top / "p.png").write_bytes(b"png")
    repo.stage(b="# B\n\n## One\n", a="# A\n\n[b](b.md#one)\n\n![p](p.png)\n")
    repo.passes("commit", "-qm", "two")
    repo.passes("rm", "-q", "p.png")
    repo.stage(b="# B\n\n## Two\n")
    assert repo.refuses("commit", "-m", "three") == ["a.md:3 broken-anchor", "a.md:5 missing-embed"]


# Merges


def branched(repo: Repo, ours: dict[str, str], theirs: dict[str, str]) -> None:
    """Two branches, each good in itself; we are on ours."""
    repo.passes("checkout", "-q", "-b", "theirs")
    repo.stage(**theirs)
    repo.passes("commit", "-qnm", "theirs")
    repo.passes("checkout", "-q", "-b", "ours", "HEAD~1")
    repo.stage(**ours)
    repo.passes("commit", "-qnm", "ours")


def test_two_good_branches_can_make_a_broken_merge(repo: Repo) -> None:
    repo.stage(a="# A\n")
    repo.passes("commit", "-qnm", "nothing links to b")
    branched(repo, {"a": "# A\n\n[b](b.md)\n"}, {"c": "# C, else\n"})
    repo.passes("checkout", "-q", "theirs")
    repo.passes("rm", "-q", "b.md")
    repo.passes("commit", "-qnm", "without b")
    repo.passes("checkout", "-q", "ours")
    assert repo.refuses("merge", "--no-edit", "theirs") == ["a.md:3 broken-link"]
    repo.stage(a="# A, alone\n")
    repo.passes("commit", "-qm", "merged")
    assert len(repo("rev-parse", "HEAD^@").stdout.split()) == 2


def test_conflict_markers_do_not_get_in(repo: Repo) -> None:
    branched(repo, {"c": "# C, ours\n"}, {"c": "# C, theirs\n"})
    assert repo("merge", "theirs").returncode == 1
    repo.passes("add", "c.md")
    assert repo.refuses("commit", "-m", "merged")[0] == "c.md:1 conflict-marker"
    repo.stage(c="# C, both\n")
    repo.passes("commit", "-qm", "merged")


def test_a_merge_that_moves_forward_is_not_judged_again(repo: Repo) -> None:
    branched(repo, {"c": "# C, ours\n"}, {"c": "# C, theirs\n"})
    repo.passes("checkout", "-q", "-B", "forward", "HEAD~1")
    repo.passes("merge", "-q", "ours")


def test_a_commit_during_a_rebase_is_judged(repo: Repo) -> None:
    repo.stage(b="# B, again\n")
    repo.passes("commit", "-qm", "two")
    editor = {"env": {**os.environ, "GIT_SEQUENCE_EDITOR": "sed -i.bak s/^pick/edit/"}}
    repo.passes("rebase", "-q", "-i", "HEAD~1", **editor)
    repo.stage(a="# A\n\n[d](d.md)\n")
    assert repo.refuses("commit", "--amend", "--no-edit") == ["a.md:3 broken-link"]
    repo.stage(d="# D\n")
    repo.passes("commit", "-q", "--amend", "--no-edit")
    repo.passes("rebase", "--continue")


# Where repositories and settings lie


def test_settings_in_a_folder_below(tmp_path: Path, vault: Vault, git: Git) -> None:
    files = {f"the docs/{name}": text for name, text in FILES.items()}
    repo = with_hooks(vault({**files, "README.md": "# [gone](gone.md)\n"}, tmp_path / "repo"), git, "the docs")
    repo.passes("add", ".")
    repo.passes("commit", "-qm", "one")
    repo.write(**{"the docs/a": "# A\n\n[d](d.md)\n"})
    assert repo.refuses("commit", "-am", "two") == ["a.md:3 broken-link"]
    repo.passes("rm", "-rfq", "the docs")
    repo.passes("commit", "-qm", "without documents")


def test_a_commit_from_a_folder_below(repo: Repo) -> None:
    (repo.top / "sub").mkdir()
    repo.write(a="# A\n\n[d](d.md)\n", **{"sub/e": "# E\n\n[f](f.md)\n"})
    below = Repo(repo.top / "sub")
    below.passes("add", ".")
    assert below.refuses("commit", "-am", "two") == ["a.md:3 broken-link", "sub/e.md:3 broken-link"]


def test_a_repository_below_the_settings(tmp_path: Path, vault: Vault, git: Git) -> None:
    """What lies around the repository is there as the disk has it."""
    vault({"mdcache.toml": "", "z.md": "# Z\n"}, tmp_path)
    repo = with_hooks(vault({"a.md": "# A\n\n[z](../z.md)\n"}, tmp_path / "repo"), git)
    repo.passes("add", ".")
    repo.passes("commit", "-qm", "one")
    repo.write(a="# A\n\n[y](../y.md)\n")
    assert repo.refuses("commit", "-am", "two") == ["a.md:3 broken-link"]


def test_without_settings_all_of_the_repository_is_judged(tmp_path: Path, vault: Vault, git: Git) -> None:
    repo = with_hooks(vault({"sub/a.md": "# A\n\n[b](b.md)\n"}, tmp_path / "repo"), git)
    repo.passes("add", ".")
    assert repo.refuses("commit", "-m", "one") == ["sub/a.md:3 broken-link"]


def test_a_linked_work_tree(repo: Repo) -> None:
    repo.passes("worktree", "add", "-q", "../linked")
    linked = Repo(repo.top.parent / "linked")
    repo.write(a="# A\n\n[broken here](d.md)\n")
    linked.stage(a="# A\n\n[d](d.md)\n")
    assert linked.refuses("commit", "-m", "two") == ["a.md:3 broken-link"]
    linked.stage(d="# D\n")
    linked.passes("commit", "-qm", "two")
    linked.write(d="# D\n\n[e](e.md)\n")
    assert linked.refuses("commit", "-am", "three") == ["d.md:3 broken-link"]


def test_a_submodule_and_what_holds_it(repo: Repo, tmp_path: Path, vault: Vault, git: Git) -> None:
    outer = with_hooks(vault({"mdcache.toml": "", "o.md": "# O\n\n[a](inner/a.md)\n"}, tmp_path / "outer"), git)
    outer.passes("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repo.top), "inner")
    outer.passes("add", ".")
    outer.passes("commit", "-qm", "one")
    inner = with_hooks(outer.top / "inner", git)
    inner.write(a="# A\n\n[d](d.md)\n")
    assert inner.refuses("commit", "-am", "two") == ["a.md:3 broken-link"]
    inner.stage(a="# A\n")
    inner.passes("commit", "-qm", "two")
    outer.passes("commit", "-qam", "the new inner one")


NAMES = [
    "with space",
    'it\'s "quoted"',
    "two\nlines",
    "größe",
    "中文",
    "-dash",
    "tab\t",
    "back\\slash",
    "$(x)`y`",
    "#%?",
]


def test_documents_may_be_called_anything(repo: Repo) -> None:
    targets = ["".join(f"%{byte:02x}" for byte in f"{name}.md".encode()) for name in NAMES]
    links = "".join(f"[it]({target})\n" for target in targets)
    repo.stage(**dict.fromkeys(NAMES, "# Odd\n\n[a](a.md)\n"), a=links)
    repo.passes("commit", "-qm", "two")
    repo.stage(**dict.fromkeys(NAMES, "# Odd\n\n[d](d.md)\n"))
    assert len(repo.refuses("commit", "-m", "three")) == len(NAMES)
    repo.passes("rm", "-qf", "--", *(f"{name}.md" for name in NAMES))
    found = [f"a.md:{line} broken-link" for line in range(1, len(NAMES) + 1)]
    assert repo.refuses("commit", "-m", "four") == found


@pytest.mark.parametrize("name", ['it\'s a "name"', "two\nlines", "größe 中文"])
def test_a_repository_may_be_called_anything(tmp_path: Path, vault: Vault, git: Git, name: str) -> None:
    repo = with_hooks(vault({f"{name}/{file}": text for file, text in FILES.items()}, tmp_path / name), git, name)
    repo.passes("add", ".")
    repo.passes("commit", "-qm", "one")
    repo.passes("rm", "-q", f"{name}/b.md")
    assert repo.refuses("commit", "-m", "two") == ["a.md:3 broken-link"]
