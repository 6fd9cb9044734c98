"""What people write in plain text that markdown does not know."""

from __future__ import annotations

import pytest

from mdcache.dialects import GITHUB
from mdcache.parse import inline


def found(kind: str, text: str) -> list[str]:
    """What the candidates of a kind say."""
    say = {inline.TAG: inline.tag, inline.URL: inline.url, inline.TAG_RELATION: inline.tag_relation}
    return [value for _, one, match in inline.candidates(text) if one == kind for value in say[kind](match)]


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("#tag", ["tag"]),
        ("a #b,#c (#d) [#e] *#f* _#g_ \"#h\" '#i' |#j| >#k ~~#l~~ ;#m", list("bcdefghijklm")),
        ("#a/b-c_d", ["a/b-c_d"]),
        ("#über #日本語 #हिन्दी #é", ["über", "日本語", "हिन्दी", "é"]),
        ("#a. #b: #c! #d? #e, #f)", list("abcdef")),
        ("#2024q1 #123 #1/2 #- #/", ["2024q1"]),
        ("#a- #/b #c_ #_d", ["a", "b", "c", "_d"]),
        ("a#b C# #C# ##d \\#e &#35; &#x; # f", ["C"]),
        ("#a\x1ab\x00", ["a"]),
    ],
)
def test_a_tag_has_a_letter_and_does_not_stand_within_a_word(text: str, tags: list[str]) -> None:
    assert found(inline.TAG, text) == tags


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://a.b/c?d=e#f", "http://a.b/c?d=e#f"),
        ("(https://a.b/c_(d))", "https://a.b/c_(d)"),
        ("https://a.b/c)).", "https://a.b/c"),
        ("https://a.b/(c", "https://a.b/(c"),
        ("http://a.b?!.,:*_~'", "http://a.b"),
        ("http://a.b/c;", "http://a.b/c"),
        ("http://a.b/&amp;&lt;", "http://a.b/"),
        ("http://a.b?c=1&amp;d=2", "http://a.b?c=1&d=2"),
        ("http://a.b<br>", "http://a.b"),
        ("ftp://a.b", "ftp://a.b"),
        ("“http://a.b”", "http://a.b"),
        ("http://例え.jp/ü", "http://例え.jp/ü"),
    ],
)
def test_a_bare_url_ends_as_on_github(text: str, url: str) -> None:
    assert found(inline.URL, text) == [url]


@pytest.mark.parametrize(
    "text", ["http://", "http://...", "xhttp://a.b", "1ftp://a.b", "http:/a.b", "file:///a", "//a.b"]
)
def test_what_is_no_bare_url(text: str) -> None:
    assert found(inline.URL, text) == []


def test_a_tag_relation_names_one_topic() -> None:
    assert found(inline.TAG_RELATION, "[tag: A b ] [tag:c] [tag: ] [tag: [d]] [tag:\ne] [Tag: f]") == ["A b", "c"]


def test_a_block_id_ends_its_line() -> None:
    text = "a ^one\n^two\r\nb ^three  \nc^no\nd ^no no\n^four"
    ids = [match[0] for _, kind, match in inline.candidates(text) if kind == inline.BLOCK_ID]
    assert ids == ["^one", "^two", "^three", "^four"]


def test_candidates_come_in_order() -> None:
    found = inline.candidates("#a http://b [tag: c] #d ^e")
    assert [kind for _, kind, _ in found] == [
        *(inline.TAG, inline.URL, inline.TAG_RELATION, inline.TAG, inline.BLOCK_ID)
    ]
    assert [start for start, _, _ in found] == [0, 3, 12, 21, 24]


@pytest.mark.parametrize(
    ("before", "key"),
    [
        ("depends on:: ", "depends on"),
        ("- key::", "key"),
        ("  * [x] key:: ", "key"),
        ("2. key:: ", "key"),
        ("> - key:: ", "key"),
        ("**key**:: ", "key"),
        ("**key::** ", "key"),
        ("text [key:: ", "key"),
        ("text (a key:: ", "a key"),
        ("schlüssel-wort:: ", "schlüssel-wort"),
        ("earlier line\nkey:: ", "key"),
        ("earlier line\rkey:: ", "key"),
        ("x" * 500 + "\nkey:: ", "key"),
        ("x" * 500 + " [key:: ", "key"),
        ("text key:: ", "text key"),
        ("text, key:: ", None),
        ("key:: text ", None),
        ("key: ", None),
        ("::", None),
        ("[a]:: ", None),
        ("x" * 500 + ":: ", None),
        ("x" * 395 + " key:: ", None),
    ],
)
def test_a_relation_has_a_key_at_the_start_of_its_line_or_bracket(before: str, key: str | None) -> None:
    data = before.encode()
    assert inline.relation_key(data + b"[[T]]", len(data)) == key


@pytest.mark.parametrize(
    ("between", "continues"), [(", ", True), (" and ", True), ("; ", True), (". ", False), ("", False)]
)
def test_a_list_of_links_belongs_to_one_relation(between: str, continues: bool) -> None:
    assert inline.continues_relation(between.encode()) is continues


def test_an_edge_type_is_the_key_in_capitals() -> None:
    assert inline.edge_type(" relates-to  this ") == "RELATES_TO_THIS"


@pytest.mark.parametrize(
    ("comment", "tags", "relations"),
    [
        ("<!-- tags: one, #two , [[three]] -->", ["one", "two", "three"], []),
        ("<!--tags:[REL: a/b.md, c]-->", [], [("REL", "a/b.md"), ("REL", "c")]),
        ("<!-- tags: x, [R s: [[a]], [[b]]], y\r\n -->", ["x", "y"], [("R s", "a"), ("R s", "b")]),
        ("<!-- tags: [R:\n  a\n  b] -->", [], [("R", "a b")]),
        ("<p> <!-- no --> <!-- tags: z -->", ["z"], []),
        ("<!-- Tags: x --> <!-- tags x --> <!-- other: [R: a] --> <!-- tags: -->", [], []),
        ("<!-- tags: never closed", [], []),
        ("tags: no comment", [], []),
    ],
)
def test_a_comment_gives_tags_and_relations(comment: str, tags: list[str], relations: list[tuple[str, str]]) -> None:
    said = inline.comment_tags(comment)
    assert said.tags == tags
    assert [(relation, target) for relation, target, _ in said.relations] == relations


@pytest.mark.parametrize(
    ("raw", "anchors"),
    [
        ("<a id=\"one\"> <p class=x name='two' >", ["one", "two"]),
        ("<a\n  id = three/><b ID='no'><i data-id=no>", ["three/"]),
        ('<a id="a&amp;b"><a id="">', ["a&b"]),
        ('<!-- <a id="no"> --><a id="yes"><!-- <a id="no">', ["yes"]),
        ("a < b id=no >", []),
    ],
)
def test_html_anchors_stand_outside_comments(raw: str, anchors: list[str]) -> None:
    assert inline.html_anchors(raw, GITHUB) == anchors


def test_headings_in_html_have_anchors() -> None:
    raw = "<h1 align=center>\n A <b>B</b> &amp; c</h1><H2 id=x>D</H2><h3>open <h4>E</h4></h1><hr><h5>"
    assert inline.html_anchors(raw, GITHUB) == ["x", "a-b--c", "d", "e"]
    assert inline.html_anchors("<!-- <h1>A</h1> -->", GITHUB) == []
