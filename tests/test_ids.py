"""Which document has which id."""

from __future__ import annotations

import pytest
from worlds import World


def claiming(id_: str) -> str:
    return f"---\nid: {id_}\n---\n"


def test_an_id_is_the_path_without_extension_if_that_is_unique(world: World) -> None:
    files = ["a.md", "b.md", "b.markdown", "c/b.md", "d.md", "d.md.md"]
    assert world.ids(dict.fromkeys(files, "")) == {
        "a.md": "a",
        "b.md": "b.md",
        "b.markdown": "b.markdown",
        "c/b.md": "c/b",
        "d.md": "d",
        "d.md.md": "d.md.md",
    }


def test_a_document_gets_the_id_that_it_claims_as_written(world: World) -> None:
    files = {"a.md": claiming("007"), "b.md": claiming("Ünï/code")}
    assert world.ids(files) == {"a.md": "007", "b.md": "Ünï/code"}
    assert world.problems(files) == []


def test_the_first_by_path_gets_an_id_that_several_claim(world: World) -> None:
    files = {"b.md": claiming("x"), "a.md": claiming("x"), "c/a.md": claiming("x")}
    assert world.ids(files) == {"a.md": "x", "b.md": "b", "c/a.md": "c/a"}
    message = "the id 'x' is taken: it is the id or the path of another document"
    assert world.problems(files) == [
        ("b.md", 2, 1, "duplicate-id", "error", message),
        ("c/a.md", 2, 1, "duplicate-id", "error", message),
    ]


@pytest.mark.parametrize("claim", ["b", "b.md", "c/d", "c/d.markdown"])
def test_an_id_that_is_the_path_of_another_is_lost(world: World, claim: str) -> None:
    files = {"a.md": claiming(claim), "b.md": claiming("other"), "c/d.markdown": ""}
    assert world.ids(files) == {"a.md": "a", "b.md": "other", "c/d.markdown": "c/d"}
    assert [(problem[0], problem[3]) for problem in world.problems(files)] == [("a.md", "duplicate-id")]


def test_two_documents_may_not_swap_their_paths_for_ids(world: World) -> None:
    files = {"a.md": claiming("b"), "b.md": claiming("a")}
    assert world.ids(files) == {"a.md": "a", "b.md": "b"}


@pytest.mark.parametrize("claim", ["b", "b.md"])
def test_a_document_may_claim_its_own_path(world: World, claim: str) -> None:
    files = {"a.md": claiming(claim), "b.md": claiming(claim)}
    assert world.ids(files) == {"a.md": "a", "b.md": claim}
    assert [problem[0] for problem in world.problems(files)] == ["a.md"]
