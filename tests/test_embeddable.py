"""What an embedding model is to see of a section: its text under the headings above it, never the document's title."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdcache.model import Rules, Section
from mdcache.parse.parse import content_of, parse

WORDS = st.text(st.sampled_from("abc dé零\n"), min_size=1, max_size=20).map(lambda text: f"x{text}".strip())


def sections(text: str) -> tuple[Section, ...]:
    """The sections of a text."""
    return parse("a.md", content_of(text.encode()), Rules()).sections


def hash_of(text: str) -> bytes:
    """The hash of what a model sees, as the schema describes it."""
    return hashlib.sha256(text.encode()).digest()[:16]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("# Title\n\nintro\n\n## A\n\na\n\n### B\n\nb\n", ["", "\nintro\n\n", "## A\n\na\n\n", "A\n### B\n\nb\n"]),
        ("Title\n=====\nintro\n\n## A\na\n", ["", "intro\n\n", "## A\na\n"]),
        ("before\n\n# Title\n", ["before\n\n", ""]),
        ("## A\n\n# T\n\n## B *em*\n\n#### C\nc", ["", "## A\n\n", "\n", "## B *em*\n\n", "B em\n#### C\nc"]),
        ("# One\n\n# Two\n\n## Three\n", ["", "\n", "# Two\n\n", "Two\n## Three\n"]),
        ("#\n\n# Title\n\n## A\n", ["", "#\n\n", "\n", "## A\n"]),
        ("> # Title\n> text\n", ["", "> text\n"]),
        ("", [""]),
    ],
)
def test_a_model_sees_the_text_under_its_headings(text: str, seen: list[str]) -> None:
    assert [section.hash for section in sections(text)] == [hash_of(one) for one in seen]


@given(WORDS, WORDS, WORDS)
def test_another_title_changes_no_hash(title: str, other: str, text: str) -> None:
    first, second = (f"# {' '.join(one.split())}\n\n{text}\n\n## Part\n\n{text}\n" for one in (title, other))
    assert [one.hash for one in sections(first)] == [one.hash for one in sections(second)]


@given(WORDS, WORDS)
def test_the_same_text_under_the_same_headings_has_one_hash_wherever_it_stands(before: str, text: str) -> None:
    part = f"\n\n## Part\n\n### Deep\n\n{text}\n"
    here, there = (sections(f"---\na: 1\n---\n# T\n{before}{part}"), sections(f"{part}"))
    assert [one.hash for one in here[-2:]] == [one.hash for one in there[-2:]]
    assert sections(f"## Other\n\n### Deep\n\n{text}\n")[-1].hash != here[-1].hash
