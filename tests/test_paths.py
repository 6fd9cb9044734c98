"""Paths as text."""

from __future__ import annotations

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdcache.paths import fold, folder, has_extension, join, nfc, without_extension

EXTENSIONS = (".md", ".markdown")
PARTS = st.lists(st.sampled_from(["a", "b", "..", ".", "", "c.md"]), max_size=6)


@pytest.mark.parametrize(
    ("path", "short"),
    [
        *[("a.md", "a"), ("a.MD", "a"), ("b/a.markdown", "b/a"), ("a.md.md", "a.md"), ("v1.2.md", "v1.2")],
        *[("Wait....md", "Wait..."), (".hidden.md", ".hidden"), ("b.md/a", "b.md/a"), ("a.txt", "a.txt"), ("a", "a")],
        *[(".md", ".md"), ("..md", "..md"), ("b/...md", "b/...md"), ("b.c/.md", "b.c/.md"), ("", "")],
    ],
)
def test_an_extension_comes_off_when_a_name_is_left(path: str, short: str) -> None:
    assert without_extension(path, EXTENSIONS) == short
    assert has_extension(path, EXTENSIONS) == path.rpartition("/")[2].lower().endswith(EXTENSIONS)


def test_names_compare_composed() -> None:
    decomposed = unicodedata.normalize("NFD", "Ünïcödé")
    assert nfc(decomposed) == "Ünïcödé"
    assert fold(decomposed) == fold("ÜNÏCÖDÉ")


@pytest.mark.parametrize(("one", "other"), [("README", "readme"), ("Straße", "STRASSE"), ("ﬁle", "FILE"), ("Σ", "ς")])
def test_names_compare_without_case(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert fold(nfc(text)) == fold(text)


def test_a_folder_is_what_stands_before_the_last_slash() -> None:
    assert [folder("a/b/c.md"), folder("c.md"), folder("")] == ["a/b", "", ""]


@given(PARTS, PARTS)
def test_a_relative_path_leads_where_the_system_says(base: list[str], relative: list[str]) -> None:
    start = "/".join(part for part in base if part.strip("."))
    asked = "/".join(relative)
    expected = os.path.normpath(os.path.join("/base", start, *filter(None, relative)))
    left = any(".." in part for part in _every_step(start, relative))
    assert join(start, asked) == (None if left else os.path.relpath(expected, "/base").removeprefix(".").lstrip("/"))


def _every_step(start: str, relative: list[str]) -> list[str]:
    """Where one stands after each part: '..' and more once the base is left."""
    return [
        os.path.normpath(os.path.join(start, *filter(None, relative[:count]))) for count in range(len(relative) + 1)
    ]
