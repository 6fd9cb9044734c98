"""Front matter: where it is, what it says, and what must not reach the YAML parser. See also fixtures/frontmatter."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mdcache.model import FRONT_MATTER_LIMIT
from mdcache.parse import frontmatter
from mdcache.parse.frontmatter import FrontMatter, Trouble, read, split, unclosed


def said(text: str) -> FrontMatter:
    found = read(text)
    assert isinstance(found, FrontMatter), found
    return found


def trouble(text: str) -> Trouble:
    found = read(text)
    assert isinstance(found, Trouble), found
    return found


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("fence", ["---", "...", "---  ", "...\t"])
def test_it_ends_with_the_first_fence_whatever_the_line_ends(end: str, fence: str) -> None:
    data = f"---{end}a: b{end}{fence}{end}text{end}---{end}".encode()
    place = split(data)
    assert place
    assert data[place[0] : place[1]] == f"a: b{end}".encode()
    assert data[place[2] :] == f"text{end}---{end}".encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"---",
        b"---\n",
        b"---\na: b\n",
        b"---\na: b\n ---\n",
        b"---\na: b\n---x\n",
        b"---\na: b\n----\n",
        b" ---\na: b\n---\n",
        b"----\na: b\n---\n",
        b"--- # x\na: b\n---\n",
        b"\n---\na: b\n---\n",
        b"---\ntext\n---\n",
        b"---\n- a\n- b\n---\n",
        b"---\n\n# Heading\n\n---\n",
        b"---\nhttp://a.b\n---\n",
    ],
)
def test_what_is_no_front_matter(data: bytes) -> None:
    assert split(data) is None


@pytest.mark.parametrize(
    "inside", [b"", b"\n", b"a: b\n", b"# c\na: b\n", b"'a': b\n", b"{a: b}\n", b"a:\n", b"1: b\n", b"\xc3\xa9: b\n"]
)
def test_what_is_front_matter(inside: bytes) -> None:
    assert split(b"---\n" + inside + b"---\n") == (4, 4 + len(inside), 8 + len(inside))


def test_one_that_is_never_closed_is_known() -> None:
    assert unclosed(b"---\na: b\n\ntext\n")
    assert not unclosed(b"---\n\ntext\n")
    assert not unclosed(b"---\na: b\n---\n")


def test_fields_are_as_written_and_keys_in_lower_case() -> None:
    found = said("ID: 007\nTags: [no, 1.10, 2024-01-01]\nTitle: ' x '\n")
    assert found.fields == {"id": "007", "title": "x"}
    assert found.lists == {"tags": ("no", "1.10", "2024-01-01")}
    assert found.lines == {"id": 0, "tags": 1, "title": 2}


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("1", 1),
        ("1.5", 1.5),
        ("yes", True),
        ("~", None),
        ("", None),
        ("'1'", "1"),
        ("2024-01-01", "2024-01-01"),
        ("2024-13-45", "2024-13-45"),
        (".nan", ".nan"),
        ("-.inf", "-.inf"),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", "9223372036854775808"),
        ("-9223372036854775808", -(2**63)),
        ("0x" + "f" * 5000, "0x" + "f" * 5000),
        ("9" * 5000, "9" * 5000),
        ("1:" * 5000 + "1", "1:" * 5000 + "1"),
        ("0o9", "0o9"),
        ("!!int x", "x"),
        ("!!float x", "x"),
        ("!!bool x", "x"),
        ("!!timestamp x", "x"),
        ("!!binary é", "é"),
        ("!mine x", "x"),
        ("!!set {a, b}", {"a": None, "b": None}),
        ("!!omap [a: 1]", [{"a": 1}]),
        ("!!python/object:os.system x", "x"),
        ("{1: a, [b]: c}", {"1": "a", '["b"]': "c"}),
        ("|\n  a\n  b\n", "a\nb\n"),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_meta_is_typed_where_json_has_a_type_for_it(written: str, typed: Any) -> None:
    assert json.loads(said(f"k: {written}").meta) == {"k": typed}


def test_properties_have_a_row_for_each_item_of_a_list() -> None:
    assert said("a: [x, 1]\nb: {c: null}\nd: []\ne: é").properties == (
        *(("a", 0, '"x"'), ("a", 1, "1"), ("b", 0, '{"c":null}'), ("e", 0, '"é"')),
    )


def test_the_last_of_two_values_counts_everywhere() -> None:
    found = said("a: 1\nA: [2]\nb: '[[x]]'\nb: '[[y]]'")
    assert (found.fields, found.lists) == ({"b": "[[y]]"}, {"a": ("2",)})
    assert json.loads(found.meta) == {"a": 1, "A": [2], "b": "[[y]]"}
    assert [link.inner for link in found.links] == ["y"]


def test_wikilinks_are_found_however_deep_with_key_and_line() -> None:
    found = said("up: [[A|b]]\nx:\n  - '[[B]] ![[C#d]]'\n  - [[D]]\n  - {y: '[[E]]'}\n  - [[F, G]]\n  - [[]]\n")
    assert [tuple(link) for link in found.links] == [
        *(("up", "A|b", 0), ("x", "B", 2), ("x", "C#d", 2), ("x", "D", 3), ("x", "E", 4), ("x", "F, G", 5))
    ]


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: [", 1, 0),
        ("a: b: c", 0, 4),
        ("a: b\n- c", 1, 0),
        ("ok: 1\na: *x", 1, 3),
        ("a: 1\n\tb: 2", 1, 0),
        ("a: \x07", 0, 0),
        ("a: 1\n--- b", 1, 0),
        ("just text", 0, 0),
        ("- a", 0, 0),
    ],
)
def test_what_cannot_be_read_says_where(text: str, line: int, column: int) -> None:
    found = trouble(text)
    assert (found.line, found.column) == (line, column)
    assert 0 < len(found.message) <= 200
    assert "\n" not in found.message


def test_a_name_for_an_alias_is_harmless_when_none_uses_it() -> None:
    assert said("a: &x b").fields == {"a": "b"}


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 60_000,
        "a: " + "{" * 60_000,
        "a: " + "[" * 65 + "]" * 65,
        "a: " + "{b: " * 65 + "}" * 65,
        "\n".join(" " * i + "a:" for i in range(66)),
        "a: " + "- " * 65,
        "a:\n " + "- " * 65 + "b",
        "? " * 65 + "a",
        "a: &a [x]\nb: *a",
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]",
        "a: &a {b: c}\nd:\n  <<: *a",
        "a: &a [*a]",
        "a: " + "x" * FRONT_MATTER_LIMIT,
        "a: " + "é" * (FRONT_MATTER_LIMIT // 2),
        'a: "\\ud800"',
    ],
)
def test_what_is_too_large_too_deep_or_refers_to_itself_is_refused_at_once(text: str) -> None:
    began = time.process_time()
    assert isinstance(read(text), Trouble)
    assert time.process_time() - began < 0.5


def test_as_deep_as_the_limit_is_read() -> None:
    deep = "a: " + "[" * (frontmatter.DEPTH_LIMIT - 1) + "]" * (frontmatter.DEPTH_LIMIT - 1)
    assert isinstance(read(deep), FrontMatter)
    assert isinstance(read(deep.replace("[]", "[[]]")), Trouble)


@pytest.mark.parametrize("line", ["#\r\n", "#\n", "#\r", " \n", "\r\n", "# a: b\r\n"])
def test_many_lines_before_the_first_key_take_no_time(line: str) -> None:
    began = time.process_time()
    split(f"---\r\n{line * 10_000}- a\r\n---\r\n".encode())
    assert time.process_time() - began < 0.5


def test_the_pure_loader_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ("a: [1, yes, ~]\nb: {c: '[[D]]'}\n", 'a: "\\ud800"', "a: [", "a: *b", "x")
    fast = [read(text) for text in texts]
    monkeypatch.setattr(frontmatter, "_Loader", yaml.SafeLoader)
    slow = [read(text) for text in texts]
    assert [one if isinstance(one, FrontMatter) else Trouble for one in fast] == [
        one if isinstance(one, FrontMatter) else Trouble for one in slow
    ]


YAML = st.lists(
    st.sampled_from(
        [
            *(
                "a",
                "b: ",
                "c:\n",
                "- ",
                "? ",
                ": ",
                "[",
                "]",
                "{",
                "}",
                ", ",
                "&x ",
                "*x",
                "!!int ",
                "!y ",
                "|\n",
                ">\n",
            ),
            *(
                "'",
                '"',
                "\\",
                "\\ud800",
                "#",
                "%",
                "@",
                "`",
                "\n",
                "\n  ",
                "\t",
                "---",
                "...",
                "1",
                "0x",
                ".inf",
                "2024-",
            ),
            *("13-45", "yes", "~", "<<: ", "[[", "]]", "é", "\u2028", "\x1a", "\x85", "1:2", "!!set ", "!!binary "),
        ]
    ),
    max_size=25,
).map("".join)


@given(YAML)
def test_any_text_is_read_or_refused(text: str) -> None:
    found = read(text)
    if isinstance(found, Trouble):
        assert found.line >= 0 and found.column >= 0 and found.message
    else:
        found.meta.encode()
        assert {key.lower() for key in json.loads(found.meta)} == set(found.lines)
        assert found.fields.keys() | found.lists.keys() <= set(found.lines)
