from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from processes import mdcache, run
from terminals import at_terminal

from mdcache import printed

ANY = st.text(st.characters())
"""Lone surrogates too: names on disk may hold them."""
PIECES = ("::", "error", "##", "[", "vso[", "---", "+++", "^^^", " ", "\n", "\r", "\x1b[1m", "x")
TRICKY = st.lists(st.sampled_from(PIECES)).map("".join)
TURNING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u206a\u206f")
HIDING = set("\u2060\u2063\ufeff\ufff9\U000e0041\U000e0001")


def obeyed(line: str) -> bool:
    """Whether a CI system takes a line for a command, as their runners read them."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", line)
    github = re.match(r"\s*::[a-z-]+[^:]*::", plain, re.IGNORECASE)
    group = re.match(r"(---|\+\+\+|~~~)\s+\w|\^\^\^\s+\+\+\+", plain)
    return bool(github or group or re.search(r"##(vso|teamcity)?\[", line, re.IGNORECASE))


@given(ANY)
def test_clean_text_holds_nothing_that_a_terminal_would_obey(text: str) -> None:
    shown = printed.clean(text)
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Zl", "Zp") and c not in "\t\n"]
    assert not set(shown) & (TURNING | HIDING)


def test_what_is_changed_is_never_printable_so_text_that_is_printable_is_taken_as_it_is() -> None:
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    changed = [
        one for one in everything if printed.clean(f"{one}\n") != f"{one}\n" or printed.escaped(one, repr) != one
    ]
    assert len(changed) > 2_000
    assert not [one for one in changed if one.isprintable()]


@given(ANY)
def test_a_line_is_one_line(text: str) -> None:
    assert len(printed.line(text).splitlines()) <= 1


@given(st.text(st.characters(categories=("L", "N", "P", "S", "M"), include_characters=" \u200d\u200f")))
def test_other_text_is_shown_as_it_is(text: str) -> None:
    assert printed.clean(text) == printed.line(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "می\u200cخواهم",
        "क्\u200dष",
        "👩\u200d👩\u200d👧 ❤\ufe0f",
        "שלום\u200f (a)",
        "ភាសា\u200bខ្មែរ",
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    ],
)
def test_what_scripts_and_emoji_need_stays(text: str) -> None:
    assert printed.clean(text) == text


def test_a_windows_line_break_is_one_break_and_a_separator_too() -> None:
    assert printed.clean("a\r\nb\rc\x1b[2J\u2028d") == "a\nb\ufffdc\ufffd[2J\nd"


@given(TRICKY | ANY)
@example("\u3000::error::x")
@example("x\n \t::add-mask::y")
@example("::---::")
@example("^^^ +++")
@example("\x1b[1m--- x")
@example("####vso[x]##[y]")
def test_no_line_is_a_command_of_a_ci_system(text: str) -> None:
    shown = printed.harmless(printed.clean(text))
    assert not [line for line in shown.split("\n") if obeyed(line)]
    assert printed.harmless(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("::error file=x::y", "\\::error file=x::y"),
        ("  ::stop-commands::t", "  \\::stop-commands::t"),
        ("a ##[add-mask]b", "a #\\#[add-mask]b"),
        ("##VSO[task.setvariable]", "#\\#VSO[task.setvariable]"),
        ("##teamcity[x]", "#\\#teamcity[x]"),
        ("+++ tests", " +++ tests"),
        ("~~~ x", " ~~~ x"),
    ],
)
def test_a_command_stays_readable(text: str, shown: str) -> None:
    assert printed.harmless(text) == shown


@pytest.mark.parametrize(
    "text",
    ["a::b::c", "::: tip", "::", "---", "----  -----", "---  ---", "## [x](y)", "# [x]", "-- a", "+++ ---", "x --- y"],
)
def test_what_is_no_command_stays_as_it_is(text: str) -> None:
    assert printed.harmless(text) == text


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("::x.md", "./::x.md"),
        (" ::x", "./ ::x"),
        ("--- a.md", "./--- a.md"),
        ("##[x].md", "./##[x].md"),
        ("a/::b", "a/::b"),
    ],
)
def test_a_path_that_begins_like_a_command_names_the_same_file_otherwise(path: str, shown: str) -> None:
    assert printed.path(path) == shown


@given(st.lists(TRICKY | ANY))
def test_a_stream_prints_only_harmless_lines_however_they_are_written(texts: list[str]) -> None:
    out = io.BytesIO()
    stream = printed.Stream(out, encoding="utf-8", errors="backslashreplace", line_buffering=True)
    for text in texts:
        assert stream.write(text) == len(text)
    stream.flush()
    lines = out.getvalue().decode().split("\n")
    assert not [line for line in lines if obeyed(line) or printed.clean(line) != line]
    assert len(lines) == "".join(texts).count("\n") + 1


LAST_WORDS = """
import sys, threading, warnings
from mdcache import printed
printed.guard()
evil = "\\x1b[2J\\n::error::x ##vso[y]"
warnings.warn(evil)
thread = threading.Thread(target=lambda: [][evil])
thread.start()
thread.join()
class Last:
    def __del__(self): raise ValueError(evil)
Last()
raise ExceptionGroup(evil, [KeyError(evil)])
"""


def test_whatever_python_itself_says_is_harmless(tmp_path: Path) -> None:
    said = run((sys.executable, "-c", LAST_WORDS), tmp_path).stderr
    assert said.count("error::x") >= 3
    assert "\x1b" not in said
    assert not [line for line in said.splitlines() if obeyed(line)]


# The commands

EVIL = "##vso[task.setvariable variable=a]##[error]b\x1b[2J\x9b31m\u202e\u2028::error::c"
NAMES = ("::stop-commands::x.md", "--- group.md", "##[add-mask]y.md", "##vso[task.complete]z.md", " ::error::b.md")
WRITTEN = (
    f"---\ntitle: {json.dumps(EVIL)}\nid: {json.dumps(EVIL)}\n---\n# H\n\nneedle {EVIL}\n[l](<gone{EVIL[:20]}.md>)\n"
)


@pytest.fixture(scope="module")
def hostile(vault: Callable[..., Path]) -> Path:
    """A folder of documents whose names and words are commands of CI systems. Read only."""
    rule = 'warning = "SELECT path, char(10) || title AS message FROM nodes"'
    folder = vault(
        {
            **{name: f"[x](gone.md) needle\n\n::error::d\n\n[[{name} none]]\n" for name in NAMES},
            "a.md": WRITTEN,
            "mdcache.toml": f'docs = ["."]\n[check.rules]\n{rule}\n',
        }
    )
    assert mdcache(folder, "rebuild").returncode == 0
    return folder


def assert_harmless(done: subprocess.CompletedProcess[str], ours: str = r"(?!)") -> None:
    """Assert that no line of what was printed is obeyed, but those that are meant to be."""
    for line in (done.stdout + done.stderr).split("\n"):
        line = re.sub(ours, "", line)
        assert printed.clean(line) == line, (done.args, line)
        assert not obeyed(line), (done.args, line)


@pytest.mark.parametrize(
    "command",
    [
        ("check",),
        ("check", "--format", "json"),
        ("check", "--format", "sarif"),
        ("check", "--verbose", "--rev", "::error::x"),
        ("search", "needle"),
        ("search", "needle", "--json"),
        ("links", EVIL),
        ("links", EVIL, "--json", "--depth", "2"),
        ("query", "SELECT '::error::' || path, '--- ' || title FROM nodes"),
        ("query", "SELECT '--- ' || path FROM nodes"),
        ("query", "--fmt=tsv", "SELECT path FROM nodes"),
        ("query", "--nl", "SELECT path, title FROM nodes"),
        ("query", f"SELECT '{EVIL}' AS \"{EVIL}\""),
        ("query", "--verbose", f"SELECT FROM {EVIL}"),
        ("query", "--verbose", "SELECT 1", f"--attach={EVIL}"),
        ("changes", "--json"),
        ("status", "--json"),
        ("status", "--verbose", f"--db=::error::{EVIL}"),
        ("schema", "--diff"),
        ("read", "--json", EVIL),
        ("read", "--verbose", f"none{EVIL}"),
        ("search", f"--frob{EVIL}"),
        (f"frob{EVIL}",),
        ("doctor", "-C", EVIL),
    ],
)
def test_no_command_prints_what_a_ci_system_or_a_terminal_obeys(hostile: Path, command: tuple[str, ...]) -> None:
    assert_harmless(mdcache(hostile, *command))


def test_annotations_are_the_only_commands_where_they_are_asked_for(hostile: Path) -> None:
    done = mdcache(hostile, "check", "--format", "github")
    assert "file=%3A%3Astop-commands%3A%3Ax.md," in done.stdout
    assert_harmless(done, r"^::(error|warning) file=[^:]*::")


def test_editors_find_a_document_whose_name_is_a_command(hostile: Path) -> None:
    found = mdcache(hostile, "check", "::stop-commands::x.md").stdout.splitlines()
    assert found[0].startswith("./::stop-commands::x.md:1:1: broken-link ")
    assert "::stop-commands::x.md:1: " in mdcache(hostile, "search", "needle").stdout


@pytest.mark.parametrize("key", [r"\u001b[31mevil", r"a\u009b31m\u202e", r"x\n::error::y", r"##vso[task.complete]"])
def test_a_key_of_the_settings_is_harmless_in_a_traceback_too(tmp_path: Path, key: str) -> None:
    (tmp_path / "mdcache.toml").write_text(f'"{key}" = 1\n')
    for command in ("status", "doctor", "sync"):
        done = mdcache(tmp_path, command, "--verbose")
        assert done.returncode
        assert_harmless(done)


def test_a_document_in_a_pipe_is_exactly_its_bytes(hostile: Path) -> None:
    done = mdcache(hostile, "read", "a.md")
    assert done.stdout == WRITTEN


def test_a_terminal_shows_a_document_harmlessly(hostile: Path) -> None:
    for command in (("read", "a.md"), ("search", "needle"), ("check",), ("query", "--csv", "SELECT path FROM nodes")):
        _, shown = at_terminal(hostile, *command, NO_COLOR="1")
        lines = re.sub(r"\x1b\]8;;(?:file://[!-~]*)?\x1b\\", "", shown).replace("\r\n", "\n").split("\n")
        assert not [line for line in lines if obeyed(line) or printed.clean(line) != line], command


def test_what_csv_says_is_exact_in_a_pipe(hostile: Path) -> None:
    assert "\n::stop-commands::x.md\n" in mdcache(hostile, "query", "--csv", "SELECT path FROM nodes").stdout


def test_a_child_says_nothing_that_is_obeyed(tmp_path: Path) -> None:
    program = "import sys; from mdcache import child; child.begun(); raise ValueError('\\x1b[2J\\n::error::x')"
    done = run((sys.executable, "-c", program), tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    assert "\\::error::x" in done.stderr
    assert "\x1b" not in done.stderr
