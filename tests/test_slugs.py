"""Ids of headings: the kernels, and how duplicates are told apart."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdcache.dialects.slugs import KERNELS, counting, github, skipping_taken, underscored


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("Getting started", "getting-started"),
        ("What's new in 2.0?", "whats-new-in-20"),
        ("a  b", "a--b"),
        ("A & B / C", "a--b--c"),
        ("C++ & C#", "c--c"),
        ("snake_case and kebab-case", "snake_case-and-kebab-case"),
        ("-x-", "-x-"),
        ("🚀 Launch 🎉", "-launch-"),
        (":rocket: Launch", "rocket-launch"),
        ("I ♥ unicode — really…", "i--unicode--really"),
        ("Größe ändern", "größe-ändern"),
        ("ÅÉ", "åé"),
        ("Привет, мир!", "привет-мир"),
        ("概要：設計（案）", "概要設計案"),
        ("한국어 제목", "한국어-제목"),
        ("वेब और डेटा", "वेब-और-डेटा"),
        ("ภาษาไทย วิธีใช้", "ภาษาไทย-วิธีใช้"),
        ("e\u0301te\u0301", "e\u0301te\u0301"),
        ("½ ² Ⅳ ٣", "--ⅳ-٣"),
        ("Ⓐ🅱 ‿", "ⓐ🅱-‿"),
        ("a\tb\u00a0c", "abc"),
        ("", ""),
        ("!!!", ""),
    ],
)
def test_a_slug_keeps_words_hyphens_and_spaces(heading: str, anchor: str) -> None:
    assert github(heading) == anchor


def told_apart(slugs: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    return [skipping_taken(slug, seen) for slug in slugs]


def test_duplicates_are_numbered() -> None:
    assert told_apart(["setup", "setup", "setup"]) == ["setup", "setup-1", "setup-2"]


def test_a_number_that_is_taken_is_passed_over() -> None:
    assert told_apart(["a", "a-1", "a", "a-1", "", ""]) == ["a", "a-1", "a-2", "a-1-1", "", "-1"]


@given(st.lists(st.text("a-1 é", max_size=4)))
def test_no_two_headings_share_an_anchor(slugs: list[str]) -> None:
    made = told_apart(slugs)
    assert len(set(made)) == len(made) == len(slugs)


@given(st.text())
def test_a_slug_of_ascii_and_one_of_more_than_ascii_agree(text: str) -> None:
    ascii_ = "".join(c for c in text if c.isascii())
    assert github(ascii_ + "é") == github(ascii_) + "é"


# What Python-Markdown, pymdownx and mdBook made of these headings' plain texts.
MEASURED = (
    # text, python-markdown, pymdownx-lower, mdbook
    ("Hello, World! (v1.2)", "hello-world-v12", "hello-world-v12", "hello-world-v12"),
    ("--flag option", "-flag-option", "--flag-option", "--flag-option"),
    ("A & B", "a-b", "a--b", "a--b"),
    ("A - B -- C", "a-b-c", "a---b----c", "a---b----c"),
    ("Привет Мир", "", "привет-мир", "привет-мир"),
    ("Café Ünï", "cafe-uni", "café-ünï", "café-ünï"),
    ("cafe\u0301", "cafe", "café", "cafe"),
    ("Emoji 🚀 rocket", "emoji-rocket", "emoji--rocket", "emoji--rocket"),
    ("Don’t “quote” — dash…", "dont-quote-dash", "dont-quote--dash", "dont-quote--dash"),
    ("!!!", "", "", ""),
    ("Vec<T> and *star*", "vect-and-star", "vec-and-star", "vect-and-star"),
    ("a < b", "a-b", "a--b", "a--b"),
    ("a   b\ttab", "a-b-tab", "a---btab", "a---b-tab"),
    (" Image", "image", "image", "image"),
    ("İstanbul ΣΑΣ ǅ", "istanbul-dz", "i̇stanbul-σας-ǆ".replace("\u0307", ""), "istanbul-σας-ǆ"),
    ("हिन्दी पाठ", "", "हनद-पठ", "हिनदी-पाठ"),
    ("ภาษาไทย วิธีใช้", "", "ภาษาไทย-วธใช", "ภาษาไทย-วิธีใช"),
    ("H₂O ½ ²", "h2o-12-2", "h₂o-½-²", "h₂o-½-²"),
)


@pytest.mark.parametrize(("text", "plain", "lower", "book"), MEASURED)
def test_a_text_has_the_slug_that_its_site_makes_of_it(text: str, plain: str, lower: str, book: str) -> None:
    assert [KERNELS[name](text) for name in ("python-markdown", "pymdownx-lower", "mdbook")] == [plain, lower, book]


@pytest.mark.parametrize(
    ("kernel", "slug"),
    [
        ("python-markdown-unicode", "straße-île"),
        ("pymdownx", "Straße---ÎLE"),
        ("pymdownx-lower-ascii", "straße---Île"),
        ("pymdownx-fold", "strasse---île"),
        ("mdbook-0.4", "straße---Île"),
    ],
)
def test_a_kernel_has_variants(kernel: str, slug: str) -> None:
    assert KERNELS[kernel]("Straße - ÎLE") == slug


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_heading_without_end_costs_no_more_than_it_is_long(kernel: str) -> None:
    start = time.process_time()
    for text in ("<" * 200_000, "a-" * 100_000, "é" * 200_000, "> <" * 60_000):
        KERNELS[kernel](text)
    assert time.process_time() - start < 2


def test_python_markdown_numbers_with_underscores() -> None:
    wanted = ["same", "same", "same_1", "", "", "a_7", "a_7", "b_03", "b_03", "same"]
    seen: dict[str, int] = {}
    assert [underscored(slug, seen) for slug in wanted] == [
        "same", "same_1", "same_2", "_1", "_2", "a_7", "a_8", "b_03", "b_4", "same_3",
    ]  # fmt: skip


@given(st.lists(st.sampled_from(["", "a", "a_1", "a_2", "_1", "b_03", "a_b", "_", "a_", "a_10"]), max_size=12))
def test_a_number_is_the_first_that_is_free_behind_the_one_that_is_written(slugs: list[str]) -> None:
    taken: set[str] = set()
    seen: dict[str, int] = {}
    for slug in slugs:
        anchor = slug
        while anchor in taken or not anchor:
            stem, _, number = anchor.rpartition("_")
            anchor = f"{stem}_{int(number) + 1}" if number.isdigit() and "_" in anchor else f"{anchor}_1"
        taken.add(anchor)
        assert underscored(slug, seen) == anchor


def test_many_that_are_alike_take_few_steps() -> None:
    seen: dict[str, int] = {}
    start = time.process_time()
    for _ in range(2):
        for i in range(30_000):
            underscored(f"a_{i}", seen)
            underscored("a", seen)
    assert time.process_time() - start < 2


OF_HUGO_AND_KRAMDOWN = (
    ("Hello, World! (v1.2)", "hello-world-v12", "hello-world-v12"),
    ("snake_case", "snake_case", "snake_case"),
    ("  1. First step", "1-first-step", "--1-first-step"),
    ("A - B – C", "a---b--c", "a---b--c"),
    ("Café Ünï", "café-ünï", "café-ünï"),
    ("Emoji 🚀 rocket", "emoji--rocket", "emoji--rocket"),
    ("C++ / C#", "c--c", "c--c"),
    ("!!!", "heading", ""),
    ("a   b\ttab", "a---btab", "a---b-tab"),
    ("İstanbul ΣΑΣ", "istanbul-σασ", "i̇stanbul-σασ"),
    ("हिन्दी", "हनद", "हिन्दी"),
    ("H₂O ½ ²", "ho--", "ho--"),
)


@pytest.mark.parametrize(("heading", "of_hugo", "of_jekyll"), OF_HUGO_AND_KRAMDOWN)
def test_hugo_and_kramdown_keep_other_characters(heading: str, of_hugo: str, of_jekyll: str) -> None:
    assert (KERNELS["hugo"](heading), KERNELS["kramdown-gfm"](heading)) == (of_hugo, of_jekyll)


@pytest.mark.parametrize(
    ("kernel", "heading", "slug"),
    [
        ("hugo-ascii", "Café Ünï", "cafe-uni"),
        ("hugo-ascii", "Привет", "heading"),
        ("blackfriday", "v1.2 snake_case!", "v1-2-snake-case"),
        ("blackfriday", "!!!", "heading"),
        ("kramdown", "1. First step: Ünï", "first-step-n"),
        ("kramdown", "1.2", "section"),
        ("myst", "Hello, World! (v1.2) हि", "hello-world-v12-ह"),
        ("docutils", "1. Hello, Wörld! (v1.2)", "hello-world-v1-2"),
    ],
)
def test_other_kernels_make_other_slugs(kernel: str, heading: str, slug: str) -> None:
    assert KERNELS[kernel](heading) == slug


def test_kramdown_counts_without_a_look_at_what_is_taken() -> None:
    seen: dict[str, int] = {}
    assert [counting(slug, seen) for slug in ("same", "same", "same-1", "same")] == [
        "same",
        "same-1",
        "same-1",
        "same-2",
    ]
