"""Ids of headings: GitHub's kernel, and how duplicates are told apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdcache.dialects.slugs import github, skipping_taken


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
