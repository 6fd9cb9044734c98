"""Smart punctuation, and the ids of headings that have it."""

from __future__ import annotations

import re
import time

import pytest

from mdcache.dialects import GITHUB, ids
from mdcache.dialects.punctuation import outside, smart

MADE = (
    ("", ""),
    ("a-b", "a-b"),
    ("--flag option", "–flag option"),
    ("a - b -- c --- d", "a - b – c — d"),
    ("----", "––"),
    ("-----", "—–"),
    ("------", "——"),
    ("-------", "—––"),
    ("wait...", "wait…"),
    ("..", ".."),
    ('what\'s "new"', "what’s “new”"),
    ("'a' (\"b\")", "‘a’ (“b”)"),
    ("--'a'", "–‘a’"),
)


@pytest.mark.parametrize(("text", "made"), MADE)
def test_punctuation_becomes_typographic(text: str, made: str) -> None:
    assert smart(text) == made


def test_code_is_left_alone() -> None:
    assert outside(((4, 7), (12, 15)), "-- a --b -- --c", smart) == "– a --b – --c"
    assert outside(((2, 9),), "a --", str.upper) == "A --"


SMART = GITHUB._replace(smart_punctuation=True, explicit_ids=("curly",))


@pytest.mark.parametrize(
    ("text", "code", "made"),
    [
        ("--flag option", (), "flag-option"),
        ("--flag option", ((0, 6),), "--flag-option"),
        ("a -- b --c", ((7, 10),), "a--b---c"),
        ("Setup {#my--id}", (), "my--id"),
    ],
)
def test_an_id_has_no_dashes_of_typography_but_those_of_code(
    text: str, code: tuple[tuple[int, int], ...], made: str
) -> None:
    assert ids.of_headings([text], SMART, [code]) == [made]


def test_other_ids_are_made_of_the_punctuation_that_is_written() -> None:
    dialect = SMART._replace(other_ids=("github",))
    assert list(ids.others(["--a", "b", "c -- d"], dialect)) == [(0, "--a"), (2, "c----d")]


def test_what_becomes_a_picture_is_no_part_of_an_id() -> None:
    dialect = GITHUB._replace(unspoken=re.compile(r":\w+: ?"))
    assert ids.of_headings([":smile: a", ":b: c"], dialect, [(), ((0, 3),)]) == ["a", "b-c"]


def test_written_ids_are_reserved_as_the_dialect_says() -> None:
    texts = ["Same", "Other {#same}", "Same"]
    dialect = GITHUB._replace(explicit_ids=("curly",))
    assert [ids.of_headings(texts, dialect._replace(reserved_ids=which)) for which in ("never", "above", "all")] == [
        ["same", "same", "same-1"],
        ["same", "same", "same-1"],
        ["same-1", "same", "same-2"],
    ]
    above = ids.of_headings(texts[1:], dialect._replace(reserved_ids="above"))
    assert above == ["same", "same-1"] != ids.of_headings(texts[1:], dialect)


def test_a_row_of_quotes_costs_no_more_than_it_is_long() -> None:
    start = time.process_time()
    smart("\"'" * 100_000 + "-" * 200_000)
    assert time.process_time() - start < 1
