"""What a change takes out of the settings: documents stay immutable for it, and whoever reviews it is told."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from judging import messages, places, request
from processes import mdcache, one_line

from mdcache.checking import check
from mdcache.checking.earlier import differing, graver, immutable, is_ignored_otherwise, still_immutable, told
from mdcache.config.policy import Policy, Verdict
from mdcache.config.settings import Asked, Settings, load
from mdcache.files.sources import Trees
from mdcache.model import ERROR, WARNING, Problem

Git = Callable[..., str]
Vault = Callable[..., Path]

FIXED = 'immutable = ["decisions/**"]\n'


@pytest.fixture
def repo(tmp_path: Path, git: Git, vault: Vault) -> Path:
    """A repository whose decisions are immutable, at a commit that is called main."""
    git(tmp_path, "init", "-q", "repo")
    decisions = {f"decisions/{number}.md": f"# Number {number}\n" for number in (1, 2)}
    folder = vault({"mdcache.toml": FIXED, "a.md": "# A\n", **decisions}, into=tmp_path / "repo")
    committed(folder, git)
    git(folder, "checkout", "-qb", "change")
    return folder


def committed(folder: Path, git: Git) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--allow-empty", "-qm", "more")


def notes(folder: Path, *paths: str, **asked: object) -> list[str]:
    said: list[str] = []
    check.check(request(folder, *paths, **asked), said.append)
    return said


def changed_in_every_view(repo: Path, git: Git) -> list[list[str]]:
    """Commit what lies there; what check finds, asked in each way that holds a change against what was before."""
    git(repo, "add", "--all")
    staged = places(repo, staged=True)
    git(repo, "commit", "-qm", "a change")
    return [staged, places(repo, against="main"), places(repo, rev="HEAD", against="main"), places(repo, rev="HEAD")]


# Ways to take away what holds a document

FILES = {
    "the setting is dropped": {"mdcache.toml": ""},
    "a document is taken out": {"mdcache.toml": 'immutable = ["decisions/**", "!decisions/1.md"]\n'},
    "the pattern is narrowed": {"mdcache.toml": 'immutable = ["decisions/2.md"]\n'},
    "the code is switched off": {"mdcache.toml": f'{FIXED}[check.codes]\nimmutable = "off"\n'},
    "the code is a warning": {"mdcache.toml": f'{FIXED}[check.codes]\nimmutable = "warning"\n'},
    "the code is off in a path": {
        "mdcache.toml": f'{FIXED}[[check.paths]]\npattern = "*.md"\nimmutable = "off"\n',
    },
    "they are excluded": {"mdcache.toml": f'{FIXED}exclude = ["decisions/**"]\n'},
    "they are not included": {"mdcache.toml": f'{FIXED}include = ["a.md"]\n'},
    "other files are documents": {"mdcache.toml": f'{FIXED}extensions = [".txt"]\n'},
    "other folders are": {"mdcache.toml": f'{FIXED}docs = ["other"]\n', "other/b.md": ""},
    "other settings go first": {"decisions/mdcache.toml": "", "mdcache.toml": ""},
}


@pytest.mark.parametrize("how", FILES)
def test_what_was_immutable_is_so_for_the_change_that_says_otherwise(
    repo: Path, git: Git, vault: Vault, how: str
) -> None:
    vault({**FILES[how], "decisions/1.md": "# Another\n"}, into=repo)
    assert changed_in_every_view(repo, git) == [["decisions/1.md:1 immutable"]] * 4
    assert mdcache(repo, "check", "--against", "main").returncode == 1


def test_settings_that_are_removed_held_before(repo: Path, git: Git, vault: Vault) -> None:
    (repo / "mdcache.toml").unlink()
    vault({"decisions/1.md": "# Another\n"}, into=repo)
    assert changed_in_every_view(repo, git) == [["decisions/1.md:1 immutable"]] * 4


@pytest.mark.parametrize("to", ["mdcache.toml", "pyproject.toml"])
def test_settings_that_move_held_before(repo: Path, git: Git, vault: Vault, to: str) -> None:
    other = "pyproject.toml" if to == "mdcache.toml" else "mdcache.toml"
    (repo / "mdcache.toml").unlink()
    texts = {"mdcache.toml": "{}", "pyproject.toml": "[tool.mdcache]\n{}"}
    vault({other: texts[other].format(FIXED)}, into=repo)
    committed(repo, git)
    git(repo, "branch", "-qf", "main")
    (repo / other).unlink()
    vault({to: texts[to].format(""), "decisions/1.md": "# Another\n"}, into=repo)
    assert changed_in_every_view(repo, git) == [["decisions/1.md:1 immutable"]] * 4


def test_a_table_that_leaves_pyproject_held_before(repo: Path, git: Git, vault: Vault) -> None:
    git(repo, "mv", "mdcache.toml", "pyproject.toml")
    vault({"pyproject.toml": f"[tool.mdcache]\n{FIXED}"}, into=repo)
    committed(repo, git)
    git(repo, "branch", "-qf", "main")
    vault({"pyproject.toml": "[tool.other]\n", "decisions/1.md": "# Another\n"}, into=repo)
    assert changed_in_every_view(repo, git) == [["decisions/1.md:1 immutable"]] * 4


@pytest.mark.parametrize("to", ["another file", "none"])
def test_settings_behind_a_link_held_before(repo: Path, git: Git, vault: Vault, to: str) -> None:
    (repo / "mdcache.toml").unlink()
    vault({"conf/one.toml": FIXED, "conf/two.toml": ""}, into=repo)
    (repo / "mdcache.toml").symlink_to("conf/one.toml")
    committed(repo, git)
    git(repo, "branch", "-qf", "main")
    (repo / "mdcache.toml").unlink()
    if to == "another file":
        (repo / "mdcache.toml").symlink_to("conf/two.toml")
    vault({"decisions/1.md": "# Another\n"}, into=repo)
    assert changed_in_every_view(repo, git) == [["decisions/1.md:1 immutable"]] * 4


def test_the_same_link_to_settings_that_change_leads_to_those_of_before(repo: Path, git: Git, vault: Vault) -> None:
    (repo / "mdcache.toml").unlink()
    vault({"conf/one.toml": FIXED}, into=repo)
    (repo / "mdcache.toml").symlink_to("conf/one.toml")
    committed(repo, git)
    git(repo, "branch", "-qf", "main")
    vault({"conf/one.toml": "", "decisions/1.md": "# Another\n"}, into=repo)
    assert changed_in_every_view(repo, git) == [["decisions/1.md:1 immutable"]] * 4


def test_a_folder_of_documents_that_becomes_a_link_was_one_before(repo: Path, git: Git, vault: Vault) -> None:
    vault({"mdcache.toml": f'docs = ["decisions"]\n{FIXED}'}, into=repo)
    committed(repo, git)
    git(repo, "branch", "-qf", "main")
    (repo / "decisions").rename(repo / "elsewhere")
    (repo / "decisions").symlink_to("elsewhere")
    vault({"elsewhere/1.md": "# Another\n"}, into=repo)
    found = {f"decisions/{number}.md:1 immutable" for number in (1, 2)}
    assert [set(one) for one in changed_in_every_view(repo, git)] == [found] * 4


def test_a_root_that_was_removed_was_there_before(repo: Path, git: Git, vault: Vault) -> None:
    vault({"mdcache.toml": f'docs = ["decisions"]\n{FIXED}'}, into=repo)
    committed(repo, git)
    git(repo, "branch", "-qf", "main")
    shutil.rmtree(repo / "decisions")
    vault({"mdcache.toml": 'docs = ["other"]\n', "other/a.md": ""}, into=repo)
    git(repo, "add", "--all")
    assert messages(repo, against="main") == ["it is committed and must stay as it is, but was removed"] * 2


def test_in_a_folder_with_new_settings_of_its_own_those_above_held_before(repo: Path, git: Git, vault: Vault) -> None:
    vault({"decisions/mdcache.toml": "", "decisions/1.md": "# Another\n"}, into=repo)
    git(repo, "add", "--all")
    assert places(repo / "decisions", against="main") == ["1.md:1 immutable"]
    assert places(repo / "decisions", "2.md", against="main") == []


def test_settings_of_a_change_make_documents_immutable_from_then_on(repo: Path, git: Git, vault: Vault) -> None:
    git(repo, "rm", "-q", "mdcache.toml")
    git(repo, "commit", "-qm", "none")
    git(repo, "branch", "-qf", "main")
    vault({"mdcache.toml": FIXED, "decisions/1.md": "# Another\n"}, into=repo)
    assert changed_in_every_view(repo, git) == [["decisions/1.md:1 immutable"]] * 4


def test_a_setting_may_be_dropped_by_itself_and_the_document_changed_after_it(
    repo: Path, git: Git, vault: Vault
) -> None:
    vault({"mdcache.toml": ""}, into=repo)
    assert changed_in_every_view(repo, git) == [[]] * 4
    git(repo, "branch", "-qf", "main")
    vault({"decisions/1.md": "# Another\n"}, into=repo)
    assert changed_in_every_view(repo, git) == [[]] * 4


def test_settings_that_git_does_not_track_are_those_of_all_times(repo: Path, git: Git, vault: Vault) -> None:
    git(repo, "rm", "-q", "mdcache.toml")
    committed(repo, git)
    git(repo, "branch", "-qf", "main")
    vault({"mdcache.toml": FIXED, ".git/info/exclude": "mdcache.toml\n", "decisions/1.md": "# Another\n"}, into=repo)
    assert notes(repo, against="main") == []
    assert places(repo, against="main") == ["decisions/1.md:1 immutable"]


# What is told of other settings

SAME = "; what either side calls immutable must stay as it is"
TAKES_AWAY = {
    "exclude": 'exclude = ["drafts/**"]\n',
    "include": 'include = ["decisions/**"]\n',
    "extensions": 'extensions = [".md", ".txt"]\n',
    "size_limit": "size_limit = 1\n",
    "wikilinks": "wikilinks = false\n",
    "placeholders": 'placeholders = ["gone.md"]\n',
    "dialect": 'dialect = "obsidian"\n',
    "links": '[links]\nignore = ["gone"]\n',
    "paths": '[[paths]]\npattern = "x/**"\ntype = "y"\n',
    "check.codes": '[check.codes]\nbroken-link = "off"\n',
    "check.paths": '[[check.paths]]\npattern = "a.md"\nbroken-link = "off"\n',
    "check.rules": "[check.rules]\nx = \"SELECT 'a.md' AS path, 'x' AS message WHERE 0\"\n",
}


@pytest.mark.parametrize("name", TAKES_AWAY)
def test_the_settings_that_a_change_brings_are_named(repo: Path, git: Git, vault: Vault, name: str) -> None:
    vault({"mdcache.toml": FIXED + TAKES_AWAY[name]}, into=repo)
    git(repo, "add", "--all")
    assert notes(repo, staged=True) == [f"these settings are not those of HEAD: {name}"]
    git(repo, "commit", "-qm", "a change")
    assert notes(repo, against="main")[0] == f"these settings are not those of main: {name}"
    said = one_line(mdcache(repo, "check", "--against", "main", "--format", "github", "decisions"), 0)
    assert said == f"mdcache: these settings are not those of main: {name}\n"


def test_a_site_that_a_change_takes_away_is_named_and_what_it_breaks_is_found(
    repo: Path, git: Git, vault: Vault
) -> None:
    vault({"mkdocs.yml": "site_name: x\n", "docs/a.md": "[b](../b/)\n", "docs/b.md": "# B\n"}, into=repo)
    committed(repo, git)
    git(repo, "branch", "-qf", "main")
    (repo / "mkdocs.yml").unlink()
    assert notes(repo, against="main") == ["these settings are not those of main: sites"]
    assert changed_in_every_view(repo, git)[:3] == [["docs/a.md:1 broken-link"]] * 3


def test_other_folders_and_schema_files_are_named(repo: Path, vault: Vault) -> None:
    vault({"mdcache.toml": 'docs = ["decisions"]\nschema = ["s.sql"]\n', "s.sql": "CREATE TABLE own (x);"}, into=repo)
    names = "docs, schema, immutable"
    assert notes(repo, against="main") == [f"these settings are not those of main: {names}{SAME}"]


def test_nothing_is_told_of_settings_that_decide_nothing_or_stay(repo: Path, git: Git, vault: Vault) -> None:
    vault({"mdcache.toml": f"{FIXED}\n# more\n[watch]\npoll_s = 3\n", "a.md": "# B\n"}, into=repo)
    git(repo, "add", "--all")
    assert notes(repo, against="main") == notes(repo, staged=True) == []
    assert mdcache(repo, "check", "--against", "main").stderr == ""


def test_a_gitignore_that_hides_documents_is_named(repo: Path, git: Git, vault: Vault) -> None:
    vault({".gitignore": "*.md\n", "a.md": "[gone](gone.md)\n"}, into=repo)
    git(repo, "add", "--all")
    said = notes(repo, against="main"), notes(repo, staged=True)
    assert [one[0] for one in said] == [
        f"these settings are not those of {name}: .gitignore" for name in ("main", "HEAD")
    ]
    git(repo, "rm", "-qf", ".gitignore", "a.md")
    assert notes(repo, against="main") == [], "a document that is gone is no reason"


def test_settings_of_before_that_cannot_be_used_are_told(repo: Path, git: Git, vault: Vault) -> None:
    vault({"mdcache.toml": "immutable = 3\n"}, into=repo)
    committed(repo, git)
    vault({"mdcache.toml": FIXED}, into=repo)
    (said,) = notes(repo, against="HEAD")
    assert said.startswith("the settings of HEAD cannot be used, and nothing that they say counts: ")
    assert "'immutable' must be a list of strings" in said
    assert places(repo, against="HEAD") == []


def test_quiet_tells_nothing(repo: Path, vault: Vault) -> None:
    vault({"mdcache.toml": ""}, into=repo)
    assert mdcache(repo, "check", "--against", "main", "--quiet").stderr == ""


# That nothing was judged

ALL_OFF = [
    'exclude = ["*"]\n',
    'include = ["zzz"]\n',
    'extensions = [".zzz"]\n',
    'docs = ["empty"]\n',
]


@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
@pytest.mark.parametrize("settings", ALL_OFF)
def test_that_no_document_was_found_is_told_in_every_format(
    tmp_path: Path, vault: Vault, settings: str, form: str
) -> None:
    vault({"mdcache.toml": settings, "a.md": "[gone](gone.md)\n", "empty/": ""}, into=tmp_path)
    done = mdcache(tmp_path, "check", "--format", form)
    file = tmp_path / "mdcache.toml"
    why = f"for none was found: {file} and .gitignore files decide which there are"
    assert (done.returncode, done.stderr) == (0, f"mdcache: no document was judged, {why}\n")


def off(line: str, *, but: str = "") -> str:
    from mdcache.codes import CODES

    return line + "".join(f'{code} = "off"\n' for code in CODES if code != but)


@pytest.mark.parametrize("pattern", ["*", "*.md", "/a.md"])
def test_that_every_check_is_off_is_told(tmp_path: Path, vault: Vault, pattern: str) -> None:
    vault({"a.md": "[gone](gone.md)\n"}, into=tmp_path)
    for settings in (off("[check.codes]\n"), off(f'[[check.paths]]\npattern = "{pattern}"\n')):
        vault({"mdcache.toml": settings}, into=tmp_path)
        done = mdcache(tmp_path, "check", "--json")
        why = f"for every check is off in them: {tmp_path / 'mdcache.toml'} says so"
        assert (done.returncode, done.stderr) == (0, f"mdcache: no document was judged, {why}\n")


def test_nothing_is_told_while_anything_can_be_found(tmp_path: Path, vault: Vault) -> None:
    vault({"a.md": "", "b.md": "", "mdcache.toml": off("[check.codes]\n", but="broken-link")}, into=tmp_path)
    assert notes(tmp_path) == []
    vault({"mdcache.toml": off('[[check.paths]]\npattern = "a.md"\n')}, into=tmp_path)
    assert notes(tmp_path) == []
    assert len(notes(tmp_path, "a.md")) == 1, "the other document is not asked for"


def test_of_paths_without_documents_it_is_told(tmp_path: Path, vault: Vault) -> None:
    vault({"a.md": "", "empty/": ""}, into=tmp_path)
    assert len(notes(tmp_path, "empty")) == 1
    assert notes(tmp_path, "a.md") == []


# The decisions


def settings_of(folder: Path) -> Settings:
    return load(Asked(str(folder)), {})


def test_a_document_that_is_as_it_was_or_new_is_no_problem() -> None:
    assert immutable(("*.md",), {"a.md": "1"}, {"a.md": "1", "b.md": "2"}) == []
    (found,) = immutable(("*.md",), {"a.md": "1"}, {"b.md": "1"})
    assert found.message.endswith("but was renamed to 'b.md'")


def test_of_two_that_speak_of_one_document_the_graver_stays() -> None:
    soft, hard = (Problem("a.md", 1, 1, "immutable", severity, "x") for severity in (WARNING, ERROR))
    other = Problem("b.md", 1, 1, "broken-link", ERROR, "y")
    assert graver([soft, other], [hard]) == graver([hard, other], [soft]) == [hard, other]
    assert graver([other], []) == [other]


def test_settings_that_are_the_same_hold_nothing_twice(repo: Path, vault: Vault) -> None:
    vault({"decisions/1.md": "# Another\n"}, into=repo)
    now = settings_of(repo)
    then = now._replace(source=Trees.around(str(repo)).revision("main", is_past=True))
    assert differing(then, now) == [] == still_immutable(then, now)
    softer = now._replace(policy=Policy((Verdict("immutable", "off"),), (), now.policy.immutable))
    assert differing(then, softer) == ["check.codes"]
    assert [one.path for one in still_immutable(then, softer)] == ["decisions/1.md"]
    assert not is_ignored_otherwise(then, now, ["gone/x.md"])


def test_a_line_names_what_differs() -> None:
    assert told("main", ["exclude"]) == "these settings are not those of main: exclude"
    assert told("v1", ["docs", "immutable"]).endswith("of v1: docs, immutable" + SAME)
