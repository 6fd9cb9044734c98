"""What Sphinx's settings say of a project, and which places and targets MyST knows beyond markdown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from caches import query, settings_of
from law import assert_law, synced

from mdcache.dialects import Marked, Mount, sphinx
from mdcache.dialects.site import Site


def sites(marker: str, text: str) -> list[Site]:
    return list(sphinx.sites(Marked("/s", marker, frozenset((marker,)), {marker: text})))


@pytest.mark.parametrize(
    ("marker", "text", "is_one"),
    [
        ("conf.py", 'extensions = ["myst_parser"]', True),
        ("conf.py", "extensions = ['sphinx.ext.autodoc', 'myst_nb']", True),
        ("conf.py", 'extensions = ["sphinx.ext.autodoc"]', False),
        ("conf.py", "import x  # myst_parser", False),
        ("_toc.yml", "root: index", True),
        ("myst.yml", "version: 1", True),
    ],
)
def test_a_project_that_reads_markdown_is_one(marker: str, text: str, is_one: bool) -> None:
    assert [site.docs for site in sites(marker, text)] == ["/s"] * is_one


def test_files_of_other_folders_lie_at_the_root() -> None:
    (site,) = sites("conf.py", 'extensions = ["myst_parser"]\nhtml_extra_path = [\'extra\', "more/files"]')
    assert site.mounts == (Mount("", "/s"), Mount("", "/s/extra"), Mount("", "/s/more/files"))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("(my-target)=\n# H", {"my-target"}),
        ("(My Target)=", {"My Target", "my-target"}),
        ("```{figure} a.png\n:name: fig_a\n```", {"fig_a", "fig-a"}),
        ("```{math}\n:label: eq1\n```", {"eq1"}),
        (":::{figure-md} fig-b\n:::", {"fig-b"}),
        ("a (b)= c\n:name:\n(a) = b", set()),
        ("```{include} a.md\n```", {"*"}),
        (":::{autoclass} x\n:::", {"*.*"}),
        ("```{eval-rst}\n.. include:: a.rst\n```", {"*", "*.*"}),
        ("```{glossary}\n```", {"term-*"}),
        ("```include\n```", set()),
    ],
)
def test_places_are_named_by_lines_of_their_own(text: str, names: set[str]) -> None:
    assert {name for _, name in sphinx.places(text.encode())} == names


@pytest.mark.parametrize(
    ("target", "is_left_alone"),
    [
        ("#place", True),
        ("genindex.html", True),
        ("../apidocs/index.md", True),
        ("a.md", False),
        ("a/b.md#c", False),
        ("./a", False),
        ("../a", False),
        ("/a", False),
        ("a.png", False),
    ],
)
def test_what_sphinx_makes_is_left_alone(target: str, is_left_alone: bool) -> None:
    unjudged = sphinx.SPHINX.unjudged
    assert unjudged and bool(unjudged.search(target)) is is_left_alone


@pytest.mark.parametrize(
    ("target", "is_name"),
    [
        ("label", True),
        ("topics/label", True),
        ("package.Class.method", True),
        ("topics/page#place", True),
        ("#place", False),
        ("a.md", False),
        ("a/b.md#c", False),
        ("./a", False),
        ("../a", False),
        ("/a", False),
    ],
)
def test_a_bare_word_is_a_name_and_no_address(target: str, is_name: bool) -> None:
    names = sphinx.SPHINX.names
    assert names and bool(names.fullmatch(target)) is is_name


@pytest.mark.parametrize(
    ("target", "is_left_alone"),
    [("#topics/label", False), ("#a-label", False), ("#package.Class", True), ("#a term", True), ("#ClassName", True)],
)
def test_labels_are_judged_where_all_sources_are_markdown(target: str, is_left_alone: bool) -> None:
    marked = Marked("/s", "conf.py", frozenset(("conf.py", "index.md")), {"conf.py": '["myst_parser"]'})
    unjudged = next(iter(sphinx.sites(marked))).dialect.unjudged
    assert unjudged and bool(unjudged.search(target)) is is_left_alone
    other = next(iter(sphinx.sites(marked._replace(names=frozenset(("index.rst",)))))).dialect.unjudged
    assert other and other.search(target)


def test_labels_are_named_by_lines_attributes_and_directives() -> None:
    text = "(My/Label)=\n# H {#by-id}\n[s]{.a #span}\n```{math}\n:label: eq\n```\n```{eval-rst}\n.. _rst:\n```\n"
    assert set(sphinx.labels(text)) == {"my/label", "by-id", "span", "eq", "rst"}


def test_what_lies_beside_docs_may_be_taken_into_them() -> None:
    marked = Marked("/s/docs", "conf.py", frozenset(("conf.py",)), {"conf.py": '["myst_parser"]'})
    (_, beside) = sphinx.sites(marked)
    names, unjudged = beside.dialect.names, beside.dialect.unjudged
    assert (beside.docs, beside.dialect.name) == ("/s", "github")
    assert names and [one for one in ("a/b", "my-label", "LICENSE", "a/b.md", "./a") if names.fullmatch(one)] == [
        "a/b",
        "my-label",
    ]
    assert unjudged and unjudged.search("#a/b") and not unjudged.search("#a-b")


def test_a_label_that_moves_takes_its_links_along(vault: Callable[[dict[str, str]], Path]) -> None:
    base = vault(
        {
            "mdcache.toml": 'docs = ["."]\n',
            "conf.py": 'extensions = ["myst_parser"]\n',
            "a.md": "# A\n\n[x](#my-label)\n",
            "b.md": "(my-label)=\n\n# B\n",
            "c.md": "# C\n",
        }
    )
    settings = settings_of(base)
    leads = "SELECT other.path FROM links JOIN nodes AS other ON other.key = target_node WHERE target = '#my-label'"
    synced(settings)
    assert query(settings, leads) == [("b.md",)]
    (base / "b.md").write_text("# B\n")
    (base / "c.md").write_text("(my-label)=\n\n# C\n")
    synced(settings)
    assert query(settings, leads) == [("c.md",)]
    assert_law(settings)
