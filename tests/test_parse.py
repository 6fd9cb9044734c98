"""Parse as a whole: documents in fixtures with what is expected of them beside each, and laws for any bytes."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mdcache.model import Content, Document, PathRule, Rules, Section
from mdcache.parse.parse import content_of, parse

FIXTURES = Path(__file__).parent.parent / "fixtures"
DOCUMENTS = sorted(
    file for folder in ("frontmatter", "links", "scripts", "hostile") for file in (FIXTURES / folder).glob("*.md")
)


def told(file: Path) -> dict[str, Any]:
    """What parse says of a file, as its JSON beside it has it: without what is empty, and without messages."""
    document = parse(file.name, content_of(file.read_bytes()), Rules())
    said = {
        **{key: getattr(document, key) for key in ("title", "type", "domain", "layer", "date", "summary")},
        "meta": json.loads(document.meta) if document.meta else None,
        "claim": next(((one.claim, one.line) for one in document.claims), None),
        "tags": [tag.tag for tag in document.tags],
        "aliases": document.aliases,
        "sections": [(s.line, s.start, s.end, s.level, s.heading, s.anchor) for s in document.sections],
        "links": [(x.section, x.line, x.column, x.kind, x.type, x.target, x.label) for x in document.links],
        "tasks": document.tasks,
        "code_blocks": document.code_blocks,
        "anchors": document.anchors,
        "problems": [(p.line, p.column, p.code, p.severity) for p in document.problems],
    }
    kept: dict[str, Any] = json.loads(json.dumps({key: value for key, value in said.items() if value}))
    return kept


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_document_says_what_stands_beside_it(file: Path) -> None:
    assert told(file) == json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))


def parsed(text: str | bytes, path: str = "a.md") -> Document:
    return parse(path, content_of(text.encode() if isinstance(text, str) else text), Rules())


def codes(document: Document) -> list[str]:
    return [problem.code for problem in document.problems]


# What markdown, and the words that we look for in it, are made of: hypothesis puts them together in any order.
PIECES = (
    *("a", "B 1", "é", "漢字", "\u2028", "\0", "\x1a", "  ", "\t", "\n", "\n\n", "\r\n", "\r", "\\", "&amp;", "&#35;"),
    *("# ", "## ", "#", "=\n", "---\n", "...\n", "> ", "- ", "* ", "1. ", "    ", "- [ ] ", "- [x] ", "```\n", "~~~\n"),
    *(
        "*",
        "**",
        "_",
        "~~",
        "`",
        "``",
        "[",
        "]",
        "(",
        ")",
        "![",
        "[[",
        "]]",
        "|",
        "<",
        ">",
        '"',
        "'",
        "{#",
        "}",
        "$",
        "$$",
        "%%",
    ),
    *("[a](b.md)", "[a]: b\n", "[a]", "[^a]", "[^a]: ", "<!--", "-->", "<!-- tags: ", '<a id="', "<div>\n", "</a>"),
    *("http://", "ftp://a", "<http://a>", "<a@b.c>", "#tag", "^id", "[tag: ", "key:: ", "::", ": ", ",", ".", "!", "?"),
    *("<<<<<<< a\n", "=======\n", ">>>>>>> b\n", "---\ntitle: x\n---\n", "key: v\n", "\ud7ff", "😀", "\u0301", "ก็"),
)
MARKDOWN = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)
BYTES = st.one_of(
    MARKDOWN.map(str.encode),
    st.binary(max_size=200),
    st.lists(st.one_of(st.sampled_from(PIECES).map(str.encode), st.binary(max_size=3)), max_size=40).map(b"".join),
)


def strings(value: object) -> list[str]:
    """All strings in a value, however deep."""
    if isinstance(value, str):
        return [value]
    return [text for item in value for text in strings(item)] if isinstance(value, tuple) else []


@given(BYTES)
def test_any_bytes_are_a_document_whose_sections_tile_the_file(raw: bytes) -> None:
    document = parsed(raw)
    starts = [section.start for section in document.sections]
    assert starts == sorted(starts)
    assert [section.end for section in document.sections] == [*starts[1:], len(raw)]
    assert document.sections[0][:3] == (0, None, None)
    assert all(section.level in range(1, 7) and section.heading is not None for section in document.sections[1:])
    assert len({section.anchor for section in document.sections}) == len(starts)


@given(BYTES)
def test_bodies_are_the_bytes_of_their_sections(raw: bytes) -> None:
    document = parsed(raw)
    for section, body in zip(document.sections, document.bodies, strict=True):
        there = raw[section.start : section.end]
        assert len(body.encode()) == len(there)
        if "not-utf8" not in codes(document):
            assert body.encode() == re.sub(rb"\r(?!\n)", b"\n", there.replace(b"\0", b"\x1a"))


@given(BYTES)
def test_a_heading_stands_in_the_line_where_its_section_starts(raw: bytes) -> None:
    for section in parsed(raw).sections[1:]:
        assert section.line == len(re.findall(rb"\r\n|\r|\n", raw[: section.start])) + 1
        assert section.start == 0 or raw[section.start - 1 : section.start] in (b"\n", b"\r", b"\xbf")


@given(BYTES)
def test_what_lies_in_a_section_lies_in_its_lines(raw: bytes) -> None:
    document = parsed(raw)
    lines = len(re.findall(rb"\r\n|\r|\n", raw)) + 1
    ends = [*(section.line for section in document.sections[1:]), lines]
    places = [(link.section, link.line) for link in document.links if link.kind != "property"]
    places += [(task.section, task.line) for task in document.tasks]
    places += [(block.section, block.line) for block in document.code_blocks]
    places += [(anchor.section, anchor.line) for anchor in document.anchors]
    for section, line in places:
        assert document.sections[section].line <= line <= ends[section]


@given(BYTES)
def test_links_come_in_the_order_of_the_text(raw: bytes) -> None:
    links = [link for link in parsed(raw).links if link.kind != "property"]
    places = [(link.section, link.line, link.column) for link in links]
    assert places == sorted(places)


@given(BYTES)
def test_every_text_can_be_stored(raw: bytes) -> None:
    document = parsed(raw)
    for text in strings(document):
        text.encode()
    json.loads(document.meta or "{}")


@given(MARKDOWN)
def test_what_stands_before_a_text_moves_its_offsets_and_nothing_else(text: str) -> None:
    assume(not text.startswith(("---", "\ufeff")))
    before = "\ufeff---\r\nx: 1\r\n---\n"
    moved, plain = parsed(before + text), parsed(text)
    size, lines = len(before.encode()), 3
    assert [(s.start - size, s.end - size, s.line - lines, *s[:3]) for s in moved.sections] == [
        (s.start, s.end, s.line, *s[:3]) for s in plain.sections
    ]
    assert [link._replace(line=link.line - lines) for link in moved.links] == list(plain.links)
    assert [task._replace(line=task.line - lines) for task in moved.tasks] == list(plain.tasks)
    assert [anchor._replace(line=anchor.line - lines) for anchor in moved.anchors] == list(plain.anchors)
    assert moved.bodies == plain.bodies


@given(MARKDOWN, st.sampled_from(["\r\n", "\r"]))
def test_line_ends_make_no_difference(text: str, end: str) -> None:
    unix = parsed(text.replace("\r\n", "\n").replace("\r", "\n"))
    other = parsed(text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", end))
    assert [(s.line, *s[:3]) for s in other.sections] == [(s.line, *s[:3]) for s in unix.sections]
    assert other.links == unix.links
    assert other.tags == unix.tags
    assert (other.tasks, other.code_blocks, other.anchors) == (unix.tasks, unix.code_blocks, unix.anchors)
    assert other.problems == unix.problems
    assert (other.title, other.meta, other.claims) == (unix.title, unix.meta, unix.claims)


def test_a_file_over_the_limit_is_known_by_its_front_matter_alone() -> None:
    text = "---\ntitle: Large\ntags: [a]\n---\n# Heading\n\n[x](y.md) #b\n" + "é" * 100
    raw = text.encode()
    document = parse("a.md", Content(raw[:61], "", len(raw)), Rules(size_limit=60))
    assert (document.title, [tag.tag for tag in document.tags], codes(document)) == ("Large", ["a"], ["too-large"])
    assert document.sections == (Section(0, None, None, 31, len(raw), 5, None),)
    assert document.bodies == ("",)
    assert document.links == ()


@pytest.mark.parametrize("end", range(40, 48))
def test_the_head_of_a_large_file_may_end_within_a_character(end: int) -> None:
    raw = ("---\ntitle: Large\n---\n" + "漢" * 100).encode()
    assert codes(parse("a.md", Content(raw[:end], "", len(raw)), Rules())) == ["too-large"]


@pytest.mark.parametrize(
    ("front", "tags"),
    [
        ("tags: one two, three", ("one", "two", "three")),
        ("tags: a", ("a",)),
        ('tags: "#a #b"', ("a", "b")),
        ("tags: '#a,#b ,, c'", ("a", "b", "c")),
        ("tags: >\n  a b\n  c\n", ("a", "b", "c")),
        ("tags: '[a, b]'", ("a", "b")),
        ("tag: a b", ("a", "b")),
        ("Tags: a\nTAG: [b, a]", ("a", "b")),
        ("tags: C# c#", ("C#",)),
        ("tags: 2024", ()),
        ("tags: 007 12:30 no 0x7", ("12:30", "no", "0x7")),
        ("tags: [a b, c]", ("a b", "c")),
        ("tags: ['#a', ' # b ', '#']", ("a", "b")),
        (
            "tags: [no, 12:30, 007, 1.10, 1e3, true, 2024/05, 📚]",
            ("no", "12:30", "1.10", "1e3", "true", "2024/05", "📚"),
        ),
        ("tags: [a, null, ~, '', [b, [c]], {d: e}]", ("a", "b", "c")),
        ("tags:\n- a\n-\n- 0.1\n- 01\n", ("a", "0.1")),
        ("tags: [[a]]", ("a",)),
        ("tags:", ()),
        ("tags: null", ()),
        ("tags: {a: b}", ()),
        ("tags: []", ()),
        ("keywords: a, b\ncategories: [c]", ()),
    ],
)
def test_tags_are_the_items_of_a_list_or_the_words_of_a_text(front: str, tags: tuple[str, ...]) -> None:
    assert tuple(tag.tag for tag in parsed(f"---\n{front}\n---\n").tags) == tags


def test_a_text_of_tags_means_the_same_in_front_matter_and_in_a_comment() -> None:
    for text in ("one two, three", "a", "C# #b", "a,b", " , a", "2024/05 📚"):
        assert parsed(f"---\ntags: '{text}'\n---\n").tags == parsed(f"<!-- tags: {text} -->\n").tags != ()


@pytest.mark.parametrize(
    ("front", "aliases"),
    [
        ("aliases: [no, 12:30, 007]", ("no", "12:30", "007")),
        (
            "aliases:\n- 1.10\n- 2024-01-02\n- Null\n- null\n-\n- [a, [b]]\n- {c: d}",
            ("1.10", "2024-01-02", "Null", "a", "b"),
        ),
        ("aliases: a, b", ("a, b",)),
        ("alias: 007", ("007",)),
        ("Aliases: on\nalias: [off]", ("off", "on")),
        ("aliases: ~", ()),
    ],
)
def test_aliases_are_the_items_of_a_list_or_one_text(front: str, aliases: tuple[str, ...]) -> None:
    assert parsed(f"---\n{front}\n---\n").aliases == aliases


@pytest.mark.parametrize("written", ["2024", "1.10", "no", "007", "12:30", "0x1F", "True", "NULL", "2024-01-02", "1e3"])
def test_columns_and_the_id_are_as_written(written: str) -> None:
    keys = ("id", "title", "type", "domain", "layer", "date", "summary")
    document = parsed("---\n" + "".join(f"{key}: {written}\n" for key in keys) + "---\n# H\n")
    assert {getattr(document, key) for key in keys[1:]} == {written}
    assert [claim.claim for claim in document.claims] == [written]


def test_path_rules_speak_where_the_front_matter_is_silent() -> None:
    rules = Rules(paths=(PathRule("*.md", "note", "all", None), PathRule("adr/**", "decision", None, "core")))
    document = parse("adr/2024-01-02-x.md", content_of(b"---\ndomain: mine\n---\n"), rules)
    assert (document.type, document.domain, document.layer, document.date) == ("decision", "mine", "core", "2024-01-02")


def test_the_title_is_the_first_heading_of_the_first_level_that_says_something() -> None:
    assert parsed("## Two\n#\n# One\n# Other\n").title == "One"


def test_a_heading_in_html_may_be_the_title() -> None:
    logo = (
        '<p align="center"><img src="x.png"></p>\n\n<h1 align="center">\n  <img src="x.png">\n  My <b>App</b>\n</h1>\n'
    )
    assert parsed(f"{logo}\n## Install\n").title == "My App"
    assert parsed("<h1><img alt=x></h1>\n\n## Install\n").title == "Install"
    assert parsed("<h1>One</h1>\n\n# Two\n").title == "One"
    assert parsed("# Two\n\n<h1>One</h1>\n").title == "Two"
    assert parsed("<!-- <h1>One</h1> -->\n\n`<h1>Code</h1>`\n\n## Install\n").title == "Install"


def test_without_a_first_level_the_title_is_the_first_heading_of_any() -> None:
    assert parsed("text\n\n###\n\n### Deep\n\n## Two\n").title == "Deep"
    assert parsed("Two\n---\n").title == "Two"
    assert parsed("<h3>A sponsor</h3>\n\n## Two\n").title == "Two"
    assert parsed("```\n## code\n```\n", path="folder/the.name.md").title == "the.name"
    assert parsed("", path="folder/the.name.md").title == "the.name"


def test_a_conflict_needs_all_three_markers_in_order() -> None:
    assert codes(parsed("<<<<<<< a\n=======\n>>>>>>> b\n")) == ["conflict-marker"]
    assert codes(parsed("<<<<<<< a\n>>>>>>> b\n=======\n")) == []
    assert codes(parsed("text <<<<<<< a\n=======\n>>>>>>> b\n")) == []


def test_a_line_may_be_a_megabyte_long() -> None:
    document = parsed("é " * 500_000 + "[a](b)")
    assert document.links[0][:3] == (0, 1, 1_000_001)


HOSTILE = {
    "emphasis that never closes": "*a _b ",
    "brackets that never close": "[",
    "images within images": "![",
    "links within links": "[a](",
    "backticks of one length": "`a",
    "wikilinks that never close": "[[a|",
    "citations": "[[1]](a)",
    "quotes": "> ",
    "lists": "- ",
    "definitions": "[a]: b\n",
    "footnotes": "[^a]: b [^a]\n",
    "headings": "# a\n",
    "setext headings": "a\n=\n",
    "tags": "#a ",
    "URLs": "http://a. ",
    "a URL of punctuation": "http://a.!.).",
    "a URL of entities": "http://a&b;",
    "comments that never close": "<!-- tags: [a: ",
    "comments of spaces": "<!-- tags: [a        ",
    "attributes": '<a id="',
    "unfinished attributes": "<a id = ",
    "conflicts that never end": "<<<<<<< \n=======\n",
    "tag relations": "[tag:    ",
    "relations": "[a:: [[b]]",
    "relations in a row": "a:: [[b]], ",
    "block ids": " ^a-",
    "custom ids": "# {#a} \n",
    "tasks": "- [ ] a\n",
    "NUL": "\0",
    "entities": "&#35;&amp",
    "lone returns": "\r",
}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_text_takes_time_in_proportion_to_its_length(piece: str) -> None:
    assert seconds(piece * (100_000 // len(piece))) < 2  # about 0.1; what was quadratic took 5 and more


def test_front_matter_that_a_template_fills_in_is_no_problem() -> None:
    template = "---\ntitle: {{title}}\n{% if x %}\n---\n# T\n"
    assert codes(parsed(template)) == []
    assert codes(parsed(template.replace("{% if x %}", "a: b: c"))) == ["front-matter"]
    rules = Rules(placeholders=())
    assert codes(parse("a.md", content_of(template.encode()), rules)) == ["front-matter"]


@pytest.mark.parametrize(
    ("before", "piece", "after"),
    [
        ("[a](a", ".md", ")"),
        ("[a](", "../", ")"),
        ("[[a", "\u0301\u0316", "]]"),
        ("[a](a", "\u0301\u0316", ".md)"),
        ("# a", "\u0301\u0316", "\n"),
        ("[a](#", "%20", ")"),
        ("http://a", "(", ")"),
        ("[", "a ", "]: b"),
        ("# {#", "a", "}"),
        ("# {#", "a", ""),
        ("# {.", "a", "}\n"),
        ("# {", "\u2028", "x\n"),
        ("[a]($", "{{", ")"),
        ("<div>\n", "<h1>", "\n"),
        ("<div>\n", "<h1 ", "\n"),
        ("[a](", "{{}}", "{{)"),
    ],
)
def test_one_hostile_thing_takes_time_in_proportion_to_its_length(before: str, piece: str, after: str) -> None:
    assert seconds(before + piece * (200_000 // len(piece)) + after) < 2


REPEATED = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join)


@given(st.builds(lambda a, b, c: a + b * (50_000 // len(b)) + c, MARKDOWN, REPEATED, MARKDOWN))
@settings(max_examples=40, deadline=None)
def test_no_piece_of_markdown_is_hostile_when_repeated(text: str) -> None:
    assert seconds(text) < 1


def seconds(text: str) -> float:
    """The processor time that parsing takes."""
    content = content_of(text.encode())
    began = time.process_time()
    parse("a.md", content, Rules())
    return time.process_time() - began
