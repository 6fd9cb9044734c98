"""The kinds of sites and vaults that are known, in the order in which they are asked."""

from __future__ import annotations

from mdcache.dialects import docusaurus, foam, hugo, jekyll, mdbook, mkdocs, obsidian, sphinx, starlight, vitepress, zk
from mdcache.dialects.dialect import Dialect
from mdcache.dialects.github import GITHUB
from mdcache.dialects.site import Kind

KINDS: tuple[Kind, ...] = (
    hugo.KIND,
    vitepress.KIND,
    mdbook.KIND,
    mkdocs.KIND,
    jekyll.KIND,
    sphinx.KIND,
    docusaurus.KIND,
    starlight.KIND,
    foam.KIND,
    zk.KIND,
    obsidian.KIND,
)
DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (GITHUB, *(kind.dialect for kind in KINDS))}
"""All dialects, by name."""
