"""What a book.toml says of how its pages are read."""

from __future__ import annotations

import time

import pytest

from mdcache.dialects import GITHUB, Marked, Site
from mdcache.dialects.mdbook import KIND, MDBOOK, rules_of_spec


def sites_of(text: str) -> list[Site]:
    return list(KIND.sites(Marked("/book", "book.toml", frozenset(("book.toml",)), {"book.toml": text})))


@pytest.mark.parametrize(
    ("text", "docs", "prefix"),
    [
        ("", "/book/src", ""),
        ('[book]\nsrc = "text/en"\n[output.html]\nsite-url = "/a/b/"\n', "/book/text/en", "a/b"),
        ('[book]\nsrc = 1\n', "/book/src", ""),
        ('book = "x"\n', "/book/src", ""),
        ("[book\n", "/book/src", ""),
    ],
)  # fmt: skip
def test_its_pages_lie_where_it_says_and_beside_them_it_is_github(text: str, docs: str, prefix: str) -> None:
    book, beside = sites_of(text)
    assert (book.dialect.name, book.docs, book.prefix, book.mounts) == ("mdbook", docs, prefix, (("", docs),))
    assert (beside.dialect.name, beside.docs, beside.dialect.ids) == ("github", "/book", GITHUB.ids)
    assert beside.dialect.unjudged
    assert [bool(beside.dialect.unjudged.search(one)) for one in ("a.html#b", "a.md", "a.html/b")] == [
        True,
        False,
        False,
    ]


def test_a_book_may_lie_in_the_folder_of_its_settings() -> None:
    (book,) = sites_of('[book]\nsrc = "."\n')
    assert book.docs == "/book"


def test_smart_punctuation_is_on_unless_the_book_says_no() -> None:
    said = ("", "[output.html]\nsmart-punctuation = true", "[output.html]\nsmart-punctuation = false")
    assert [sites_of(text)[0].dialect.smart_punctuation for text in said] == [True, True, False]


def test_a_specification_has_names_of_rust_and_rules_for_targets() -> None:
    plain, spec = (sites_of(text)[0].dialect for text in ("", "[preprocessor.spec]"))
    assert plain.names is None
    assert spec.names
    names, paths = ("std::ffi", "Vec", "items.syntax", "Vec::new()"), ("a.md", "../items/fn.md#a", "#a", "a.svg", "a/b")
    assert [one for one in (*names, *paths) if spec.names.fullmatch(one)] == list(names)
    assert spec.unjudged
    assert [bool(spec.unjudged.search(one)) for one in ("../core/primitive.fn.md#x", "../cores/a.md")] == [True, False]


@pytest.mark.parametrize(
    ("text", "brings"),
    [
        ("{{#include ../CONTRIBUTING.md}}", True),
        ("{{#include a.md:rules}}", True),
        ("{{#include a.rs}}", False),
        ("{{#rustdoc_include a.rs:here}}", False),
        (r"\{{#include a.md}}", False),
    ],
)
def test_prose_that_is_taken_in_brings_any_place(text: str, brings: bool) -> None:
    assert MDBOOK.includes
    assert bool(MDBOOK.includes.search(text.encode())) == brings


def test_rules_and_grammar_of_a_specification_are_places() -> None:
    text = b"r[a.b]\n\n> r[c]\n\n```grammar\nExpr -> A\n@root Items -> B\n```\n"
    assert [name for _, name in rules_of_spec(text)] == ["r-a.b", "r-c", "grammar-Expr", "grammar-Items"]


def test_a_hostile_text_costs_no_more_than_it_is_long() -> None:
    start = time.process_time()
    assert MDBOOK.includes
    for one in (b"{{#include ", b"{{#include a.", b"r[", b"a\n: ", b"a\n\n", b" ", b"A", b" :\n", b"\n:"):
        text = one * (300_000 // len(one))
        MDBOOK.includes.search(text)
        list(rules_of_spec(text))
    assert time.process_time() - start < 3
