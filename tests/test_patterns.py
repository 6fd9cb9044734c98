"""gitignore's syntax, held against git itself."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mdcache.patterns import COST_LIMIT, Patterns, lines_of

NAMES = ("a", "b", "ab", "abb", "a b", "a ", "é", "[a]", "]", "a\\", "-", "^b", "!a", "#a", "*", "A1", "x\ny", "a\r")


class Repository:
    """A real repository with a tree of odd names, asked about one .gitignore after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
        deep = ["a/b/ab", "a/b/ab/b", "a/b/ab/b/a"]
        self.folders = [*NAMES, *(f"{a}/{b}" for a in NAMES[:5] for b in NAMES), *deep]
        self.files = [f"{folder}/f{name}" for folder in self.folders for name in ("", *NAMES[:8])]
        for path in self.folders:
            (folder / path).mkdir(parents=True, exist_ok=True)
        for path in self.files:
            (folder / path).touch()

    def ignored_by_git(self, raw: bytes) -> set[str]:
        (self.folder / ".gitignore").write_bytes(raw)
        asked = "\0".join(self.folders + self.files).encode()
        command = ["git", "check-ignore", "--no-index", "--stdin", "-z"]
        done = subprocess.run(command, cwd=self.folder, input=asked, capture_output=True)
        assert not done.stderr
        return {os.fsdecode(path) for path in done.stdout.split(b"\0") if path}

    def ignored_by_us(self, raw: bytes) -> set[str]:
        patterns = Patterns(lines_of(raw))
        ignored: set[str] = set()
        for path in self.folders:  # each after the one it lies in
            if path.rpartition("/")[0] in ignored or patterns.verdict(path, is_folder=True):
                ignored.add(path)
        return ignored.union(
            path for path in self.files if path.rpartition("/")[0] in ignored or patterns.verdict(path)
        )


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(tmp_path_factory.mktemp("repository"))


# Lines that make sense, and lines made of whatever means something to git.
PIECE = st.sampled_from(
    ["*", "**", "?", "a", "b", "f", "ab", "é", "*b", "a*", "f*", "**b", "a**", "[ab]", "[!a]*", "?b"]
)
SENSIBLE = st.tuples(
    st.sampled_from(["", "", "!", "\\"]),
    st.sampled_from(["", "", "/"]),
    st.lists(PIECE, min_size=1, max_size=4).map("/".join),
    st.sampled_from(["", "", "/", " ", "\\ ", "//"]),
).map("".join)
SYNTAX = st.sampled_from(
    [
        *("*", "**", "?", "/", "**/", "/**", "/**/", "!", "#", "\\", " ", "\\ ", "-", "\t", "\0", "a", "b", "f", "é"),
        *("[", "]", "[!", "[^", "[a-", "[]-a]", "[!a]", "[^-a]", "[a-\\b]", "[:a"),
        *("[[:alpha:]]", "[[:upper:]", "[[:nonsense:]]"),
    ]
)
CURIOUS = st.lists(st.one_of(SYNTAX, st.sampled_from(NAMES)), max_size=6).map("".join)
LINE = st.one_of(SENSIBLE, CURIOUS)
FILE = st.tuples(
    st.sampled_from(["", "\ufeff"]), st.lists(LINE, min_size=1, max_size=5), st.sampled_from(["\n", "\r\n"])
).map(lambda parts: (parts[0] + parts[2].join(parts[1])).encode())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(raw=FILE)
@example(raw=b"*/*")
@example(raw=b"a/**\n!a/b/")
@example(raw=b"a**/**")
@example(raw=b"a**/b")
@example(raw=b"a/**\\/b")
@example(raw=b"**/ab\n!**/ab/\n**/a*")
@example(raw=b"**/a/\n**/**\n!**/b**")
@example(raw=b"a*\n!*b\nab/\n!ab\n*\\b\n\\a*")
@example(raw=b"*b/\n!ab\na**\n/a*\n!/ab")
@example(raw=b"\\*\n!\\**\n*\\*")
@example(raw="*é\n!é*\né".encode())
@example(raw=b"a/**/b\n!a**/b\n**/b/a")
@example(raw=b"?")
@example(raw=b"[^-a]*\n![]-a]")
@example(raw="\ufeffa b\r\na \\ \r\n".encode())
def test_what_git_ignores_is_ignored(repository: Repository, raw: bytes) -> None:
    assert repository.ignored_by_us(raw) == repository.ignored_by_git(raw)


def test_the_last_line_that_matches_decides() -> None:
    patterns = Patterns(("*.md", "!keep.md", "/keep.md"))
    assert patterns.verdict("keep.md") is True
    assert patterns.verdict("a/keep.md") is False
    assert patterns.verdict("a/keep.txt") is None


def test_a_line_for_folders_leaves_files_alone() -> None:
    patterns = Patterns(("drafts/",))
    assert patterns.verdict("drafts") is None
    assert patterns.verdict("drafts", is_folder=True) is True


def test_a_verdict_is_about_the_path_itself_not_what_lies_below() -> None:
    assert Patterns(("a",)).verdict("a/b.md") is None
    assert Patterns(("a/**",)).verdict("a", is_folder=True) is None


@pytest.mark.parametrize(
    ("lines", "taken"),
    [
        (("guides/**",), True),
        (("guides",), True),
        (("*.md",), True),
        (("guides", "!guides/a.md"), False),
        (("*.md", "!guides/"), True),
        (("!guides/", "*.txt"), False),
        ((), False),
    ],
)
def test_a_file_is_taken_by_itself_or_with_its_folder(lines: tuple[str, ...], taken: bool) -> None:
    assert Patterns(lines).matches("guides/a.md") is taken


def test_only_what_takes_a_folder_is_dropped_for_it() -> None:
    left = Patterns(("*", "!docs/", "*.tmp", "docs")).without_those_taking("docs")
    assert left.verdict("docs", is_folder=True) is False
    assert left.verdict("a.md") is None
    assert left.verdict("a.tmp") is True


def test_no_patterns_are_false() -> None:
    assert not Patterns(())
    assert not Patterns(("# a comment", "", "   ", "!", "/", "[", "a\\"))
    assert Patterns(("a",))


@pytest.mark.parametrize("line", ["a{}", "*a{}", "a{}*", "x/a{}", "a{}/", "!a{}", "**/a{}"])
def test_what_can_be_looked_up_costs_the_same_however_many_lines_there_are(line: str) -> None:
    patterns = Patterns(tuple(line.format(number) for number in range(20_000)))
    assert patterns.cost == 0
    names = [f"{'a' * 250}{number}" for number in range(300)]
    patterns.verdict("x")
    began = time.process_time()
    for name in names:
        patterns.verdict(name)
        patterns.verdict(f"x/{name}")
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    "line",
    [
        "*a*b",
        "?" * 100 + "*c",
        f"*{'a' * 100}b*c",
        "*[a]" * 20 + "c",
        "**/a/**/b",
        "**/*a*c",
        "*a" * 40 + "c",
        "a/**/b/*",
    ],
)
def test_as_many_hostile_lines_as_are_taken_cost_milliseconds_a_name(line: str) -> None:
    one = Patterns((line,)).cost
    patterns = Patterns((line,) * (COST_LIMIT // one))
    assert 0 < one <= patterns.cost <= COST_LIMIT
    names = ["a" * 255, "a" * 254 + "b", "/".join(["a"] * 2000), "ab" * 120]
    for name in names:
        patterns.verdict(name)  # compiled
    began = time.process_time()
    for name in names * 5:
        patterns.verdict(name)
    assert time.process_time() - began < 1


def test_a_hostile_line_takes_no_time() -> None:
    name = "a" * 255
    patterns = Patterns(("*a" * 100 + "b", "x/" + "**/a/" * 100 + "b", "**/*a*a*a*a*a*a*a*a*b/**/c"))
    began = time.monotonic()
    assert patterns.verdict(name) is None
    assert patterns.verdict("x/" + "a/" * 1000 + name) is None
    assert time.monotonic() - began < 1
