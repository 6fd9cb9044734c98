"""Addresses that a host sends elsewhere."""

from __future__ import annotations

import re
import time

import pytest

from mdcache.dialects import redirects

RULES = {
    "netlify.toml": '[[redirects]]\nfrom = "/old/"\nto = "/new"\n[[redirects]]\nfrom = "/*/of-any"\nto = "/"',
    "static/_redirects": "# /comment /x\n/docs/*  /guide/:splat 301\n/a/:id/b /c\n/* /en/:splat\n/:lang/* /x\n/alone\n",
}


@pytest.mark.parametrize(
    ("target", "is_redirected"),
    [
        ("/old", True),
        ("/old/#a", True),
        ("/older", False),
        ("/fr/of-any", True),
        ("/docs/x/y", True),
        ("/documents", False),
        ("/a/1/b", True),
        ("/a/1/c", False),
        ("/comment", False),
        ("/alone", False),
        ("old", False),
    ],
)
def test_a_rule_redirects_what_it_names(target: str, is_redirected: bool) -> None:
    assert bool(re.search(redirects.pattern(RULES), target)) is is_redirected


@pytest.mark.parametrize("texts", [{}, {"netlify.toml": "["}, {"_redirects": "/* /x"}])
def test_without_a_telling_rule_nothing_is_redirected(texts: dict[str, str]) -> None:
    assert not re.search(redirects.pattern(texts), "/x")


def test_thousands_of_rules_cost_no_time() -> None:
    found = re.compile(redirects.pattern({"_redirects": "".join(f"/{'a*' * 50}{n} /x\n" for n in range(20_000))}))
    started = time.process_time()
    for _ in range(100):
        found.search("/b/c")
    assert time.process_time() - started < 0.5
