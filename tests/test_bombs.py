"""What is small and says that it is endless: objects, trees and files that must not be read to their ends."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import MDCACHE, one_line, run

from mdcache.errors import WorkError
from mdcache.files import git as mine
from mdcache.files.content import NO_CLOCK, read
from mdcache.model import LARGEST, Problem

pytestmark = pytest.mark.slow

Git = Callable[..., str]
Vault = Callable[..., Path]


def said(folder: Path, *arguments: bytes | str, text: bytes) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, input=text, capture_output=True, check=True)
    return done.stdout.decode().strip()


def tree_of(folder: Path, entries: list[tuple[str, str, str]]) -> str:
    lines = "".join(f"{mode} {'tree' if mode == '040000' else 'blob'} {id_}\t{name}\n" for mode, id_, name in entries)
    return said(folder, "mktree", text=lines.encode())


def committed(folder: Path, tree: str) -> None:
    commit = said(folder, "commit-tree", tree, "-m", "x", text=b"")
    subprocess.run(["git", "update-ref", "HEAD", commit], cwd=folder, check=True)


@pytest.fixture
def repo(vault: Vault, git: Git) -> Path:
    folder = vault({"mdcache.toml": ""})
    git(folder, "init", "-q")
    return folder


def bomb(folder: Path, leaf: list[tuple[str, str, str]], levels: int = 10) -> str:
    """A tree of ten names for a tree of ten names, and so on."""
    tree = tree_of(folder, leaf)
    for _ in range(levels):
        tree = tree_of(folder, [("040000", tree, f"d{number}") for number in range(10)])
    return tree


@pytest.mark.parametrize("leaf", ["one file", "nothing", "many files"])
@pytest.mark.parametrize(
    "command",
    [("check", "--rev", "HEAD"), ("rebuild", "--rev", "HEAD", "--output", "x.db"), ("check", "--against", "HEAD")],
)
def test_a_tree_that_holds_itself_ten_times_over_is_an_error_soon(
    repo: Path, leaf: str, command: tuple[str, ...]
) -> None:
    blob = said(repo, "hash-object", "-w", "--stdin", text=b"# A\n")
    files = {"one file": 1, "nothing": 0, "many files": 50}[leaf]
    committed(repo, bomb(repo, [("100644", blob, f"f{number}.md") for number in range(files)]))
    began = time.monotonic()
    done = run((*MDCACHE, *command), repo)
    assert "holds the same few files in 100,000 places, or more" in one_line(done, WorkError.status)
    assert time.monotonic() - began < 30


def test_a_name_that_does_not_end_is_an_error_soon(repo: Path) -> None:
    blob = said(repo, "hash-object", "-w", "--stdin", text=b"# A\n")
    committed(repo, tree_of(repo, [("100644", blob, "a" * 2_000_000 + ".md")]))
    done = run((*MDCACHE, "check", "--rev", "HEAD"), repo)
    assert "holds a name of more than 65,536 bytes" in one_line(done, WorkError.status)


def test_many_files_are_fine_when_they_differ(repo: Path) -> None:
    blobs = [said(repo, "hash-object", "-w", "--stdin", text=f"# {number}\n".encode()) for number in range(20)]
    leaf = [("100644", blob, f"f{number}.md") for number, blob in enumerate(blobs)]
    committed(repo, bomb(repo, leaf, levels=2))
    assert len(mine.committed(mine.repository(str(repo)), "HEAD")) == 2000


def test_a_document_of_gigabytes_in_a_few_megabytes_of_git_is_unreadable_and_not_read(repo: Path, git: Git) -> None:
    huge = repo / "huge.md"
    huge.touch()
    os.truncate(huge, LARGEST + 1)
    (repo / "fine.md").write_text("# Fine\n")
    git(repo, "-c", "core.compression=1", "-c", "core.bigFileThreshold=16m", "add", ".")
    git(repo, "commit", "-qm", "one")
    (repo / "fine.md").write_text("# Finer\n")
    git(repo, "add", "fine.md")
    huge.unlink()
    began = time.monotonic()
    done = run((*MDCACHE, "check", "--rev", "HEAD"), repo)
    assert "huge.md:1:1: unreadable cannot be read: longer than 1000 MB" in done.stdout
    assert run((*MDCACHE, "check", "--staged"), repo).returncode == 0
    assert run((*MDCACHE, "rebuild", "--rev", "HEAD", "--output", "out.db"), repo).returncode == 0
    assert time.monotonic() - began < 30


def test_of_what_is_longer_than_wanted_the_rest_is_not_read(repo: Path) -> None:
    ids = [said(repo, "hash-object", "-w", "--stdin", text=b"x" * length) for length in (10, 100_000_000, 20)]
    found = list(mine.contents(mine.repository(str(repo)), ids, lambda read, size: (read(5), size)))
    assert found == [(b"xxxxx", 10), (b"xxxxx", 100_000_000), (b"xxxxx", 20)]


def test_a_document_of_ten_gigabytes_is_judged_by_its_size(vault: Vault) -> None:
    folder = vault({"a.md": "# A\n", "mdcache.toml": ""})
    huge = folder / "huge.md"
    huge.touch()
    os.truncate(huge, LARGEST * 10)
    found = read(str(folder), "huge.md", 100, NO_CLOCK)
    assert found == Problem("huge.md", 1, 1, "unreadable", "error", "cannot be read: longer than 1000 MB")
    for command in (("rebuild",), ("sync",), ("verify",)):
        done = run((*MDCACHE, *command), folder)
        assert done.returncode == 0, done.stderr
    os.truncate(huge, 10)
    assert "1 added" in run((*MDCACHE, "sync"), folder).stdout
    os.truncate(huge, LARGEST * 10)
    assert "1 removed" in run((*MDCACHE, "sync"), folder).stdout
    assert run((*MDCACHE, "verify"), folder).returncode == 0


@pytest.mark.parametrize("name", ["HEAD", "config", "index"])
def test_git_that_waits_for_ever_is_ended(repo: Path, git: Git, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (repo / "a.md").write_text("# A\n")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "one")
    found = mine.repository(str(repo))
    monkeypatch.setattr(mine, "_PATIENCE_S", 1)
    (repo / ".git" / name).unlink()
    os.mkfifo(repo / ".git" / name)
    with pytest.raises(WorkError, match=r"git has said nothing in .* for 1 seconds"):
        mine.run(found, "ls-files", "--stage", "--debug", "-z")


def test_objects_that_never_come_are_waited_for_no_longer(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blob = said(repo, "hash-object", "-w", "--stdin", text=b"# A\n")
    monkeypatch.setattr(mine, "_PATIENCE_S", 1)
    file = repo / ".git/objects" / blob[:2] / blob[2:]
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(WorkError, match=r"git has said nothing in .* for 1 seconds"):
        list(mine.contents(mine.repository(str(repo)), [blob], lambda read, size: read(size)))
