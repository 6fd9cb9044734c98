"""What a fragment may name."""

from __future__ import annotations

import pytest

from mdcache.dialects import GITHUB
from mdcache.dialects.slugs import github
from mdcache.parse.anchors import forms, is_made_by_viewers, loose, loose_forms


def test_a_fragment_may_be_a_slug_or_the_text_of_a_heading() -> None:
    assert "getting-started" in forms("getting-started", GITHUB)
    assert "getting-started" in forms("Getting Started", GITHUB)
    assert "whats-new" in forms("Guide#What's new", GITHUB)
    assert "Exact-Id" in forms("Exact-Id", GITHUB)


def test_a_block_id_is_taken_as_it_is() -> None:
    assert forms("^Block-1", GITHUB) == ("^Block-1",)


def test_a_fragment_may_carry_what_viewers_add() -> None:
    assert "setup" in forms("user-content-setup", GITHUB)
    assert "setup" in forms("setup:~:text=make%20install", GITHUB)


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
    assert loose(github(heading)) in loose_forms(fragment)


def test_a_block_and_a_heading_of_one_name_stay_apart() -> None:
    assert loose("^Block-1") == loose("^block-1") != loose("block-1")


@pytest.mark.parametrize(
    "fragment",
    [
        "",
        "top",
        "TOP",
        "L10",
        "L10-L20",
        "L1C2-L3C4",
        ":~:text=a",
        "fn-1",
        "fnref:a",
        "fn1",
        "user-content-fn-1",
        "mit-1-ov-file",
    ],
)
def test_viewers_make_places_of_their_own(fragment: str) -> None:
    assert is_made_by_viewers(fragment, False, GITHUB)


@pytest.mark.parametrize("fragment", ["topic", "L", "Lion", "fn", "fnord", "x:~:text=a", "10", "readme"])
def test_other_places_are_the_documents(fragment: str) -> None:
    assert not is_made_by_viewers(fragment, False, GITHUB)


def test_the_page_of_a_folder_names_the_readme_that_it_shows() -> None:
    assert is_made_by_viewers("readme", True, GITHUB)
    assert is_made_by_viewers("README", True, GITHUB)
    assert not is_made_by_viewers("setup", True, GITHUB)
