"""Blocks of Python-Markdown as CommonMark reads them after the rewrites."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdcache.dialects.blocks import definitions, indented_blocks, last_references, markdown_in_html
from mdcache.dialects.rewriting import REWRITES
from mdcache.parse.markdown import outline

MADE = (
    (indented_blocks, "!!! note\n    a\n", "-   note\n    a\n"),
    (indented_blocks, '???+ tip "A"\n', '-   .tip "A"\n'),
    (indented_blocks, '=== "Tab"\n', '-   "Tab"\n'),
    (indented_blocks, "===! 'Tab'\r\n", "-   .'Tab'\r\n"),
    (indented_blocks, "> !!! note\n", "> -   note\n"),
    (indented_blocks, "    !!!warning\n", "    -  warning\n"),
    (indented_blocks, "Title\n=====\n\n=== a\n!!!\n", "Title\n=====\n\n=== a\n!!!\n"),
    (indented_blocks, "Really!!! yes\n", "Really!!! yes\n"),
    (definitions, "Term\n:   text\n: more\n:no\n", "Term\n-   text\n- more\n:no\n"),
    (markdown_in_html, '<div class="a" markdown>\nb\n</div>\n', f"{' ' * 24}\nb\n</div>\n"),
    (markdown_in_html, "<div markdown='1'>\n", f"{' ' * 18}\n"),
    (markdown_in_html, '<div id="a" markdown>\n', '<div id="a" markdown>\n'),
    (markdown_in_html, '<div class="markdown">\n', '<div class="markdown">\n'),
    (last_references, "[A b]: c\n[a  B]: d 'e'\r\n", f"{' ' * 8}\n[a  B]: d 'e'\r\n"),
    (last_references, "[a]: b\n```\n[a]: c\n```\n[b]: c\n", "[a]: b\n```\n[a]: c\n```\n[b]: c\n"),
    (
        last_references,
        "```\n[a]: b\n```\n[a]: c\n\n```\n```\n [a]: d",
        f"```\n[a]: b\n```\n{' ' * 6}\n\n```\n```\n [a]: d",
    ),
    (last_references, "[^a]: b\n[^a]: c\n", "[^a]: b\n[^a]: c\n"),
    (markdown_in_html, "a <b markdown>\n", "a <b markdown>\n"),
)


@pytest.mark.parametrize(("rewrite", "text", "made"), MADE)
def test_a_block_becomes_what_commonmark_knows(rewrite: object, text: str, made: str) -> None:
    assert callable(rewrite)
    assert rewrite(text.encode()).decode() == made


NESTED = """\
1. Step

    !!! note "With [a](a.md)"

        ## Heading

        - [b](b.md)

            [c](c.md)

        ```py
        [no](no.md)

        # no heading
        ```

=== "One"

    === "Two"

        [d](d.md)

            [no](no.md)

After [e](e.md)
"""


def test_links_and_headings_in_nested_blocks_count_and_code_does_not() -> None:
    found = outline(indented_blocks(NESTED.encode()).decode())
    assert [reference.target for reference in found.references] == ["a.md", "b.md", "c.md", "d.md", "e.md"]
    assert [heading.text for heading in found.headings] == ["Heading"]


@given(st.text("!?=+:<>/ \t\r\n\"'am-#", max_size=60), st.sampled_from(sorted(REWRITES)))
def test_every_byte_keeps_its_place_and_every_line_its_end(text: str, name: str) -> None:
    data = text.encode()
    made = REWRITES[name](data)
    assert len(made) == len(data)
    assert [at for at, byte in enumerate(made) if byte in b"\r\n"] == [
        at for at, byte in enumerate(data) if byte in b"\r\n"
    ]


@pytest.mark.parametrize("name", REWRITES)
def test_what_never_ends_costs_no_more_than_it_is_long(name: str) -> None:
    start = time.process_time()
    for one in (
        "!!!",
        "=== ",
        ": ",
        "<a markdown ",
        "<a markdown\n",
        "    ",
        ">",
        "===\t",
        "<" * 9,
        ":::\n",
        "```\n",
        "[a]: b\n",
        "[a]:",
    ):
        REWRITES[name](one.encode() * 60_000)
    assert time.process_time() - start < 3
