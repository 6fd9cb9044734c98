"""What a link's target asks for."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdcache.model import Rules
from mdcache.parse.targets import (
    ASSET,
    BY_NAME,
    BY_PATH,
    DOCUMENT,
    EXTERNAL,
    FROM_ROOTS,
    ITSELF,
    NOWHERE,
    Asked,
    AssetPaths,
    LookUp,
    asks,
    asset_paths,
    bucket,
    is_placeholder,
    look_up,
    names_of,
)

RULES = Rules()
EXTENSIONS = RULES.extensions
SOURCE = "guides/start.md"


def ask(wiki: bool, target: str, source: str) -> Asked | None:
    """The first way in which a target asks for a document."""
    return next(iter(asks(wiki, target, source, RULES)), None)


NFD = unicodedata.normalize("NFD", "é")


def markdown(target: str, source: str = SOURCE) -> LookUp:
    return look_up(False, target, source, RULES)


def wiki(target: str, source: str = SOURCE) -> LookUp:
    return look_up(True, target, source, RULES)


@pytest.mark.parametrize(
    ("target", "path", "how"),
    [
        ("a.md", "guides/a.md", BY_PATH),
        ("./b/../a.md", "guides/a.md", BY_PATH),
        ("../a", "a", BY_PATH),
        ("a%20b.md", "guides/a b.md", BY_PATH),
        ("a%23b.md", "guides/a#b.md", BY_PATH),
        ("what%3F.md", "guides/what?.md", BY_PATH),
        ("a.md?raw=true", "guides/a.md", BY_PATH),
        (f"caf{NFD}.md", "guides/café.md", BY_PATH),
        ("caf%C3%A9.md", "guides/café.md", BY_PATH),
        ("12:30.md", "guides/12:30.md", BY_PATH),
        ("/a.md", "a.md", FROM_ROOTS),
        ("/", "", FROM_ROOTS),
        ("..", "", BY_PATH),
    ],
)
def test_a_markdown_target_is_a_path(target: str, path: str, how: str) -> None:
    asked = ask(False, target, SOURCE)
    assert asked and asked[:2] == (how, path)
    assert markdown(target).name == bucket(path, EXTENSIONS)


@pytest.mark.parametrize(
    ("target", "path", "how"),
    [
        ("Start", "Start", BY_NAME),
        (" guides/Start ", "guides/Start", BY_NAME),
        ("a%20b", "a%20b", BY_NAME),
        (f"caf{NFD}", "café", BY_NAME),
        ("What?", "What?", BY_NAME),
        ("12:30", "12:30", BY_NAME),
        ("./a", "guides/a", BY_PATH),
        ("../a", "a", BY_PATH),
        ("/a", "a", FROM_ROOTS),
    ],
)
def test_a_wikilink_is_a_name_unless_it_begins_like_a_path(target: str, path: str, how: str) -> None:
    asked = ask(True, target, SOURCE)
    assert asked and asked[:2] == (how, path)
    assert wiki(target).name == bucket(path, EXTENSIONS)


@pytest.mark.parametrize("target", ["https://example.org/a.md", "//example.org/a.md", "mailto:a@b.c", "file:///a.md"])
def test_what_has_a_scheme_is_external_and_never_looked_up(target: str) -> None:
    assert markdown(target) == (EXTERNAL, None, None)


def test_only_an_address_is_external_in_a_wikilink() -> None:
    assert [wiki("https://example.org").scope, wiki("mailto:a@b.c").scope] == [EXTERNAL, EXTERNAL]
    assert wiki("Plan: next").scope == DOCUMENT


@pytest.mark.parametrize(
    ("target", "in_markdown", "in_wiki"),
    [
        ("a.md", DOCUMENT, DOCUMENT),
        ("a.MARKDOWN", DOCUMENT, DOCUMENT),
        ("a", ASSET, DOCUMENT),
        ("a/", ASSET, DOCUMENT),
        ("photo.jpg", ASSET, ASSET),
        ("song.mp3", ASSET, ASSET),
        ("archive.tar.7z", ASSET, ASSET),
        ("v1.2", ASSET, DOCUMENT),
        ("2. Setup", ASSET, DOCUMENT),
        ("Dr. No", ASSET, DOCUMENT),
        ("../../out.md", DOCUMENT, DOCUMENT),
        ("../../out.png", ASSET, ASSET),
    ],
)
def test_the_scope_of_what_does_not_resolve(target: str, in_markdown: str, in_wiki: str) -> None:
    assert (markdown(target).scope, wiki(target).scope) == (in_markdown, in_wiki)


def test_what_leaves_the_base_is_looked_up_nowhere() -> None:
    for target in ("../../a.md", "/../a.md"):
        for is_wiki in (True, False):
            assert ask(is_wiki, target, SOURCE) is None
            assert look_up(is_wiki, target, SOURCE, RULES) == (DOCUMENT, None, None)


@pytest.mark.parametrize(
    ("target", "fragment"), [("a.md", None), ("a.md#", ""), ("a.md#b%20c", "b c"), ("a.md?x#b#c", "b#c"), ("#b", "b")]
)
def test_the_fragment_is_what_follows_the_first_hash(target: str, fragment: str | None) -> None:
    assert markdown(target).fragment == fragment


def test_the_fragment_of_a_wikilink_is_as_written() -> None:
    assert [wiki("a#A B#C").fragment, wiki("a # b%20").fragment, wiki("a#^x").fragment] == ["A B#C", "b%20", "^x"]


@pytest.mark.parametrize("target", ["#x", "?a=b#x", "#"])
def test_a_fragment_alone_is_about_the_document_itself(target: str) -> None:
    assert ask(False, target, SOURCE) == (ITSELF, SOURCE, False)
    assert markdown(target)[:2] == (DOCUMENT, "start")
    assert ask(True, " #x", SOURCE) == (ITSELF, SOURCE, False)


@pytest.mark.parametrize("target", ["", "?a=b"])
def test_nothing_at_all_is_about_nothing(target: str) -> None:
    assert ask(False, target, SOURCE) is None
    assert markdown(target) == (ASSET, None, None)


def test_a_target_like_a_folder_is_known_as_one() -> None:
    targets = ("a/", ".", "..", "a/..", "/", "a", "a.", "...")
    assert [target for target in targets if is_folder(ask(False, target, SOURCE))] == ["a/", ".", "..", "a/..", "/"]


def is_folder(asked: Asked | None) -> bool:
    return asked is not None and asked.is_folder


# Placeholders


@pytest.mark.parametrize(
    "target",
    ["{{ base }}/a.md", "a.md#{{x}}", "{%link%}", "${A}/b.md", "docs/<name>.md", "TOC", "_toc_", "{{x}}.md?{{y}}"],
)
def test_what_a_template_fills_in_is_not_judged(target: str) -> None:
    assert is_placeholder(target, RULES)
    assert markdown(target).scope == wiki(target).scope == EXTERNAL


@pytest.mark.parametrize("target", ["a.md", "{a}.md", "{{a.md", "}}a{{.md", "toc.md", "<a.md", "a>b<c", "$a{b}", ""])
def test_other_targets_are_judged(target: str) -> None:
    assert not is_placeholder(target, RULES)


def test_placeholders_are_what_the_settings_say() -> None:
    rules = Rules(placeholders=("@site/*", "*.html", "a*b*a"))
    found = [t for t in ("@site/a.md", "x/@site/a", "A.HTML", "aba", "aa", "{{x}}", "aba*") if is_placeholder(t, rules)]
    assert found == ["@site/a.md", "A.HTML", "aba"]


@given(st.text("ab*", max_size=6), st.text("ab", max_size=8))
def test_a_star_stands_for_any_text(pattern: str, text: str) -> None:
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None
    assert is_placeholder(text, Rules(placeholders=(pattern,))) == expected


# Files


@pytest.mark.parametrize(
    ("target", "paths"),
    [
        ("a.png", ["guides/a.png"]),
        ("a%20b.png?raw=1#page=3", ["guides/a b.png"]),
        (f"caf{NFD}.png", ["guides/café.png"]),
        ("./x/..//Y/", ["guides/Y"]),
        ("../b.png", ["b.png"]),
        ("../../b.png", ["../b.png"]),
        ("..", ["."]),
        ("/b.png", ["site/b.png", "b.png"]),
        ("/", ["site", "."]),
        ("12:30.png", ["guides/12:30.png"]),
        ("C:/b.png", ["guides/C:/b.png"]),
    ],
)
def test_a_file_lies_where_the_path_leads(target: str, paths: list[str]) -> None:
    assert [
        path
        for path in asset_paths(False, target, SOURCE, Rules(roots=("site", ""))).paths
        if not path.endswith((".md", ".markdown"))
    ] == paths


@pytest.mark.parametrize(
    ("target", "paths"),
    [
        ("Plan", ["guides/Plan", "guides/Plan.md", "guides/Plan.markdown"]),
        ("../Plan/", ["Plan", "Plan.md", "Plan.markdown"]),
        ("/v1.2", ["v1.2", "v1.2.md", "v1.2.markdown"]),
        ("Plan.md", ["guides/Plan.md"]),
        ("Plan.MARKDOWN", ["guides/Plan.MARKDOWN"]),
        ("..", ["."]),
        ("../..", [".."]),
    ],
)
def test_a_document_that_is_none_of_ours_may_be_meant_without_its_extension(target: str, paths: list[str]) -> None:
    for wiki_ in (False, True):
        if not wiki_ or target.startswith(("../", "/")):
            assert asset_paths(wiki_, target, SOURCE, RULES) == AssetPaths(tuple(paths), None)


@pytest.mark.parametrize("target", ["Photo.PNG", " photo.png ", "Photo.PNG#x"])
def test_a_wikilinks_file_lies_anywhere_whatever_the_case(target: str) -> None:
    assert asset_paths(True, target, SOURCE, RULES)[:2] == ((), "photo.png")


def test_a_wikilink_may_mean_a_document_or_the_index_of_a_folder_that_are_none_of_ours() -> None:
    rules = Rules(extensions=(".md",))
    indexes = ("readme.md", "index.md")
    found = ("team/plan.md", *(f"team/plan/{index}" for index in indexes))
    assert asset_paths(True, "Team/Plan", SOURCE, rules).documents == found
    assert asset_paths(True, "Team/Plan/", SOURCE, rules).documents == found
    assert asset_paths(True, "Plan.md", SOURCE, rules).documents == ("plan.md", *(f"plan.md/{one}" for one in indexes))


@pytest.mark.parametrize("target", ["", "#x", "?a=b", "a%00b", "https://x.org/a.png", "//x.org/a.png", "data:x,y"])
def test_what_is_no_path_lies_nowhere(target: str) -> None:
    assert asset_paths(False, target, SOURCE, RULES) == NOWHERE


# Buckets


@pytest.mark.parametrize("path", ["x/Name.md", "name", "NAME.markdown", "y/z/name.md.md", "name.MD"])
def test_what_could_mean_one_another_is_in_one_bucket(path: str) -> None:
    assert bucket(path, EXTENSIONS) == "name"


PART = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1).filter(
    lambda part: part not in (".", "..")
)


@given(st.lists(PART, min_size=1, max_size=3).map("/".join))
def test_a_link_to_a_document_looks_where_it_is_found(path: str) -> None:
    names = {name for name, _ in names_of(f"{path}.md", (), {}, RULES)}
    assert markdown("/" + quote(path + ".md")).name in names
    assert markdown("/" + quote(path)).name in names
    if "#" not in path:
        assert wiki(f"/{path}.md").name in names


@given(st.lists(PART, min_size=1, max_size=3).map("/".join), st.sampled_from(["", "a", "a/b"]))
def test_a_file_is_looked_for_where_a_document_would_be(path: str, place: str) -> None:
    target = "./" + quote(path)
    asked = ask(False, target, f"{place}/x.md")
    assert asked and asked.path in asset_paths(False, target, f"{place}/x.md", RULES).paths


def test_a_readme_is_found_by_its_folder_too() -> None:
    assert names_of("a/b/README.md", (), {}, RULES) == {("readme", ""), ("b", "")}
    assert names_of("Index.md", (), {}, RULES) == {("index", ""), ("", "")}
    assert names_of("docs/index.md", (), {}, Rules(roots=("docs",))) == {("index", ""), ("docs", ""), ("", "")}


def test_aliases_are_found_by_their_last_component() -> None:
    aliases = ("The Guide", "a/B", " ", "x.md")
    assert names_of("g.md", aliases, {}, RULES) == {
        *(("g", ""), ("the guide", "the guide"), ("b", "a/b"), ("x", "x.md"))
    }
