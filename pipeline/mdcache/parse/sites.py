"""Which site a document belongs to, and so in which dialect it is read."""

from __future__ import annotations

from mdcache.dialects import Site
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
        return rules.sites.holding(path) or rules.unsited[0]
    return rules.sites.holding(path, named) or next(site for site in rules.unsited if site.dialect.name == named)
