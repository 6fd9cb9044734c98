"""Sites are found by their own files: where they lie, in every source, and only if they count."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from caches import settings_of
from judging import places
from worlds import Vault

from mdcache import trusted
from mdcache.config import settings
from mdcache.config.settings import Settings
from mdcache.files import scan
from mdcache.files.sources import Trees
from mdcache.parse.sites import site_of

Git = Callable[..., str]
MKDOCS = "site_name: x\n"


def found(folder: Path, *docs: str) -> list[tuple[str, str]]:
    """Return the folders of the sites below a folder, with their dialects."""
    return [(site.docs, site.dialect.name) for site in settings_of(folder, *docs).sites()]


def test_sites_are_found_in_all_folders(vault: Vault) -> None:
    folder = vault({"mkdocs.yml": MKDOCS, "docs/a.md": "", "b/c/mkdocs.yml": MKDOCS, "b/c/docs/a.md": "", "d/x.md": ""})
    assert found(folder) == [("b/c/docs", "mkdocs"), ("docs", "mkdocs")]


def test_the_nearest_site_holds_a_document(vault: Vault) -> None:
    folder = vault({"mkdocs.yml": MKDOCS, "docs/book/book.toml": '[book]\nsrc = "."\n', "docs/book/a.md": ""})
    rules = settings_of(folder).rules()
    assert [site_of(path, rules).dialect.name for path in ("docs/book/a.md", "docs/b.md", "c.md")] == [
        "mdbook",
        "mkdocs",
        "github",
    ]


def test_a_site_whose_file_lies_above_the_documents_is_found_in_the_repository(vault: Vault, git: Git) -> None:
    folder = vault({"mkdocs.yml": MKDOCS, "docs/a.md": "", "docs/b/c.md": ""})
    git(folder, "init", "-q")
    assert found(folder / "docs", ".") == [("", "mkdocs")]
    assert found(folder / "docs/b", ".") == [("", "mkdocs")]


def test_no_site_is_looked_for_above_the_repository(vault: Vault, git: Git) -> None:
    folder = vault({"mkdocs.yml": MKDOCS, "docs/a.md": ""})
    git(folder / "docs", "init", "-q")
    assert found(folder / "docs", ".") == []


def test_a_marker_above_the_documents_that_belongs_to_somebody_else_counts_for_nothing(
    vault: Vault, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = vault({"mkdocs.yml": MKDOCS, "docs/a.md": ""})
    git(folder, "init", "-q")
    own = trusted.stranger
    monkeypatch.setattr(trusted, "stranger", lambda name: "eve" if name.endswith("mkdocs.yml") else own(name))
    assert found(folder / "docs", ".") == []
    assert found(folder) == [("docs", "mkdocs")], "what lies among the documents is content"


@pytest.mark.parametrize(
    "raw", [b"\xff\xfe", b"#" * 1_000_001, b"docs_dir: [", b"docs_dir: ../../..\n", b"docs_dir: /etc\n"]
)
def test_what_a_marker_cannot_mean_is_as_good_as_empty_or_none(vault: Vault, raw: bytes) -> None:
    folder = vault({"mkdocs.yml": raw, "docs/a.md": ""})
    assert found(folder) in ([("docs", "mkdocs")], [("", "mkdocs")], [])


@pytest.mark.parametrize("kind", ["fifo", "folder", "link"])
def test_what_lies_in_the_place_of_a_marker_holds_nobody_up(vault: Vault, kind: str) -> None:
    folder = vault({"docs/a.md": ""})
    marker = folder / "mkdocs.yml"
    if kind == "fifo":
        os.mkfifo(marker)
    elif kind == "folder":
        marker.mkdir()
    else:
        marker.symlink_to("/dev/zero")
    began = time.monotonic()
    assert found(folder) in ([("docs", "mkdocs")], [])
    assert time.monotonic() - began < 5


def test_a_revision_and_what_is_staged_have_their_own_sites(vault: Vault, git: Git) -> None:
    folder = vault({"mkdocs.yml": "docs_dir: one\n", "one/a.md": "", "two/a.md": ""})
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    vault({"mkdocs.yml": "docs_dir: two\n"}, into=folder)
    git(folder, "add", ".")
    vault({"mkdocs.yml": "docs_dir: .\n"}, into=folder)
    trees = Trees.around(str(folder))

    def docs(load: Callable[[], Settings]) -> list[str]:
        return [site.docs for site in load().sites()]

    asked = settings.Asked(str(folder), docs=(".",))
    assert docs(lambda: settings.load(asked, {}, trees.revision("HEAD"))) == ["one"]
    assert docs(lambda: settings.load(asked, {}, trees.index())) == ["two"]
    assert docs(lambda: settings.load(asked, {})) == [""]


def test_only_what_is_read_out_of_a_marker_changes_the_fingerprint(vault: Vault) -> None:
    folder = vault({"mkdocs.yml": MKDOCS, "docs/a.md": ""})
    before = settings_of(folder).fingerprint()
    vault({"mkdocs.yml": MKDOCS + "nav: [a.md]\n"}, into=folder)
    assert settings_of(folder).fingerprint() == before
    vault({"mkdocs.yml": MKDOCS + "docs_dir: other\n"}, into=folder)
    assert settings_of(folder).fingerprint() != before


def test_settings_name_the_dialect_for_all_or_for_some(vault: Vault) -> None:
    files = {"mkdocs.yml": MKDOCS, "docs/a.md": "", "notes/b.md": ""}
    by_path = '[[paths]]\npattern = "notes/**"\ndialect = "obsidian"\n'
    folder = vault({**files, "mdcache.toml": by_path})
    rules = settings_of(folder).rules()
    assert [site_of(path, rules).dialect.name for path in ("docs/a.md", "notes/b.md")] == ["mkdocs", "obsidian"]
    vault({"mdcache.toml": 'dialect = "github"\n[links]\nids = "python-markdown"\n'}, into=folder)
    site = site_of("docs/a.md", settings_of(folder).rules())
    assert (site.dialect.name, site.dialect.ids) == ("github", "python-markdown")


@pytest.mark.parametrize(
    "line",
    [".obsidian", "/.obsidian", "**/.obsidian/", ".obsidian/workspace.json", "!.obsidian/app.json", ".obsidian \r"],
)
def test_a_folder_whose_settings_of_obsidian_git_ignores_is_a_vault(vault: Vault, line: str) -> None:
    folder = vault({".gitignore": f"*.db\n{line}\n", "a.md": "[b](b.md)\n", "c/b.md": ""})
    assert found(folder) == [("", "obsidian")]


@pytest.mark.parametrize("line", ["#.obsidian", "content/.obsidian/", ".obsidian-x", "x.obsidian", "obsidian"])
def test_a_gitignore_that_says_something_else_makes_no_vault(vault: Vault, line: str) -> None:
    assert found(vault({".gitignore": f"{line}\n", "a.md": ""})) == []


@pytest.mark.parametrize("marker", ["mkdocs.yml", "a/b/mkdocs.yml", "a/.foam/x", ".zk/config.toml"])
def test_where_any_site_is_a_gitignore_makes_no_vault(vault: Vault, marker: str) -> None:
    folder = vault({".gitignore": ".obsidian\n", marker: "", "a/b/docs/a.md": "", "docs/a.md": ""})
    assert "obsidian" not in [name for _, name in found(folder)]


def test_a_gitignore_counts_from_the_top_of_the_repository_down_to_the_base(vault: Vault, git: Git) -> None:
    folder = vault({".gitignore": ".obsidian\n", "a/b.md": "", "c/.gitignore": ".obsidian\n", "c/d.md": ""})
    assert found(folder / "a", ".") == []
    git(folder, "init", "-q")
    assert found(folder / "a", ".") == [("", "obsidian")]


def test_a_likely_vault_finds_the_nearest_note_and_pictures_by_name_and_reports_what_is_gone(vault: Vault) -> None:
    folder = vault(
        {
            ".gitignore": ".obsidian\n",
            "en/a/x.md": "[[b]] [c](c.md) ![](p.png)\n\n[[gone]]\n\n[](gone.md)\n\n[](../C/b.md)\n",
            "en/c/b.md": "",
            "fr/c/b.md": "",
            "en/c/c.md": "",
            "en/p.png": "",
        }
    )
    assert places(folder) == [f"en/a/x.md:{line} broken-link" for line in (3, 5, 7)]


@pytest.mark.parametrize(
    ("marker", "text"),
    [
        ("mkdocs.yml", "nav: " + "[" * 900_000),
        ("hugo.toml", "a = " + "{a = " * 180_000),
        ("docusaurus.config.js", "export default " + "{a: " * 200_000),
        ("astro.config.mjs", "starlight({}) /*" + "*" * 900_000),
        ("astro.config.mjs", "import 'starlight-openapi'; starlight(" + "{base: 'x', " * 80_000),
        ("_config.yml", "a: &a [x]\n" + "".join(f"b{n}: [*a, *a]\n" for n in range(20_000))),
        ("dendron.yml", "workspace:\n  vaults:\n" + "".join(f"    - fsPath: ../v{n}\n" for n in range(20_000))),
        ("logseq/config.edn", "{" * 900_000),
    ],
)
def test_a_hostile_marker_costs_little_and_leads_nowhere(vault: Vault, marker: str, text: str) -> None:
    folder = vault({marker: text, "a.md": ""})
    began = time.process_time()
    assert not [docs for docs, _ in found(folder) if docs.startswith(("/", ".."))]
    assert time.process_time() - began < 5


def test_as_many_sites_with_extensions_of_their_own_as_folders_cost_no_more_than_the_folders(vault: Vault) -> None:
    folder = vault({f"d{number}/a.mdx": "" for number in range(300)})
    more = tuple((f"d{number}", (".mdx",)) for number in range(7, 200_000))
    began = time.process_time()
    assert len(list(scan.scan(settings_of(folder).tree()._replace(more=more)))) == 293
    assert time.process_time() - began < 3
