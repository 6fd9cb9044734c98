"""Addresses that the host of a site sends elsewhere: `_redirects` and netlify.toml, as Netlify and others read them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from mdcache.dialects import saying

FILES = ("netlify.toml", "_redirects", "static/_redirects", "public/_redirects")
_RULE = re.compile(r"^[ \t]*(/\S*)[ \t]+\S", re.MULTILINE)
_MOST = 2_000
"""Rules that are taken: a site with more has them made by a program."""
_ANY, _ONE = "*", ":"


def pattern(texts: Mapping[str, str]) -> str:
    """Return a regular expression for the targets that rules in these texts redirect; one that fits none without any.

    A rule for all addresses, such as `/*` or `/:language/*`, says nothing of any.
    """
    rules = dict.fromkeys(rule.rstrip("/") for rule in _froms(texts) if _is_telling(rule))
    forms = "|".join(sorted(map(_form, list(rules)[:_MOST])))
    return rf"^/(?:{forms})/?(?:[?#]|$)" if forms else "(?!)"


def _froms(texts: Mapping[str, str]) -> Iterator[str]:
    for name in FILES:
        text = texts.get(name, "")
        if name.endswith(".toml"):
            yield from _in_toml(text, name)
        else:
            yield from _RULE.findall(text)


def _in_toml(text: str, name: str) -> Iterable[str]:
    return (saying.text(rule, "from") for rule in saying.tables(saying.said(text, name), "redirects"))


def _is_telling(rule: str) -> bool:
    parts = rule.strip("/").split("/")
    return rule.startswith("/") and any(part and part[0] not in (_ANY, _ONE) for part in parts)


def _form(rule: str) -> str:
    return "/".join(map(_part, rule.lstrip("/").split("/")))


def _part(part: str) -> str:
    if part.startswith(_ONE):
        return "[^/?#]+"
    return re.escape(part).replace(r"\*", "[^?#]*", 1)
