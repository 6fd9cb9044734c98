"""Vaults and notebooks: how they are found, and what their links mean where several documents have a name."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from caches import query, settings_of
from judging import places

from mdcache.build import rebuild
from mdcache.dialects import logseq, queries, slugs
from mdcache.dialects.zk import parts
from mdcache.files import markers

Vault = Callable[..., Path]


def dialects(folder: Path) -> list[tuple[str, str]]:
    """The docs folder and dialect of each site in a folder."""
    return [(site.docs, site.dialect.name) for site in markers.sites(settings_of(folder).tree())]


def led_to(folder: Path, path: str) -> list[str | None]:
    """Where the links of a document lead."""
    settings = settings_of(folder)
    rebuild.rebuild(settings, rebuild.Options(workers=0))
    sql = (
        "SELECT other.path FROM links JOIN nodes ON nodes.key = source LEFT JOIN nodes AS other"
        f" ON other.key = target_node WHERE nodes.path = '{path}' ORDER BY ordinal"
    )
    return [one for (one,) in query(settings, sql)]


@pytest.mark.parametrize(
    ("marker", "text", "dialect"),
    [
        (".obsidian/app.json", "{}", "obsidian"),
        (".zk/config.toml", "", "zk"),
        (".foam/templates/new.md", "", "foam"),
        (".vscode/settings.json", '{\n  "foam.files.ignore": []\n}', "foam"),
        (".vscode/extensions.json", '{"recommendations": ["foam.foam-vscode"]}', "foam"),
        (".vscode/settings.json", '{\n  // "foam.files.ignore": []\n}', None),
        (".vscode/settings.json", '{"editor.tabSize": 2}', None),
    ],
)
def test_a_vault_is_known_by_what_its_program_leaves_in_it(
    vault: Vault, marker: str, text: str, dialect: str | None
) -> None:
    folder = vault({f"notes/{marker}": text, "notes/a.md": "", "b.md": ""})
    assert dialects(folder) == ([("notes", dialect)] if dialect else [])


def test_a_vault_within_another_is_its_own(vault: Vault) -> None:
    folder = vault({".obsidian/app.json": "", "in/.zk/config.toml": "", "in/a.md": "", "b.md": ""})
    assert dialects(folder) == [("", "obsidian"), ("in", "zk")]


NOTES = dict.fromkeys(("b/Note.md", "zzzz/Note.md", "a/b/Note.md", "aaaaaaaa/Note.md"), "")


@pytest.mark.parametrize(
    ("source", "target", "led"),
    [
        ("zzzz/deep/from.md", "Note", "b/Note.md"),
        ("zzzz/from.md", "Note", "zzzz/Note.md"),
        ("a/b/from.md", "b/Note", "b/Note.md"),
        ("a/from.md", "b/Note", "b/Note.md"),
        ("from.md", "NOTE", "b/Note.md"),
    ],
)
def test_obsidian_takes_the_exact_path_then_the_own_folder_then_the_shortest_path(
    vault: Vault, source: str, target: str, led: str
) -> None:
    folder = vault({".obsidian/app.json": "", **NOTES, source: f"[[{target}]]\n[x]({target}.md)\n"})
    assert led_to(folder, source) == [led, led]


def test_a_name_in_a_vault_means_nothing_outside_of_it(vault: Vault) -> None:
    folder = vault({"vault/.obsidian/app.json": "", "vault/a/b/x.md": "", "x.md": "", "y.md": "", "vault/from.md": ""})
    (folder / "vault/from.md").write_text("[[x]] [[y]]")
    assert led_to(folder, "vault/from.md") == ["vault/a/b/x.md", None]


def test_foam_takes_the_first_by_path_and_warns(vault: Vault) -> None:
    folder = vault({".foam/x": "", "a/deep/in/note.md": "", "b/note.md": "", "b/from.md": "[[note]]"})
    assert led_to(folder, "b/from.md") == ["a/deep/in/note.md"]
    assert places(folder) == ["b/from.md:1 ambiguous-link"]


@pytest.mark.parametrize(("dialect", "seen"), [("obsidian", ["b.md"]), ("github", [])])
def test_links_in_comments_count_in_obsidian(vault: Vault, dialect: str, seen: list[str]) -> None:
    folder = vault({"mdcache.toml": f"dialect = '{dialect}'", "a.md": "%% [[b]] #tag\n# No heading\n%%\n", "b.md": ""})
    assert led_to(folder, "a.md") == seen
    assert query(settings_of(folder), "SELECT count(*) FROM tags") == [(0,)]
    assert query(settings_of(folder), "SELECT count(*) FROM sections WHERE level > 0") == [(0,)]


@pytest.mark.parametrize(
    ("fragment", "found"),
    [
        ("A#C", True),
        ("A#B#C", True),
        ("c", True),
        ("C#A", False),
        ("Gone#C", False),
        ("A#^here", True),
        ("C# in short", True),
    ],
)
def test_a_path_of_headings_leads_down(vault: Vault, fragment: str, found: bool) -> None:
    text = "# A\n\n## B\n\n### C\n\nx ^here\n\n# C# in short\n"
    folder = vault({".obsidian/app.json": "", "a.md": text, "from.md": f"[[a#{fragment}]]"})
    assert places(folder) == [] if found else ["from.md:1 broken-anchor"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.md", []),
        ("2024-my_note.md", ["2024", "my_note", "2024-my", "note"]),
        ("in/x y.md", ["x", "y"]),
        ("-x-.md", []),
        ("w " * 1000 + "w.md", 24),
    ],
)
def test_zk_knows_a_name_by_its_beginnings_and_ends(name: str, found: list[str] | int) -> None:
    got = list(parts(name, {}))
    assert (len(got) if isinstance(found, int) else got) == found


def many(marker: str) -> Mapping[str, str]:
    notes = {f"{number % 50}/{number}/note.md": "[[note]] [[nobody]]\n" for number in range(3000)}
    return {**notes, **{f"{number}/{marker}": "" for number in range(0, 50, 5)}, marker: ""}


@pytest.mark.parametrize("marker", [".obsidian/app.json", ".foam/x"])
def test_a_name_that_thousands_have_costs_no_more_for_each_of_them(vault: Vault, marker: str) -> None:
    settings = settings_of(vault(many(marker)))
    before = time.process_time()
    rebuild.rebuild(settings, rebuild.Options(workers=0))
    assert time.process_time() - before < 20  # quadratic: minutes
    assert query(settings, "SELECT count(*) FROM links WHERE target_node IS NULL AND target = 'note'") == [(0,)]


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"Home.md": "", "_Sidebar.md": ""}, [("", "github-wiki")]),
        ({"Home.md": "", "a.md": ""}, []),
        ({"x.wiki/Home.md": ""}, [("x.wiki", "github-wiki")]),
        ({"x.wiki/home.md": ""}, [("x.wiki", "gitlab-wiki")]),
        ({"home.md": "", "_sidebar.md": "", "index.html": ""}, []),
        ({".gitlab-ci.yml": "", "a.md": ""}, [("", "gitlab")]),
        ({".gitlab-ci.yml": "", ".github/x.yml": "", "a.md": ""}, []),
        ({"logseq/config.edn": "", "pages/a.md": ""}, [("", "logseq")]),
        ({"dendron.yml": "vaults:\n- fsPath: v\n", "v/a.md": ""}, [("v", "dendron")]),
        ({"dendron.yml": "- [", "a.md": ""}, [("", "dendron")]),
        ({"CONFIG.md": "```space-lua\n```"}, [("", "silverbullet")]),
        ({"CONFIG.md": "# Configuration\n"}, []),
        ({".marksman.toml": "", "a.md": ""}, [("", "marksman")]),
        ({".ztr-directory": "", "a.md": ""}, [("", "zettlr")]),
    ],
)
def test_other_vaults_and_wikis_are_known_too(
    vault: Vault, files: Mapping[str, str], found: list[tuple[str, str]]
) -> None:
    assert dialects(vault(files)) == found


@pytest.mark.parametrize(
    ("path", "docs"),
    [
        ("content/.obsidian/app.json", "content"),
        ("content/posts/.obsidian/app.json", "content"),
        (".obsidian/app.json", "content"),
    ],
)
def test_what_a_site_is_written_with_does_not_decide_how_it_is_read(vault: Vault, path: str, docs: str) -> None:
    folder = vault({"hugo.toml": "", "content/posts/a.md": "", path: ""})
    assert (docs, "hugo") in dialects(folder)
    assert all(dialect == "hugo" for where, dialect in dialects(folder) if where.startswith(docs))


@pytest.mark.parametrize("path", ["content/.obsidian/app.json", "content/posts/.obsidian/app.json"])
def test_wikilinks_in_a_site_are_those_of_what_it_is_written_with(vault: Vault, path: str) -> None:
    folder = vault({"hugo.toml": "", path: "", "content/posts/a.md": "[[B]] [[Gone]] ![[Gone]]", "content/b.md": ""})
    assert led_to(folder, "content/posts/a.md") == ["content/b.md", None, None]
    assert places(folder) == ["content/posts/a.md:1 unwritten", "content/posts/a.md:1 missing-embed"]


def test_a_vault_below_a_builder_that_names_no_folder_is_its_own(vault: Vault) -> None:
    folder = vault({"_config.yml": "title: x", "a.md": "", "notes/.obsidian/app.json": "", "notes/a.md": ""})
    assert dialects(folder) == [("", "jekyll"), ("notes", "obsidian")]


def test_a_vault_beside_the_documents_of_a_site_is_one(vault: Vault) -> None:
    folder = vault({"hugo.toml": "", "content/a.md": "", "notes/.obsidian/app.json": "", "notes/a.md": ""})
    assert dialects(folder) == [("", "github"), ("content", "hugo"), ("notes", "obsidian")]


def test_a_site_of_a_vault_is_read_as_the_site(vault: Vault) -> None:
    files = {"quartz.config.ts": "", "content/.obsidian/app.json": "", "content/a.md": ""}
    assert dialects(vault(files)) == [("content", "quartz")]


@pytest.mark.parametrize(
    ("written", "label", "target"),
    [
        ("[[b]]", None, "b"),
        ("[[label|b]]", "label", "b"),
        ("[[a | b#c]]", "a ", "b#c"),
        ("[[l|a_b_c*d*]]", "l", "a_b_c*d*"),
        ("[[pic.png|alt=It]]", "alt=It", "pic.png"),
        ("[[pic.png|other.png]]", "pic.png", "other.png"),
        ("![[l|b]]", "l", "b"),
    ],
)
def test_where_the_label_comes_first_the_target_follows(
    vault: Vault, written: str, label: str | None, target: str
) -> None:
    folder = vault({"mdcache.toml": "[links]\nwikilinks = 'label-first'\n", "a.md": f"x {written} y"})
    settings = settings_of(folder)
    rebuild.rebuild(settings, rebuild.Options(workers=0))
    assert query(settings, "SELECT label, target FROM links") == [(label and label.strip(), target)]


@pytest.mark.parametrize(
    ("path", "fields", "found"),
    [
        ("pages/a___b.md", {}, ["/a___b", "/a/b"]),
        ("pages/a%2Fb.md", {}, ["/a/b"]),
        ("pages/a.md", {"title": "T", "alias": ["x", "y/z"]}, ["/a", "/T", "/x", "/y/z"]),
        ("journals/2024_02_30.md", {}, ["/2024_02_30"]),
    ],
)
def test_logseq_knows_a_page_by_its_titles(path: str, fields: Mapping[str, str | list[str]], found: list[str]) -> None:
    assert list(logseq.titles(path, fields)) == found


def test_logseq_calls_a_day_as_its_settings_may_say() -> None:
    found = set(logseq.titles("journals/2024_03_22.md", {}))
    assert {"/Mar 22nd, 2024", "/2024-03-22", "/Friday, March 22nd, 2024"} <= found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("title:: A\nalias:: b, [[c d]]\ntags:: x\n", {"title": "A", "alias": ["b", "c d"]}),
        ("- alias:: b\n", {"alias": ["b"]}),
        ("Text\n\nalias:: b\n", {}),
    ],
)
def test_logseq_reads_properties_at_the_top_of_a_page(text: str, found: Mapping[str, str | list[str]]) -> None:
    assert logseq.properties(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"${query[[from p]]} [[a]]", b"${               } [[a]]"),
        (b"query [[\nfrom p\n]]x", b"        \n      \n  x"),
        (b"query[[ query[[", b"query[[ query[["),
        (b"[[query]]", b"[[query]]"),
    ],
)
def test_a_query_is_no_link(text: bytes, found: bytes) -> None:
    assert queries.read(text) == found


@pytest.mark.parametrize(
    ("heading", "slug"), [("H₂O ½ ²", "h₂o-½-²"), ("Emoji 🚀 rocket", "emoji--rocket"), ("A & B", "a--b")]
)
def test_gitlab_keeps_all_that_counts(heading: str, slug: str) -> None:
    assert slugs.KERNELS["gitlab"](heading) == slug


def test_a_builders_addresses_are_no_names_of_notes(vault: Vault) -> None:
    folder = vault({"_config.yml": "title: x", ".foam/x": "", "a.md": "[[gone/tags]]\n\n[x](gone/tags)\n"})
    assert places(folder) == ["a.md:1 unwritten"]
