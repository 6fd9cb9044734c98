"""The kinds of sites and vaults that are known, in the order in which they are asked."""

from __future__ import annotations

from mdcache.dialects import (
    dendron,
    docusaurus,
    foam,
    gitlab,
    hugo,
    jekyll,
    logseq,
    marksman,
    mdbook,
    mkdocs,
    obsidian,
    quartz,
    silverbullet,
    sphinx,
    starlight,
    vitepress,
    wikis,
    zettlr,
    zk,
)
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
    # Vaults and wikis. What several programs open is best known by the one that has most to say of links.
    quartz.KIND,
    wikis.GITHUB_KIND,
    wikis.GITLAB_KIND,
    dendron.KIND,
    silverbullet.KIND,
    logseq.KIND,
    foam.KIND,
    zk.KIND,
    obsidian.KIND,
    zettlr.KIND,
    marksman.KIND,
    gitlab.KIND,
)
DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (GITHUB, *(kind.dialect for kind in KINDS))}
"""All dialects, by name."""
