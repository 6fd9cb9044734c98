"""What only the whole set of documents shows to be wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import World

from mdcache.build.problems import quoted

# Fragments


@pytest.mark.parametrize(
    "target",
    [
        *("[x](b.md#the-heading)", "[x](b.md#The%20Heading)", "[x](b.md#twice-1)", "[x](b.md)", "[x](b.md#)"),
        *("[x](b.md#html)", "[x](b.md#named)", "[x](b.md#%C3%BCber)", "[[b#The Heading]]", "[[b#Top#The Heading]]"),
        *("[[b#^block]]", "![[b#the heading]]", "[[b#über]]", "[x](#own)", "[[#Own]]"),
        *("[x](#top)", "[x](c.md#Top)", "[x](c.md#:~:text=of%20c)"),
    ],
)
def test_a_fragment_names_a_heading_a_block_or_an_anchor(world: World, target: str) -> None:
    text = '# Top\n## The *Heading*\n## Twice\n## Twice\n## Über\n<a id="html"></a> <a name=named></a>\n\ntext ^block\n'
    assert world.problems({"a.md": f"# Own\n{target}", "b.md": text, "c.md": "of c"}) == []


@pytest.mark.parametrize("target", ["[x](b.md#gone)", "[[b#^gone]]", "[x](#gone)", "[[#Gone]]", "[x](b.md#top-1)"])
def test_a_fragment_that_names_nothing_is_a_problem(world: World, target: str) -> None:
    written = target[target.index("](") + 2 : -1] if "](" in target else target[2:-2]
    assert world.problems({"a.md": f"# Own\n\n  {target}", "b.md": "# Top"}) == [
        ("a.md", 3, 3, "broken-anchor", "error", f"no heading or anchor for '{written}'")
    ]


@pytest.mark.parametrize(
    "fragment",
    ["whats-new?", "h.", "h)", "a/b", "step-1:-issue-a-secret", "nope#b", "b#whats-new", "What's", "whats-new-", "^h"],
)
def test_a_fragment_of_a_markdown_link_is_an_id_and_no_text(world: World, fragment: str) -> None:
    text = "## What's new?\n## H\n## A/B\n## Step 1: Issue a secret\n## B\n"
    files = {"a.md": f"[x](<b.md#{fragment}>)\n\n[y](<#{fragment}>)\n{text}", "b.md": text}
    assert [problem[3] for problem in world.problems(files)] == ["broken-anchor"] * 2


@pytest.mark.parametrize(
    "fragment", ["What's new?", "whats-new", "Whats-New", "B#What's new", "^block", "user-content-b"]
)
def test_a_fragment_of_a_wikilink_may_be_text(world: World, fragment: str) -> None:
    files = {"a.md": f"[[b#{fragment}]]", "b.md": "## B\n## What's new?\n\ntext ^block\n"}
    assert world.problems(files) == []


@pytest.mark.parametrize(
    "place",
    [
        *("## X {.c #i}", "## X { id=i }", "## X {: .c #i }", '## X {: id="i" }', "## X {: id='i'}", "## X {#i .c}"),
        *('## X {data-toc="1" #i}', "![x](y.png){#i}", "[x](#x-1){.big #i}", "[]{#i}", "[text]{#i .c}", "para\n{: #i}"),
        *("```{#i .python}\ncode\n```", "``` { .py #i }\ncode\n```", "- item {#i}", "::: {#i .note}", "{#i}"),
        *("## `code` {#i}", "## X {#a #i}", "Setext {#i}\n---"),
    ],
)
def test_an_id_anywhere_in_attributes_is_a_place(world: World, place: str) -> None:
    files = {"a.md": f"## X\n## X\n\n{place}\n\n[l](#i)\n", "y.png": ""}
    assert [problem for problem in world.problems(files) if "'#i'" in problem[5]] == []


@pytest.mark.parametrize(
    "text",
    [
        *("`{#i}`", "{{#i}}", "${#i}", "{# i #}", "{#- #i -#}", "{% #i %}", "    {#i}", "```\n{#i}\n```", "{x, #i}"),
        *("{: id= i }", "{.c\n#i}", "{ # i }", "{(#i)}"),
    ],
)
def test_braces_without_attributes_make_no_place(world: World, text: str) -> None:
    assert [problem[3] for problem in world.problems({"a.md": f"[l](#i)\n\n{text}\n"})] == ["broken-anchor"]


def test_the_slug_of_a_heading_goes_without_its_attributes(world: World) -> None:
    text = "## X y {.c}\n## Z {-}\n## GET /{id}\n[a](#x-y) [b](#z) [c](#get-id) [d](#get-)"
    assert [problem[5] for problem in world.problems({"a.md": text})] == ["no heading or anchor for '#get-'"]


def test_a_readme_is_a_place_on_its_folders_page(world: World) -> None:
    files = {
        "README.md": "[up](#readme) [s](sub/#readme)",
        "sub/readme.md": "[up](../#readme) [up](../README.md#readme)",
        "other.md": "[x](#readme)",
    }
    assert [problem[:3] for problem in world.problems(files)] == [("other.md", 1, 1)]


def test_a_document_too_large_to_read_may_have_any_anchor(world: World) -> None:
    files = {"mdcache.toml": "size_limit = 100", "a.md": "[x](b.md#gone)", "b.md": "x" * 101}
    assert [problem[3] for problem in world.problems(files)] == ["too-large"]


def test_an_anchor_is_found_however_its_accents_are_composed(world: World) -> None:
    files = {"a.md": "[x](b.md#caf\u00e9) [y](b.md#cafe\u0301)\n", "b.md": "# Cafe\u0301\n"}
    assert world.problems(files) == []


# Problems


def test_a_link_to_nothing_is_a_problem_with_its_place(world: World) -> None:
    files = {"a.md": "---\nup: '[[p]]'\n---\n\n [x](b.md) ![[c]] ![x](d.md)\n\nkey:: [[e]]\n"}
    assert world.problems(files) == [
        ("a.md", 2, 1, "broken-link", "warning", "no document for 'p'"),
        ("a.md", 5, 2, "broken-link", "error", "no document for 'b.md'"),
        ("a.md", 5, 12, "missing-embed", "error", "no document for 'c'"),
        ("a.md", 5, 19, "missing-embed", "error", "no document for 'd.md'"),
        ("a.md", 7, 7, "broken-link", "warning", "no document for 'e'"),
    ]


def test_a_wikilink_that_could_be_several_is_a_warning(world: World) -> None:
    files = {
        "a.md": "\n[[n]] [[m]]",
        "x/n.md": "",
        "y/n.md": "",
        "z/n.md": "",
        "x/y/n.md": "",
        "x/m.md": "",
        "m.md": "",
    }
    message = "'n' could be 3 documents that are equally near"
    assert world.problems(files) == [("a.md", 2, 1, "ambiguous-link", "warning", message)]
    assert world.links(files) == {"n": "x/n.md", "m": "m.md"}


def test_a_tag_needs_no_document(world: World) -> None:
    files = {"a.md": "[tag: idea] <!-- tags: [TAGGED_AS: plan] -->", "b.md": "[tag: a]"}
    assert world.problems(files) == []
    assert world.links(files) == {"idea": None, "plan": None, "a": "a.md"}


def test_a_placeholder_is_a_link_only_to_what_is_there(world: World) -> None:
    files = {"a.md": "[[toc]] [x]({{y}}.md) [x](toc.md#{{z}}) [x](gone.md)", "b/TOC.md": ""}
    assert world.links(files) == {"toc": "b/TOC.md", "{{y}}.md": None, "toc.md#{{z}}": None, "gone.md": None}
    assert [problem[5] for problem in world.problems(files)] == ["no document for 'gone.md'"]
    files["mdcache.toml"] = 'placeholders = ["gone*"]'
    assert [problem[5] for problem in world.problems(files)] == [
        "no document for '{{y}}.md'",
        "no document for 'toc.md#{{z}}'",
    ]


def test_without_wikilinks_brackets_are_text(world: World) -> None:
    files = {"mdcache.toml": "wikilinks = false", "a.md": "[[nodiscard]] [[1]](a.md) ![[gone]]"}
    assert world.links(files) == {"a.md": "a.md"}
    assert world.problems(files) == []


@pytest.mark.parametrize("target", ["a\nb", "a\tb\x1b[31m", "a\u202eb\x85c", "x" * 10_000])
def test_messages_are_one_line_without_control_characters(world: World, target: str) -> None:
    files = {"a.md": f"---\nid: b\n---\n[[{target}]] [x](<{target.partition(chr(10))[0]}.md>)\n", "b.md": ""}
    for *_, message in world.problems(files):
        assert message.isprintable()
        assert len(message) < 250


@given(st.text(max_size=300))
def test_what_is_quoted_is_short_and_printable(text: str) -> None:
    assert quoted(text).isprintable()
    assert len(quoted(text)) <= 10 * 120 + 2
