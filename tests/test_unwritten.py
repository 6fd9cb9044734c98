"""A link to a page that is yet to be made is a note: told, and no reason to fail, unless somebody wants that."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from caches import cache_of
from judging import findings, places
from processes import mdcache

from mdcache.read.status import status

Vault = Callable[..., Path]
Git = Callable[..., str]

TEXT = "# Here\n\n[[Gone]] and [[here#Gone]]\n![[Gone]]\n[[gone.png]]\n"
PAGES_ARE_MADE = "[links]\nunwritten = true\n"


def vault_of(vault: Vault, settings: str = "", text: str = TEXT) -> Path:
    return vault({"mdcache.toml": settings + PAGES_ARE_MADE, "here.md": text})


def test_only_the_link_to_a_page_is_a_note(vault: Vault) -> None:
    found = [finding.problem for finding in findings(vault_of(vault))]
    assert [(one.line, one.code, one.severity) for one in found] == [
        (3, "unwritten", "note"),
        (3, "broken-anchor", "error"),
        (4, "missing-embed", "error"),
        (5, "broken-link", "error"),
    ]


def test_without_the_facet_it_is_broken(vault: Vault) -> None:
    assert places(vault({"mdcache.toml": "", "here.md": "[[Gone]]"})) == ["here.md:1 broken-link"]


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("Gone", "unwritten"),
        ("Gone.md", "unwritten"),
        ("sub/gone.md", "unwritten"),
        ("gone.py", "broken-link"),
        ("gone/", "broken-link"),
    ],
)
def test_a_markdown_link_asks_for_a_page_where_it_finds_pages_by_name(vault: Vault, target: str, code: str) -> None:
    text = f"[x]({target})"
    assert places(vault_of(vault, text=text)) == ["here.md:1 broken-link"]
    folder = vault({"mdcache.toml": f"{PAGES_ARE_MADE}by_name = true\n", "here.md": text})
    assert places(folder) == [f"here.md:1 {code}"]


def test_a_link_in_front_matter_may_name_what_is_not_written_either(vault: Vault) -> None:
    (found,) = findings(vault_of(vault, text="---\nup: '[[Gone]]'\n---\n"))
    assert (found.problem.code, found.problem.severity) == ("unwritten", "note")


def test_notes_end_well_unless_they_are_not_wanted(vault: Vault) -> None:
    folder = vault_of(vault, text="[[Gone]]")
    done = mdcache(folder, "check")
    assert (done.returncode, done.stdout) == (0, "here.md:1:1: unwritten no document for 'Gone'\n")
    assert done.stderr == "mdcache: no problems; 1 note\n"
    assert mdcache(folder, "check", "--strict").returncode == 1


@pytest.mark.parametrize(("said", "status_"), [("error", 1), ("warning", 0), ("off", 0)])
def test_settings_decide_what_a_page_to_be_made_is(vault: Vault, said: str, status_: int) -> None:
    folder = vault_of(vault, f"[check.codes]\nunwritten = '{said}'\n", "[[Gone]]")
    done = mdcache(folder, "check", "--json")
    assert [one["severity"] for one in json.loads(done.stdout)["problems"]] == [said] * (said != "off")
    assert done.returncode == status_


def test_any_code_may_be_a_note(vault: Vault) -> None:
    folder = vault({"mdcache.toml": "[check.codes]\nbroken-link = 'note'\n", "a.md": "[x](gone.md)"})
    assert mdcache(folder, "check", "--quiet").returncode == 0


def test_each_format_has_a_word_for_notes(vault: Vault) -> None:
    folder = vault_of(vault, text="[[Gone]]")
    assert mdcache(folder, "check", "--format", "github").stdout.startswith("::notice file=here.md,line=1,")
    run = sarif(folder)
    assert [result["level"] for result in run["results"]] == ["note"]
    assert [rule["defaultConfiguration"]["level"] for rule in run["tool"]["driver"]["rules"]] == ["note"]


def sarif(folder: Path) -> Any:
    return json.loads(mdcache(folder, "check", "--format", "sarif").stdout)["runs"][0]


def test_no_sum_counts_notes(vault: Vault) -> None:
    with cache_of(vault_of(vault, text="[[Gone]] [[x.png]]")) as cache:
        assert status(cache, None).problems == 0
        assert cache.db.execute("SELECT code, severity FROM problems").fetchall() == [("unwritten", "note")]


def test_a_hook_lets_a_page_pass_that_links_to_one_to_be_made(vault: Vault, git: Git) -> None:
    folder = vault_of(vault, text="[[Gone]]")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    assert mdcache(folder, "check", "--staged").returncode == 0
