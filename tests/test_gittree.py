"""Git's index and its revisions are seen as a checkout of them would be on disk."""

from __future__ import annotations

import hashlib
import os
import pickle
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mdcache.errors import UsageError, WorkError
from mdcache.files.content import NO_CLOCK, stamp_of
from mdcache.files.scan import Tree, scan
from mdcache.files.sources import DISK, Source, Trees
from mdcache.model import Content, Entry, Problem, Rules

Git = Callable[..., str]
Vault = Callable[..., Path]
linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are UTF-8, and normalised")


@pytest.fixture
def repo(tmp_path: Path, git: Git) -> Path:
    """An empty repository."""
    git(tmp_path, "init", "-q", "repo")
    return tmp_path / "repo"


def commit(folder: Path, git: Git, message: str = "more") -> str:
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--allow-empty", "-qm", message)
    return git(folder, "rev-parse", "HEAD").strip()


def trees(folder: Path) -> Trees:
    return Trees.around(str(folder))


def tree(folder: Path, source: Source) -> Tree:
    return Tree(str(folder), (str(folder),), Rules().extensions, source=source)


def entries(folder: Path, source: Source) -> list[Entry]:
    return [found for found in scan(tree(folder, source)) if isinstance(found, Entry)]


def paths(folder: Path, source: Source) -> list[str]:
    return [found.path for found in scan(tree(folder, source))]


def hashes(folder: Path, source: Source, limit: int = 10_000_000) -> dict[str, str]:
    """What a reader gives of every document; it went to another process."""
    listed = entries(folder, source)
    reader = pickle.loads(pickle.dumps(source.reader(str(folder))))
    found = list(reader.contents(listed, limit, NO_CLOCK))
    return {
        entry.path: one[0].hash
        for entry, one in zip(listed, found, strict=True)
        if one and not isinstance(one, Problem)
    }


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def checkout(folder: Path, git: Git, name: str) -> Path:
    """The index, or a revision, in a folder of its own."""
    into = Path(tempfile.mkdtemp(dir=folder.parent))
    if name == "index":
        git(folder, "checkout-index", "--all", f"--prefix={into}/")
    else:
        archive = subprocess.run(("git", "archive", name), cwd=folder, check=True, capture_output=True).stdout
        subprocess.run(("tar", "-x"), cwd=into, check=True, input=archive)
    return into


# The law

FOLDER = st.sampled_from(["", "a/", "b/", "a/b/", ".h/", "é/", "a b/"])
NAME = st.sampled_from(["x.md", "y.markdown", "a.md", "'\".md", "é.MD", "b", "z.txt", "-.md"])
LINE = st.sampled_from(["x.md", "a/", "/b", "*.md", "!x.md", "!a/", "**/x.md", "é*", ".h", "y.*"])
FILES = st.dictionaries(st.tuples(FOLDER, NAME).map("".join), st.binary(max_size=5), max_size=10)
IGNORES = st.dictionaries(FOLDER.map("{}.gitignore".format), st.lists(LINE, max_size=3).map("\n".join), max_size=3)


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Make the folder hold these files and no others, where no file is in the way."""
    for file in sorted(folder.rglob("*"), reverse=True):
        if ".git" not in file.relative_to(folder).parts:
            file.rmdir() if file.is_dir() else file.unlink()
    for path, data in files.items():
        file = folder / path
        if not any(parent.is_file() for parent in file.parents) and not file.is_dir():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_tree_of_git_is_seen_as_its_checkout_is(
    tmp_path_factory: pytest.TempPathFactory, git: Git, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("law") / "repo"
    folder.mkdir()
    git(folder, "init", "-q")
    for step in range(3):
        ignores = {path: text.encode() for path, text in data.draw(IGNORES).items()}
        write(folder, {**data.draw(FILES), **ignores})
        if step < 2:
            git(folder, "add", "--all", "--force")
        if step == 0:
            git(folder, "commit", "--allow-empty", "-qm", "one")
    found = trees(folder)
    for name, source in (("index", found.index()), ("HEAD", found.revision("HEAD"))):
        there = checkout(folder, git, name)
        git(there, "init", "-q")
        assert [(one.path, one.default_id) for one in entries(folder, source)] == [
            (one.path, one.default_id) for one in entries(there, DISK)
        ]
        assert hashes(folder, source) == hashes(there, DISK)


# What an index may hold


def test_the_index_is_what_was_added_not_what_lies_there(repo: Path, git: Git, vault: Vault) -> None:
    vault({"a.md": "one", "b.md": "two", "gone.md": "x"}, into=repo)
    commit(repo, git)
    vault({"a.md": "staged", "new.md": "new"}, into=repo)
    git(repo, "rm", "-q", "--cached", "b.md")
    git(repo, "add", "a.md", "new.md")
    vault({"a.md": "not staged", "other.md": "", "new.md": "newer"}, into=repo)
    (repo / "gone.md").unlink()
    assert hashes(repo, trees(repo).index()) == {
        "a.md": sha256(b"staged"),
        "gone.md": sha256(b"x"),
        "new.md": sha256(b"new"),
    }
    assert hashes(repo, trees(repo).revision("HEAD")).keys() == {"a.md", "b.md", "gone.md"}


def test_what_lies_on_disk_unchanged_has_the_stamps_of_its_file_and_nothing_else_has(
    repo: Path, git: Git, vault: Vault
) -> None:
    vault({"same.md": "1", "touched.md": "1", "changed.md": "1", "assumed.md": "1", "skipped.md": "1"}, into=repo)
    commit(repo, git)
    git(repo, "update-index", "--assume-unchanged", "assumed.md")
    git(repo, "update-index", "--skip-worktree", "skipped.md")
    for name in ("changed", "assumed", "skipped"):
        (repo / f"{name}.md").write_text("2")
    os.utime(repo / "touched.md", (1, 1))
    for source in (trees(repo).index(), trees(repo).revision("HEAD")):
        stamped = {one.path for one in entries(repo, source) if one.stamp.mtime_ns}
        assert stamped == {"same.md"}
        (same,) = (one for one in entries(repo, source) if one.path == "same.md")
        assert same.stamp == stamp_of((repo / "same.md").stat())
        assert set(hashes(repo, source).values()) == {sha256(b"1")}


def test_what_git_translates_on_the_way_to_the_disk_is_not_what_lies_there(repo: Path, git: Git, vault: Vault) -> None:
    vault({".gitattributes": "*.md text eol=crlf\n", "a.md": "one\ntwo\n", "b.md": ""}, into=repo)
    commit(repo, git)
    (repo / "a.md").unlink()
    git(repo, "checkout", "-q", ".")
    assert (repo / "a.md").read_bytes() == b"one\r\ntwo\r\n"
    index = trees(repo).index()
    assert [(one.path, one.stamp.size, bool(one.stamp.mtime_ns)) for one in entries(repo, index)] == [
        ("a.md", 8, False),
        ("b.md", 0, True),
    ]
    assert hashes(repo, index)["a.md"] == sha256(b"one\ntwo\n")


def test_what_is_only_to_be_added_is_not_there(repo: Path, git: Git, vault: Vault) -> None:
    vault({"a.md": "", "b.md": "text"}, into=repo)
    git(repo, "add", "a.md")
    git(repo, "add", "--intent-to-add", "b.md")
    assert paths(repo, trees(repo).index()) == ["a.md"]


def test_symbolic_links_and_repositories_within_are_no_documents(repo: Path, git: Git, vault: Vault) -> None:
    vault({"a.md": "", "docs/b.md": ""}, into=repo)
    (repo / "link.md").symlink_to("a.md")
    (repo / "folder").symlink_to("docs")
    inner = repo / "inner.md"
    git(repo, "init", "-q", "inner.md")
    vault({"c.md": ""}, into=inner)
    commit(inner, git)
    commit(repo, git)
    for source in (trees(repo).index(), trees(repo).revision("HEAD")):
        assert paths(repo, source) == ["a.md", "docs/b.md"]
        items = {item.name: item for item in source.listing(str(repo))}
        assert [name for name in items if items[name].is_symlink()] == ["folder", "inner.md", "link.md"]
        assert list(source.texts([str(repo / "link.md"), str(inner)])) == [None, None]
    assert paths(inner, trees(inner).index()) == ["c.md"]


def test_a_gitignore_that_is_a_link_counts_as_little_as_on_disk(repo: Path, git: Git, vault: Vault) -> None:
    vault({"rules": "*.md\n", "a/x.md": "", "b/x.md": "", "b/.gitignore": "x.md\n"}, into=repo)
    (repo / "a/.gitignore").symlink_to("../rules")
    commit(repo, git)
    assert paths(repo, trees(repo).index()) == paths(repo, DISK) == ["a/x.md"]


def test_a_gitignore_that_is_too_long_is_an_error_as_on_disk(repo: Path, git: Git, vault: Vault) -> None:
    vault({"a.md": "", ".gitignore": "?\n" * 2_000_000}, into=repo)
    git(repo, "add", "--force", "--", ".gitignore")
    for source in (trees(repo).index(), DISK):
        with pytest.raises(WorkError, match="longer than 200 kB"):
            paths(repo, source)


def test_an_index_with_conflicts_is_refused_and_a_revision_beside_it_is_not(repo: Path, git: Git, vault: Vault) -> None:
    vault({"a.md": "base\n"}, into=repo)
    commit(repo, git)
    git(repo, "checkout", "-qb", "side")
    vault({"a.md": "side\n"}, into=repo)
    commit(repo, git)
    git(repo, "checkout", "-q", "main")
    vault({"a.md": "main\n"}, into=repo)
    commit(repo, git)
    git(repo, "merge", "side", check=False)
    with pytest.raises(WorkError, match="unmerged files: settle the conflicts and git add them first"):
        trees(repo).index()
    assert hashes(repo, trees(repo).revision("side")) == {"a.md": sha256(b"side\n")}
    vault({"a.md": "settled\n"}, into=repo)
    git(repo, "add", "a.md")
    assert hashes(repo, trees(repo).index()) == {"a.md": sha256(b"settled\n")}


@linux
def test_names_may_be_anything(repo: Path, git: Git, vault: Vault) -> None:
    names = ["a b.md", "new\nline.md", "'q\".md", "tab\t.md", "-x.md", ":(top)y.md", "größe.md", "*.md", "\\.md"]
    vault({**dict.fromkeys(names, "text"), os.fsdecode(b"\xff.md"): ""}, into=repo)
    commit(repo, git)
    for source in (trees(repo).index(), trees(repo).revision("HEAD")):
        assert list(scan(tree(repo, source)))[:1] != []
        assert sorted(paths(repo, source)) == sorted([*names, r"\xff.md"])
        assert [one.code for one in scan(tree(repo, source)) if isinstance(one, Problem)] == ["odd-name"]
        assert hashes(repo, source) == dict.fromkeys(sorted(names), sha256(b"text"))


def test_another_index_is_read_where_the_environment_names_one(
    repo: Path, git: Git, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault({"a.md": "", "b.md": ""}, into=repo)
    git(repo, "add", "a.md")
    monkeypatch.chdir(repo)
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/other")
    git(repo, "add", "b.md")
    assert paths(repo, trees(repo).index()) == ["b.md"]
    monkeypatch.delenv("GIT_INDEX_FILE")
    assert paths(repo, trees(repo).index()) == ["a.md"]


def test_a_linked_work_tree_has_an_index_of_its_own(repo: Path, git: Git, vault: Vault) -> None:
    vault({"a.md": ""}, into=repo)
    commit(repo, git)
    git(repo, "worktree", "add", "-q", "../linked")
    linked = repo.parent / "linked"
    vault({"b.md": ""}, into=linked)
    git(linked, "add", "b.md")
    assert paths(linked, trees(linked).index()) == ["a.md", "b.md"]
    assert paths(repo, trees(repo).index()) == ["a.md"]


def test_a_folder_of_the_repository_may_be_the_base(repo: Path, git: Git, vault: Vault) -> None:
    vault({".gitignore": "no.md\n", "top.md": "", "docs/a.md": "", "docs/no.md": ""}, into=repo)
    commit(repo, git)
    assert paths(repo / "docs", trees(repo / "docs").index()) == ["a.md"]


def test_a_sparse_checkout_hides_nothing(repo: Path, git: Git, vault: Vault) -> None:
    vault({"a/x.md": "1", "b/y.md": "2"}, into=repo)
    commit(repo, git)
    git(repo, "sparse-checkout", "set", "--cone", "--sparse-index", "a")
    assert not (repo / "b").exists()
    assert hashes(repo, trees(repo).index()) == {"a/x.md": sha256(b"1"), "b/y.md": sha256(b"2")}


# Revisions


def test_a_revision_knows_its_commit(repo: Path, git: Git, vault: Vault) -> None:
    vault({"a.md": ""}, into=repo)
    first = commit(repo, git)
    git(repo, "tag", "-am", "annotated", "v1")
    assert trees(repo).revision("v1").commit == trees(repo).revision("HEAD").commit == first
    assert trees(repo).index().commit is None


@pytest.mark.parametrize("name", ["nothere", "", "--all", "HEAD:a.md", "HEAD..HEAD", "-", "a\nb"])
def test_what_names_no_commit_is_refused(repo: Path, git: Git, vault: Vault, name: str) -> None:
    vault({"a.md": ""}, into=repo)
    commit(repo, git)
    with pytest.raises(UsageError, match="has no revision"):
        trees(repo).revision(name)
    assert trees(repo).find(name) is None


def test_before_the_first_commit_there_is_no_head(repo: Path) -> None:
    assert trees(repo).find("HEAD") is None
    assert paths(repo, trees(repo).index()) == []


def test_a_repository_may_name_its_objects_by_sha256(tmp_path: Path, git: Git, vault: Vault) -> None:
    git(tmp_path, "init", "-q", "--object-format=sha256", "repo")
    repo = vault({f"{number}.md": f"{number}" for number in range(600)}, into=tmp_path / "repo")
    commit(repo, git)
    assert hashes(repo, trees(repo).revision("HEAD"))["599.md"] == sha256(b"599")


# Objects


def test_thousands_of_objects_are_read_in_their_order(repo: Path, git: Git, vault: Vault) -> None:
    files = {f"{number % 7}/{number}.md": f"text {number}" * (number % 50) for number in range(3000)}
    vault(files, into=repo)
    git(repo, "add", ".")
    assert hashes(repo, trees(repo).index()) == {path: sha256(text.encode()) for path, text in files.items()}
    names = [str(repo / path) for path in (*files, "nothere.md")]
    assert list(trees(repo).index().texts(names, 5)) == [*(text.encode()[:5] for text in files.values()), None]


def test_of_a_large_object_the_head_is_kept_and_all_is_hashed(repo: Path, git: Git, vault: Vault) -> None:
    large = b"# Large\n" + os.urandom(3_000_000)
    vault({"a.md": large, "b.md": "after"}, into=repo)
    git(repo, "add", ".")
    index = trees(repo).index()
    found = index.reader(str(repo)).contents(entries(repo, index), 100, NO_CLOCK)
    first, second = (one[0] for one in found if one and not isinstance(one, Problem))
    assert first == Content(large[:100], sha256(large), len(large))
    assert second.data == b"after"


def test_an_object_that_is_not_there_is_missed_only_by_who_asks_for_it(repo: Path, git: Git, vault: Vault) -> None:
    vault({"a.md": "document", "picture.png": "picture"}, into=repo)
    commit(repo, git)
    git(repo, "checkout", "-q", "--orphan", "other")
    remove(repo, git, "picture.png")
    assert hashes(repo, trees(repo).index()) == {"a.md": sha256(b"document")}
    remove(repo, git, "a.md")
    with pytest.raises(WorkError, match="lacks files of the index"):
        hashes(repo, trees(repo).index())


def remove(repo: Path, git: Git, path: str) -> None:
    """Remove a file from the objects of its repository."""
    name = git(repo, "rev-parse", f"main:{path}").strip()
    file = repo / ".git/objects" / name[:2] / name[2:]
    file.chmod(stat.S_IWUSR)
    file.unlink()
