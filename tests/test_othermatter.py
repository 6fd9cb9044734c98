"""Front matter in TOML and JSON."""

from __future__ import annotations

import pytest

from mdcache.dialects import FRONT_MATTER, GITHUB, Site, Sites
from mdcache.model import FRONT_MATTER_LIMIT, Document, Rules
from mdcache.parse.parse import content_of, parse


def read(text: str, languages: tuple[str, ...] = FRONT_MATTER) -> Document:
    dialect = GITHUB._replace(front_matter=languages)
    return parse("a.md", content_of(text.encode()), Rules(sites=Sites([Site(dialect, "")])))


@pytest.mark.parametrize(
    "front",
    [
        '+++\ntitle = "T"\ndate = 2024-05-06\ntags = ["x"]\nn = 5\n# comment\n[params]\nok = true\n+++\n',
        '{\n"title": "T",\n"date": "2024-05-06",\n"tags": ["x"],\n"n": 5,\n"params": {"ok": true}}\n',
    ],
)
def test_it_says_what_yaml_would(front: str) -> None:
    found = read(front + "\n# H\n")
    assert (found.title, found.date, [tag.folded for tag in found.tags]) == ("T", "2024-05-06", ["x"])
    assert found.meta == '{"title":"T","date":"2024-05-06","tags":["x"],"n":5,"params":{"ok":true}}'
    assert [(section.heading, section.line) for section in found.sections[1:]] == [("H", front.count("\n") + 2)]


def test_its_links_stand_where_they_are_written() -> None:
    assert [(link.target, link.line) for link in read('+++\na = 1\nup = "[[b]]"\n+++\n').links] == [("b", 3)]
    assert [(link.target, link.line) for link in read('{\n"a": 1,\n"up": "[[b]]"}\n').links] == [("b", 3)]


@pytest.mark.parametrize("text", ["+++\na = \n+++\n\n# H\n", f'+++\nx = "{"x" * FRONT_MATTER_LIMIT}"\n+++\n\n# H\n'])
def test_what_cannot_be_read_is_a_problem_and_no_text(text: str) -> None:
    found = read(text)
    assert [problem.code for problem in found.problems] == ["front-matter"]
    assert [section.heading for section in found.sections[1:]] == ["H"]


@pytest.mark.parametrize(
    "text",
    ["+++\na = 1\n", "+++ a\n+++\n", "{{< x >}}\n", '{"a": 1} b\n', "{}\n", "[" * 9, '{"a":' * 9_000, "{a: 1}\n"],
)
def test_what_only_begins_like_it_is_text(text: str) -> None:
    found = read(text)
    assert (found.meta, found.problems) == (None, ())


def test_it_is_text_where_the_dialect_does_not_know_it() -> None:
    assert read("+++\na = 1\n+++\n", ("yaml",)).meta is None
    assert read('{"a": 1}\n', ("yaml", "toml")).meta is None
