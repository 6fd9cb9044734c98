"""The documentation holds: its transcripts run, its SQL runs, its links lead somewhere, and it leaves nothing out."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
from caches import cache_of
from processes import mdcache, needs, run

import mdcache as package
from mdcache.cli.main import cli
from mdcache.codes import CODES
from mdcache.config import settings, values
from mdcache.config.template import TEMPLATE
from mdcache.dialects.facets import FACETS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
EVERYTHING = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def name(page: Path) -> str:
    return page.name


@pytest.fixture
def scenarios(fixtures: Path, tmp_path: Path) -> Path:
    """A copy of the fixtures, to build caches of."""
    return Path(shutil.copytree(fixtures, tmp_path / "you"))


# Programs


def test_the_examples_of_the_library_run_one_after_the_other(vault: Callable[..., Path]) -> None:
    text = "# Guide\n\nA cold start takes a second.\n\n## Setup\n\nSee [other](other.md).\n"
    folder = vault({"docs/guide.md": text, "docs/other.md": "# Other\n\n[guide](guide.md)\n"})
    examples = blocks(ROOT / "docs/library.md", "python")
    assert len(examples) == 4
    said = run((sys.executable, "-c", "\n".join(examples)), folder)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.startswith("2 documents\nguide.md 1 Guide # Guide A «cold» «start» takes")
    assert "no: no document has the id or path 'nothing like it'" in said.stdout
    assert (folder / "docs/elsewhere.db").exists()


# Transcripts


class Step(NamedTuple):
    """A command of a transcript, and what it prints."""

    command: str
    output: str


def steps(transcript: str) -> Iterator[Step]:
    for step in re.split(r"^\$ ", transcript, flags=re.MULTILINE)[1:]:
        command, _, output = step.partition("\n")
        yield Step(command, output)


def stable(text: str, folder: Path) -> str:
    """Without what differs from run to run: where, and how long it took."""
    return re.sub(r"\b\d+\.\d+ s\b", "0.05 s", text.replace(str(folder), "/home/you"))


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "console")], ids=name)
def test_transcripts_show_what_happens(page: Path, scenarios: Path) -> None:
    commands = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"}
    for step in steps("".join(blocks(page, "console"))):
        done = run(("bash", "-c", step.command + " 2>&1"), scenarios, env=environment)
        assert stable(done.stdout, scenarios) == step.output, step.command


def test_what_is_made_first_is_shown_first() -> None:
    transcript = steps(blocks(ROOT / "README.md", "console")[0])
    assert next(transcript).command == "mdcache rebuild handbook"


# systemd


@needs("systemd-analyze")
def test_systemd_takes_the_unit_as_it_stands(tmp_path: Path) -> None:
    (unit,) = blocks(ROOT / "docs/watch.md", "ini")
    installed = str(Path(sys.executable).parent / "mdcache")
    assert "ExecStart=%h/.local/bin/mdcache watch\n" in unit
    (tmp_path / "mdcache.service").write_text(unit.replace("%h/.local/bin/mdcache", installed))
    command = ("systemd-analyze", "--user", "--man=no", "verify", str(tmp_path / "mdcache.service"))
    done = run(command, tmp_path, env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# SQL and settings


def test_every_query_of_the_readme_finds_something(scenarios: Path) -> None:
    queries = blocks(ROOT / "README.md", "sql")
    assert len(queries) >= 10
    with cache_of(scenarios / "handbook"):
        pass
    for sql in queries:
        done = mdcache(scenarios / "handbook", "query", "--json", sql)
        assert done.returncode == 0, (sql, done.stderr)
        assert json.loads(done.stdout)["rows"], sql


@pytest.mark.parametrize("page", [ROOT / "docs/settings.md"], ids=name)
def test_ddl_in_the_documentation_applies(page: Path, scenarios: Path) -> None:
    (scenarios / "handbook/views.sql").write_text("".join(blocks(page, "sql")))
    with cache_of(scenarios / "handbook") as cache:
        assert cache.db.execute("SELECT count(*) FROM words WHERE length = length(title)").fetchone() == (8,)


def test_settings_in_the_readme_are_settings(scenarios: Path) -> None:
    (text,) = blocks(ROOT / "README.md", "toml")
    (scenarios / "handbook/mdcache.toml").write_text(text)
    found = settings.load(settings.Asked(str(scenarios / "handbook")), {})
    assert (found.exclude, [rule.type for rule in found.paths]) == (("drafts/",), ["decision"])


def test_every_setting_is_explained_with_its_default(tmp_path: Path) -> None:
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    explained = dict(re.findall(r"^\| `\[*([a-z_]+)\]*` \| (.*?) \|", page, re.MULTILINE))
    fields = {*settings.Settings._fields, *values.Watch._fields, "docs", "immutable", "ignore", "urls", "roots"}
    fields -= {"file", "base", "named", "asked", "watch", "source", "policy", "look", "links"}
    assert set(explained) == fields
    defaults = settings.load(settings.Asked(str(tmp_path)), {})
    assert explained["extensions"] == f"`{json.dumps(defaults.extensions)}`"
    assert explained["wikilinks"] == f"`{json.dumps(defaults.wikilinks)}`"
    assert explained["placeholders"] == f"`{json.dumps(defaults.placeholders)}`"
    assert explained["size_limit"] == f"`{defaults.size_limit}`"
    assert explained["database"] == f'`"{os.path.relpath(defaults.database, tmp_path)}"`'
    assert {key: explained[key] for key in defaults.watch._fields} == {
        key: f"`{json.dumps(value)}`" for key, value in defaults.watch._asdict().items()
    }
    template = set(re.findall(r"^(?:# )?\[*([a-z_]+)(?: = |\]+$)", TEMPLATE, re.MULTILINE))
    assert template - {"pattern", "type", "watch", "links"} == fields


def test_every_facet_has_an_example_that_counts(tmp_path: Path) -> None:
    text = next(block for block in blocks(ROOT / "docs/settings.md", "toml") if "[links]" in block)
    (tmp_path / "mdcache.toml").write_text(text)
    (tmp_path / "docs").mkdir()
    said = settings.load(settings.Asked(str(tmp_path)), {}).links
    assert [name for name, _ in said.facets] == [facet.name for facet in FACETS]
    assert (said.ignored, said.roots) == (("^https?://localhost", r"\.ipynb$"), ("docs", "static"))


def test_every_variable_that_is_read_is_explained() -> None:
    code = "\n".join(module.read_text(encoding="utf-8") for module in Path(package.__file__).parent.rglob("*.py"))
    read = set(re.findall(r'environ(?:ment)?\.get\("(\w+)"', code))
    assert {name for name in read if f"`{name}`" not in EVERYTHING} == set()
    assert {"MDCACHE_CONFIG", "MDCACHE_DB", "NO_COLOR"} <= read


def test_settings_and_rules_of_the_page_on_checking_do_what_it_says(vault: Callable[..., Path]) -> None:
    said, rules = blocks(ROOT / "docs/check.md", "toml")
    text = "\n".join(blocks(ROOT / "docs/check.md", "markdown"))
    folder = vault({"mdcache.toml": said, "drafts/a.md": "[x](y.md) ![x](y.png)\n", "b.md": text})
    assert mdcache(folder, "check", "--quiet").stdout == "drafts/a.md:1:1: broken-link no document for 'y.md'\n"
    assert mdcache(folder, "check", "--quiet").returncode == 0, "a warning"
    vault({"mdcache.toml": rules, **RULED}, into=folder)
    found = mdcache(folder, "check", "--quiet", *RULED).stdout
    assert found.splitlines() == [
        "decisions/bad.md:1:1: decision-status its status is maybe",
        "decisions/none.md:1:1: decision-status its status is missing",
        "lost.md:1:1: no-orphan no document links to it",
        "lost.md:1:1: owner nobody owns it",
        "notes.md:7:1: open-task still to do: two",
        "vocabulary.md:1:1: known-tag the tag odd is not in the vocabulary",
    ]


RULED = {
    "README.md": "---\nowner: ada\nstatus: draft\n---\n- [ ] later\n\n[b](decisions/bad.md) [n](decisions/none.md)\n"
    "[g](decisions/good.md) [v](vocabulary.md) [r](notes.md)\n",
    "decisions/bad.md": "---\nowner: ada\nstatus: maybe\n---\n",
    "decisions/good.md": "---\nowner: ada\nstatus: accepted\ntags: [how]\n---\n",
    "decisions/none.md": "---\nowner: bob\n---\n",
    "lost.md": "[itself](lost.md)\n",
    "notes.md": "---\nowner: ada\nstatus: released\n---\n- [x] one\n- [x] one and a half\n- [ ] two\n",
    "vocabulary.md": "---\nowner: ada\ntags: [how, odd]\n---\n# Tags\n\n## how\n",
}


# Commands


def parameters() -> Iterator[tuple[str, str]]:
    for command in cli.commands.values():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                yield from ((str(command.name), option) for option in parameter.opts)


@pytest.mark.parametrize("command", sorted(cli.commands))
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"| `mdcache {command}" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("command", "option"), sorted(set(parameters())))
def test_every_option_is_documented(command: str, option: str) -> None:
    assert re.search(rf"`(?:[^`\n]* )?{re.escape(option)}[` ]", EVERYTHING), command


def test_every_command_of_the_documentation_is_one() -> None:
    commands = set(
        re.findall(r"\bmdcache ([a-z]+)\b(?! (?:is|reads|keeps|which))", "".join(re.findall(r"`+[^`]+`+", EVERYTHING)))
    )
    assert commands == set(cli.commands)


def test_every_key_of_json_is_documented_in_its_order(scenarios: Path) -> None:
    page = (ROOT / "docs/json.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## ([\w -]+)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    asked = {
        "rebuild": ["rebuild", "handbook"],
        "sync": ["sync", "--check"],
        "check": ["check"],
        "check --stats": ["check", "--stats"],
        "changes": ["changes"],
        "search": ["search", "ice"],
        "read": ["read", "README"],
        "links": ["links", "README"],
        "query": ["query", "SELECT 1"],
        "status": ["status"],
        "schema": ["schema", "--diff"],
        "verify": ["verify"],
        "doctor": ["doctor"],
        "hook": ["hook", "uninstall"],
    }
    assert set(asked) <= set(sections)
    run(("git", "init", "-q"), scenarios)
    for command, arguments in asked.items():
        found: dict[str, Any] = json.loads(mdcache(scenarios, *arguments, "--json").stdout)
        listed = {"search": "results", "check": "problems", "check --stats": "dialects"}.get(command)
        shown = found[listed][0] if listed else found
        cells = re.findall(r"^\| (`.*?) \|", sections[command], re.MULTILINE)
        assert [key for cell in cells for key in re.findall(r"`(\w+)`", cell)] == list(shown), command


# Tables and problems


@pytest.mark.parametrize("made", ["schema", "problems", "dialects"])
def test_pages_that_are_made_are_up_to_date(made: str) -> None:
    spec = importlib.util.spec_from_file_location(f"{made}_page", ROOT / f"docs/{made}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / f"docs/{made}.md").read_text(encoding="utf-8") == module.page(), "make docs"


def test_every_table_and_column_is_on_that_page(scenarios: Path) -> None:
    page = (ROOT / "docs/schema.md").read_text(encoding="utf-8")
    with cache_of(scenarios / "obsidian") as cache:
        names = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT GLOB 'sections_fts_*'"
        for (table,) in cache.db.execute(f"{names} AND name NOT GLOB 'sqlite_*'").fetchall():
            section = page.partition(f"\n### {table}\n")[2].partition("\n### ")[0]
            columns = [row[1] for row in cache.db.execute(f'PRAGMA table_info("{table}")')]
            assert [column for column in columns if not re.search(rf"\b{column}\b", section)] == [], table


def test_every_problem_has_its_page() -> None:
    code = "\n".join(module.read_text(encoding="utf-8") for module in Path(package.__file__).parent.rglob("*.py"))
    made = set(re.findall(r'Problem\(.*"([a-z0-9-]+)", (ERROR|WARNING)', code))
    computed = {"broken-link", "missing-embed", "unwritten"}
    assert set(CODES) == {code for code, _ in made} | computed
    assert {(one.name, one.severity.upper()) for one in CODES.values() if one.name not in computed} <= made


LINKS = """---
key: "[[b]]"
---
[text](b.md#anchor) ![text](picture.png) [[b#Heading|label]] ![[b]] https://example.org <a href="b.md">text</a>

depends on:: [[b]]

[tag: b] <!-- tags: [SUPERSEDES: b] -->
"""


def test_every_kind_of_link_is_explained(tmp_path: Path) -> None:
    page = (ROOT / "docs/documents.md").read_text(encoding="utf-8")
    (tmp_path / "a.md").write_text(LINKS)
    (tmp_path / "b.md").write_text("# Heading")
    with cache_of(tmp_path) as cache:
        kinds = cache.db.execute("SELECT DISTINCT kind, type FROM links").fetchall()
    assert set(re.findall(r"\| `(\w+)` \| `(\w+)` \|$", page, re.MULTILINE)) == set(kinds)


# Links


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        yield from ((page, target) for target in re.findall(r"\]\(([^)\s]+)\)", text))


@pytest.mark.parametrize(("page", "target"), sorted(set(links())), ids=str)
def test_every_link_leads_somewhere(page: Path, target: str) -> None:
    if re.match(r"https?:", target):
        assert re.fullmatch(r"https://[\w.-]+/\S*", target)
    else:
        assert (page.parent / target.partition("#")[0]).exists()


def test_the_documentation_has_no_problems_of_its_own(tmp_path: Path) -> None:
    """Anchors too: mdcache knows them."""
    for page in PAGES:
        copied = tmp_path / page.relative_to(ROOT)
        copied.parent.mkdir(exist_ok=True)
        shutil.copy(page, copied)
    shutil.copytree(ROOT / "benchmarks", tmp_path / "benchmarks", ignore=shutil.ignore_patterns("results"))
    with cache_of(tmp_path) as cache:
        found = "SELECT path, line, code, message FROM problems WHERE path NOT GLOB 'benchmarks/*'"
        assert cache.db.execute(found).fetchall() == []


def test_every_scenario_is_told_of(fixtures: Path) -> None:
    page = (fixtures / "README.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| \[`([\w-]+)`\]\(\1/\) \|", page, re.MULTILINE))
    assert {path.name for path in fixtures.iterdir() if path.is_dir()} <= told
