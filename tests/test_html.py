"""What raw HTML says: links, places and comments, in blocks and within paragraphs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from judging import places as findings

from mdcache.dialects import GITHUB
from mdcache.model import Content, Link, Rules
from mdcache.parse import html, markdown
from mdcache.parse.parse import parse


def said(text: str) -> html.Html:
    return html.read(text.encode(), markdown.outline(text).html, GITHUB)


def targets(text: str) -> list[str]:
    return [link.target for link in said(text).links]


def places(text: str) -> list[str]:
    return [place for _, place in said(text).places]


def links_of(text: str) -> list[Link]:
    return list(parse("d/a.md", Content(text.encode(), "", len(text.encode())), Rules()).links)


@pytest.mark.parametrize(
    ("tag", "kind", "target"),
    [
        ('<a href="a.md">', "html", "a.md"),
        ("<A class=x HREF='a.md' >", "html", "a.md"),
        ("<a href=a.md>", "html", "a.md"),
        ("<a href=a/>", "html", "a/"),
        ('<a\n  title="a > b"\n  href = "a.md">', "html", "a.md"),
        ('<a href="a.md" href="b.md">', "html", "a.md"),
        ('<map><area shape="rect" href="a.md"></map>', "html", "a.md"),
        ('<img src="a.png"/>', "image", "a.png"),
        ('<picture><source srcset="a.png"></picture>', "image", "a.png"),
        ('<audio src="a.mp3"></audio>', "image", "a.mp3"),
        ('<svg><a href="a.md"><circle/></a></svg>', "html", "a.md"),
        ('<pre></pre><a href="a.md">', "html", "a.md"),
        ('<a href="a&amp;b.md">', "html", "a&b.md"),
        ('<a href="?a=1&copy=2">', "html", "?a=1&copy=2"),
        ('<a href=" a.md\n">', "html", "a.md"),
        ('<a href="d\\a.md">', "html", "d/a.md"),
        ('<a href="{{ base }}/a.md">', "html", "{{ base }}/a.md"),
    ],
)
@pytest.mark.parametrize("around", ["{}\n", "text {}x</a> text\n", "<div>\n{}\n</div>\n", "- 1. <p>{}\n"])
def test_a_tag_is_a_link_wherever_html_may_stand(around: str, tag: str, kind: str, target: str) -> None:
    assert [(link.kind, link.target) for link in said(around.format(tag.replace("\n", "\n     "))).links] == [
        (kind, target)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "<a>x</a> <a href>x</a> <a href=''>x</a> <a name='a.md'>",
        '<!-- <a href="a.md"> --> text <!-- <img src="a.png"> -->',
        '<div>\n<!-- a comment\n\n<a href="a.md">x</a>\n\n<p><img src="a.png"></p>\n-->\n</div>\n',
        '`<a href="a.md">`\n\n```html\n<a href="a.md">\n```\n\n    <a href="a.md">\n',
        '<script>\n\n<a href="a.md">\n</script>\n',
        '<style><a href="a.md"></style> <Script>x("<a href=\'a.md\'>")</sCRIPT>',
        '<pre>\n<a href="a.md">\n\n<img src="a.png"></pre>',
        '<div>\n<template>\n<a href="a.md">\n\n<a href="b.md">x</a>\n\n</template></div>\n',
        'text <script>x("<a href="a.md">")</script>',
        '<![CDATA[ <a href="a.md"> ]]>',
        "<?php echo \"<a href='a.md'>\"; ?>",
        '\\<a href="a.md"\\> &lt;a href="a.md">',
        '<link href="a.css"><iframe src="a.html"></iframe><use href="#a"/><input src="a.png"><embed src="a.swf">',
        '<abbr href="a.md"><Image src="a.png"><a data-href="a.md" xlink:href="b.md">',
        "<a href={useBaseUrl('a.md')}>x</a> <img src={require('./a.png').default} />",
        '<a :href="link" v-bind:href=\'link\'> <a href="{base}/a.md">',
        '<a href="{{ "a.md" | relative_url }}"> <a href="{% link "a.md" %}">x</a> <img src="<%= "a" %>">',
        '<img src="data:image/png;base64,AAAA"> <a href="javascript:void(0)">',
        '<div><a href="a.md\n',
        '<a href="a.md',
    ],
)
def test_what_is_no_link(text: str) -> None:
    assert targets(text) == []


def test_in_a_block_a_tag_is_read_as_browsers_read_it() -> None:
    assert targets("<p title=it's><a title=it's href=a.md>\n<img src='b.png'alt=x>\n<a href=c.md\n>\n") == [
        *("a.md", "b.png", "c.md")
    ]


def test_a_tag_may_hold_several_links() -> None:
    assert targets('<video src="a.mp4" poster="a.png">') == ["a.mp4", "a.png"]
    assert targets('<img src="a.png" srcset="a.png 1x,b.png 2x, c,d.png 3x , e.png">') == [
        *("a.png", "b.png", "c,d.png", "e.png")
    ]
    assert targets("<source srcset=' a.png , b.png 100w'>") == ["a.png", "b.png"]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ('<a href="a.md">Some\n <b>text</b> &amp; more</a>', "Some text & more"),
        ('<p><a href="a.md">text</a></p>', "text"),
        ('> <p><a href="a.md">one\n> two</a>', "one two"),
        ('<a href="a.md"> </a>', None),
        ('<a href="a.md">', None),
        ('<a href="a.md">*marks*</a>', None),
        ('<a href="a.md"><img alt="x"></a>', None),
        ('<a href="a.md">one <a>two</a>', None),
        (f'<a href="a.md">{"long " * 200}</a>', None),
        ('<img src="a.png" alt=" What &quot;it&quot; shows ">', 'What "it" shows'),
    ],
)
def test_the_label_is_the_text_of_a_link_or_what_stands_for_an_image(text: str, label: str | None) -> None:
    assert [link.label for link in said(text).links] == [label]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ('é <a href="a.md">x</a> <b></b> <img src="b.png">', [(1, 3), (1, 32)]),
        ('<div>\n  <p\n  >é <a\n   href="a.md">x</a><img src="b.png">\n</div>', [(3, 6), (4, 21)]),
        ('> <div>\n> <a\n>  href="a.md">x</a>\n> <img\n> src="b.png">', [(2, 3), (4, 3)]),
        ('> - text <a\n>   href="a.md">x</a> <img\n>   src="b.png">', [(1, 10), (2, 23)]),
        ('---\nt: 1\n---\n# H\n\ntext\n<a href="a.md">x</a>\n\n<img src="b.png">', [(7, 1), (9, 1)]),
    ],
)
def test_a_link_stands_where_its_tag_begins(text: str, at: list[tuple[int, int]]) -> None:
    assert [(link.target, link.line, link.column) for link in links_of(text)] == [
        (target, *place) for target, place in zip(("a.md", "b.png"), at, strict=True)
    ]


def test_links_of_html_and_of_markdown_come_in_one_order() -> None:
    text = '[a](a.md) <a href="b.md">[c](c.md)</a>\n\n<p><img src="d.png"></p>\n\n![e](e.png)\n'
    assert [(link.kind, link.type, link.target) for link in links_of(text)] == [
        ("markdown", "LINKS_TO", "a.md"),
        ("html", "LINKS_TO", "b.md"),
        ("markdown", "LINKS_TO", "c.md"),
        ("image", "EMBEDS", "d.png"),
        ("image", "EMBEDS", "e.png"),
    ]


def test_a_replaced_byte_is_shown_as_one() -> None:
    found = parse("a.md", Content(b'<a id="x\xff" href="\xff.md">\xff</a>', "", 0)._replace(size=1), Rules())
    assert [(link.target, link.label) for link in found.links] == [("\ufffd.md", "\ufffd")]
    assert [anchor.anchor for anchor in found.anchors] == ["x\ufffd"]


def test_what_a_comment_of_obsidian_or_math_hides_is_no_link() -> None:
    assert [link.target for link in links_of('%% <a href="a.md">x</a> %% <a href="b.md">\n')] == ["b.md"]
    assert [link.target for link in links_of('%%\n\n<p><img src="a.png">\n\n%%\n\n<img src="b.png">\n')] == ["b.png"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('<a name="n" id="i"></a>', ["i", "n"]),
        ('<a NAME="n">', ["n"]),
        ("<A ID=x>", ["x"]),
        ('<div ID="UP">', ["UP"]),
        ("<a\n  id = three/>", ["three/"]),
        ("<a id=\"one\"> <p class=x id='two' >", ["one", "two"]),
        ('<a id="a&amp;b"><a id="">', ["a&b"]),
        ("<a id=x id=y name=x>", ["x"]),
        ('<h3 name="config">', ["config"]),
        ('<input name="a"><meta name="b"><param name="c"><div name="d"><map name="e">', []),
        ('<b data-id=no><i xml:id="no"><u title=\'id="no"\'><a data-name="no">', []),
        ('<!-- <a id="no"> --><a id="yes"><!-- <a id="no">', ["yes"]),
        ('<script id="yes">\n<a id="no">\n</script>', ["yes"]),
        ('<pre id="one"><b id="two"></b></pre>', ["one", "two"]),
        ('text <span id="in-text">x</span> <IMG ID=pic src=x>', ["in-text", "pic"]),
        ('> <a\n> id="quoted"></a>', ["quoted"]),
        ('<svg><path id="p"/></svg>', ["p"]),
        ("a < b id=no >", []),
    ],
)
def test_places_are_ids_of_all_elements_and_names_of_a(text: str, found: list[str]) -> None:
    assert places(text) == found


def test_headings_in_html_have_anchors() -> None:
    raw = "<h1 align=center>\n A <b>B</b> &amp; c</h1><H2 id=x>D</H2><h3>open <h4>E</h4></h1><hr><h5>"
    assert places(raw) == ["a-b--c", "x", "d", "e"]
    assert places("<!-- <h1>A</h1> -->") == []
    assert places("<h2>A <!-- <b>no --> B</h2>") == ["a--b"]


def test_a_place_stands_in_the_line_of_its_tag() -> None:
    found = parse("a.md", Content(b'<div>\n\n# H\n\n<p>\n<b id="x">\n<a name="y">', "", 1)._replace(size=1), Rules())
    assert [(anchor.anchor, anchor.section, anchor.line) for anchor in found.anchors] == [("x", 1, 6), ("y", 1, 7)]


def test_the_table_of_a_bot_holds_no_links_of_the_authors() -> None:
    table = '<table><tr><td><a href="#content-x" title="Content">x</a> <img src="y.png" id="z"></td></tr></table>\n'
    text = f'<a href="a.md">\n\n<!-- ALL-CONTRIBUTORS-LIST:START - note -->\n<!-- prettier -->\n{table}\n{table}\n'
    assert targets(text + '<!-- ALL-CONTRIBUTORS-LIST:END -->\n\n<a href="b.md">\n') == ["a.md", "b.md"]
    assert targets(text) == ["a.md", *("#content-x", "y.png") * 2]
    assert places(text) == ["z", "z"]


def test_comments_are_kept_with_both_ends() -> None:
    text = "text <!-- one --> <!---->\n\n<div>\n<!-- two\n\nthree -->\n</div>\n"
    assert said(text).comments == [(5, b"<!-- one -->"), (18, b"<!---->"), (33, b"<!-- two\n\nthree -->")]


PIECES = (
    *(
        "<a ",
        '"',
        '<a href="',
        "<a href='",
        "<!--",
        "<!-->",
        "<script>",
        "<pre>",
        "<h1>",
        "<h1></h1>",
        "<?",
        "<![CDATA[",
    ),
    *(
        "</a",
        "<a href=x>",
        "<a href=x></a>",
        "<a =",
        '<a =""',
        "= ",
        "<pre><a href=x>",
        "<title></title><script>",
        "&a",
        "<!-- ALL-CONTRIBUTORS-LIST:START -->",
        "<b>",
        "<b x>",
        "<a/>",
        "</",
        "<a x='",
    ),
)


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize(
    "around", ["<div>{}", "<div>{}</div>", "x {}", '<a href="{}">', '<img srcset="{}">', "> <p>\n{}"]
)
def test_any_piece_of_html_a_hundred_thousand_times_takes_linear_time(piece: str, around: str) -> None:
    text = around.format(piece * (200_000 // len(piece)))
    data, ranges = text.encode(), markdown.outline(text).html
    before = time.process_time()
    html.read(data, ranges, GITHUB)
    assert time.process_time() - before < 2


def test_a_target_is_judged_and_leads_on(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "b.md").write_text('<a name="Place"></a>\n')
    (tmp_path / "pic.png").touch()
    (tmp_path / "d/a.md").write_text(
        '<a href="../b.md#Place">x</a> <a href="../b.md#gone">x</a>\n'
        '<a href="gone.md">x</a> <a href="gone.txt">x</a>\n\n'
        '<p>\n<img src="../pic.png"><img\nsrc="gone.png">\n<a href="#gone">x</a> <a href="#">x</a>\n'
        '<a href="https://example.org">x</a> <a href="//example.org/a.md">x</a> <a href="mailto:a@b.c">x</a>\n'
        '<a href="?q=1">x</a> <a href="{{ base }}/a.md">x</a> <a href="/b.md">x</a> <a href="../../x.md">x</a>\n'
    )
    assert findings(tmp_path) == [
        "d/a.md:1 broken-anchor",
        "d/a.md:2 broken-link",
        "d/a.md:2 broken-link",
        "d/a.md:5 missing-embed",
        "d/a.md:7 broken-anchor",
    ]
