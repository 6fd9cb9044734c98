"""What exists and is no document counts as there, in every answer alike, and in none of the documents' own rows."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from caches import cache_of, settings_of
from judging import places
from law import assert_law, synced

from mdcache.build import digest, rebuild
from mdcache.config.settings import Settings
from mdcache.read import graph
from mdcache.store.cache import counts, find_node, opened
from mdcache.syncing import sync
from mdcache.verifying import verify

Git = Callable[..., str]
Vault = Callable[..., Path]

LINKS = "[x](x.md)\n\n[[x.md]]\n\n[[Plan]]\n\n![[d/y.md]]\n\n[z](gone.md)\n"
LEFT_OUT = {".gitignore": "x.md\n", "mdcache.toml": 'exclude = ["d/"]\n'}


@pytest.fixture
def folder(vault: Vault, git: Git) -> Path:
    made = vault({**LEFT_OUT, "a.md": LINKS})
    git(made, "init", "-q")
    return made


def answers(folder: Path, name: str = "a") -> list[list[int]]:
    """The lines of a document's links that lead nowhere, as the table, links, check, and the summary have them.

    Only check judges links to other files than documents.
    """
    live = settings_of(folder)
    synced(live)
    with opened(live.database, live.base) as cache:
        told = [line for (line,) in cache.db.execute("SELECT line FROM problems ORDER BY line")]
        unresolved = [one.line for one in graph.around(cache, find_node(cache, name, "/"), 1).unresolved]
        held = counts(cache.db)
    assert (held["unresolved"], held["problems"]) == (len(unresolved), len(told))
    assert_law(live)
    return [told, unresolved, [int(place.split(":")[1].split()[0]) for place in places(folder)]]


def test_every_answer_is_the_same_before_a_file_that_is_no_document_comes_and_after_it_left(
    folder: Path, vault: Vault
) -> None:
    assert answers(folder) == [[1, 3, 5, 7, 9]] * 3
    vault({"x.md": ""}, into=folder)
    assert answers(folder) == [[5, 7, 9]] * 3
    vault({"else/plan": "", "d/y.md": ""}, into=folder)
    assert answers(folder) == [[9]] * 3
    (folder / "x.md").unlink()
    (folder / "else/plan").unlink()
    assert answers(folder) == [[1, 3, 5, 9]] * 3


WRITTEN = {
    **dict.fromkeys(("x.md", "x", "./x.md", "x.md#part", "x?raw=1"), "[m]({})"),
    **dict.fromkeys(("/x.md", "/x"), '<a href="{}">m</a>'),
    **dict.fromkeys(("x.md#any", "X"), "[[{}]]"),
    **dict.fromkeys(("x.md|label", "./x"), "![[{}]]"),
    **dict.fromkeys(("x#^block",), "key:: [[{}]]"),
}
"""Links to an x.md beside the document, by their targets, and how they are written."""


def all_forms(place: str = "") -> str:
    """A document with each of them on a line of its own; place: the folder of x.md, with a slash."""
    lines = []
    for target, form in WRITTEN.items():
        by_name = "[[" in form and not target.startswith("./")
        start = "./" if target.startswith("./") else "/" if target.startswith("/") else ""
        lines.append(form.format(target if by_name else start + place + target.removeprefix(start)))
    return '---\nup: "[[x]]"\n---\n' + "\n\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("place", "left_out"),
    [
        ("", {".gitignore": "x.md\n"}),
        ("", {"mdcache.toml": 'exclude = ["x.md"]\n'}),
        ("", {"mdcache.toml": 'include = ["a.md"]\n'}),
        ("drafts/", {"mdcache.toml": 'exclude = ["drafts/"]\n'}),
        ("drafts/deep/", {".gitignore": "drafts/\n"}),
        (".hidden/", {}),
        (".hidden/deep/", {}),
        ("docs/.obsidian/", {}),
        ("other/", {"mdcache.toml": 'docs = ["docs"]\n'}),
    ],
)
def test_a_document_that_is_left_out_is_there_however_it_is_linked(
    vault: Vault, place: str, left_out: dict[str, str]
) -> None:
    name = "docs/a.md" if "docs" in left_out.get("mdcache.toml", "") else "a.md"
    text = all_forms(("../" if name != "a.md" else "") + place).replace('"/../', '"/')
    folder = vault({"mdcache.toml": "", **left_out, name: text})
    broken = answers(folder, name.removesuffix(".md"))
    assert broken[0]
    assert broken[2] == [2, *range(4, 4 + 2 * len(WRITTEN), 2)]
    vault({f"{place}x.md": "# X\n"}, into=folder)
    assert answers(folder, name.removesuffix(".md")) == [[]] * 3
    (folder / place / "x.md").unlink()
    assert answers(folder, name.removesuffix(".md")) == broken


def test_a_document_behind_a_link_is_there_however_it_is_linked(vault: Vault, tmp_path: Path) -> None:
    folder = vault({"mdcache.toml": "", "a.md": all_forms("link/")})
    (tmp_path / "elsewhere/deep").mkdir(parents=True)
    (tmp_path / "elsewhere/deep/x.md").touch()
    broken = answers(folder)
    (folder / "link").symlink_to(tmp_path / "elsewhere/deep")
    assert answers(folder) == [[]] * 3
    (folder / "link").unlink()
    assert answers(folder) == broken


@pytest.mark.parametrize("name", ["x.md", "sub/x.md", "sub/index.md"])
def test_git_and_the_disk_agree_on_what_is_left_out(vault: Vault, git: Git, name: str) -> None:
    links = "[[x]]\n\n[x](x.md)\n\n[x](x)\n\n![[x.md]]\n" if name == "x.md" else "[[sub/x]]\n\n[x](sub/x.md)\n"
    links = "[[sub]]\n\n[a](sub)\n\n[b](sub/)\n" if name == "sub/index.md" else links
    for left_out in ({".gitignore": f"{name}\n"}, {"mdcache.toml": f'exclude = ["{name}"]\n'}):
        folder = vault({"mdcache.toml": "", **left_out, "a.md": links, name: ""})
        git(folder, "init", "-q")
        git(folder, "add", ".")
        assert places(folder) == places(folder, staged=True) == []
        git(folder, "commit", "-qm", "one")
        assert places(folder, rev="HEAD") == []
        (folder / name).unlink()
        assert places(folder) != []


def test_a_name_with_a_dot_is_unresolved_and_a_file_of_that_name_is_there(vault: Vault) -> None:
    names = ("Node.js", "Nodejs", "Ph.D", ".NET", "Dr.Who", "v1.2", "ASP.NET Core", "example.com", "foo.py", "Open.AI")
    folder = vault({"mdcache.toml": "", "a.md": "\n\n".join(f"[[{name}]]" for name in names)})
    every = [*range(1, 2 * len(names), 2)]
    assert answers(folder) == [every] * 3
    vault({"deep/Node.js": "", "foo.py": ""}, into=folder)
    assert answers(folder) == [[line for line in every if line not in (1, 17)]] * 3


@pytest.mark.parametrize("target", [".hidden/n.md", "link/n.md", "../outside.md", "folder.md"])
def test_what_is_hidden_behind_a_link_outside_or_a_folder_is_no_problem(vault: Vault, target: str) -> None:
    folder = vault({"mdcache.toml": "", ".hidden/n.md": "", "folder.md/x.txt": "", "a.md": f"[x]({target}#part)\n"})
    (folder / "link").symlink_to("nowhere")
    assert answers(folder) == [[]] * 3


def test_a_document_that_comes_where_something_else_was_is_judged_as_one(folder: Path, vault: Vault) -> None:
    vault({"a.md": "[x](x.md#part)\n", "x.md": "# Other\n"}, into=folder)
    assert answers(folder) == [[]] * 3
    vault({".gitignore": ""}, into=folder)
    live = settings_of(folder)
    synced(live)
    with opened(live.database, live.base) as cache:
        assert cache.db.execute("SELECT code FROM problems").fetchall() == [("broken-anchor",)]
    assert_law(live)


def present_of(live: Settings) -> int:
    with opened(live.database, live.base) as cache:
        return len(cache.db.execute("SELECT * FROM present").fetchall())


def test_the_digest_does_not_know_what_is_no_document(folder: Path, vault: Vault) -> None:
    with cache_of(folder) as cache:
        before = digest.of_tables(cache.db)
    vault({"x.md": "", "plan": ""}, into=folder)
    live = settings_of(folder)
    synced(live)
    with opened(live.database, live.base) as cache:
        assert cache.meta.digest == digest.of_tables(cache.db) == before
    assert present_of(live) == 3


def test_a_cache_that_does_not_know_yet_of_what_is_no_document_is_sound_and_not_stale(
    folder: Path, vault: Vault
) -> None:
    live = settings_of(folder)
    synced(live)
    vault({"x.md": "", "plan": ""}, into=folder)
    assert verify.verify(live).ok
    assert sync.stale(live) is None
    assert present_of(live) == 0


def test_a_reproducible_build_does_not_look_around(folder: Path, vault: Vault, tmp_path: Path) -> None:
    def built(name: str) -> bytes:
        published = rebuild.Options(output=str(tmp_path / name), reproducible=True, workers=0)
        rebuild.rebuild(settings_of(folder), published)
        return (tmp_path / name).read_bytes()

    before = built("one.db")
    vault({"x.md": "", "plan": ""}, into=folder)
    assert built("two.db") == before


def test_a_sync_of_some_paths_looks_at_links_in_them_and_to_them(folder: Path, vault: Vault) -> None:
    def looked(*paths: str) -> int:
        look = sync.Look(within=frozenset(paths), patient=True)
        sync.update(live, look, lambda *_: None, lambda _: None)
        return present_of(live)

    live = settings_of(folder)
    synced(live)
    vault({"x.md": "", "deep/plan": "", "d/y.md": ""}, into=folder)
    assert looked("b.md") == 0
    assert looked("x.md") == 2
    assert looked("deep") == 2
    assert looked("deep/plan") == 3
    assert looked("a.md") == 4
    os.unlink(folder / "x.md")
    assert looked("x.md") == 2


def test_what_git_is_about_to_commit_is_looked_up_in_git(folder: Path, vault: Vault, git: Git) -> None:
    vault({"a.md": "[d](d/y.md)\n", "d/y.md": ""}, into=folder)
    git(folder, "add", "a.md", "mdcache.toml")
    assert places(folder) == []
    assert places(folder, staged=True) == ["a.md:1 broken-link"]
    git(folder, "add", "d/y.md")
    assert places(folder, staged=True) == []
