"""Front matter: where it is, what it says, and what must not reach the YAML parser. See also fixtures/frontmatter."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import pytest
import ruamel.yaml
import yaml
from hypothesis import assume, given
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
    ("written", "value"),
    [
        *(("", None), ("~", None), ("null", None), ("# comment", None), ("true", True), ("false", False)),
        *(
            ("0", 0),
            ("12", 12),
            ("-3", -3),
            ("1.5", 1.5),
            ("-0.25", -0.25),
            ("1.0", 1.0),
            ("1e+16", 1e16),
            ("1e-07", 1e-7),
        ),
        *(("9223372036854775807", 2**63 - 1), ("-9223372036854775808", -(2**63)), ("20240501103000", 20240501103000)),
        *(("!!int 12", 12), ("!!float 1", 1), ("!!null ~", None), ("!!bool true", True), ("&name 12", 12)),
        *(("{1: a, [b]: c}", {"1": "a", '["b"]': "c"}), ("{a: {no: 1, ~: x}}", {"a": {"no": 1, "~": "x"}})),
        *(("!!set {a, b}", {"a": None, "b": None}), ("!!omap [a: 1]", [{"a": 1}]), ("{a: 1, a: 2}", {"a": 2})),
        *(("{a: 12:30, b: 1:2}", {"a": "12:30", "b": "1:2"}), ('[a:b, {"c":1}]', ["a:b", {"c": 1}])),
        *(("\n- no\n- - 1\n  - 01\n-\n", ["no", [1, "01"], None]), ("|\n  a\n  b\n", "a\nb\n"), ("|-\n  12\n", "12")),
    ],
)
def test_a_value_has_the_type_that_json_gives_the_same_spelling(written: str, value: Any) -> None:
    found = json.loads(said(f"k: {written}").meta)["k"]
    assert (found, type(found)) == (value, type(value) if written != "!!float 1" else int)


@pytest.mark.parametrize(
    "written",
    [
        *("12:30", "09:30", "1:2:3", "1:" * 5000 + "1", "01234", "007", "-0", "00", "+1", "1_000", "1,5", "12e03"),
        *("0o17", "0o9", "0x1F", "0x" + "f" * 5000, "0b11", "1.10", "1.", ".5", "-.5", "1e3", "1E5", "1.5e3", "1e400"),
        *(".inf", "-.inf", ".nan", ".NaN", "NaN", "nan", "inf", "Infinity", "-Infinity", "１２", "1 000", "12 ft"),
        *("9223372036854775808", "-9223372036854775809", "9" * 5000, "0.1000000000000000055511151231257827"),
        *("no", "No", "yes", "on", "off", "y", "n", "True", "TRUE", "False", "Null", "NULL", "None", "nil"),
        *("2024-01-02", "2024-13-45", "2024-01-02T10:30:00Z", "2024-01-02 10:30:00", "<<", "=", "a=b", "1.2.3"),
        *("https://a.b/c?d=1#e", ".md", "5 * 3", "x**", "a#b", "a & b"),
    ],
)
def test_every_other_value_is_the_text_as_written(written: str) -> None:
    found = said(f"k: {written}\nl: [x, {written if ',' not in written else 'y'}]")
    assert json.loads(found.meta)["k"] == written
    assert found.properties[0] == ("k", 0, json.dumps(written, ensure_ascii=False))
    assert found.fields["k"] == written
    assert "," in written or found.lists["l"] == ("x", written)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        *(("'12'", "12"), ('"true"', "true"), ("'~'", "~"), ('""', ""), ('"12:30"', "12:30"), (">-\n  null\n", "null")),
        *(
            ("!!str 12", "12"),
            ("!!str", ""),
            ("!secret 42", "42"),
            ("!mine x", "x"),
            ("!!timestamp 2024-01-02", "2024-01-02"),
        ),
        *(("!!int x", "x"), ("!!int '12'", "12"), ("!!int 0x1F", "0x1F"), ("!!float x", "x"), ("!!bool yes", "yes")),
        *(("!!null x", "x"), ("!!binary aGk=", "aGk="), ("!!binary é", "é"), ("!!python/object:os.system x", "x")),
    ],
)
def test_what_is_quoted_or_has_a_tag_is_text(written: str, text: str) -> None:
    found = said(f"k: {written}")
    assert json.loads(found.meta) == {"k": text}
    assert found.fields == {"k": text}


@pytest.mark.parametrize(
    "key",
    [
        "no",
        "on",
        "1",
        "1.10",
        "007",
        "0x1F",
        "12:30",
        "2024-01-01",
        "null",
        "~",
        "true",
        "True",
        "<<",
        "=",
        ".inf",
        "é ü",
    ],
)
def test_a_key_is_the_text_as_written_wherever_it_stands(key: str) -> None:
    found = said(f"{key}: 1\nin: {{{key}: [{{{key}: x}}]}}")
    assert json.loads(found.meta) == {key: 1, "in": {key: [{key: "x"}]}}
    assert found.properties[0] == (key, 0, "1")
    assert found.fields[key.lower()] == "1"


def test_keys_that_are_spelled_alike_are_one_and_the_last_value_counts() -> None:
    found = said("1: a\n'1': b\nc: {x: 1, 'x': 2}\n? [d, no]\n: e\n? {f: 01}\n: g\n'': h\n")
    assert json.loads(found.meta) == {"1": "b", "c": {"x": 2}, '["d","no"]': "e", '{"f":"01"}': "g", "": "h"}


def test_a_merge_key_is_a_key_like_any_other() -> None:
    assert json.loads(said("<<: {a: 1}\nb: 2\nc: {<<: [{d: 1}]}").meta) == {
        "<<": {"a": 1},
        "b": 2,
        "c": {"<<": [{"d": 1}]},
    }


def test_the_texts_of_lists_within_lists_are_texts_of_the_list_and_nulls_and_objects_are_not() -> None:
    found = said("tags: [a, [b, [01, 2]], null, ~, {c: d}, '', 'null', true]\naliases:\n- - x\n  -\n- [[Y]]\n")
    assert found.lists == {"tags": ("a", "b", "01", "2", "", "null", "true"), "aliases": ("x", "Y")}


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029", "\U0010fffb"])
def test_what_ends_a_line_in_old_yaml_alone_is_text(character: str) -> None:
    text = f"a{character}b"
    found = said(f"k: {text}\n{text}: c\nl: [x{character}y, '{character}']\nm: |\n  {character}z{character}\n")
    assert json.loads(found.meta) == {
        "k": f"a{character}b",
        f"a{character}b": "c",
        "l": [f"x{character}y", character],
        "m": f"{character}z{character}\n",
    }
    assert found.lines == {"k": 0, f"a{character}b": 1, "l": 2, "m": 3}


@pytest.mark.parametrize(
    "text", ["a: '*.md'", "a: x *y z", "a: 5 * 3", "a: '**b**'", "a: [x] # *y", "a: why? - because"]
)
def test_what_only_looks_like_an_alias_is_read(text: str) -> None:
    assert said(text).fields or said(text).lists


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
        "? " * 60 + "a",
        "a: 1\n" + "{" * 60 + "a" + "}" * 60 + ": b",
        "a: " + "{" * 60 + "a" + "}" * 60,
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
    texts = (
        "a: [1, yes, ~, !!str 1, '2', 01, 2024-01-01, '', {no: null}]\nb: {c: '[[D]]'}\non: |-\n  3\n1:\n",
        *('a: "\\ud800"', "a: [", "a: *b", "x"),
    )
    fast = [read(text) for text in texts]
    monkeypatch.setattr(frontmatter, "_Loader", type("Pure", (frontmatter._Untyped, yaml.SafeLoader), {}))
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


# The grammar held against a parser of YAML 1.2, and the rule against its definition. That parser has types of its own
# for plain scalars, and breaks lines at U+0085 and U+2028 where YAML 1.2 has text: neither is asked of it.


def meant(text: str) -> Any:
    """Return what the definition of the rule makes of a plain scalar."""
    if text in ("", "~", "null", "true", "false"):
        return json.loads(text.replace("~", "null") or "null")
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        if math.isfinite(value) and json.dumps(value) == text and (kind is float or -(2**63) <= value < 2**63):
            return value
    return text


def other(node: ruamel.yaml.Node) -> Any:
    if isinstance(node, ruamel.yaml.SequenceNode):
        return [other(item) for item in node.value]
    if isinstance(node, ruamel.yaml.MappingNode):
        return {key.value: other(value) for key, value in node.value}
    assert isinstance(node, ruamel.yaml.ScalarNode)
    return node.value if node.style else meant(node.value)


def composed(text: str) -> Any:
    """Return what the other parser makes of a text; None when it is no mapping with plain keys, or no YAML."""
    try:
        node = ruamel.yaml.YAML(typ="safe", pure=True).compose(text)
    except Exception:
        return None
    is_simple = isinstance(node, ruamel.yaml.MappingNode) and "!" not in text and "?" not in text
    return other(node) if is_simple else None


SCALARS = st.one_of(
    st.sampled_from(
        ["a", "no", "12:30", "007", "1.10", "~", "null", "true", "-", "x#y", "a:b", "é漢", "💥", "-0", "'q'", '"1"']
    ),
    st.integers().map(str),
    st.floats().map(repr),
    st.dates().map(str),
    st.text("abc 0123456789.+-_eE:xo", min_size=1, max_size=8).map(str.strip),
)
FLOW = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(st.tuples(SCALARS, inner), max_size=3).map(lambda pairs: f"{{{', '.join(map(': '.join, pairs))}}}"),
    ),
    max_leaves=6,
)


def block(values: list[tuple[str, Any]], indent: str = "") -> str:
    lines = []
    for key, value in values:
        if isinstance(value, str):
            lines.append(f"{indent}{key}: {value}\n")
        elif isinstance(value, tuple):
            lines += (f"{indent}{key}:\n", *(f"{indent}- {item}\n" for item in value))
        else:
            lines += (f"{indent}{key}:\n", block(value, f"{indent}  "))
    return "".join(lines)


BLOCK = st.recursive(
    st.one_of(FLOW, st.lists(FLOW, min_size=1, max_size=3).map(tuple)),
    lambda inner: st.lists(st.tuples(SCALARS, inner), min_size=1, max_size=4),
    max_leaves=8,
)


@given(st.one_of(YAML, st.lists(st.tuples(SCALARS, BLOCK), min_size=1, max_size=5).map(block)))
def test_what_a_parser_of_yaml_1_2_reads_too_has_the_same_keys_nesting_and_texts(text: str) -> None:
    found, expected = read(text), None if set(text) & {"\x85", "\u2028"} else composed(text)
    assume(isinstance(found, FrontMatter) and expected is not None)
    assert isinstance(found, FrontMatter)
    assert found.meta == json.dumps(expected, ensure_ascii=False, separators=(",", ":"))


@given(st.one_of(st.integers(), st.floats(), st.booleans(), st.none()))
def test_what_json_writes_is_read_back(value: Any) -> None:
    written = json.dumps(value)
    is_kept = -(2**63) <= value < 2**63 if isinstance(value, int) else value is None or math.isfinite(value)
    assert json.loads(said(f"k: {written}").meta)["k"] == (value if is_kept else written)
