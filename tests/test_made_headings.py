"""Headings that a template makes in part."""

from __future__ import annotations

import time

import pytest

from mdcache.dialects import made


@pytest.mark.parametrize(
    ("heading", "ids"),
    [
        ("## {{< new >}} Navbar", ["*navbar"]),
        ("## What's {{% in %}} it", ["whats*it"]),
        ("# {{ page.title }}", ["*"]),
        ("# {% if x %}A{% endif %}", ["*a*"]),
        ("## {{< new >}} Navbar {#bar}", []),
        ("## Navbar {#bar}", []),
        ("    # {{ x }}", []),
    ],
)
def test_what_is_not_known_of_an_id_is_a_star(heading: str, ids: list[str]) -> None:
    assert [name for _, name in made.headings(heading.encode(), "hugo")] == ids


def test_a_heading_of_nothing_but_signs_costs_no_more_than_it_is_long() -> None:
    started = time.process_time()
    for piece in ("{{", "{{ ", "{% ", "{#", "{# "):
        assert list(made.headings(b"# {{" + piece.encode() * 100_000, "hugo"))
    assert time.process_time() - started < 2
