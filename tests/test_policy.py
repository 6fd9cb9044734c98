"""What counts as a problem, where, and what a comment allows."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdcache.codes import CODES
from mdcache.config.policy import Allowances, Policy, Rule, Verdict
from mdcache.model import Problem


def problem(path: str = "a.md", code: str = "broken-link", severity: str = "error", line: int = 1) -> Problem:
    return Problem(path, line, 1, code, severity, "message")


def severities(policy: Policy, *problems: Problem) -> list[str]:
    return [f"{one.path} {one.severity}" for one in policy.judged(problems)]


def test_without_verdicts_problems_stay_as_they_are_but_in_order_and_once() -> None:
    found = [problem("b.md"), problem("a.md", line=10), problem("a.md", line=9), problem("b.md")]
    assert Policy().judged(found) == [problem("a.md", line=9), problem("a.md", line=10), problem("b.md")]


def test_of_problems_that_look_the_same_only_that_of_the_first_link_counts() -> None:
    alike = [problem()._replace(link=2), problem()._replace(link=1), problem("b.md")._replace(link=0)]
    assert Policy().judged(alike) == [problem()._replace(link=1), problem("b.md")._replace(link=0)]


def test_documents_are_judged_while_a_code_counts_in_one_of_them() -> None:
    off = tuple(Verdict(code, "off", "*.md") for code in CODES)
    assert not Policy(off).judges_any(["a.md", "d/b.md"])
    assert not Policy().judges_any([])
    assert Policy(off).judges_any(["a.md", "b.txt"])
    assert Policy(off[1:]).judges_any(["a.md"])
    assert Policy((*off, Verdict("broken-link", "warning", "a.md"))).judges_any(["b.md", "a.md"])
    assert Policy(off, (Rule("own", ""),)).judges_any(["a.md"])
    assert not Policy((*off, Verdict("own", "off")), (Rule("own", ""),)).judges_any(["a.md"])


def test_the_last_verdict_that_matches_counts() -> None:
    policy = Policy(
        (
            Verdict("broken-link", "warning"),
            Verdict("broken-link", "off", "drafts/"),
            Verdict("broken-link", "error", "drafts/*/final.md"),
            Verdict("duplicate-id", "off", "*.md"),
        )
    )
    found = [problem(path) for path in ("a.md", "drafts/a.md", "drafts/b/final.md", "deep/drafts/a.md")]
    assert severities(policy, *found) == ["a.md warning", "drafts/b/final.md error"]
    assert severities(policy, problem(code="duplicate-id"), problem(code="not-utf8")) == ["a.md error"]


@pytest.mark.parametrize(
    ("text", "line", "codes"),
    [
        ("[x](y) <!-- mdcache-allow: broken-link -->", 1, {"broken-link"}),
        ("<!--mdcache-allow:a-->", 1, {"a"}),
        ("<!-- mdcache-allow: a, b-c d -->\ntext", 2, {"a", "b-c", "d"}),
        ("  <!-- mdcache-allow: a -->  \n\ttext", 2, {"a"}),
        ("text <!-- mdcache-allow: a -->\ntext", 2, set()),
        ("<!-- mdcache-allow: a -->\n\ntext", 3, set()),
        ("<!-- mdcache-allow: a -->\ntext <!-- mdcache-allow: b -->", 2, {"a", "b"}),
        ("id: x # mdcache-allow: duplicate-id", 1, {"duplicate-id"}),
        ("# mdcache-allow: duplicate-id\nid: x", 2, {"duplicate-id"}),
        ("<!-- mdcache-allow: -->", 1, set()),
        ("<!-- mdcache-allow: a because it is old -->", 1, {"a", "because", "it", "is", "old"}),
        ("<!-- mdcache-allow: immutable, a -->", 1, {"a"}),
        ("# mdcache-allow: immutable\nid: x", 2, set()),
        ("mdcache-allow: a", 1, set()),
        ("text", 1, set()),
        ("text", 7, set()),
        ("", 1, set()),
    ],
)
def test_a_comment_allows_codes_in_its_line_or_alone_in_the_next(text: str, line: int, codes: set[str]) -> None:
    assert Allowances(text.split("\n")).at(line) == codes


@given(st.lists(st.text("<!->#\t ,a-b:mdcache-allow", max_size=40)), st.integers(-2, 10))
def test_any_line_may_be_asked_for(lines: list[str], line: int) -> None:
    assert "" not in Allowances(lines).at(line)


@pytest.mark.parametrize("piece", ["a ", "a-", " ", "-", ", ", "# mdcache-allow: a ", "<!--"])
def test_no_line_takes_long(piece: str) -> None:
    began = time.process_time()
    Allowances([f"# mdcache-allow: a{piece * 30_000}!", "x"]).at(1)
    Allowances([f"# mdcache-allow: a{piece * 30_000}!", "x"]).at(2)
    assert time.process_time() - began < 1


REGION = """one
<!-- mdcache-allow-begin: broken-link, missing-embed -->
two

three
<!-- mdcache-allow-end -->
four
{/* mdcache-allow-begin: broken-anchor */}
five""".splitlines()


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        (1, set()),
        (3, {"broken-link", "missing-embed"}),
        (5, {"broken-link", "missing-embed"}),
        (7, set()),
        (9, {"broken-anchor"}),
    ],
)
def test_a_region_allows_codes_from_its_beginning_to_its_end(line: int, codes: set[str]) -> None:
    assert Allowances(REGION).at(line) == codes


def test_no_region_allows_what_no_comment_may() -> None:
    assert Allowances(["<!-- mdcache-allow-begin: immutable -->", "x"]).at(2) == set()
