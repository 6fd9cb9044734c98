"""One judge, three trees: the work tree, git's index, a revision; and what a change breaks."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from judging import findings, messages, places

from mdcache.build import rebuild
from mdcache.config.settings import Asked, load
from mdcache.errors import UsageError, WorkError
from mdcache.model import Problem
from mdcache.store import connections

Git = Callable[..., str]
Vault = Callable[..., Path]

GOOD = {"README.md": "# Home\n\n[a](docs/a.md)\n", "docs/a.md": "# A\n\n[home](../README.md#home)\n"}


@pytest.fixture
def repo(tmp_path: Path, git: Git, vault: Vault) -> Path:
    """A repository with one commit in which nothing is wrong."""
    git(tmp_path, "init", "-q", "repo")
    folder = vault(GOOD, into=tmp_path / "repo")
    commit(folder, git)
    return folder


def commit(folder: Path, git: Git) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--allow-empty", "-qm", "more")


# The law: what is staged is judged as if it lay there

PATHS = ["a.md", "A.md", "b.md", "d/a.md", "d/b.md", "d/README.md", "p.png", "d/q.png", "x.txt"]
TARGETS = ["a.md", "b.md", "../a.md", "d/a.md", "d/", "p.png", "d/q.png", "q.png", "x", "b#h", "a.md#h"]
WIKI = ["[[a]]", "[[b#h]]", "![[q.png]]", "[[d/a]]", "![[b]]", "[[none]]"]
OTHER = ["# h", "## h", "text", "<<<<<<< x\n=======\n>>>>>>> y", "\xff"]
FRONT = ["", "", "---\nid: one\n---\n", "---\nid: b\n---\n", "---\nsee: ['[[a]]', '[[none]]']\n---\n"]
PIECES = [*(form.format(target) for form in ("[x]({})", "![x]({})") for target in TARGETS), *WIKI, *OTHER]
BODY = st.lists(st.sampled_from(PIECES).map("{}\n\n".format), max_size=3).map("".join)
TEXT = st.tuples(st.sampled_from(FRONT), BODY).map(lambda parts: "".join(parts).encode("latin-1"))
TREE = st.dictionaries(st.sampled_from(PATHS), TEXT, max_size=6)
RULE = "SELECT path, line, 'a section ' || heading AS message FROM sections JOIN nodes ON nodes.key = node"
SETTINGS = f'immutable = ["d/b.md"]\n[check.rules]\nlevel-two = "{RULE} WHERE level = 2"\n'.encode()


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Make the folder hold these files and the settings, and nothing else."""
    for path in PATHS:
        (folder / path).unlink(missing_ok=True)
    shutil.rmtree(folder / "d", ignore_errors=True)  # an empty folder can be linked to, and git knows none
    for path, data in {**files, "mdcache.toml": SETTINGS}.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(data)


class Tree(NamedTuple):
    """What a full rebuild of some files makes of them."""

    problems: set[Problem]
    documents: dict[str, bytes]

    def broken_since(self, before: Tree) -> set[Problem]:
        known = {identity(problem) for problem in before.problems}
        return {
            one
            for one in self.problems
            if self.documents[one.path] != before.documents.get(one.path) or identity(one) not in known
        }


def alone(files: dict[str, bytes]) -> Tree:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        write(folder, files)
        found = load(Asked(name), {})
        rebuild.rebuild(found, rebuild.Options(workers=0))
        problems = {finding.problem for finding in findings(folder)}
        return Tree(problems, {path: data for path, data in files.items() if path.endswith(".md")})


def identity(problem: Problem) -> tuple[Any, ...]:
    """Messages may change with other documents; those of the rule have none."""
    return (*problem[:4], problem.link)


def judged_as_the_law_says(folder: Path, git: Git, data: st.DataObject) -> None:
    git(folder, "init", "-q")
    head, index, disk = (data.draw(TREE, label=label) for label in ("HEAD", "index", "work tree"))
    write(folder, head)
    git(folder, "add", "--all")
    git(folder, "commit", "-qm", "one")
    write(folder, index)
    git(folder, "add", "--all")
    write(folder, disk)
    trees = {name: alone(files) for name, files in (("HEAD", head), ("index", index), ("disk", disk))}
    for name, asked in (("index", {"staged": True}), ("disk", {"against": "HEAD"})):
        found = {finding.problem for finding in findings(folder, **asked)}
        fixed = {one for one in found if one.code == "immutable"}
        assert found - fixed == trees[name].broken_since(trees["HEAD"])
        before, after = (trees[tree].documents.get("d/b.md") for tree in ("HEAD", name))
        assert bool(fixed) == (before is not None and after != before)
    assert {finding.problem for finding in findings(folder, rev="HEAD")} == trees["HEAD"].problems


@settings(max_examples=6, phases=(Phase.reuse, Phase.generate), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_is_staged_is_judged_as_rebuilds_of_checkouts_would_tell(git: Git, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        judged_as_the_law_says(Path(name).resolve(), git, data)


@pytest.mark.torture
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_is_staged_is_judged_so_however_long_one_looks(git: Git, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        judged_as_the_law_says(Path(name).resolve(), git, data)


# Whatever the cache


def with_cache(folder: Path, how: str) -> None:
    """Put a cache where it belongs, or what passes for one."""
    found = load(Asked(str(folder)), {})
    found = found if found.roots else found.with_roots(found.base, (found.base,))
    place = folder / ".mdcache/cache.db"
    if how != "none":
        excluding = ("docs/",) if how == "foreign" else ()
        rebuild.rebuild(found._replace(exclude=excluding), rebuild.Options(workers=0))
    if how == "damaged":
        place.write_bytes(place.read_bytes()[:5000] + bytes(10_000))
    if how == "not ours":
        place.unlink()
        place.write_text("a diary")
    if how == "of a newer version":
        with closing(connections.open_live(str(place))) as db:
            db.execute("UPDATE meta SET value = '999.0' WHERE key = 'mdcache'")


@pytest.mark.parametrize("how", ["none", "fresh", "stale", "foreign", "damaged", "not ours", "of a newer version"])
def test_the_findings_are_the_same_whatever_the_cache_holds(repo: Path, git: Git, vault: Vault, how: str) -> None:
    if how == "stale":
        with_cache(repo, how)
    vault({"docs/a.md": "# B\n\n[x](gone.md) [home](../README.md#hme)\n", "README.md": "# Other\n"}, into=repo)
    git(repo, "add", "docs/a.md")
    (repo / "docs/new.md").write_text("[x](nothere.md)")
    if how != "stale":
        with_cache(repo, how)
    before = [file.read_bytes() for file in (repo / ".mdcache").glob("cache.db")]
    assert places(repo, staged=True) == ["docs/a.md:3 broken-link", "docs/a.md:3 broken-anchor"]
    assert places(repo) == [*places(repo, staged=True), "docs/new.md:1 broken-link"]
    assert places(repo, rev="HEAD") == []
    assert [file.read_bytes() for file in (repo / ".mdcache").glob("cache.db")] == before


# What a change breaks


def test_only_what_is_staged_counts_not_what_lies_there(repo: Path, git: Git, vault: Vault) -> None:
    vault({"docs/a.md": "[x](gone.md)\n\n[y](gone.md)\n"}, into=repo)
    git(repo, "add", "docs/a.md")
    vault({"docs/a.md": "all is well\n"}, into=repo)
    assert places(repo, staged=True) == ["docs/a.md:1 broken-link", "docs/a.md:3 broken-link"]
    assert places(repo) == []


def test_of_a_change_that_is_staged_in_part_the_part_counts(repo: Path, git: Git, vault: Vault) -> None:
    vault({"docs/a.md": "# A\n\n[home](../README.md#home)\n\n[one](one.md)\n\n[two](two.md)\n"}, into=repo)
    hunk = "--- a/docs/a.md\n+++ b/docs/a.md\n@@ -3,1 +3,3 @@\n [home](../README.md#home)\n+\n+[one](one.md)\n"
    git(repo, "apply", "--cached", "-", input=hunk)
    assert places(repo, staged=True) == ["docs/a.md:5 broken-link"]


def test_a_document_that_is_removed_or_renamed_breaks_the_links_of_others(repo: Path, git: Git) -> None:
    git(repo, "mv", "docs/a.md", "docs/b.md")
    assert places(repo, staged=True) == ["README.md:3 broken-link"]
    git(repo, "reset", "-q", "--hard")
    git(repo, "rm", "-q", "README.md")
    assert places(repo, staged=True) == ["docs/a.md:3 broken-link"]


def test_a_heading_that_is_renamed_breaks_the_links_to_it(repo: Path, git: Git, vault: Vault) -> None:
    vault({"README.md": "# House\n\n[a](docs/a.md)\n"}, into=repo)
    git(repo, "add", ".")
    assert places(repo, staged=True) == ["docs/a.md:3 broken-anchor"]


def test_a_picture_that_is_removed_breaks_who_shows_it(repo: Path, git: Git, vault: Vault) -> None:
    vault({"docs/a.md": "![p](../p.png) ![[q.png]]\n", "p.png": "", "deep/q.png": ""}, into=repo)
    commit(repo, git)
    assert places(repo) == places(repo, staged=True) == []
    git(repo, "rm", "-q", "--cached", "p.png", "deep/q.png")
    assert places(repo, staged=True) == ["docs/a.md:1 missing-embed"] * 2
    assert places(repo) == []


def test_what_was_wrong_before_is_told_only_of_documents_that_change(repo: Path, git: Git, vault: Vault) -> None:
    vault({"docs/a.md": "[old](old.md)\n", "docs/b.md": "[old](old.md)\n"}, into=repo)
    commit(repo, git)
    vault({"docs/b.md": "more\n\n[old](old.md)\n"}, into=repo)
    git(repo, "add", ".")
    assert places(repo, staged=True) == places(repo, against="HEAD") == ["docs/b.md:3 broken-link"]
    assert places(repo) == ["docs/a.md:1 broken-link", "docs/b.md:3 broken-link"]


def test_two_links_of_a_line_of_front_matter_are_two(repo: Path, git: Git, vault: Vault) -> None:
    vault({"docs/a.md": "---\nsee: ['[[p.png]]', '[[b]]', '[[c]]']\n---\n", "p.png": "", "docs/b.md": ""}, into=repo)
    assert messages(repo) == ["no document for 'c'"]
    commit(repo, git)
    git(repo, "rm", "-q", "docs/b.md", "p.png")
    assert messages(repo, staged=True) == ["no document for 'b'", "no file for 'p.png'"]


# A name longer than what messages show of it.
LONG = "drafts/" + "so-long-" * 16


def linking_to_drafts(*ends: str) -> str:
    return f"---\nsee: {[f'[[{LONG}-{end}.md]]' for end in ends]}\n---\n"


def test_of_two_links_that_messages_show_alike_the_one_that_is_broken_is_told(vault: Vault) -> None:
    files = {"mdcache.toml": 'exclude = ["drafts/"]\n', f"{LONG}-x.md": ""}
    folder = vault({**files, "a.md": linking_to_drafts("x", "y")})
    assert places(folder) == ["a.md:2 broken-link"]
    vault({f"{LONG}-y.md": ""}, into=folder)
    assert places(folder) == []


def test_what_breaks_is_told_beside_what_was_broken_and_is_shown_alike(repo: Path, git: Git, vault: Vault) -> None:
    vault({"docs/a.md": linking_to_drafts("x", "y"), f"{LONG}-x.md": ""}, into=repo)
    commit(repo, git)
    git(repo, "rm", "-q", f"{LONG}-x.md")
    assert places(repo, staged=True) == ["docs/a.md:2 broken-link"]


def test_a_renamed_document_is_judged_where_it_lies_now(repo: Path, git: Git) -> None:
    (repo / "deep").mkdir()
    git(repo, "mv", "docs/a.md", "deep/er.md")
    assert places(repo, staged=True) == ["README.md:3 broken-link"]
    (repo / "a/b").mkdir(parents=True)
    git(repo, "mv", "deep/er.md", "a/b/er.md")
    assert places(repo, staged=True) == ["README.md:3 broken-link", "a/b/er.md:3 broken-link"]


# Moments in the life of a repository


def hooked(folder: Path, *arguments: str) -> str:
    """What check --staged says in the hook of a commit that it stops, or '' when the commit goes through."""
    hook = folder / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nexec '{sys.executable}' -m mdcache check --staged\n")
    hook.chmod(0o755)
    done = subprocess.run(("git", *arguments), cwd=folder, capture_output=True, encoding="utf-8")
    return done.stdout + done.stderr if done.returncode else ""


def test_the_first_commit_is_judged_whole(tmp_path: Path, git: Git, vault: Vault) -> None:
    git(tmp_path, "init", "-q", "new")
    folder = vault({"a.md": "[x](b.md)\n", "b.md": ""}, into=tmp_path / "new")
    git(folder, "add", "a.md")
    assert places(folder, staged=True) == ["a.md:1 broken-link"]
    assert "a.md:1:1: broken-link" in hooked(folder, "commit", "-m", "first")
    git(folder, "add", "b.md")
    assert hooked(folder, "commit", "-m", "first") == ""


def test_commit_all_and_commit_of_a_path_have_an_index_of_their_own(repo: Path, git: Git, vault: Vault) -> None:
    vault({"docs/a.md": "[x](gone.md)\n", "README.md": "[x](lost.md)\n"}, into=repo)
    said = hooked(repo, "commit", "-am", "more")
    assert "docs/a.md:1:1: broken-link" in said and "README.md:1:1: broken-link" in said
    said = hooked(repo, "commit", "-m", "more", "docs/a.md")
    assert "docs/a.md:1:1: broken-link" in said and "README.md" not in said
    vault({"docs/a.md": "fine\n"}, into=repo)
    assert hooked(repo, "commit", "-m", "more", "docs/a.md") == ""
    assert git(repo, "status", "--short") == " M README.md\n"


def test_an_amended_commit_is_judged_against_what_it_amends_unless_another_is_named(
    repo: Path, git: Git, vault: Vault
) -> None:
    vault({"docs/a.md": "[x](gone.md)\n"}, into=repo)
    commit(repo, git)
    assert hooked(repo, "commit", "--amend", "-m", "other words") == ""
    vault({"docs/a.md": "[x](lost.md)\n"}, into=repo)
    assert "docs/a.md:1:1: broken-link" in hooked(repo, "commit", "-a", "--amend", "-m", "other words")
    assert places(repo, staged=True) == []
    git(repo, "add", ".")
    assert messages(repo, staged=True) == ["no document for 'lost.md'"]
    git(repo, "restore", "--staged", "--worktree", ".")
    assert places(repo, staged=True) == []
    assert places(repo, staged=True, against="HEAD^") == ["docs/a.md:1 broken-link"]


def test_what_a_merge_brings_together_is_judged(repo: Path, git: Git, vault: Vault) -> None:
    git(repo, "checkout", "-qb", "side")
    vault({"docs/b.md": "[a](a.md)\n"}, into=repo)
    commit(repo, git)
    git(repo, "checkout", "-q", "main")
    git(repo, "rm", "-q", "docs/a.md")
    vault({"README.md": "# Home\n"}, into=repo)
    commit(repo, git)
    git(repo, "merge", "-q", "--no-commit", "side")
    assert places(repo, staged=True) == ["docs/b.md:1 broken-link"]


def test_during_a_merge_with_conflicts_there_is_nothing_to_judge_yet(repo: Path, git: Git, vault: Vault) -> None:
    git(repo, "checkout", "-qb", "side")
    vault({"README.md": "# Side\n"}, into=repo)
    commit(repo, git)
    git(repo, "checkout", "-q", "main")
    vault({"README.md": "# Main\n"}, into=repo)
    commit(repo, git)
    git(repo, "merge", "side", check=False)
    with pytest.raises(WorkError, match="settle the conflicts"):
        findings(repo, staged=True)
    assert places(repo) == ["README.md:1 conflict-marker", "docs/a.md:3 broken-anchor"]
    git(repo, "add", "README.md")
    assert places(repo, staged=True) == ["README.md:1 conflict-marker"], "the link was broken before"


def test_a_linked_work_tree_and_a_submodule_are_judged_as_repositories_are(repo: Path, git: Git, vault: Vault) -> None:
    git(repo, "worktree", "add", "-q", "../linked")
    linked = repo.parent / "linked"
    vault({"docs/a.md": "[x](gone.md)\n"}, into=linked)
    git(linked, "add", ".")
    assert (places(linked, staged=True), places(repo, staged=True)) == (["docs/a.md:1 broken-link"], [])
    git(repo, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(repo), "sub")
    vault({"README.md": "[in a submodule](sub/README.md) [not there](sub/gone.md) ![x](sub/p.png)\n"}, into=repo)
    git(repo, "add", ".")
    assert places(repo, staged=True) == ["docs/a.md:3 broken-anchor"], "what a submodule holds is not ours to know"
    vault({"docs/a.md": "[x](gone.md)\n"}, into=repo / "sub")
    git(repo / "sub", "add", ".")
    assert places(repo / "sub", staged=True) == ["docs/a.md:1 broken-link"]


def test_documents_may_lie_in_a_folder_of_the_repository(repo: Path, git: Git, vault: Vault) -> None:
    vault(
        {"docs/mdcache.toml": "", "docs/a.md": "[up](../README.md) [x](gone.md)\n", "README.md": "[y](lost.md)"},
        into=repo,
    )
    git(repo, "add", ".")
    assert places(repo / "docs", staged=True) == ["a.md:1 broken-link"]
    assert places(repo / "docs", "a.md", rev="HEAD") == []


def test_settings_may_lie_above_the_repository(repo: Path, git: Git, vault: Vault) -> None:
    vault({"mdcache.toml": 'docs = ["repo/docs"]\n', "beside.png": ""}, into=repo.parent)
    vault(
        {"docs/a.md": "[r](../README.md) ![p](p.png) ![b](../../beside.png) ![[beside.png]] ![c](c.png)\n"}, into=repo
    )
    vault({"docs/p.png": ""}, into=repo)
    git(repo, "add", ".")
    assert places(repo, staged=True) == ["repo/docs/a.md:1 missing-embed"]
    assert places(repo, against="HEAD") == ["repo/docs/a.md:1 missing-embed"]


def test_what_lies_outside_the_repository_is_judged_as_it_lies_there(repo: Path, git: Git, vault: Vault) -> None:
    vault(
        {"mdcache.toml": 'docs = ["repo/docs", "other"]\n', "other/b.md": "[a](../repo/docs/a.md)\n"}, into=repo.parent
    )
    assert places(repo, staged=True) == []
    git(repo, "rm", "-q", "docs/a.md")
    assert places(repo, staged=True) == ["other/b.md:1 broken-link"]


def test_paths_may_hold_anything(repo: Path, git: Git, vault: Vault) -> None:
    names = ["a b.md", "it's.md", "größe.md", "new\nline.md", '"q".md', "-v.md", "[x](y).md"]
    vault({**dict.fromkeys(names, "[x](gone.md)\n"), "docs/é.md": "[x](<../a b.md>)\n"}, into=repo)
    git(repo, "add", ".")
    assert places(repo, staged=True) == sorted(f"{name}:1 broken-link" for name in names)
    assert places(repo, "new\nline.md", staged=True) == ["new\nline.md:1 broken-link"]


# Settings out of the tree that is judged


def test_the_settings_are_those_of_the_tree(repo: Path, git: Git, vault: Vault) -> None:
    vault({"docs/a.md": "[x](gone.md)\n", "mdcache.toml": '[check.codes]\nbroken-link = "off"\n'}, into=repo)
    git(repo, "add", ".")
    vault({"mdcache.toml": ""}, into=repo)
    assert (places(repo, staged=True), places(repo)) == ([], ["docs/a.md:1 broken-link"])
    assert places(repo, rev="HEAD") == []


def test_a_pyproject_whose_table_is_not_staged_yet_holds_as_it_lies_there(repo: Path, git: Git, vault: Vault) -> None:
    vault({"pyproject.toml": "[project]\nname = 'x'\n", "docs/a.md": "[x](gone.md)\n"}, into=repo)
    git(repo, "add", ".")
    vault({"pyproject.toml": "[tool.mdcache.check.codes]\nbroken-link = 'off'\n"}, into=repo)
    assert places(repo, staged=True) == []


def test_rules_see_the_tree_that_is_judged(repo: Path, git: Git, vault: Vault) -> None:
    rule = "[check.rules]\nshort-title = \"SELECT path, title AS message FROM nodes WHERE title = 'A'\"\n"
    vault({"mdcache.toml": rule}, into=repo)
    git(repo, "add", ".")
    vault({"docs/a.md": "# Longer\n"}, into=repo)
    assert (places(repo), places(repo, staged=True)) == ([], []), "it was so before, and a.md has not changed"
    assert places(repo, rev="HEAD") == ["docs/a.md:1 short-title"]
    vault({"docs/b.md": "# A\n"}, into=repo)
    git(repo, "add", "docs/b.md")
    assert places(repo, staged=True) == ["docs/b.md:1 short-title"]


# Immutable


IMMUTABLE = 'immutable = ["decisions/**"]\n'


@pytest.fixture
def decided(repo: Path, git: Git, vault: Vault) -> Path:
    vault({"mdcache.toml": IMMUTABLE, "decisions/1.md": "# One\n", "decisions/2.md": "# Two\n"}, into=repo)
    commit(repo, git)
    return repo


def test_what_is_committed_and_immutable_stays_as_it_is(decided: Path, git: Git, vault: Vault) -> None:
    assert places(decided) == places(decided, staged=True) == places(decided, rev="HEAD") == []
    vault({"decisions/1.md": "# One and a half\n", "decisions/3.md": "new\n"}, into=decided)
    (decided / "decisions/2.md").rename(decided / "decisions/two.md")
    said = [
        f"it is committed and must stay as it is, but was {what}"
        for what in ("changed", "renamed to 'decisions/two.md'")
    ]
    assert messages(decided) == said
    assert messages(decided, staged=True) == []
    git(decided, "add", "--all")
    assert messages(decided, staged=True) == messages(decided, against="HEAD") == said
    git(decided, "commit", "-qm", "against all rules")
    assert messages(decided) == []
    assert messages(decided, rev="HEAD") == said
    assert messages(decided, against="HEAD^") == said
    git(decided, "rm", "-q", "decisions/1.md")
    assert messages(decided, staged=True) == ["it is committed and must stay as it is, but was removed"]


def test_a_document_that_must_stay_as_it_is_cannot_allow_its_own_change(decided: Path, git: Git, vault: Vault) -> None:
    vault({"decisions/1.md": "<!-- mdcache-allow: immutable -->\n# One and a half\n"}, into=decided)
    git(decided, "add", "--all")
    assert places(decided) == places(decided, staged=True) == ["decisions/1.md:1 immutable"]


def test_without_a_repository_or_a_commit_nothing_is_immutable(tmp_path: Path, git: Git, vault: Vault) -> None:
    folder = vault({"mdcache.toml": IMMUTABLE, "decisions/1.md": ""}, into=tmp_path)
    assert places(folder) == []
    git(folder, "init", "-q")
    assert places(folder) == []
    git(folder, "add", ".")
    assert places(folder, staged=True) == []


# What is asked


def test_paths_narrow_down_what_is_told(repo: Path, vault: Vault) -> None:
    vault({"docs/a.md": "[x](gone.md)\n", "docs/b/c.md": "[x](gone.md)\n", "README.md": "[x](gone.md)\n"}, into=repo)
    a, c, home = (f"{path}:1 broken-link" for path in ("docs/a.md", "docs/b/c.md", "README.md"))
    assert places(repo) == [home, a, c]
    assert places(repo, "docs/b", "README.md") == [home, c]
    assert places(repo, str(repo / "docs")) == places(repo, "docs/") == places(repo, "./docs/../docs") == [a, c]
    assert places(repo, ".") == [home, a, c]


def test_a_path_that_is_nowhere_is_refused_and_one_that_was_removed_is_not(repo: Path, git: Git) -> None:
    with pytest.raises(UsageError, match=r"no such file or folder: docs/typo\.md"):
        findings(repo, "docs/typo.md")
    with pytest.raises(UsageError, match="does not lie in"):
        findings(repo, "../elsewhere.md")
    git(repo, "rm", "-q", "docs/a.md")
    assert places(repo, "docs/a.md", staged=True) == []
    assert places(repo, "README.md", staged=True) == ["README.md:3 broken-link"]


def test_a_revision_that_is_empty_or_unknown_is_refused(repo: Path) -> None:
    for asked in ({"rev": ""}, {"against": ""}, {"rev": "nothere"}, {"against": "nothere"}):
        with pytest.raises(UsageError, match="has no revision"):
            findings(repo, **asked)


def test_git_is_asked_only_where_there_is_a_repository(tmp_path: Path, vault: Vault) -> None:
    folder = vault({"a.md": "[x](b.md)\n"}, into=tmp_path)
    with pytest.raises(UsageError, match="is not in a git repository"):
        findings(folder, staged=True)
    with pytest.raises(UsageError, match=r"no documents|no such"):
        findings(folder, "nothere")


# What only check looks for


def test_names_that_some_file_systems_take_for_one_are_told(repo: Path, git: Git) -> None:
    blob = git(repo, "hash-object", "-w", "--stdin", input="")
    composed, decomposed = "docs/é.md", "docs/e\u0301.md"
    for path in ("docs/A.md", composed, decomposed):
        git(repo, "update-index", "--add", "--cacheinfo", f"100644,{blob.strip()},{path}")
    assert places(repo, staged=True) == ["docs/a.md:1 name-collision", f"{composed}:1 name-collision"]


def test_a_comment_allows_what_it_names(repo: Path, vault: Vault) -> None:
    front = "---\nsee: '[[none]]' # mdcache-allow: broken-link\nid: x\n---\n"
    text = """[one](gone.md) <!-- mdcache-allow: broken-link -->

<!-- mdcache-allow: missing-embed, broken-link -->
![two](gone.png) [x](gone.md)

<!-- mdcache-allow: broken-anchor -->
[three](gone.md)

[four](gone.md)
"""
    vault({"docs/a.md": front + text, "docs/b.md": "\ufeff<!-- mdcache-allow: broken-link -->\n[x](y.md)\n"}, into=repo)
    assert places(repo) == ["docs/a.md:11 broken-link", "docs/a.md:13 broken-link"]


def test_every_finding_has_its_line(repo: Path, vault: Vault) -> None:
    vault({"docs/a.md": b"\xef\xbb\xbf[one](gone.md)\r\ntwo\r[three](gone.md) \xff"}, into=repo)
    assert [(one.problem.line, one.source) for one in findings(repo)] == [
        (1, "[one](gone.md)"),
        (3, "[three](gone.md) \ufffd"),
        (3, "[three](gone.md) \ufffd"),
    ]


def test_no_line_is_shown_of_what_is_no_document(repo: Path, vault: Vault) -> None:
    for path in ("'mdcache.toml'", "'../secret'", "'/etc/passwd'", "'docs'", "'a' || char(0)"):
        rule = f"SELECT {path} AS path, 1 AS line, 'shown' AS message"
        vault({"mdcache.toml": f'[check.rules]\nthief = "{rule}"\n', "../secret": "secret"}, into=repo)
        assert [(one.problem.message, one.source) for one in findings(repo)] == [("shown", None)]
