"""The text of a document: places, sections and rows. That bytes of any kind hold the laws is tested in test_parse."""

from __future__ import annotations

import pytest

from mdcache.model import Rules
from mdcache.parse.body import HEADING_LIMIT, LINK_LIMIT, Body, Text, read, unread


def body(text: str, base: int = 0, line: int = 1) -> Body:
    return read("folder/a.md", Text(text.encode(), text, base, line), Rules())


def test_lines_and_offsets_count_from_where_the_text_stands_in_the_file() -> None:
    found = body("x\n# H\n\n[a](b) ^id\n", base=100, line=10)
    assert [(s.start, s.end, s.line) for s in found.sections] == [(100, 102, 10), (102, 118, 11)]
    assert [(link.section, link.line, link.column) for link in found.links] == [(1, 13, 1)]
    assert [(anchor.anchor, anchor.line) for anchor in found.anchors] == [("^id", 13)]


def test_columns_count_characters() -> None:
    assert [link.column for link in body("é漢😀 [a](b) [c](d)\nü [e](f)").links] == [5, 12, 3]
    assert [link.column for link in body("<p>é漢 <!-- tags: [R: a] --> <!-- tags: [R: b] -->").links] == [7, 29]


def test_a_text_nobody_looked_into_is_one_section() -> None:
    found = unread(Text(b"# H\n[a](b)", "# H\n[a](b)", 7, 3), 90)
    assert [tuple(section) for section in found.sections] == [(0, None, None, 7, 90, 3, None)]
    assert (found.bodies, found.links, found.title) == (("",), (), None)


def test_links_of_all_origins_come_in_the_order_of_the_text() -> None:
    text = "http://a [tag: b] [c](d) <!-- tags: [E: f] -->\n[[g]] h:: ![i](j)\nk:: [[l]], [[m]]"
    assert [(link.kind, link.type, link.target) for link in body(text).links] == [
        ("url", "LINKS_TO", "http://a"),
        ("relation", "TAGGED_AS", "b"),
        ("markdown", "LINKS_TO", "d"),
        ("relation", "E", "f"),
        ("wikilink", "LINKS_TO", "g"),
        ("image", "EMBEDS", "j"),
        ("relation", "K", "l"),
        ("relation", "K", "m"),
    ]


@pytest.mark.parametrize(
    ("text", "scope", "fragment"),
    [
        ("[a](b.md#c%20d)", "document", "c d"),
        ("[a](b.png)", "asset", None),
        ("[a](https://b#c)", "external", None),
        ("[a](#c)", "document", "c"),
        ("[[b#c]]", "document", "c"),
        ("![[b.png]]", "asset", None),
        ("file:///b <file:///b#c>", "external", None),
    ],
)
def test_a_link_knows_what_its_target_is_before_it_is_resolved(text: str, scope: str, fragment: str | None) -> None:
    link = body(text).links[-1]
    assert (link.scope, link.fragment) == (scope, fragment)


def test_only_the_first_place_of_an_anchor_counts() -> None:
    assert [(anchor.anchor, anchor.line) for anchor in body('a ^x\nb ^x\n<a id="y">\n\n# {#y}\n').anchors] == [
        *(("^x", 1), ("y", 3))
    ]


def test_a_replaced_byte_is_shown_as_one() -> None:
    found = body("# a\x1ab\n- [ ] c\x1ad\n\n![e\x1af](g)")
    assert [section.heading for section in found.sections] == [None, "a\ufffdb"]
    assert [section.anchor for section in found.sections] == [None, "ab"]
    assert [task.text for task in found.tasks] == ["c\ufffdd"]
    assert [link.label for link in found.links] == ["e\ufffdf"]


def test_what_stands_in_attributes_is_no_tag() -> None:
    assert body("a {.c #i} b { #j } c {: .d #k} #tag\n").tags == ["tag"]


def test_of_too_many_headings_the_last_are_text() -> None:
    found = body("# a\n" * HEADING_LIMIT + "\n# b [c](d)\n# e\n")
    assert len(found.sections) == HEADING_LIMIT + 1
    assert found.bodies[-1] == "# a\n\n# b [c](d)\n# e\n"
    assert [(link.section, link.line, link.target) for link in found.links] == [(HEADING_LIMIT, HEADING_LIMIT + 2, "d")]
    assert [(one.line, one.code, one.severity, one.message) for one in found.problems] == [
        (
            HEADING_LIMIT + 2,
            "too-many",
            "warning",
            f"has {HEADING_LIMIT + 2:,} headings: those after the first {HEADING_LIMIT:,} are text",
        )
    ]


@pytest.mark.parametrize("link", ["[[a]]\n", "[a](b)\n", "![](b)\n", "http://a/b\n", "<img src=x>\n", "[tag: a]\n"])
def test_of_too_many_links_the_last_are_left_out(link: str) -> None:
    found = body(link * (LINK_LIMIT + 3))
    assert len(found.links) == LINK_LIMIT
    assert [(one.line, one.code, one.message) for one in found.problems] == [
        (
            LINK_LIMIT + 1,
            "too-many",
            f"has {LINK_LIMIT + 3:,} links: those after the first {LINK_LIMIT:,} are left out",
        )
    ]


def test_as_many_headings_and_links_as_there_may_be_are_no_problem() -> None:
    assert body("# [[a]]\n" * HEADING_LIMIT).problems == []
