"""What people write in plain text that markdown does not know."""

from __future__ import annotations

import time

import pytest

from mdcache.dialects import GITHUB
from mdcache.model import Rules
from mdcache.parse import inline
from mdcache.parse.parse import content_of, parse


def found(kind: str, text: str) -> list[str]:
    """What the candidates of a kind say."""
    say = {inline.URL: inline.url, inline.TAG_RELATION: inline.tag_relation}
    return [value for _, one, match in inline.candidates(text, GITHUB) if one == kind for value in say[kind](match)]


def tags(text: str) -> list[str]:
    """The tags of a document that is this text."""
    return [tag.tag for tag in parse("a.md", content_of(text.encode()), Rules()).tags]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#tag", ["tag"]),
        ("a #b *#c* _#d_ **#e** ~~#f~~ ==#g== |#h| >#i", list("bcdefghi")),
        ("a\n#b\n> #c\n>#d\n- #e\n- [ ] #f\n1. #g\n\t#h", list("bcdefgh")),
        ("# Heading #a\n\n| #b | c |\n|---|---|\n|#d|**#e**|", list("abde")),
        ("#a,#b;#c, #d", list("abcd")),
        ("#a/b-c_d #_e #f_ #g- #/h #-i", ["a/b-c_d", "_e", "f", "g", "h", "i"]),
        ("#über #日本語 #हिन्दी #é #می\u200cخواهم #l·l", ["über", "日本語", "हिन्दी", "é", "می\u200cخواهم", "l·l"]),
        ('#a. #b: #c! #d? #e, #f) #g\'s #h’s “see #i” "see #j" (see #k)', list("abcdefghijk")),
        ("标签，#甲。还有，#乙、#丙！ （见 #丁）#戊　#己", ["甲", "乙", "丙", "丁", "己"]),
        ("#F6C15F and color: #fbfaf5; so #fff, #0b0", ["F6C15F", "fbfaf5", "fff", "0b0"]),
        (
            "<span>#css</span> <b>#one</b> a<br>#two <i class='x'>#three #four</i>",
            ["css", "one", "two", "three", "four"],
        ),
    ],
)
def test_a_tag_is_a_word_of_its_own(text: str, expected: list[str]) -> None:
    assert tags(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        'LATER [#A] x "#fbfaf5" \\[\\[#Escaped\\]\\] [[|#alias]] ![n.*#Sec]',
        "* TODO [#B] call, [#C]\n- [ ] [#A] do",
        '\'#fff\', "#fff", “#fff”, ‘#fff’, «#fff», 「#fff」, (#fff), [#fff], {#fff}, ="#fff"',
        "[text] (#fragment), [see][#fragment], [#fragment], [^#x], see a.md#b, ./a.md#b, a/#b, #!/bin/sh",
        "\\#escaped, \\*#a, \\[#b\\], \\(#c\\), &#39; &#x27; &amp;#d;",
        "C#, F#, A# B#, issue#5, o/r#12, me#1234, div#id, ul.nav#id, a#b, 5>#x, x->#y, 2*#z, k=#v",
        "##double ###three # alone #",
        "#1 #123, PR #45: (#6) [#7] #２０ #١٢",
        "#️⃣ #- #_ #-- #/ #+BEGIN_QUOTE #... #${x} #{x} #<x> #@a #[[two words]] ＃wide",
        "[[|#a]] [[ |#b]] [[a|#b]] ![[a|#b]] ![[|#c]] ![x|#d](y.png)",
        '{ #a } {: #b .c } {.c #d} { .e #f } {id="g" #h} :icon:{ style="color: #EE0F0F" }',
        '# H { #i .j }\n\n# K {data-x="1" #l }',
        "https://a.b/#c https://a.b/c#d <https://a.b/#e> [f](#g) ![h](i#j) [k]: <#l>",
        "`#a` ``#b`` $#c$ <a href=\"#d\">e</a> <p title='#f'>\n\n    #g\n\n~~~\n#h\n~~~",
    ],
)
def test_what_is_attached_quoted_bracketed_or_an_attribute_is_no_tag(text: str) -> None:
    assert tags(text) == []


NAMES = (
    *(
        "y2024",
        "2024/05",
        "2024-05-01",
        "1/2",
        "1a",
        "a1",
        "📚",
        "👨‍👩‍👧",
        "❤️",
        "👍🏽",
        "🇩🇪",
        "1️⃣",
        "📚books",
        "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        "→",
        "€",
    ),
    *("1", "2024", "007", "２０２４", "٢٠٢٤", "²"),
)


@pytest.mark.parametrize("name", NAMES)
def test_text_front_matter_and_comments_agree_on_what_a_tag_is(name: str) -> None:
    expected = [] if name.isdigit() else [name]
    for written in (f"#{name}", f"{name}: #{name}.", f"> *#{name}*", f"<!-- tags: {name} -->"):
        assert tags(written) == expected, written
    for front in (f"tags: [{name}]", f"tags: {name}", f"tags: '#{name}'", f"tag:\n- {name}", f"tags: {name}, other"):
        assert tags(f"---\n{front}\n---\n") == [*expected, *(["other"] if "other" in front else [])], front


def test_a_front_matter_says_more_than_a_text_can() -> None:
    assert tags("---\ntags: [two words, C++, v1.0, '1.10', a/]\n---\n") == ["two words", "C++", "v1.0", "1.10", "a/"]


def test_tags_that_differ_by_case_are_one_as_it_is_first_written() -> None:
    written = "---\ntags: [Inbox]\n---\n#INBOX #ToDo <!-- tags: todo, Cafe\u0301 -->\n#café #TODO #Straße #STRASSE"
    assert tags(written) == ["Inbox", "ToDo", "Cafe\u0301", "Straße"]
    found = parse("a.md", content_of(written.encode()), Rules()).tags
    assert [tag.folded for tag in found] == ["inbox", "todo", "café", "strasse"]


def test_a_long_row_of_what_may_be_tags_takes_linear_time() -> None:
    for piece in ("*#", "{ #a", ">#a", "#a,", "|#", "{.a #b ", "~=*_"):
        start = time.process_time()
        tags(piece * (200_000 // len(piece)))
        assert time.process_time() - start < 5, piece


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
    ids = [match[0] for _, kind, match in inline.candidates(text, GITHUB) if kind == inline.BLOCK_ID]
    assert ids == ["^one", "^two", "^three", "^four"]


def test_candidates_come_in_order() -> None:
    found = inline.candidates("#a http://b [tag: c] #d ^e", GITHUB)
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
        ("<!-- Tags: x -->", [], []),
        ("<!-- tags x -->", [], []),
        ("<!-- other: [R: a] -->", [], []),
        ("<!-- tags: -->", [], []),
        ("<!-- tags: never closed", [], []),
    ],
)
def test_a_comment_gives_tags_and_relations(comment: str, tags: list[str], relations: list[tuple[str, str]]) -> None:
    said = inline.comment_tags(comment)
    assert (said.tags, said.relations) == (tags, relations)
