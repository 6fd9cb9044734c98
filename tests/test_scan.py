"""Which files are documents: held against git where git has an opinion."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mdcache import paths as paths_module
from mdcache.errors import WorkError
from mdcache.files.scan import Tree, folders, scan
from mdcache.files.sources.disk import Disk
from mdcache.model import Entry, Problem, Rules, Stamp

Vault = Callable[..., Path]
Git = Callable[..., str]
linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are UTF-8, normalised, paths short")


def tree(base: Path, *roots: str, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> Tree:
    absolute = tuple(os.path.normpath(base / root) for root in roots or (".",))
    return Tree(str(base), absolute, Rules().extensions, include, exclude)


def paths(base: Path, *roots: str, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> list[str]:
    return [found.path for found in scan(tree(base, *roots, include=include, exclude=exclude))]


def ids(base: Path, *roots: str) -> dict[str, str]:
    return {found.path: found.default_id for found in scan(tree(base, *roots)) if isinstance(found, Entry)}


@pytest.mark.parametrize("name", ["._x.md", "._.md", "._x.MD", "._._x.md", "._ü.md"])
def test_what_macos_writes_beside_documents_is_none(vault: Vault, name: str) -> None:
    base = vault({"x.md": "", f"a/{name}": "\0\5\x16\7", "a/.x.md": "", "a/_.x.md": "", "._a/y.md": ""})
    assert paths(base) == ["a/.x.md", "a/_.x.md", "x.md"]
    assert ids(base)["x.md"] == "x"
    assert paths(base, "a", "._a") == ["._a/y.md", "a/.x.md", "a/_.x.md"]


# What git says

FOLDER = st.lists(st.sampled_from(["a", "b", "docs", ".hidden", "a b", "é"]), max_size=3)
DOCUMENT = st.sampled_from(["x.md", "y.markdown", "a.md", ".h.md", "é.MD", "docs.md", "other.txt"])
LINE = st.tuples(
    st.sampled_from(["", "", "", "!"]),
    st.sampled_from(["", "/"]),
    st.lists(
        st.sampled_from(["*", "**", "a", "b", "docs", "x.md", "*.md", "[ab]*", "?", ".h*", "é*"]),
        min_size=1,
        max_size=3,
    ).map("/".join),
    st.sampled_from(["", "", "/", " "]),
).map("".join)
IGNORE = st.lists(LINE, min_size=1, max_size=4)


def joined(parts: tuple[list[str], str]) -> str:
    return "/".join([*parts[0], parts[1]])


FILES = st.sets(st.tuples(FOLDER, DOCUMENT).map(joined), min_size=3, max_size=15)
IGNORES = st.dictionaries(FOLDER.map(lambda folder: joined((folder, ".gitignore"))), IGNORE, max_size=4)


def listed_by_git(folder: Path, repository: Path) -> list[str]:
    """The files that are not ignored, less what is no document and what lies in hidden folders."""
    command = ["git", f"--git-dir={repository}", f"--work-tree={folder}", "ls-files", "-z", "-o", "--exclude-standard"]
    listed = os.fsdecode(subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout).split("\0")
    return sorted(
        path
        for path in listed
        if path.lower().endswith((".md", ".markdown"))
        and not any(part.startswith(".") for part in path.split("/")[:-1])
    )


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, git: Git) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    git(folder, "init", "-q", "--bare")
    return folder


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files=FILES, ignores=IGNORES, data=st.data())
def test_the_documents_are_those_that_git_does_not_ignore(
    vault: Vault, repository: Path, files: set[str], ignores: dict[str, list[str]], data: st.DataObject
) -> None:
    folder = vault({**dict.fromkeys(files, ""), **{file: "\n".join(lines) for file, lines in ignores.items()}})
    expected = listed_by_git(folder, repository)
    assert paths(folder) == expected
    # A folder in which something is not ignored is not ignored itself: named as a root it shows the same.
    roots = data.draw(st.lists(st.sampled_from(expected), max_size=3)) if expected else []
    below = {os.path.dirname(path) for path in roots}
    assert paths(folder, ".", *below) == expected
    assert paths(folder, *below) == [
        path for path in expected if not below or any(path.startswith(os.path.join(root, "")) for root in below)
    ]


@pytest.mark.corpus
@pytest.mark.parametrize("name", ["amalfa", "rfcs", "tldr"])
def test_the_documents_of_a_corpus_are_those_that_git_does_not_ignore(
    corpora: Path, repository: Path, name: str
) -> None:
    assert paths(corpora / name) == listed_by_git(corpora / name, repository)


def test_a_gitignore_above_the_base_counts_within_its_repository(vault: Vault, git: Git) -> None:
    folder = vault({".gitignore": "no.md\n", "sub/docs/no.md": "", "sub/docs/yes.md": ""})
    base = folder / "sub"
    assert paths(base, "docs") == ["docs/no.md", "docs/yes.md"]
    git(folder, "init", "-q")
    assert paths(base, "docs") == ["docs/yes.md"]


def test_the_inner_gitignore_outweighs_the_outer(vault: Vault) -> None:
    folder = vault(
        {".gitignore": "x.md\n!y.md\n", "a/.gitignore": "!x.md\ny.md\n", "a/x.md": "", "a/y.md": "", "x.md": ""}
    )
    assert paths(folder) == ["a/x.md"]


def test_a_root_that_is_a_repository_of_its_own_has_its_own_rules(vault: Vault, git: Git) -> None:
    folder = vault({".gitignore": "x.md\n", "inner/x.md": "", "inner/y.md": "", "inner/.gitignore": "y.md\n"})
    git(folder / "inner", "init", "-q")
    assert paths(folder, "inner") == paths(folder, ".", "inner") == ["inner/x.md"]


def test_a_gitignore_that_is_a_link_or_a_folder_is_none(vault: Vault) -> None:
    folder = vault({"rules": "*.md\n", "a/x.md": "", "b/.gitignore/": "", "b/x.md": ""})
    (folder / "a/.gitignore").symlink_to("../rules")
    assert paths(folder) == ["a/x.md", "b/x.md"]


def test_a_gitignore_of_a_million_lines_is_an_error(vault: Vault) -> None:
    folder = vault({"a/x.md": "", "a/.gitignore": "x.md\n" * 40_000})
    assert paths(folder) == []
    with (folder / "a/.gitignore").open("a") as file:
        file.write("?")
    with pytest.raises(WorkError, match=r"a/\.gitignore is longer than 200 kB"):
        paths(folder)


@pytest.mark.parametrize("line", ["a{}*a\n", "*{}*b\n", "**/a/**/b{}\n", "?{}\n", "[a]{}\n"])
def test_gitignore_files_with_too_many_wildcards_are_an_error_at_once(vault: Vault, line: str) -> None:
    lines = "".join(line.format(number) for number in range(10_000))
    folder = vault({".gitignore": lines[:190_000], **{f"{'a' * 240}{number}.md": "" for number in range(30)}})
    began = time.process_time()
    with pytest.raises(
        WorkError, match=r"/\.gitignore: with those above it, it has more than 1,000 patterns with wild"
    ):
        paths(folder)
    assert time.process_time() - began < 3


def test_gitignore_files_in_folders_within_folders_count_together(vault: Vault) -> None:
    lines = "".join(f"a{number}*b\n" for number in range(300))
    folders = ["a", "a/b", "a/b/c"]
    fine = vault({f"{folder}/.gitignore": lines for folder in folders} | {"a/b/c/x.md": ""})
    assert paths(fine) == ["a/b/c/x.md"]
    (fine / ".gitignore").write_text(lines)
    with pytest.raises(WorkError, match=r"a/b/c/\.gitignore: with those above it"):
        paths(fine)


# Roots


@pytest.mark.parametrize("lines", ["docs/", "*", "/docs\n!a.md", "**/docs\n", "docs\n.hidden"])
def test_a_root_that_is_named_is_scanned_even_if_ignored(vault: Vault, lines: str) -> None:
    folder = vault(
        {".gitignore": lines, "docs/a.md": "", "docs/b/c.md": "", "docs/.gitignore": "d.md", "docs/d.md": ""}
    )
    assert paths(folder, "docs") == ["docs/a.md", "docs/b/c.md"]


def test_what_does_not_ignore_the_root_still_counts_below_it(vault: Vault) -> None:
    folder = vault({".gitignore": "docs/\n*.tmp.md\n", "docs/a.md": "", "docs/b.tmp.md": ""})
    assert paths(folder, "docs") == ["docs/a.md"]
    # Here the root is not ignored, so nothing is overruled: what is in docs/sub is.
    folder = vault({".gitignore": "*\n!docs/\n!*.md\n", "docs/a.md": "", "docs/sub/b.md": ""})
    assert paths(folder, "docs") == ["docs/a.md"]


def test_a_hidden_root_is_scanned(vault: Vault) -> None:
    folder = vault({".notes/a.md": "", ".notes/.deep/b.md": "", "c.md": ""})
    assert paths(folder, ".notes") == [".notes/a.md"]
    assert paths(folder, ".notes", ".") == [".notes/a.md", "c.md"]


def test_roots_within_roots_count_once(vault: Vault) -> None:
    folder = vault({"a/x.md": "", "a/b/y.md": "", "a-b/z.md": "", "c/w.md": ""})
    expected = ["a-b/z.md", "a/b/y.md", "a/x.md", "c/w.md"]
    assert paths(folder, ".", "a", "a/b", "a/b", "c") == expected
    assert paths(folder, "c", "a/b", "a", "a-b") == expected


def test_a_root_behind_hidden_and_ignored_folders_is_met_in_its_place(vault: Vault) -> None:
    files = ["b/.h/docs/x.md", "b/.h/docs/sub/y.md", "b/.h/no.md", "b/a.md", "b/z.md", "out/docs/o.md", "out/no.md"]
    folder = vault({".gitignore": "out/\n", **dict.fromkeys(files, "")})
    roots = [".", "b/.h/docs", "b/.h/docs/sub", "out/docs"]
    assert paths(folder, *roots) == sorted(set(files) - {"b/.h/no.md", "out/no.md"})


def test_a_root_that_is_gone_is_an_error_also_below_another(vault: Vault) -> None:
    folder = vault({"a/x.md": ""})
    for roots in (("gone",), (".", "gone"), (".", "a/gone"), (".", ".h/gone")):
        with pytest.raises(WorkError, match=r"cannot list .*gone: No such file"):
            paths(folder, *roots)


def test_a_root_that_is_a_file_is_an_error(vault: Vault) -> None:
    with pytest.raises(WorkError, match=r"cannot list .*a\.md: Not a directory"):
        paths(vault({"a.md": ""}), "a.md")


def test_a_root_that_is_a_link_is_followed(vault: Vault) -> None:
    folder = vault({"real/a.md": ""})
    (folder / "root").symlink_to("real")
    assert paths(folder, "root") == ["root/a.md"]


# Settings


def test_include_and_exclude_are_relative_to_the_base(vault: Vault) -> None:
    folder = vault({f"{name}/{file}.md": "" for name in ("docs", "docs/drafts", "more") for file in ("a", "b")})
    assert paths(folder, include=("/docs/*.md",)) == ["docs/a.md", "docs/b.md"]
    assert paths(folder, "docs", include=("docs/drafts",)) == ["docs/drafts/a.md", "docs/drafts/b.md"]
    assert paths(folder, exclude=("drafts/", "b.md")) == ["docs/a.md", "more/a.md"]
    assert paths(folder, exclude=("drafts/", "!docs/drafts/a.md")) == [
        *("docs/a.md", "docs/b.md", "more/a.md", "more/b.md")
    ]
    assert paths(folder, include=("a.md",), exclude=("docs",)) == ["more/a.md"]


def test_exclude_brings_nothing_back_that_git_ignores(vault: Vault) -> None:
    assert paths(vault({".gitignore": "a.md", "a.md": ""}), exclude=("!a.md",)) == []


# What is a document


def test_only_plain_files_are_documents(vault: Vault) -> None:
    folder = vault({"a.md": "", "sub.md/b.md": "", "c.txt": "", "md": ""})
    (folder / "link.md").symlink_to("a.md")
    (folder / "loop").symlink_to(".")
    (folder / "other").symlink_to("sub.md")
    (folder / "dangling.md").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.md")
    assert paths(folder) == ["a.md", "sub.md/b.md"]


def test_hidden_folders_are_skipped_but_hidden_files_are_not(vault: Vault) -> None:
    assert paths(vault({".a.md": "", ".b/c.md": "", ".md": "", "..md": "", "d/.e.md": ""})) == [
        *("..md", ".a.md", ".md", "d/.e.md")
    ]


@linux
def test_names_are_taken_as_they_are(vault: Vault) -> None:
    names = [
        "with space.md",
        "🦉.md",
        "new\nline.md",
        unicodedata.normalize("NFD", "é.md"),
        "é.md",
        "tab\t.MD",
        "'\".md",
    ]
    assert paths(vault(dict.fromkeys(names, ""))) == sorted(names)


@linux
def test_a_name_that_is_not_utf8_is_a_problem(vault: Vault) -> None:
    folder = vault({os.fsdecode(b"\xff.md"): "", os.fsdecode(b"d\xfe/x.md"): "", "e.md": "", "é.md": "", "z.md": ""})
    found = list(scan(tree(folder, ".", os.fsdecode(b"d\xfe"))))
    assert [one.path for one in found] == [r"\xff.md", r"d\xfe/x.md", "e.md", "z.md", "é.md"]
    assert [one.code for one in found if isinstance(one, Problem)] == ["odd-name", "odd-name"]


def test_a_document_has_what_stat_says(vault: Vault) -> None:
    folder = vault({"a.md": "12345"})
    os.utime(folder / "a.md", ns=(1, 1_234_567_890_123_456_789))
    stat = (folder / "a.md").stat()
    assert list(scan(tree(folder))) == [
        Entry("a.md", "a", Stamp(5, 1_234_567_890_123_456_789, stat.st_ctime_ns, stat.st_ino))
    ]


def test_the_id_is_the_path_without_extension_where_that_is_unique(vault: Vault) -> None:
    files = ["a.md", "b.md", "b.markdown", "c.md", "c.md.md", "d/b.md", ".md", "..md", "e.txt.md", "e.txt"]
    with_extension = {file: file for file in ("b.md", "b.markdown", "c.md.md", ".md", "..md")}
    without = {"a.md": "a", "c.md": "c", "d/b.md": "d/b", "e.txt.md": "e.txt"}
    assert ids(vault(dict.fromkeys(files, ""))) == with_extension | without


# What cannot be listed


def test_a_folder_that_cannot_be_listed_is_an_error_and_a_file_that_cannot_be_read_is_none_yet(vault: Vault) -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to other users
        folder = vault({"a.md": "", "closed/b.md": "", "closed/.gitignore": ""}, into=Path(name))
        folder.chmod(0o755)
        (folder / "a.md").chmod(0)
        assert as_nobody(folder) == "a.md closed/b.md"
        (folder / "closed/.gitignore").chmod(0)
        assert as_nobody(folder) == f"cannot read {folder}/closed/.gitignore: Permission denied"
        (folder / "closed").chmod(0)
        assert as_nobody(folder) == f"cannot list {folder}/closed: Permission denied"
        (folder / "closed").chmod(0o755)


def as_nobody(folder: Path) -> str:
    """What a scan finds in a process for which permissions count, or why it finds nothing."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            if os.geteuid() == 0:
                os.chdir("/")
                os.setuid(65534)
            said = " ".join(paths(folder))
        except WorkError as error:
            said = str(error)
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with open(reader) as stream:
        return stream.read()


def test_a_folder_that_goes_away_while_it_is_walked_is_an_error(vault: Vault) -> None:
    folder = vault({"a.md": "", "b/c.md": ""})
    walk = scan(tree(folder))
    assert next(walk).path == "a.md"
    (folder / "b").rename(folder.parent / f"{folder.name}-gone")
    with pytest.raises(WorkError, match=r"cannot list .*/b: No such file"):
        next(walk)


def test_a_file_that_goes_away_while_it_is_walked_is_left_out(vault: Vault) -> None:
    folder = vault({"a.md": "", "b.md": "", "c.md": ""})
    walk = scan(tree(folder))
    assert next(walk).path == "a.md"
    (folder / "b.md").unlink()
    assert [found.path for found in walk] == ["c.md"]


# Size


@linux
def test_folders_may_nest_deeper_than_calls(vault: Vault) -> None:
    folder, deep = vault({}), "/".join(["d"] * 1500)
    subprocess.run(["mkdir", "-p", folder / deep], check=True)
    (folder / deep / "x.md").touch()
    assert paths(folder) == [f"{deep}/x.md"]
    subprocess.run(["rm", "-r", folder / "d"], check=True)  # pytest's own recursion would not come back from there


PATH = st.lists(st.text("a-.0é!", max_size=3).map("x{}".format), min_size=1, max_size=3).map("/".join)


@settings(max_examples=50, deadline=None)
@given(files=st.sets(PATH.map("{}.md".format), max_size=20))
def test_documents_come_in_the_order_of_their_paths(vault: Vault, files: set[str]) -> None:
    folders = {file[:at] for file in files for at, char in enumerate(file) if char == "/"}
    assert paths(vault(dict.fromkeys(files - folders, ""))) == sorted(files - folders)


# A part of the tree


@given(FILES, IGNORES, st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_within_some_paths_is_what_of_all_lies_there(
    files: set[str], ignores: dict[str, list[str]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        for path in files:
            make(base / path, "")
        for path, lines in ignores.items():
            make(base / path, "\n".join(lines))
        ways = {"/".join(path.split("/")[:depth]) for path in files for depth in range(1, path.count("/") + 2)}
        within = data.draw(st.frozensets(st.sampled_from(sorted(ways | {"gone", "a/gone.md"})), max_size=4))
        roots = data.draw(st.sampled_from([(".",), ("a", "b"), (".", "a/b"), ("docs",)]))
        roots = tuple(root for root in roots if (base / root).is_dir())
        found = tree(base, *roots) if roots else tree(base)
        expected = [one for one in scan(found) if paths_module.lies_within(one.path, within)]
        assert [one.path for one in scan(found, within)] == [one.path for one in expected]
        assert list(scan(found, frozenset(("",)))) == list(scan(found))


def make(file: Path, text: str) -> None:
    """Unless something else stands there, or in the way."""
    if not file.exists() and not any(parent.is_file() for parent in file.parents):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


class Recording(Disk):
    """The disk, and which folders were listed."""

    def __init__(self) -> None:
        self.listed: list[str] = []

    def listing(self, folder: str) -> Sequence[os.DirEntry[str]]:
        self.listed.append(folder)
        return super().listing(folder)


@given(FILES, IGNORES, st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_folders_are_those_that_a_scan_lists(
    files: set[str], ignores: dict[str, list[str]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as name:
        base = Path(os.path.realpath(name))
        for path in files:
            make(base / path, "")
        for path, lines in ignores.items():
            make(base / path, "\n".join(lines))
        ways = {"/".join(path.split("/")[:depth]) for path in files for depth in range(1, path.count("/") + 2)}
        within = data.draw(st.none() | st.frozensets(st.sampled_from(sorted(ways | {""})), max_size=4))
        roots = data.draw(st.sampled_from([(".",), ("a", "b"), (".", "a/.hidden"), (".hidden", "docs")]))
        roots = tuple(root for root in roots if (base / root).is_dir()) or (".",)
        exclude = data.draw(st.lists(LINE, max_size=2).map(tuple))
        source = Recording()
        found = tree(base, *roots, exclude=exclude)._replace(source=source)
        documents = list(scan(found, within))
        listed = {path[len(str(base)) + 1 :] for path in map(os.path.normpath, source.listed)}
        expected = [path for path in listed if within is None or paths_module.lies_within(path, within)]
        assert sorted(folders(found, within)) == sorted(os.path.normpath(base / path) for path in expected)
        assert {os.path.dirname(one.path) for one in documents} <= listed


def test_a_folder_is_named_before_it_is_listed_and_one_that_cannot_be_listed_hides_no_other(vault: Vault) -> None:
    base = vault({"a/b/x.md": "", "c/x.md": "", "z/x.md": ""})
    found = tree(base, ".", "gone")
    named = []
    for folder in folders(found):
        named.append(os.path.relpath(folder, base))
        if folder == str(base):
            (base / "late/deep").mkdir(parents=True)
        if folder == str(base / "z"):
            (base / "c").rename(base / "elsewhere")
    assert sorted(named) == [".", "a", "a/b", "c", "gone", "late", "late/deep", "z"]


def test_nothing_beside_the_asked_paths_is_listed(vault: Vault) -> None:
    base = vault({"a/x.md": "", "b/y.md": "", "c/": ""})
    (base / "b").chmod(0)
    try:
        within = frozenset(("a", "c/gone.md"))
        assert [found.path for found in scan(tree(base), within)] == ["a/x.md"]
        assert list(scan(tree(base, "b"), within)) == []
    finally:
        (base / "b").chmod(0o755)


def test_a_root_that_is_gone_matters_only_to_who_looks_there(vault: Vault) -> None:
    base = vault({"a/x.md": ""})
    found = tree(base, "a", "gone")
    assert [one.path for one in scan(found, frozenset(("a/x.md",)))] == ["a/x.md"]
    with pytest.raises(WorkError):
        list(scan(found, frozenset(("gone/y.md",))))
