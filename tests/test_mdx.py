"""MDX in words of CommonMark."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdcache.dialects.mdx import mdx, partials, places


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("<Tabs>\ntext\n</Tabs>\n", "      \ntext\n       \n"),
        ('<Foo a="b>" c={{d: [">"]}}\n  e />', "                          \n      "),
        ('## A <Badge id="b" />', "## A {#b}            "),
        ('<h1 class="a"><Link id="b"/>A</h1>', '<h1 class="a"><a id="b">    A</h1>'),
        ("<h2><B id='c'>A</B></h2>", '<h2><a id="c">A    </h2>'),
        ("## A {/* #b */}", "## A {#b}      "),
        ("## A <!-- #b -->", "## A {#b}       "),
        ("A <!-- #b -->", "A <!-- #b -->"),
        ("## A {/* b */} c", "## A           c"),
        ("a `<Tabs>` and ``{/* b */}``", "a `<Tabs>` and ``{/* b */}``"),
        ("<a href='x'>y</a> <img src='z'/>", "<a href='x'>y</a> <img src='z'/>"),
        ("<https://x.org> a < b \\<T> <a@b.c>", "<https://x.org> a < b \\<T> <a@b.c>"),
        ("```\n<Tabs>\n```\n<Tabs>", "```\n<Tabs>\n```\n      "),
        ("export const A = () => {\n  b\n\n  c\n}\n\nd", "                        \n   \n\n   \n \n\nd"),
        ("export your data\n", "export your data\n"),
    ],
)
def test_tags_comments_and_exports_become_spaces(text: str, read: str) -> None:
    assert mdx(text.encode()).decode() == read


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("\n    text\n    more\n", "\n>  >text\n>  >more\n"),
        ("\n\ttext\n", "\n>text\n"),
        ("para\n    goes on\n", "para\n    goes on\n"),
        ("- a\n\n    b\n", "- a\n\n    b\n"),
        ("- a\n\n      b\n", "- a\n\n  >  >b\n"),
        ("1. a\n   - b\n\n     c\n", "1. a\n   - b\n\n     c\n"),
        ("\n    ```js\n    a\n\n    b\n    ```\n    c\n", "\n>  >```js\n     \n\n     \n       \n>  >c\n"),
        ("```\n    a\n```\n", "```\n    a\n```\n"),
    ],
)
def test_no_indent_makes_code(text: str, read: str) -> None:
    assert mdx(text.encode()).decode() == read


@given(
    st.lists(
        st.sampled_from(
            [
                "`",
                "```",
                "\n",
                "\n\n",
                "    ",
                "<A",
                ">",
                "{",
                "}",
                "/*",
                "*/",
                '"',
                "- ",
                "x",
                "\r\n",
                "é",
                "export const ",
            ]
        ),
        max_size=40,
    ).map("".join)
)
def test_every_text_keeps_its_length_its_line_ends_and_its_encoding(text: str) -> None:
    data = text.encode()
    read = mdx(data)
    assert [(i, c) for i, c in enumerate(read) if c in b"\r\n"] == [(i, c) for i, c in enumerate(data) if c in b"\r\n"]
    assert len(read.decode().encode()) == len(data)


@pytest.mark.parametrize(
    "text",
    [
        "<a " * 60_000,
        "<a {" * 50_000,
        "{/*" * 60_000 + "*/",
        "` `` ``` ```` " * 14_000,
        "\n\n     - x" * 20_000,
        "<" * 200_000,
        "\n     ```\nx\n     ```" * 20_000,
    ],
)
def test_a_hostile_text_is_read_in_time(text: str) -> None:
    start = time.process_time()
    mdx(text.encode())
    assert time.process_time() - start < 2


PART = b"import Part from './_part.mdx'\n\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (PART + b"<Part />\n", True),
        (PART + b"  <Part a='b'/>\n\n## One\n", True),
        (PART + b"<Part>x</Part>\n", False),
        (PART + b"<Part />\n\n## One\n\n## Two\n\n## Three\n", False),
        (PART.replace(b"./", b"@pack/") + b"<Part />\n\n## One\n\n## Two\n\n## Three\n", True),
        (b"import Note from './_note.mdx'\n\n<Note />\n", False),
        (b"import Part from './part'\n\n<Part />\n", False),
    ],
)
def test_a_page_that_is_made_of_others_may_have_any_place(text: bytes, found: bool) -> None:
    assert [place for _, place in places(mdx(text))] == ["*"] * found


def test_partials_are_documents_that_are_imported() -> None:
    assert partials(b"import A from '@site/a.md';\nimport B from \"./b.mdx\"\nimport C from './c'\n") == [b"A", b"B"]
