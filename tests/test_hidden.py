"""Comments and math: nothing counts in them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdcache.dialects import GITHUB, Site
from mdcache.model import Rules
from mdcache.parse.body import Body, Text, read


def body(text: str) -> Body:
    return read("a.md", Text(text.encode(), text, 0, 1), Rules())


def told(text: str) -> list[str]:
    """What a text links to and its tags."""
    found = body(text)
    return [*(link.target for link in found.links), *(f"#{tag}" for tag in found.tags)]


def blocks(text: str) -> list[str]:
    """The headings, tasks, languages of code blocks, and places of a text."""
    found = body(text)
    return [
        *(section.heading for section in found.sections if section.heading is not None),
        *(task.text for task in found.tasks),
        *(str(block.language) for block in found.code_blocks),
        *(anchor.anchor for anchor in found.anchors),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "$[a](b)$",
        "$x_1 [a](b) [[c]]$",
        "so $$[a](b)$$ and",
        "$$\n[a](b)\n$$",
        "> $$\n> [a](b)\n> $$",
        "$$\n[a](b)\n\n[c](d)\n$$",
        "$$\r\n[a](b)\r\n\r\n[c](d)\r\n$$\r\n",
        "是$[a](b)$的",
        "$\\text{see} #tag https://example.org x$",
    ],
)
def test_nothing_in_math_counts(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "$5 and [a](b) $6",
        "for $5, see [a](b), or A$6",
        "a$[a](b)$ and $",
        "\\$[a](b)\\$",
        "`$x` [a](b) `$y`",
        "[$x$](b)",
        "[a $x](b) y",
        "$HOME, [a](b) and $PATH",
        "$x$ [a](b) $y$",
        "$x\n\n[a](b)\n\ny$",
        "$$ is a process, [a](b)\n\nof $$",
        "```\n$$\n```\n[a](b)\n```\n$$\n```",
    ],
)
def test_money_and_variables_are_no_math(text: str) -> None:
    assert told(text) == ["b"]


@pytest.mark.parametrize(
    "text",
    [
        "%% [a](b) %%",
        "so %%[[a]] #tag%% and",
        "%%\n[a](b)\n%%",
        "%%\n[a](b)\n\n[[c]] #tag\n%%",
        "> %%\n> [a](b)\n>\n> https://example.org\n> %%",
    ],
)
def test_nothing_in_a_comment_counts(text: str) -> None:
    assert told(text) == []


WITHIN = (
    "- [ ] hidden\n# H\n\n## I {#i}\n\n```sh\ncode\n```\n\n    code\n\n"
    "[a](b) ^block [[c]] #tag\n\n<a id='x'></a> <!-- tags: t -->"
)


@pytest.mark.parametrize(
    "text",
    [
        "%%\n- [ ] hidden\n# H\n%%",
        f"%%\n{WITHIN}\n%%",
        f"%%\n\n{WITHIN}\n\n%%\n",
        f"%% why\n\n{WITHIN}\n\nuntil here %%\n",
        f"text\n%%{WITHIN}\n\nend%% text",
        f"\t%% \n{WITHIN}\n %%\t\n".lstrip("\t"),
        f"> %%\n> {WITHIN.replace(chr(10), chr(10) + '> ')}\n> %%",
        f"- %%\n  {WITHIN.replace(chr(10), chr(10) + '  ')}\n  %%",
        f"1. a\n   %%\n   {WITHIN.replace(chr(10), chr(10) + '   ')}\n   %%",
        f"%%\n{WITHIN}\n%%\n".replace("\n", "\r\n"),
        f"$$\n{WITHIN}\n$$",
        f"$$\nx\n\n{WITHIN}\n$$",
        "$$\nx\n=\ny\n$$",
        "$$x\n=\ny$$",
        "%%\nTitle\n===\n%%",
        "%%hidden%%\n===",
        "%%\n<div>a</div>\n- [ ] b\n%%",
        f"%%\n<!-- %% -->\n{WITHIN}\n%%",
        "%% kanban:settings\n```\n{}\n```\n%%",
        f"<!--\n{WITHIN.partition('<a')[0]}\n-->",
        f"<div>\n<!--\n\n{WITHIN.partition('<a')[0]}\n\n-->\n</div>",
        f"- a\n  <!--\n{WITHIN.partition('<a')[0]}\n-->",
    ],
)
def test_no_heading_task_code_or_place_in_a_comment_or_math_counts(text: str) -> None:
    assert (blocks(text), told(text), body(text).title) == ([], [], None)
    shown = f"{text}\n\n# Shown\n\n- [ ] task\n"
    assert (blocks(shown), body(shown).title) == (["Shown", "task"], "Shown")


@pytest.mark.parametrize(
    "text",
    [
        "%%EOF\n\n{}\n\n%%EOF",
        "%% cell one\n\n{}\n\n%% cell two",
        "50%%\n\n{}\n\n60%%",
        "50%% a\n{}\nb %%",
        "a %%\n{}\nb %% c",
        "- a %%\n\n{}\n\n- b %% c",
        "%%\n\n{}",
        "{}\n\n%%",
        "%% a %%\n\n{}\n\n%% b %%",
        "%%\na\n%%\n{}\n\n%%\nb\n%%",
        "%%\n<div>a</div>\n%%\n\n{}\n\n%%\nb\n%%",
        "`%%`\n\n{}\n\n`%%`",
        "```m\n%%\n```\n\n{}\n\n```m\n%%\n```",
        "<!-- %%\n%% -->\n\n{}\n\n%% a",
        "<!--\n%%\n-->\n\n{}\n\n<!--\n%%\n-->",
        "\\%%\n\n{}\n\n\\%%",
        "$$\n\n{}\n\nof $$",
        "We say $X$ is $$\na\n- b\n$$\nwhere\n\n{}\n\n$$\nx\n$$",
        "$$x = y\nz$$\n\n{}\n\n$$\nx\n$$",
        "$$x$$\n\n{}\n\n$$y$$",
        "- $$\n  x\n  $$\n\n{}\n\n$$\ny\n$$",
        "$5\n{}\n$6",
        "<!-- a -->\n{}\n<!-- b -->",
        "<!---->\n\n{}\n\n-->",
        "text <b title='<!--'>\n\n{}",
    ],
)
def test_what_only_looks_like_a_comment_hides_nothing(text: str) -> None:
    found = body(text.format("# T\n\n- [ ] t\n\n[a](b) #c"))
    assert (found.title, [task.text for task in found.tasks], [link.target for link in found.links], found.tags) == (
        "T",
        ["t"],
        ["b"],
        ["c"],
    )


def test_a_task_ends_where_a_comment_begins_below_it() -> None:
    text = "- [ ] buy milk\n%%\nat the corner\n%%\n- [x] read\n%% soon %%\n- [ ] write %%maybe%% more"
    assert [task.text for task in body(text).tasks] == ["buy milk", "read", "write %%maybe%% more"]


def test_the_words_of_a_comment_are_text_of_the_section_before_it() -> None:
    found = body("# A\n\n%%\n# B\n\nhidden words\n%%\n\n# C\n")
    assert [section.heading for section in found.sections] == [None, "A", "C"]
    assert "hidden words" in found.bodies[1]


def test_percent_signs_are_text_where_the_dialect_says_so() -> None:
    text = "%%\n# H\n\n[a](b)\n%%\n"
    rules = Rules(unsited=(Site(GITHUB._replace(percent_comments=False), ""),))
    found = read("a.md", Text(text.encode(), text, 0, 1), rules)
    assert (found.title, [link.target for link in found.links]) == ("H", ["b"])


@pytest.mark.parametrize(
    "text",
    [
        "100%% of [a](b)",
        "100%% of [a](b)\n\nand 50%%",
        "%% x %% [a](b) %% y %%",
        "`%%` [a](b) `%%`",
        "~~~\n%%\n~~~\n[a](b)\n\n~~~\n%%\n~~~",
        "[a](b) %% c",
        "50%% of [a](b) or 60%%",
        "- x %% [a](b)\n- y %% z",
    ],
)
def test_signs_without_their_like_are_text(text: str) -> None:
    assert told(text) == ["b"]


def test_links_that_only_share_a_sign_with_math_stay() -> None:
    assert told("[[a$b]] [[c$d]] [x](e$f) [y](g$h)") == ["a$b", "c$d", "e$f", "g$h"]


PIECES = (
    "$",
    "$$",
    "%%",
    "[a](b)",
    "[[c]]",
    " ",
    "\n",
    "x",
    "`",
    "\\",
    "é",
    "#t ",
    "\n# h\n",
    "\n- [ ] x\n",
    "\n~~~\n",
)


@given(st.lists(st.sampled_from((*PIECES, "<!--", "-->", "<b>", "\n<div>\n"))))
def test_hiding_only_takes_away(pieces: list[str]) -> None:
    text = "".join(pieces)
    shown, whole = body(text), body(text.replace("$", "S").replace("%%", "pp"))
    assert len(shown.links) <= len(whole.links)
    assert {section.line for section in shown.sections} <= {section.line for section in whole.sections}
    assert {task.line for task in shown.tasks} <= {task.line for task in whole.tasks}
    assert {block.line for block in shown.code_blocks} <= {block.line for block in whole.code_blocks}


@pytest.mark.parametrize(
    "piece",
    [
        "<div>\n%%\n",
        "<b\n<!--\n\n",
        "<b>\n<!--\n\n",
        "%%\n# a\n",
        "$[a](b)",
        "%% [a](b) ",
        "%%\n\n[a](b)\n",
        "$$\n\n#a ",
        "$5 [a](b) %%",
        "%%%",
        "$$$",
        "$\n ",
        "{#a",
        "{ ",
    ],
)
def test_a_long_row_of_signs_takes_linear_time(piece: str) -> None:
    start = time.process_time()
    body(piece * (200_000 // len(piece)))
    assert time.process_time() - start < 5
