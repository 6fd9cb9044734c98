"""Which site a document belongs to, and so in which dialect it is read."""

from __future__ import annotations

from mdcache.dialects import Site
from mdcache.dialects.site import nearest
from mdcache.model import AUTO, Rules
from mdcache.patterns import matching


def site_of(path: str, rules: Rules) -> Site:
    """Return the site of the document at path: the nearest of those that were found, if it is of the right dialect.

    Which that is the settings say, for some paths or for all; else any is.
    """
    named = rules.dialect
    for rule in rules.paths:
        if rule.dialect and matching(rule.pattern).matches(path):
            named = rule.dialect
    if named == AUTO:
        return (nearest(rules.sites, path) if rules.sites else None) or rules.unsited[0]
    found = nearest(tuple(site for site in rules.sites if site.dialect.name == named), path)
    return found or next(site for site in rules.unsited if site.dialect.name == named)
