"""Expressions out of settings: what is taken, what is refused, and that what is taken ends."""

from __future__ import annotations

import time

import pytest

from mdcache.expressions import COST_LIMIT, LOOKED_AT, cost, finds


@pytest.mark.parametrize(
    ("pattern", "costs"),
    [
        ("^/api/", 1),
        (r"\.pdf$", 1),
        ("^(?:blog|news)/", 1),
        (".*/api/.*", 10),
        ("/api/.*/v1", 10),
        ("^/api/.*/v1/[^/]+/x$", 10),
        ("(?i)readme", 1),
        ("a{2,3}", 1),
        ("(?:ab)*c", 10),
        ("/api/.*", 1),
        ("colou?r", 1),
        ("(?=/x)/.*y", 10),
    ],
)
def test_what_ends_in_time_is_taken(pattern: str, costs: int) -> None:
    assert cost(pattern) == costs


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a|a)*b",
        "(?:a?){50}b",
        "x(.*)*y",
        ".*a.*b.*c",
        r"(a)\1",
        "(",
        "a{1,2}{3}{4}(",
        "a" * 501,
        "(?:a{0,20}b?){9}",
    ],
)
def test_what_may_not_end_or_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="it "):
        cost(pattern)


@pytest.mark.parametrize("pattern", ["x.*y", "^x.*x.*y", "(?:x)*y", "x[^y]*z"])
def test_what_is_taken_ends_on_a_text_made_for_it(pattern: str) -> None:
    cost(pattern)
    began = time.process_time()
    for _ in range(100):
        finds(pattern, "x" * 100_000)
    assert time.process_time() - began < 1 < COST_LIMIT


def test_only_the_beginning_of_a_text_is_looked_at() -> None:
    assert finds("y$", "y" * 10_000)
    assert not finds("z", "y" * LOOKED_AT + "z")
