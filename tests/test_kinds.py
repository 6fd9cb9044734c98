"""Every kind of link is written somewhere, read, and told of."""

from __future__ import annotations

import re
from pathlib import Path

from mdcache import codes
from mdcache.model import Content, Rules
from mdcache.parse.kinds import KINDS, WIKI_KINDS
from mdcache.parse.parse import parse

ROOT = Path(__file__).parent.parent
EVERY_KIND = b"""---
up: "[[A]]"
---
[a](a.md) ![i](i.png) [[A]] ![[A]] https://example.org <a href="a.md">

key:: [[A]]
"""


def test_the_table_holds_the_kinds_that_a_document_can_have_and_no_other() -> None:
    found = parse("x.md", Content(EVERY_KIND, "", len(EVERY_KIND)), Rules())
    assert sorted(link.kind for link in found.links) == sorted(KINDS)


def test_a_link_without_a_key_has_the_edge_of_its_kind() -> None:
    found = parse("x.md", Content(EVERY_KIND, "", len(EVERY_KIND)), Rules())
    keyed = {"property": "UP", "relation": "KEY"}
    assert all(link.type == keyed.get(link.kind, KINDS[link.kind].edge) for link in found.links)


def test_wikilinks_of_every_form_are_looked_up_by_name() -> None:
    assert {"embed", "property", "relation", "wikilink"} == WIKI_KINDS


def test_what_is_reported_of_a_kind_is_a_known_code() -> None:
    assert {kind.code for kind in KINDS.values()} <= codes.CODES.keys()


def test_the_schema_and_the_page_on_documents_tell_of_every_kind() -> None:
    comment = re.search(r"kind +TEXT NOT NULL,(.+?)\n    type", (ROOT / "schema/30-links.sql").read_text(), re.DOTALL)
    page = (ROOT / "docs/documents.md").read_text()
    assert comment
    assert all(kind in comment[1] and f"`{kind}`" in page for kind in KINDS)
