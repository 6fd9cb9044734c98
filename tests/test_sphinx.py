"""What Sphinx's settings say of a project, and which places and targets MyST knows beyond markdown."""

from __future__ import annotations

import pytest

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
        ("a (b)= c\n:name:\n(a) = b", set()),
        ("```{include} a.md\n```", {"*"}),
        (":::{autoclass} x\n:::", {"*"}),
        ("```include\n```", set()),
    ],
)
def test_places_are_named_by_lines_of_their_own(text: str, names: set[str]) -> None:
    assert {name for _, name in sphinx.places(text.encode())} == names


@pytest.mark.parametrize(
    ("target", "is_left_alone"),
    [
        ("label", True),
        ("topics/label", True),
        ("package.Class.method", True),
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
def test_what_may_be_a_label_is_left_alone(target: str, is_left_alone: bool) -> None:
    unjudged = sphinx.SPHINX.unjudged
    assert unjudged and bool(unjudged.search(target)) is is_left_alone
