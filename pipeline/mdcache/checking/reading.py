"""How documents are read: which dialect holds where, why, and what that means. For people, in words of the settings."""

from __future__ import annotations

from collections.abc import Iterator

from mdcache.config.settings import Settings
from mdcache.dialects import GITHUB, Site
from mdcache.dialects.facets import FACETS
from mdcache.parse.sites import site_of


def explained(settings: Settings, paths: frozenset[str] | None) -> Iterator[str]:
    """Yield lines that say in which dialect documents are read, and why.

    Args:
        settings: those in force.
        paths: relative to the base, of files and folders; None for all sites.
    """
    rules = settings.rules()
    if paths is None:
        for site in dict.fromkeys((*rules.sites, *rules.unsited)):
            yield from _site(site, site.docs or (settings.base if site.marker else "all other documents"))
    else:
        for path in sorted(paths):
            yield from _site(site_of(path, rules), path or settings.base)


def _site(site: Site, where: str) -> Iterator[str]:
    dialect = site.dialect
    why = (
        f"as {site.marker} shows" if site.marker else "as settings say" if dialect.name != GITHUB.name else "by default"
    )
    yield f'{where}: read as {dialect.title} reads it, {why} (dialect = "{dialect.name}")'
    for mount in site.mounts:
        yield f"  /{f'{mount.prefix}/' if mount.prefix else ''} begins in {mount.folder or 'the top folder'}"
    for facet in FACETS:
        if getattr(dialect, facet.name) != getattr(GITHUB, facet.name):
            yield f"  {facet.name} = {facet.shown(dialect)}  # {facet.says}"
