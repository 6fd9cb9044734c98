"""The command line as a shell meets it: real processes, in pipes and at a terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from processes import MDCACHE, mdcache, one_line, run, start
from terminals import at_terminal

from mdcache.cli import main as cli

Vault = Callable[..., Path]
Capture = pytest.CaptureFixture[str]

GUIDE = "---\ntags: [how]\ntype: guide\n---\n# Guide\n\nThe cache is warm. See [[log]].\n\n## Setup\n\nOne.\n"
FILES = {
    "docs/guide.md": GUIDE,
    "docs/notes/log.md": "# Log\n\nRedis is a cache, too. [gone](gone.md)\n",
    "docs/notes/中文.md": "# 中文\n\n缓存是热的。\n",
}
COMMANDS = sorted(cli.cli.commands)


@pytest.fixture(scope="module")
def garden(vault: Vault) -> Path:
    """A folder with a cache and without settings. Read only."""
    folder = vault(FILES)
    assert mdcache(folder, "rebuild", "docs").returncode == 0
    return folder


@pytest.fixture
def fresh(vault: Vault) -> Path:
    return vault(FILES)


def said(folder: Path, *arguments: str, status: int = 0, **options: Any) -> str:
    """What mdcache prints, when it ends in this status and says nothing on stderr."""
    done = mdcache(folder, *arguments, **options)
    assert (done.returncode, done.stderr) == (status, ""), done
    return done.stdout


def keys(value: dict[str, Any]) -> str:
    return " ".join(value)


def outcome(capsys: Capture, folder: Path, *arguments: str) -> tuple[int, str, str]:
    """What becomes of a command line, without a process of its own: status, stdout and stderr."""
    capsys.readouterr()
    status = cli.run(["-C", str(folder), *arguments])
    return status, *capsys.readouterr()


def answer(folder: Path, *arguments: str, status: int = 0) -> Any:
    """The JSON that mdcache prints, in one line."""
    out = said(folder, *arguments, status=status)
    assert out.count("\n") == 1
    return json.loads(out)


# JSON: the keys are a contract


def test_rebuild_as_json(fresh: Path) -> None:
    found = answer(fresh, "rebuild", "docs", "--json")
    assert keys(found) == (
        "database generation documents sections links unresolved problems"
        " added changed removed unchanged seconds digest fingerprint rebuilt"
    )
    assert found["database"] == str(fresh / ".mdcache/cache.db")
    assert (found["documents"], found["sections"], found["added"], found["rebuilt"]) == (3, 7, 3, True)
    (fresh / "docs/guide.md").write_text("# Other")
    (fresh / "docs/notes/中文.md").unlink()
    (fresh / "docs/new.md").touch()
    again = answer(fresh, "rebuild", "docs", "--json")
    assert [again[key] for key in ("generation", "added", "changed", "removed", "unchanged")] == [2, 1, 1, 1, 1]
    assert again["fingerprint"] == found["fingerprint"]
    assert again["digest"] != found["digest"]


def test_search_as_json(garden: Path) -> None:
    found = answer(garden, "search", "warm", "--json")
    (hit,) = found.pop("results")
    assert found == {}
    assert keys(hit) == "id path anchor heading line score snippet title state"
    assert hit["snippet"] == "# Guide The cache is «warm». See [[log]]."
    assert (hit["path"], hit["line"], hit["state"]) == ("guide.md", 5, None)
    assert answer(garden, "search", "nothere", "--json", status=1) == {"results": []}


def test_read_as_json(garden: Path) -> None:
    assert answer(garden, "read", "guide#setup", "--json") == {
        "id": "guide",
        "path": "guide.md",
        "title": "Guide",
        "anchor": "setup",
        "line": 9,
        "changed": False,
        "text": "## Setup\n\nOne.\n",
    }


def test_links_as_json(garden: Path) -> None:
    found = answer(garden, "links", "notes/log", "--json", "--depth", "2")
    assert keys(found) == "id path title outgoing backlinks unresolved reachable reaching"
    named = {"id": "guide", "path": "guide.md", "title": "Guide"}
    assert found["backlinks"] == [named | {"type": "LINKS_TO", "line": 7, "label": None, "fragment": None}]
    assert found["unresolved"] == [{"target": "gone.md", "line": 3, "kind": "markdown"}]
    assert found["reaching"] == [named | {"distance": 1}]


def test_query_as_json(garden: Path) -> None:
    sql = "SELECT id, 1.5 AS x, NULL AS y, x'00ff' AS z, 9e999 AS u, id FROM nodes WHERE id = 'guide'"
    assert answer(garden, "query", "--json", sql) == {
        "columns": ["id", "x", "y", "z", "u", "id_2"],
        "rows": [{"id": "guide", "x": 1.5, "y": None, "z": "00ff", "u": None, "id_2": "guide"}],
    }


def test_status_as_json(garden: Path) -> None:
    found = answer(garden, "status", "--json")
    assert keys(found) == (
        "database generation fingerprint schema_current documents problems"
        " last_sync pending watcher wal_bytes checkpoint"
        " sections links unresolved built_at digest size_bytes base roots mdcache made_here sites"
    )
    assert found["schema_current"] is True
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", found["last_sync"])


def test_schema_as_json(garden: Path) -> None:
    found = answer(garden, "schema", "--json")
    assert list(found) == ["fingerprint", "ddl"]
    assert found["fingerprint"] == answer(garden, "status", "--json")["fingerprint"]
    assert "CREATE TABLE nodes" in found["ddl"]
    assert answer(garden, "schema", "--json", "--diff")["diff"] == []


# SQL, its parameters and formats


def test_sql_comes_from_the_command_line_a_file_or_stdin(garden: Path, tmp_path: Path) -> None:
    (tmp_path / "ids.sql").write_text("-- Which?\nSELECT id FROM nodes\nWHERE type = :type;\n", encoding="utf-8-sig")
    expected = "id\nguide\n"
    asked = ("--csv", "type=guide")
    assert said(garden, "query", "SELECT id FROM nodes WHERE type = :type", *asked) == expected
    assert said(garden, "query", f"@{tmp_path}/ids.sql", *asked) == expected
    assert said(tmp_path, "query", "--db", f"{garden}/.mdcache/cache.db", "@ids.sql", *asked) == expected
    with open(tmp_path / "ids.sql") as file:
        assert said(garden, "query", "-", *asked, stdin=file) == expected
    shell = '"$@" <&-'
    assert run(("sh", "-c", shell, "sh", *MDCACHE, "query", "-"), garden).stdout == ""


def test_a_file_of_sql_is_found_from_where_one_stands(fresh: Path, tmp_path: Path) -> None:
    said(fresh, "rebuild", "docs")
    (fresh / "one.sql").write_text("SELECT 1 AS one")
    assert said(tmp_path, "query", "-C", str(fresh), "--csv", "@one.sql") == "one\n1\n"


def test_values_are_values_whatever_is_in_them(garden: Path) -> None:
    value = "'; DROP TABLE nodes; -- a=b é"
    found = answer(
        garden, "query", "--json", "SELECT :a AS a, typeof(:n) AS n, :empty AS empty", f"a={value}", "n=7", "empty="
    )
    assert found["rows"] == [{"a": value, "n": "text", "empty": ""}]
    assert said(
        garden, "query", "--csv", "SELECT 1 AS one WHERE CAST(:n AS INTEGER) = 7 LIMIT :limit", "n=7", "limit=1"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["SELECT :a"], "cannot run the query: "),
        (["SELECT :a", "a"], "'a' is no parameter: write KEY=VALUE for :KEY in the SQL"),
        (["SELECT :a", "=b"], "'=b' is no parameter"),
        (["SELECT :a", "a=1", "a=2"], "the parameter a is given twice"),
        (["SELECT :a", b"a=caf\xe9"], "cannot run the query: "),
        (["@nothere.sql"], "cannot read the SQL from nothere.sql: No such file or directory"),
        (["@docs"], "cannot read the SQL from docs: Is a directory"),
        (["@.mdcache/cache.db"], "cannot read the SQL from .mdcache/cache.db: it is not in UTF-8"),
        (["@/dev/zero"], "/dev/zero is too long for SQL"),
        (["--csv", "--json", "SELECT 1"], "--csv and --json do not go together: choose one"),
        (["--fmt", "xml", "SELECT 1"], "'xml' is not one of asciidoc, "),
    ],
)
def test_what_query_cannot_do_is_told_in_one_line(garden: Path, arguments: list[str | bytes], message: str) -> None:
    assert message in one_line(mdcache(garden, "query", *map(os.fsdecode, arguments)), 2)


def test_rows_come_in_many_formats(garden: Path) -> None:
    sql = "SELECT id, type FROM nodes WHERE id <> 'notes/log' ORDER BY id"
    for options, expected in {
        "--tsv": "id\ttype\nguide\tguide\nnotes/中文\t\n",
        "--nl": '{"id": "guide", "type": "guide"}\n{"id": "notes/中文", "type": null}\n',
        "--arrays": '[["guide", "guide"],\n ["notes/中文", null]]\n',
        "--nl --arrays": '["guide", "guide"]\n["notes/中文", null]\n',
    }.items():
        assert said(garden, "query", *options.split(), sql) == expected
    github = said(garden, "query", "--table", "--fmt", "github", sql)
    assert [re.sub(r" +", " ", line) for line in github.splitlines()][2:] == ["| guide | guide |", "| notes/中文 | |"]


# Where options stand, and where settings come from


def test_common_options_stand_before_or_after_the_command(garden: Path, tmp_path: Path) -> None:
    folder, db = str(garden), ".mdcache/cache.db"
    for arguments in (["-C", folder, "--db", db, "search", "warm"], ["search", "-C", folder, "warm", "--db", db]):
        assert said(tmp_path, *arguments).startswith("guide.md:5: Guide: ")
    assert said(tmp_path, "-C", "/", "search", "-C", folder, "warm")


def test_the_environment_names_the_cache_unless_the_command_line_does(garden: Path, tmp_path: Path) -> None:
    db = str(garden / ".mdcache/cache.db")
    assert said(tmp_path, "search", "warm", env={**os.environ, "MDCACHE_DB": db})
    elsewhere = {**os.environ, "MDCACHE_DB": "/nowhere/cache.db"}
    assert said(tmp_path, "search", "warm", "--db", db, env=elsewhere)
    assert "no cache at /nowhere/cache.db" in one_line(mdcache(garden, "search", "warm", env=elsewhere), 3)


def test_settings_are_found_by_walking_up_and_name_everything(vault: Vault) -> None:
    folder = vault({**FILES, "mdcache.toml": 'docs = ["docs"]\ndatabase = "cache/own.db"\n'})
    assert answer(folder / "docs/notes", "rebuild", "--json")["database"] == str(folder / "cache/own.db")
    assert said(folder / "docs", "search", "warm").startswith("docs/guide.md:5: ")
    assert answer(folder, "read", "log", "--json")["id"] == "docs/notes/log"
    assert said(folder / "docs/notes", "read", "log.md") == FILES["docs/notes/log.md"]
    assert answer(folder, "status", "--json")["schema_current"] is True


def test_a_settings_file_may_be_named(vault: Vault, tmp_path: Path) -> None:
    folder = vault({**FILES, "other.toml": 'docs = ["docs/notes"]\n'})
    assert answer(folder, "rebuild", "--config", "other.toml", "--json")["documents"] == 2
    environment = {**os.environ, "MDCACHE_CONFIG": str(folder / "other.toml")}
    assert "docs/notes" in said(tmp_path, "status", env=environment)
    assert "cannot read" in one_line(mdcache(folder, "status", "--config", "nothere.toml"), 2)


def test_without_settings_the_cache_remembers_what_it_was_made_of(fresh: Path) -> None:
    said(fresh, "rebuild", "docs")
    (fresh / "docs/more.md").write_text("more")
    assert answer(fresh, "rebuild", "--json")["added"] == 1
    assert one_line(mdcache(fresh / "docs", "rebuild"), 2).startswith(
        "mdcache: no documents named: mdcache rebuild DOCS"
    )


def test_a_damaged_cache_remembers_nothing_and_is_built_again_from_what_is_named(fresh: Path) -> None:
    said(fresh, "rebuild", "docs")
    (fresh / ".mdcache/cache.db").write_bytes(b"x" * 10_000)
    assert "no documents named: mdcache rebuild DOCS" in one_line(mdcache(fresh, "rebuild"), 2)
    assert "is damaged" in one_line(mdcache(fresh, "search", "warm"), 3)
    assert answer(fresh, "rebuild", "docs", "--json")["generation"] == 2


def test_init_writes_settings_that_work_and_never_overwrites(fresh: Path) -> None:
    assert said(fresh, "init") == "wrote ./mdcache.toml: edit it, then run mdcache rebuild\n"
    written = (fresh / "mdcache.toml").read_text()
    assert answer(fresh, "rebuild", "--json")["documents"] == 3
    uncommented = re.sub(r"^# (?=[a-z_]+ = |\[)", "", written, flags=re.MULTILINE).replace('"views.sql"', "")
    (fresh / "all.toml").write_text(uncommented)
    assert answer(fresh, "rebuild", "--json", "--config", "all.toml")["documents"] == 3
    assert "is already there" in one_line(mdcache(fresh, "init"), 3)
    assert (fresh / "mdcache.toml").read_text() == written
    assert {path.name for path in fresh.iterdir()} == {"docs", "mdcache.toml", "all.toml", ".mdcache"}
    assert "no such folder: nothere" in one_line(mdcache(fresh, "init", "-C", "nothere"), 2)
    assert "no such folder: ./nowhere" in one_line(mdcache(fresh, "init", "--config", "nowhere/x.toml"), 2)


def test_settings_that_init_writes_are_not_everybodys_to_change(fresh: Path) -> None:
    done = run(("sh", "-c", 'umask 0 && exec "$@"', "sh", *MDCACHE, "init"), fresh)
    assert (done.returncode, (fresh / "mdcache.toml").stat().st_mode & 0o777) == (0, 0o664)


def test_init_leaves_nothing_where_a_file_cannot_grow(fresh: Path) -> None:
    done = run(("sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *MDCACHE, "init"), fresh)
    assert "cannot write ./mdcache.toml: File too large" in one_line(done, 3)
    assert [path.name for path in fresh.iterdir()] == ["docs"]


@pytest.mark.parametrize("command", ["status", "sync docs", "watch --stop", "doctor"])
def test_in_a_folder_that_was_removed_nothing_is_done(fresh: Path, command: str) -> None:
    gone = 'mkdir gone; cd gone; rmdir ../gone; exec "$@"'
    done = run(("sh", "-c", gone, "sh", *MDCACHE, *command.split()), fresh)
    assert "the working folder cannot be found (No such file or directory): cd to another" in one_line(done, 2)


def test_the_caches_own_folder_keeps_itself_out_of_git(fresh: Path, git: Callable[..., str]) -> None:
    said(fresh, "rebuild", "docs")
    git(fresh, "init", "--quiet")
    assert ".mdcache" not in git(fresh, "status", "--porcelain", "--untracked-files=all")


# What is typed after search


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["cache", "-redis"], 0),
        (["-redis", "cache"], 0),
        (["cache", "-https"], 0),
        (["cache", "-Cold"], 0),
        (["cache", "-q"], 0),
        (["cache", "-warm", "-redis"], 1),
        (["--", "cache", "--", "-redis"], 0),
        (["cache", "-"], 0),
        (["-"], 1),
        ([""], 1),
        (["C++"], 1),
        (['"'], 1),
        (["AND", "NEAR("], 1),
        (["😀"], 1),
        (["'; DROP TABLE nodes; --"], 1),
        (["--path", "-x", "cache"], 1),
        (["w" * 100_000], 1),
    ],
)
def test_words_may_begin_with_a_minus_and_mean_anything(
    garden: Path, capsys: Capture, words: list[str], status: int
) -> None:
    found, out, err = outcome(capsys, garden, "search", *words)
    assert (found, bool(out), err) == (status, not status, "mdcache: nothing found\n" if status else "")


def test_a_word_after_a_minus_is_left_out(garden: Path) -> None:
    assert [line.split(":")[0] for line in said(garden, "search", "cache", "-redis").splitlines()] == ["guide.md"]


def test_bytes_that_are_no_text_find_nothing(garden: Path) -> None:
    for command in ("search", "read", "links"):
        done = run((*MDCACHE, command, os.fsdecode(b"caf\xe9")), garden)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert run((*MDCACHE, "search", "cache", "--tag", os.fsdecode(b"\xff")), garden).returncode == 1


def test_every_script_is_found_and_shown(garden: Path) -> None:
    assert said(garden, "search", "是热") == "notes/中文.md:1: 中文: # 中文 缓存«是热»的。\n"


def test_a_changed_and_a_removed_file_are_said_to_be_so(fresh: Path) -> None:
    said(fresh, "rebuild", "docs")
    (fresh / "docs/guide.md").write_text("# Guide\n\n## Setup\n\nTwo.\n")
    (fresh / "docs/notes/log.md").unlink()
    assert said(fresh, "search", "cache").splitlines() == [
        "guide.md:5: Guide: (the file has changed since the cache was made: run mdcache sync)",
        "notes/log.md:1: Log: (the file is gone since the cache was made: run mdcache sync)",
    ]
    done = mdcache(fresh, "read", "guide#setup")
    assert (done.returncode, done.stdout) == (0, "## Setup\n\nTwo.\n")
    assert done.stderr == "mdcache: guide.md has changed since the cache was made: this is the file as it is now\n"
    assert said(fresh, "read", "guide#setup", "--quiet") == "## Setup\n\nTwo.\n"
    assert "No such file" in one_line(mdcache(fresh, "read", "notes/log"), 3)


# Exit statuses and errors


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ("search nothere", 1, "nothing found"),
        ("read nothere", 1, "no document has the id or path 'nothere'"),
        ("read guide#nothere", 1, "guide has no heading or anchor 'nothere': it has guide, setup"),
        ("links nothere", 1, "no document has the id or path 'nothere'"),
        ("search --raw (", 2, 'not an FTS5 expression: fts5: syntax error near ""'),
        ("query DELETE+FROM+nodes", 2, "cannot run the query: it may only read"),
        ("query SELEKT", 2, 'cannot run the query: near "SELEKT": syntax error'),
        ("query SELECT+1;SELECT+2", 2, "cannot run the query: You can only execute one statement at a time."),
        ("query SELECT+load_extension('x')", 2, "cannot run the query: not authorized to use function: load_extension"),
        ("frobnicate", 2, "no such command 'frobnicate': see mdcache --help"),
        ("search", 2, "missing argument 'QUERY...': see mdcache search --help"),
        (
            "search cache --limit 0",
            2,
            "invalid value for '--limit': 0 is not in the range x>=1: see mdcache search --help",
        ),
        (
            "search cache --limit -5",
            2,
            "invalid value for '--limit': -5 is not in the range x>=1: see mdcache search --help",
        ),
        ("rebuild docs --reproducible", 2, "--reproducible goes with --output FILE"),
        ("status -C nothere", 2, "no such folder: nothere"),
        ("status --db docs", 3, "is no file: name another with --db"),
        ("status --db nothere.db", 3, "no cache at "),
        ("status --db docs/guide.md", 3, "is damaged"),
        ("rebuild nothere --db other.db", 3, "cannot list "),
        ("rebuild docs --output=", 3, "is no file: name another with --db"),
        (
            "rebuild docs --db docs/guide.md",
            3,
            "is not a cache of mdcache: it stays untouched, name another file with --db",
        ),
    ],
)
def test_an_error_is_one_line_and_its_status_says_of_what_kind(
    garden: Path, capsys: Capture, arguments: str, status: int, message: str
) -> None:
    found, out, err = outcome(capsys, garden, *(argument.replace("+", " ") for argument in arguments.split()))
    assert (found, out) == (status, "")
    assert err.startswith("mdcache: ")
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize(("arguments", "status"), [("read nothere", 1), ("query SELEKT", 2), ("status --db no.db", 3)])
def test_the_process_ends_in_that_status(garden: Path, arguments: str, status: int) -> None:
    assert one_line(mdcache(garden, *arguments.split()), status)


def test_an_unknown_long_option_is_no_word_of_the_query(garden: Path) -> None:
    assert "no such option '--limt'" in one_line(mdcache(garden, "search", "cache", "--limt", "3"), 2)


def test_without_a_command_there_is_help(garden: Path) -> None:
    done = mdcache(garden)
    assert (done.returncode, done.stdout) == (2, "")
    assert all(command in done.stderr for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_for_itself_and_each_of_its_options(garden: Path, capsys: Capture, command: str) -> None:
    status, text, _ = outcome(capsys, garden, command, "--help")
    assert (status, text) == outcome(capsys, garden, command, "-h")[:2]
    about, _, options = text.partition("\nOptions:\n")
    assert about.startswith(f"Usage: mdcache {command} ")
    assert len(about.splitlines()) > 2
    unexplained = [line for line in options.splitlines() if re.fullmatch(r"  -\S*( \S+)?", line)]
    assert [line for line in unexplained if not re.search(rf"{re.escape(line)}\n {{6,}}\S", options)] == []
    for common in ("-C DIR", "--config FILE", "--db PATH", "--quiet", "--verbose"):
        assert f"\n  {common} " in "\n" + options


def test_quiet_says_nothing_but_errors_and_results(fresh: Path) -> None:
    assert said(fresh, "--quiet", "rebuild", "docs") == ""
    assert said(fresh, "search", "nothere", "--quiet", status=1) == ""
    assert said(fresh, "search", "warm", "--quiet").startswith("guide.md:5: ")
    assert one_line(mdcache(fresh, "read", "nothere", "--quiet"), 1)


def test_a_traceback_comes_with_verbose_alone(garden: Path) -> None:
    done = mdcache(garden, "read", "nothere", "--verbose")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):")
    assert done.stderr.splitlines()[-1] == "mdcache: no document has the id or path 'nothere'"


ENDLESS = "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_endless_query_ends_when_it_is_told_to(garden: Path, how: signal.Signals) -> None:
    process = start((*MDCACHE, "query", "--csv", ENDLESS), garden)
    try:
        assert process.stdout is not None
        while process.stdout.readline() != "5000\n":
            pass
        process.send_signal(how)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, err.splitlines()[-1]) == (130, "mdcache: interrupted: the cache is as it was")


# Check


@pytest.fixture
def repo(vault: Vault, git: Callable[..., str]) -> Path:
    """A repository with a broken link in its index, and none in its work tree."""
    folder = vault({"a.md": "[x](b.md)\n", "c.md": "---\nsee: '[[none]]'\n---\n"})
    git(folder, "init", "-q")
    git(folder, "add", ".")
    (folder / "a.md").write_text("fine\n")
    return folder


def test_check_ends_in_1_when_there_are_errors_and_strictly_when_there_are_warnings(repo: Path) -> None:
    warning = "c.md:2:1: broken-link no document for 'none'\n"
    assert outcome_of_check(repo) == (0, warning, "mdcache: 1 warning in 1 document\n")
    assert outcome_of_check(repo, "--strict") == (1, warning, "mdcache: 1 warning in 1 document\n")
    assert outcome_of_check(repo, "a.md", "--strict") == (0, "", "")
    status, out, err = outcome_of_check(repo, "--staged")
    assert (status, out) == (1, f"a.md:1:1: broken-link no document for 'b.md'\n{warning}")
    assert err == "mdcache: 1 error, 1 warning in 2 documents\n"
    assert outcome_of_check(repo, "--staged", "--quiet") == (1, out, "")


def outcome_of_check(folder: Path, *arguments: str) -> tuple[int, str, str]:
    done = mdcache(folder, "check", *arguments)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("seconds", ["1e300", "inf"])
def test_one_may_wait_for_ever(fresh: Path, seconds: str) -> None:
    for command in ("rebuild", "sync"):
        (fresh / "docs/new.md").write_text(f"# {command}\n")
        said(fresh, command, "docs", "--quiet", "--wait", seconds)


def test_nobody_can_wait_for_what_is_no_number(garden: Path) -> None:
    assert "nan is no number of seconds" in one_line(mdcache(garden, "sync", "--wait", "nan"), 2)


@pytest.mark.parametrize("command", ["search cache", "changes"])
def test_a_limit_out_of_all_proportion_means_all(garden: Path, command: str) -> None:
    assert said(garden, *command.split(), "--limit", "9" * 30) == said(garden, *command.split(), "--limit", "999")


def test_check_explains_its_codes_wherever_it_is_asked(tmp_path: Path) -> None:
    assert said(tmp_path, "check", "--explain", "broken-anchor").startswith("## `broken-anchor` (error)\n")
    assert "no problem has the code 'x'" in one_line(mdcache(tmp_path, "check", "--explain", "x"), 2)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--staged", "--rev", "HEAD"), 2, "--staged and --rev do not go together"),
        (("--rev", "HEAD"), 2, "has no revision 'HEAD'"),
        (("--rev", ""), 2, "has no revision ''"),
        (("--against", ""), 2, "has no revision ''"),
        (("nothere.md",), 2, "no such file or folder: nothere.md"),
        (("..",), 2, ".. does not lie in"),
        (("--format", "xml"), 2, "'xml' is not one of"),
        (("--format", "github", "--json"), 2, "--format github and --json do not go together"),
        (("--config", "rules.toml"), 2, "rule 'x' does not run: no such table: nothere"),
    ],
)
def test_what_check_cannot_do_is_told_in_one_line(
    repo: Path, arguments: tuple[str, ...], status: int, message: str
) -> None:
    (repo / "rules.toml").write_text("[check.rules]\nx = 'SELECT path, 1 AS message FROM nothere'\n")
    assert message in one_line(mdcache(repo, "check", *arguments), status)


def test_check_without_settings_judges_what_the_cache_was_made_of(vault: Vault, git: Callable[..., str]) -> None:
    folder = vault({"docs/a.md": "[x](y.md)\n", "other.md": "[x](y.md)\n"})
    git(folder, "init", "-q")
    git(folder, "add", ".")
    both = "docs/a.md:1:1: broken-link no document for 'y.md'\nother.md:1:1: broken-link no document for 'y.md'\n"
    assert said(folder, "check", "--quiet", status=1) == both
    assert said(folder, "check", "--quiet", "--staged", status=1) == both
    assert said(folder / "docs", "check", "--quiet", "--staged", status=1) == both.replace("docs/", "").replace(
        "other", "../other"
    )
    assert said(folder, "rebuild", "docs", "--quiet") == ""
    for arguments in ((), ("--staged",)):
        assert said(folder, "check", "--quiet", *arguments, status=1) == both.partition("other")[0]


def test_check_writes_nothing(repo: Path) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in repo.rglob("*"))
    for arguments in ((), ("--staged",), ("--format", "sarif")):
        mdcache(repo, "check", *arguments)
    assert sorted((path, path.stat().st_mtime_ns) for path in repo.rglob("*")) == before


# Pipes


@pytest.mark.parametrize(
    "arguments",
    [["query", "--csv", "SELECT value FROM generate"], ["schema"], ["search", "cache"], ["query", "SELECT 1"]],
)
def test_a_reader_who_has_enough_is_no_failure(garden: Path, arguments: list[str]) -> None:
    many = "WITH RECURSIVE generate (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM generate LIMIT 200000) "
    arguments = [argument.replace("SELECT value", many + "SELECT value") for argument in arguments]
    shell = '"$@" | head -1 > /dev/null; echo "${PIPESTATUS[0]}"'
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = run(("bash", "-c", shell, "bash", *MDCACHE, *arguments), garden, env=environment)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_reader_who_never_was_is_no_failure(garden: Path) -> None:
    shell = '"$@" | true; echo "${PIPESTATUS[0]}"; "$@" >&-; echo $?'
    done = run(("bash", "-c", shell, "bash", *MDCACHE, "search", "cache"), garden)
    assert (done.stdout, done.stderr) == ("0\n0\n", "")


@pytest.mark.parametrize("command", ["rebuild docs", "check", "verify"])
def test_streams_may_be_closed_before_the_start(fresh: Path, command: str) -> None:
    said(fresh, "rebuild", "docs")
    for closed in (">&-", "2>&-", "<&- >&- 2>&-"):
        done = run(("sh", "-c", f'"$@" {closed}', "sh", *MDCACHE, *command.split()), fresh)
        assert done.returncode == (command == "check") and "bug" not in done.stderr, (closed, done)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
@pytest.mark.parametrize("command", ["search cache", "search --help", "--version"])
def test_results_that_cannot_be_written_are_an_error(garden: Path, command: str) -> None:
    with open("/dev/full", "w") as full:
        done = mdcache(garden, *command.split(), stdout=full)
    assert (done.returncode, done.stderr) == (3, "mdcache: cannot write the output: No space left on device\n")


@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"LC_ALL": "C.UTF-8"}, {"PYTHONIOENCODING": "ascii"}])
def test_any_locale_will_do(garden: Path, locale: dict[str, str]) -> None:
    found = json.loads(said(garden, "search", "是热", "--json", env={**os.environ, **locale}))
    assert found["results"][0]["title"] == "中文"
    assert said(garden, "search", "是热", env={**os.environ, **locale})
    assert said(garden, "query", "SELECT id FROM nodes", "--csv", env={**os.environ, **locale}).endswith("notes/中文\n")


def test_csv_and_tables_in_a_pipe(garden: Path) -> None:
    sql = "SELECT id, type FROM nodes ORDER BY id"
    assert said(garden, "query", "--csv", sql) == "id,type\nguide,guide\nnotes/log,\nnotes/中文,\n"
    assert said(garden, "query", sql) == said(garden, "query", "--table", sql)
    assert [line.split() for line in said(garden, "query", sql).splitlines()][::2] == [
        ["id", "type"],
        ["guide", "guide"],
        ["notes/中文"],
    ]
    assert said(garden, "query", "--csv", "") == said(garden, "query", "") == ""


def test_a_document_in_a_pipe_is_the_file(fresh: Path) -> None:
    raw = b"\xef\xbb\xbf# A\r\n\x1b[31m\xff\x00no line end"
    (fresh / "docs/raw.md").write_bytes(raw)
    said(fresh, "rebuild", "docs")
    assert subprocess.run((*MDCACHE, "read", "raw"), cwd=fresh, capture_output=True, check=True).stdout == raw


def test_links_in_a_pipe(garden: Path) -> None:
    assert said(garden, "links", "notes/log", "--depth", "3") == (
        "linked from  guide  LINKS_TO  line 7\nunresolved  gone.md  markdown  line 3\nreached from  guide  1 step\n"
    )


def test_the_schema_and_what_differs_in_live(vault: Vault) -> None:
    folder = vault({**FILES, "mdcache.toml": 'schema = ["own.sql"]\n', "own.sql": "CREATE VIEW own AS SELECT 1;\n"})
    said(folder, "rebuild")
    text = said(folder, "schema")
    assert text.startswith("-- fingerprint " + answer(folder, "status", "--json")["fingerprint"])
    assert "\n-- own.sql\n\nCREATE VIEW own AS SELECT 1;\n" in text
    assert said(folder, "schema", "--diff") == ""
    (folder / "own.sql").write_text("CREATE VIEW own AS SELECT 2;\n")
    changes = [line for line in said(folder, "schema", "--diff").splitlines() if line[0] in "+-"]
    assert changes[2:] == ["-CREATE VIEW own AS SELECT 1", "+CREATE VIEW own AS SELECT 2"]
    assert "not that of the settings in force" in said(folder, "status")


def test_the_schema_is_there_before_any_cache_is(tmp_path: Path) -> None:
    assert said(tmp_path, "schema").startswith("-- fingerprint unknown: no settings, no cache\n")
    assert answer(tmp_path, "schema", "--json")["fingerprint"] is None
    assert one_line(mdcache(tmp_path, "schema", "--diff"), 3)


def test_a_schema_file_that_does_not_apply_leaves_live_as_it_is(vault: Vault) -> None:
    folder = vault({**FILES, "mdcache.toml": 'schema = ["own.sql"]\n', "own.sql": ""})
    said(folder, "rebuild")
    (folder / "own.sql").write_text("CREATE VIEW v AS SELECT titel FROM nodes;\n")
    message = one_line(mdcache(folder, "rebuild"), 2)
    assert message == "mdcache: own.sql: CREATE VIEW v AS SELECT titel FROM nodes;: no such column: titel\n"
    assert answer(folder, "status", "--json")["generation"] == 1


def test_a_published_file_is_read_where_its_documents_are(fresh: Path) -> None:
    published = str(fresh / "out.db")
    said(fresh, "rebuild", "docs", "--output", published, "--reproducible")
    first = Path(published).read_bytes()
    said(fresh, "rebuild", "docs", "--output", published, "--reproducible", "--quiet")
    assert Path(published).read_bytes() == first
    assert not (fresh / ".mdcache").exists()
    assert said(fresh / "docs", "search", "warm", "--db", published).startswith("guide.md:5: Guide: # Guide")


# A terminal


def test_at_a_terminal_results_are_numbered_coloured_and_linked(garden: Path) -> None:
    status, text = at_terminal(garden, "search", "warm")
    assert status == 0
    link = f"\x1b]8;;file://{os.uname().nodename}{garden}/docs/guide.md\x1b\\guide.md:5\x1b]8;;\x1b\\"
    assert text == (
        "1. \x1b[1mGuide\x1b[0m\n"
        f"   \x1b[36m{link}\x1b[0m\n"
        "   # Guide The cache is \x1b[1;33mwarm\x1b[0m. See [[log]].\n\n"
    )


def test_colours_are_left_out_where_they_are_not_wanted(garden: Path) -> None:
    assert "\x1b[" not in at_terminal(garden, "search", "warm", NO_COLOR="1")[1]
    assert "«warm»" in at_terminal(garden, "search", "warm", NO_COLOR="1")[1]
    assert "\x1b" not in at_terminal(garden, "search", "warm", TERM="dumb")[1]


def test_long_titles_are_cut_to_the_terminals_width(fresh: Path) -> None:
    (fresh / "docs/long.md").write_text("# " + "long " * 40 + "\n\nneedle\n")
    said(fresh, "rebuild", "docs")
    first = at_terminal(fresh, "search", "needle", columns=40, NO_COLOR="1")[1].splitlines()[0]
    assert (len(first), first[-1]) == (38, "…")


def test_json_at_a_terminal_is_indented(garden: Path) -> None:
    _, text = at_terminal(garden, "query", "--json", "SELECT 1 AS one")
    assert text == '{\n  "columns": [\n    "one"\n  ],\n  "rows": [\n    {\n      "one": 1\n    }\n  ]\n}\n'


def test_a_bar_shows_progress_at_a_terminal_only(fresh: Path) -> None:
    _, text = at_terminal(fresh, "rebuild", "docs")
    assert "rebuild" in text
    assert "3/3" in text
    assert "3/3" not in at_terminal(fresh, "rebuild", "docs", "--quiet")[1]
    assert mdcache(fresh, "rebuild", "docs").stderr == ""


EVIL = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202egnp.exe\u2066\x07\x08\x7f"


def test_no_control_sequence_out_of_a_document_reaches_the_terminal(vault: Vault) -> None:
    title = json.dumps(f"T{EVIL}")
    front = f"---\ntitle: {title}\nid: {json.dumps('i' + EVIL)}\ntags: [{json.dumps('t' + EVIL)}]\n---\n"
    text = f"{front}# H{EVIL}\n\nneedle {EVIL}\n"
    folder = vault({f"docs/p{EVIL.replace('/', '')}.md": text, "docs/b.md": f"[l{EVIL}](<x{EVIL}.md>) [[{EVIL}]]\n"})
    assert at_terminal(folder, "rebuild", "docs", "--quiet")[0] == 0
    ours = re.compile(r"\x1b\[[0-9;]*m|\x1b\]8;;(?:file://[!-~]*)?\x1b\\")
    for arguments in (
        ["search", "needle"],
        ["search", "needle", "--json"],
        ["read", f"p{EVIL}"],
        ["read", f"p{EVIL}#nothere{EVIL}"],
        ["read", "b", "--json"],
        ["read", EVIL],
        ["links", "b"],
        ["links", "b", "--json"],
        ["links", f"p{EVIL}", "--depth", "2"],
        ["query", "SELECT * FROM nodes"],
        ["query", f'SELECT id AS "{EVIL}" FROM nodes'],
        ["query", "SELECT * FROM nodes", "--csv"],
        ["query", "SELECT * FROM nodes", "--tsv"],
        ["query", "SELECT * FROM nodes", "--nl"],
        ["query", "SELECT * FROM nodes", "--arrays"],
        ["query", "SELECT * FROM nodes", "--fmt", "unsafehtml"],
        ["query", "SELECT * FROM problems", "--json"],
        ["query", EVIL],
        ["status"],
        ["schema", "--diff"],
        [f"frob{EVIL}"],
        ["search", f"--frob{EVIL}"],
    ):
        rest = ours.sub("", at_terminal(folder, *arguments)[1])
        hostile = {char for char in rest if unicodedata.category(char) == "Cc" and char not in "\t\n"}
        assert not hostile | (set(rest) & set("\u202e\u2066")), (arguments, rest)


def test_json_of_hostile_documents_is_json(vault: Vault) -> None:
    folder = vault({"docs/a.md": f"# H{EVIL}\n\nneedle {EVIL}\u2028\ufffe\n"})
    said(folder, "rebuild", "docs")
    assert answer(folder, "query", "SELECT title FROM nodes", "--json")["rows"] == [{"title": f"H{EVIL}"}]
    assert answer(folder, "read", "a", "--json")["text"] == f"# H{EVIL}\n\nneedle {EVIL}\u2028\ufffe\n"
    assert "«needle»" in answer(folder, "search", "needle", "--json")["results"][0]["snippet"]


# The process


def test_version_and_module(tmp_path: Path) -> None:
    assert said(tmp_path, "--version") == "mdcache, version 0.1.0\n"
    script = Path(sys.executable).with_name("mdcache")
    assert run((str(script), "--version"), tmp_path).stdout == "mdcache, version 0.1.0\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_and_options(garden: Path, shell: str) -> None:
    source = said(garden, env={**os.environ, "_MDCACHE_COMPLETE": f"{shell}_source"})
    assert "_MDCACHE_COMPLETE" in source
    environment = {
        **os.environ,
        "_MDCACHE_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": "mdcache se",
        "COMP_CWORD": "1",
    }
    assert "search" in said(garden, env={**environment, "COMP_CWORD": "se" if shell == "fish" else "1"})
    table = {**environment, "COMP_WORDS": "mdcache query --fmt git", "COMP_CWORD": "git" if shell == "fish" else "3"}
    assert "github" in said(garden, env=table)
