"""Comments and math: no link and no tag counts in them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdcache.model import Rules
from mdcache.parse.body import Body, Text, read


def body(text: str) -> Body:
    return read("a.md", Text(text.encode(), text, 0, 1), Rules())


def told(text: str) -> list[str]:
    """What a text links to and its tags."""
    found = body(text)
    return [*(link.target for link in found.links), *(f"#{tag}" for tag in found.tags)]


@pytest.mark.parametrize(
    "text",
    [
        "$[a](b)$",
        "$x_1 [a](b) [[c]]$",
        "so $$[a](b)$$ and",
        "$$\n[a](b)\n$$",
        "> $$\n> [a](b)\n> $$",
        "$$\n[a](b)\n\n[c](d)\n$$",
        "$$\r\n[a](b)\r\n\r\n[c](d)\r\n$$\r\n",
        "是$[a](b)$的",
        "$\\text{see} #tag https://example.org x$",
    ],
)
def test_nothing_in_math_counts(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "$5 and [a](b) $6",
        "for $5, see [a](b), or A$6",
        "a$[a](b)$ and $",
        "\\$[a](b)\\$",
        "`$x` [a](b) `$y`",
        "[$x$](b)",
        "[a $x](b) y",
        "$HOME, [a](b) and $PATH",
        "$x$ [a](b) $y$",
        "$x\n\n[a](b)\n\ny$",
        "$$ is a process, [a](b)\n\nof $$",
        "```\n$$\n```\n[a](b)\n```\n$$\n```",
    ],
)
def test_money_and_variables_are_no_math(text: str) -> None:
    assert told(text) == ["b"]


@pytest.mark.parametrize(
    "text",
    [
        "%% [a](b) %%",
        "so %%[[a]] #tag%% and",
        "%%\n[a](b)\n%%",
        "%%\n[a](b)\n\n[[c]] #tag\n%%",
        "> %%\n> [a](b)\n>\n> https://example.org\n> %%",
    ],
)
def test_nothing_in_a_comment_counts(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "100%% of [a](b)",
        "100%% of [a](b)\n\nand 50%%",
        "%% x %% [a](b) %% y %%",
        "`%%` [a](b) `%%`",
        "~~~\n%%\n~~~\n[a](b)\n\n~~~\n%%\n~~~",
        "[a](b) %% c",
    ],
)
def test_signs_without_their_like_are_text(text: str) -> None:
    assert told(text) == ["b"]


def test_links_that_only_share_a_sign_with_math_stay() -> None:
    assert told("[[a$b]] [[c$d]] [x](e$f) [y](g$h)") == ["a$b", "c$d", "e$f", "g$h"]


@given(st.lists(st.sampled_from(["$", "$$", "%%", "[a](b)", "[[c]]", " ", "\n", "x", "`", "\\", "é", "#t "])))
def test_hiding_only_takes_away(pieces: list[str]) -> None:
    text = "".join(pieces)
    shown, whole = body(text), body(text.replace("$", "S").replace("%%", "pp"))
    assert len(shown.links) <= len(whole.links)
    assert [one._replace(hash=None) for one in shown.sections] == [one._replace(hash=None) for one in whole.sections]


@pytest.mark.parametrize(
    "piece", ["$[a](b)", "%% [a](b) ", "%%\n\n[a](b)\n", "$$\n\n#a ", "$5 [a](b) %%", "%%%", "$$$", "$\n ", "{#a", "{ "]
)
def test_a_long_row_of_signs_takes_linear_time(piece: str) -> None:
    start = time.process_time()
    body(piece * (200_000 // len(piece)))
    assert time.process_time() - start < 5
