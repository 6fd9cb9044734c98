"""The outline of a text, and that another parser of CommonMark sees the same headings, links and images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from mdcache.parse import markdown
from mdcache.parse.markdown import Heading, Reference, neutralised, outline


class Literal(MarkdownIt):
    """Refuses no scheme and escapes nothing in a URL."""

    def validateLink(self, url: str) -> bool:  # noqa: ARG002, N802
        return True

    def normalizeLink(self, url: str) -> str:  # noqa: N802
        return url


COMMONMARK = Literal("commonmark")

Seen = tuple[list[tuple[int, int, str]], list[tuple[str, str]]]
"""Headings as (line from 0, level, text), and links as (kind, target)."""


def seen_by_commonmark(text: str) -> Seen:
    tokens = COMMONMARK.parse(text)
    headings = [
        ((token.map or [0])[0], int(token.tag[1]), plain(tokens[index + 1].children).strip())
        for index, token in enumerate(tokens)
        if token.type == "heading_open"
    ]
    return headings, [link for token in tokens if token.type == "inline" for link in links(token.children)]


def plain(tokens: Sequence[Token] | None) -> str:
    return "".join(" " if token.type.endswith("break") else token.content for token in spoken(tokens))


def spoken(tokens: Sequence[Token] | None) -> Iterator[Token]:
    for token in tokens or ():
        if token.type == "image":
            yield from spoken(token.children)
        elif token.type in ("text", "code_inline", "softbreak", "hardbreak"):
            yield token


def links(tokens: Sequence[Token] | None) -> Iterator[tuple[str, str]]:
    for token in tokens or ():
        if token.type == "link_open":
            yield "autolink" if token.info == "auto" else "markdown", str(token.attrs["href"])
        elif token.type == "image":
            yield "image", str(token.attrs["src"])
            yield from links(token.children)


def seen_by_us(text: str) -> Seen:
    found, data = outline(text), text.encode()
    return (
        [(data.count(b"\n", 0, heading.start), heading.level, heading.text) for heading in found.headings],
        [(r.kind, r.target) for r in found.references if r.kind not in ("wikilink", "embed")],
    )


def readable(file: Path) -> str:
    """As both parsers take it: to markdown-it a lone return is no line end, and NUL and BOM are not its business."""
    text = file.read_bytes().decode("utf-8", "replace").removeprefix("\ufeff").replace("\0", "?")
    return text.replace("\r\n", "\n").replace("\r", "\n")


@pytest.mark.parametrize(
    "text",
    [
        "# One #\n## *Two*  `x` [l](m)\nSetext *a*\nb\n===\n#\n#no\n####### no\n> # quoted\n- # listed\n",
        "[a](b) [a](<b c> 'title') [a]( b ) [a]() [a](b c) [a](b(c)d) [a](b\\)c) [](b) [a]\n(b)",
        "[a][b] [a][] [a] [a][none] [A  A] \\[a] [a\\]\n\n[b]: c\n[a]: <d e> 'f'\n[a]: second\n[a a]: g\n",
        "[a]: b\nno definition within [a]: c\n\n> [q]: r\n\n- [l]: m\n\n[q] [l] [x]\n\n```\n[x]: y\n```\n",
        "![a](b) ![a][b] ![*a* ![c](d)](e) [![f](g)](h) [a ![b](c) d](e) ![](f)\n\n[b]: i\n",
        "<http://a.b?c=d> <me@a.b> <MAILTO:x> <no link> <a:b> http://bare.example me@bare.example",
        "[a [b](c) d](e) [a](b)(c) [a](b)[c](d) *[a*](b) `[a](b)` [`a](b)` [a<b](c)>](d)",
        "<div>\n[a](b)\n</div>\n\n<b>[c](d)</b>\n\n<!-- [e](f) -->\n\n<!-- \n\n[g](h) --> x\n",
        "&#91;a](b) [a&amp;b](c&amp;d) [a](b&copy;c) [a](\\*)",
        "- [ ] [a](b)\n- [x] c\n\n1. [d](e)\n\n       code [f](g)\n",
        "    [a](b)\n\n\t[c](d)\n\n~~~ [e](f)\n[g](h)\n~~~\n[i](j)",
        "a\\\n[b](c)  \n![d](e)\n***\n[f](g)\n---\n",
    ],
)
def test_a_text_means_what_commonmark_says(text: str) -> None:
    assert seen_by_us(text) == seen_by_commonmark(text)


# To CommonMark a wikilink is text or a link within brackets, so the headings of these read differently.
WITH_WIKILINKS_IN_HEADINGS = ("bad-yaml.md", "deep.md")


def test_the_fixtures_mean_what_commonmark_says(fixtures: Path) -> None:
    files = [file for file in sorted(fixtures.glob("*/*.md")) if file.name not in WITH_WIKILINKS_IN_HEADINGS]
    texts = {file.name: readable(file) for file in files}
    different = [name for name, text in texts.items() if differs(text)]
    assert different == ["nested.md"]  # markdown-it gives up at twenty containers, we read on


@pytest.mark.corpus
@pytest.mark.parametrize("folder", ["amalfa", "rfcs", "tldr/pages"])
def test_real_documents_mean_what_commonmark_says(corpora: Path, folder: str) -> None:
    files = sorted((corpora / folder).rglob("*.md"))
    assert files
    assert [file.name for file in files[:3000] if differs(readable(file))] == []


def differs(text: str) -> bool:
    ours, theirs = seen_by_us(text), seen_by_commonmark(text)
    if "[^" in text:  # to CommonMark a footnote is a definition, and what refers to it one link more
        rest = iter(theirs[1])
        return ours[0] != theirs[0] or not all(link in rest for link in ours[1])
    return ours != theirs


def kinds(text: str) -> list[tuple[str, str, str | None]]:
    return [(r.kind, r.target, r.label) for r in outline(text).references]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[a b|c *d*]]", ("wikilink", "a b", "c d")),
        ("[[a]]", ("wikilink", "a", None)),
        ("![[a|100]]", ("embed", "a", "100")),
        ("| [[a\\|b]] |", ("wikilink", "a", "b")),
        ("[[a\nb]]", ("wikilink", "a b", None)),
        ("[[1]](url)", ("markdown", "url", "[1]")),
        ("[a [[b]] c](d)", ("markdown", "d", "a [[b]] c")),
        ("[[a]][b]\n\n[b]: c", ("markdown", "c", "[a]")),
        ("<me@a.b>", ("autolink", "mailto:me@a.b", None)),
        ("[![a](b)](c)", ("markdown", "c", "a")),
        ("~~[a](b)~~", ("markdown", "b", "a")),
    ],
)
def test_a_reference_has_kind_target_and_label(text: str, expected: tuple[str, str, str | None]) -> None:
    assert kinds(text)[0] == expected


def test_a_wikilink_counts_beside_links_that_it_does_not_touch() -> None:
    assert [kind for kind, *_ in kinds("[[1]](a) [[b]] [c](d) [[e]](f) ![[g]] <hh:i>")] == [
        *("markdown", "wikilink", "markdown", "markdown", "embed", "autolink")
    ]


def test_references_come_in_the_order_in_which_they_start() -> None:
    found = outline("[a ![b](c) d](e) ![[f]] [[1]](g)").references
    assert [r.start for r in found] == sorted(r.start for r in found)
    assert found[0] == Reference("markdown", "e", "a b d", 0, 16)


def test_an_image_in_a_heading_is_shown_but_not_spoken() -> None:
    assert outline("# ![logo](x.png) Title `c`").headings == [Heading(1, "logo Title c", 0, " Title c", ((7, 8),))]


def test_offsets_count_bytes() -> None:
    assert outline("é [a](b)\n# ü\n").references[0][3:] == (3, 9)


@pytest.mark.parametrize(
    ("text", "is_plain"),
    [
        ("a @", True),
        ("*@*", True),
        ("# @", True),
        ("> - @", True),
        ("~~@~~", True),
        ("[^1]: @", True),
        ("`@`", False),
        ("```\n@\n```", False),
        ("    @", False),
        ("[@](b)", False),
        ("[a](@)", False),
        ("![@](b)", False),
        ("[[@]]", False),
        ("[[1]](@)", False),
        ("[a]: @", False),
        ("<aa:@>", False),
        ('<b c="@">', False),
        ("<div>@</div>", False),
        ("<!-- @ -->", False),
        ("``` @\n```", False),
    ],
)
def test_plain_text_is_neither_code_nor_link_nor_definition_nor_html(text: str, is_plain: bool) -> None:
    at = text.index("@")
    assert outline(text, [at]).plain == ([at] if is_plain else [])


def test_a_task_ends_where_another_block_begins() -> None:
    text = "- [ ] a\n  b\n  - [x] c\n- [X] d\n\n  e\n- [ ] f\n  ```\n  ```\n"
    tasks = [(done, text[start:end].strip()) for done, start, end in outline(text).tasks]
    assert tasks == [(False, "a\n  b"), (True, "c"), (True, "d"), (False, "f")]


def test_a_code_block_has_the_language_of_its_fence() -> None:
    text = "```py x=1\n```\n~~~\n~~~\n\n    indented\n"
    assert [language for language, _ in outline(text).code_blocks] == ["py", None, None]


def test_lines_with_too_many_containers_are_blanked_out_in_place() -> None:
    deep = b"> - 1. " * 70 + b"x"
    data, lines = neutralised(b"> a\n" + deep + b"\nb\n" + b"- " * 199 + b"c\n")
    assert data == b"> a\n" + b" " * len(deep) + b"\nb\n" + b"- " * 199 + b"c\n"
    assert lines == [4]


@pytest.mark.parametrize("text", [b"-" * 500, b"a " + b"> " * 500, b"*" * 300 + b" " + b">" * 199, b"1." * 300])
def test_what_looks_like_many_containers_but_is_not_stays(text: bytes) -> None:
    assert neutralised(text) == (text, [])


def test_the_limit_on_nesting_is_low_enough_to_be_fast() -> None:
    line = "> " * (markdown.NESTING_LIMIT - 1) + "a\n"
    found = outline((line + "lazy\n" * 20) * 400 + "# end\n")
    assert [heading.text for heading in found.headings] == ["end"]
