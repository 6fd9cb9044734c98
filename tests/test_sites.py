"""Which site a document belongs to."""

from __future__ import annotations

import pickle
import time

from mdcache.dialects import GITHUB, Site, Sites
from mdcache.model import PathRule, Rules
from mdcache.parse.sites import site_of

A, B, IN_B, TOP = (Site(GITHUB._replace(name=docs or "top"), docs) for docs in ("a", "b", "b/c", ""))


def test_the_deepest_folder_that_holds_a_document_counts() -> None:
    rules = Rules(sites=Sites((A, B, IN_B)))
    assert [site_of(path, rules).docs for path in ("a/x.md", "b/x.md", "b/c/x.md", "b/cc/x.md")] == [
        "a",
        "b",
        "b/c",
        "b",
    ]
    assert site_of("ab/x.md", rules) == rules.unsited[0]
    assert site_of("ab/x.md", Rules(sites=Sites((A, TOP)))) == TOP


def test_a_rule_for_paths_takes_the_site_of_its_dialect_else_none() -> None:
    elsewhere = Site(GITHUB._replace(name="b"), "")
    rules = Rules(sites=Sites((A, B, IN_B)), unsited=(TOP, elsewhere), paths=(PathRule("x.md", None, None, None, "b"),))
    assert [site_of(path, rules) for path in ("b/c/x.md", "b/c/y.md", "a/x.md")] == [B, IN_B, elsewhere]


def test_a_dialect_for_all_leaves_out_sites_of_others() -> None:
    rules = Rules(sites=Sites((A, B)), unsited=(Site(GITHUB._replace(name="a"), ""),), dialect="a")
    assert [site_of(path, rules).docs for path in ("a/x.md", "b/x.md")] == ["a", ""]


def test_sites_travel_to_workers() -> None:
    sites = Sites((A, B))
    sites.holding("a/x.md")
    sent = pickle.loads(pickle.dumps(sites))
    assert (sent, type(sent), sent.holding("b/x.md")) == (sites, Sites, B)


def test_a_tree_may_have_as_many_sites_as_folders() -> None:
    rules = Rules(sites=Sites(Site(GITHUB, f"f{number}") for number in range(20_000)))
    began = time.process_time()
    assert all(site_of(f"f{number}/{number}.md", rules).docs == f"f{number}" for number in range(20_000))
    deep = "a/" * 2_000
    assert {site_of(f"{deep}x.md", rules).docs for _ in range(20_000)} == {""}
    assert time.process_time() - began < 1
