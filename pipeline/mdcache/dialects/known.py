"""The kinds of sites and vaults that are known. Each is imported only where one of its markers lies."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from mdcache.dialects.dialect import Dialect
from mdcache.dialects.github import GITHUB
from mdcache.dialects.site import Kind

MARKERS = frozenset(
    (
        ".foam",
        ".gitlab",
        ".gitlab-ci.yml",
        ".marksman.toml",
        ".obsidian",
        ".vitepress",
        ".vscode",
        ".zk",
        ".ztr-directory",
        "CONFIG.md",
        "Home.md",
        "SETTINGS.md",
        "_config.toml",
        "_config.yaml",
        "_config.yml",
        "_toc.yml",
        "astro.config.cjs",
        "astro.config.js",
        "astro.config.mjs",
        "astro.config.mts",
        "astro.config.ts",
        "book.toml",
        "conf.py",
        "config",
        "config.json",
        "config.toml",
        "config.yaml",
        "config.yml",
        "dendron.yml",
        "docusaurus.config.cjs",
        "docusaurus.config.cts",
        "docusaurus.config.js",
        "docusaurus.config.mjs",
        "docusaurus.config.mts",
        "docusaurus.config.ts",
        "home.md",
        "hugo.json",
        "hugo.toml",
        "hugo.yaml",
        "hugo.yml",
        "logseq",
        "mkdocs.yaml",
        "mkdocs.yml",
        "myst.yml",
        "quartz.config.ts",
        "quartz.config.yaml",
        "zensical.toml",
    )
)
"""The names, in a folder, by which it may be seen that a site is there: how all markers begin."""


@cache
def kinds() -> tuple[Kind, ...]:
    """Return all kinds, in the order in which they are asked."""
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

    return (
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


@cache
def dialects() -> Mapping[str, Dialect]:
    """Return all dialects, by name."""
    return MappingProxyType({dialect.name: dialect for dialect in (GITHUB, *(kind.dialect for kind in kinds()))})
