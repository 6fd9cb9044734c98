"""Anchors as GitHub makes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdcache.parse.anchors import anchors, forms, is_made_by_viewers, loose, loose_forms, slug


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
    assert slug(heading) == anchor


def test_duplicates_are_numbered() -> None:
    assert anchors(["Setup", "setup", "SETUP"]) == ["setup", "setup-1", "setup-2"]


def test_a_number_that_is_taken_is_passed_over() -> None:
    assert anchors(["a", "a-1", "a", "a-1", "", ""]) == ["a", "a-1", "a-2", "a-1-1", "", "-1"]


@given(st.lists(st.text("aA-1 é", max_size=4)))
def test_no_two_headings_share_an_anchor(headings: list[str]) -> None:
    made = anchors(headings)
    assert len(set(made)) == len(made) == len(headings)


@given(st.text())
def test_a_slug_of_ascii_and_one_of_more_than_ascii_agree(text: str) -> None:
    ascii_ = "".join(c for c in text if c.isascii())
    assert slug(ascii_ + "é") == slug(ascii_) + "é"


def test_a_fragment_may_be_a_slug_or_the_text_of_a_heading() -> None:
    assert "getting-started" in forms("getting-started")
    assert "getting-started" in forms("Getting Started")
    assert "whats-new" in forms("Guide#What's new")
    assert "Exact-Id" in forms("Exact-Id")


def test_a_block_id_is_taken_as_it_is() -> None:
    assert forms("^Block-1") == ("^Block-1",)


def test_a_fragment_may_carry_what_viewers_add() -> None:
    assert "setup" in forms("user-content-setup")
    assert "setup" in forms("setup:~:text=make%20install")


@pytest.mark.parametrize(
    ("fragment", "heading"),
    [
        ("A B draft", "A/B #draft"),
        ("A/B #draft", "A/B #draft"),
        ("What is it", "What *is* it?"),
        ("_Under_ score", "Under score"),
        ("Guide#Set up", "Set-up"),
        ("Guide > Set up", "Set up"),
        ("设置 全部", "设置（全部）"),
    ],
)
def test_obsidian_compares_loosely(fragment: str, heading: str) -> None:
    assert loose(slug(heading)) in loose_forms(fragment)


def test_a_block_and_a_heading_of_one_name_stay_apart() -> None:
    assert loose("^Block-1") == loose("^block-1") != loose("block-1")


@pytest.mark.parametrize(
    "fragment",
    ["", "top", "TOP", "L10", "L10-L20", "L1C2-L3C4", ":~:text=a", "fn-1", "fnref:a", "fn1", "user-content-fn-1"],
)
def test_viewers_make_places_of_their_own(fragment: str) -> None:
    assert is_made_by_viewers(fragment)


@pytest.mark.parametrize("fragment", ["topic", "L", "Lion", "fn", "fnord", "x:~:text=a", "10"])
def test_other_places_are_the_documents(fragment: str) -> None:
    assert not is_made_by_viewers(fragment)
