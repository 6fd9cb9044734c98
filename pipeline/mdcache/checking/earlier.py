"""The settings of the tree that another is judged against: what they call immutable holds, and what differs is told.

A change may bring its own settings, and with them take away what would judge it. So documents stay as they were that
either side calls immutable, and who reviews the change is told which settings are not the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress

from mdcache.build.problems import quoted
from mdcache.config.policy import Verdict, order
from mdcache.config.settings import Settings
from mdcache.files.content import NO_CLOCK
from mdcache.files.scan import scan
from mdcache.files.sources import DISK
from mdcache.model import ERROR, Entry, Problem
from mdcache.names import name_of, text_of
from mdcache.paths import up
from mdcache.patterns import Patterns

_IMMUTABLE = "immutable"


def immutable(patterns: tuple[str, ...], before: dict[str, str], after: dict[str, str]) -> list[Problem]:
    """Return the documents that must stay as they were committed, and have not. before, after: hashes by path."""
    fixed = Patterns(patterns)
    places = {hash_: path for path, hash_ in after.items() if path not in before}
    found = []
    for path, hash_ in before.items():
        if not fixed.matches(path) or after.get(path) == hash_:
            continue
        new = places.get(hash_)
        done = "changed" if path in after else f"renamed to {quoted(new)}" if new else "removed"
        found.append(Problem(path, 1, 1, "immutable", ERROR, f"it is committed and must stay as it is, but was {done}"))
    return found


def still_immutable(earlier: Settings, settings: Settings) -> list[Problem]:
    """Return what must stay as it was by settings that do not count any more, and has not, as those judge it.

    Args:
        earlier: the settings of the tree before, with it as their source.
        settings: those of the tree that is judged, with it as theirs.

    Returns:
        Nothing where both look at the same documents and judge them alike. Paths are relative to the base of settings.
    """
    if (earlier.policy, *_looked_at(earlier)) == (settings.policy, *_looked_at(settings)):
        return []
    after = earlier._replace(source=settings.source)
    if after.source is DISK:  # a root that was removed cannot be listed
        after = after.with_roots(after.base, tuple(filter(os.path.isdir, after.roots)))
    patterns = earlier.policy.immutable
    found = earlier.policy.judged(immutable(patterns, _fixed(earlier, patterns), _fixed(after, patterns)))
    return [one._replace(path=_moved(one.path, earlier.base, settings.base)) for one in found]


def graver(judged: list[Problem], more: list[Problem]) -> list[Problem]:
    """Return judged problems with more that are immutable, sorted; of two that speak of one document the graver."""
    fixed = [one for one in (*judged, *more) if one.code == _IMMUTABLE]
    by_path = {one.path: one for one in sorted(fixed, key=lambda one: one.severity == ERROR)}
    others = (one for one in judged if one.code != _IMMUTABLE)
    return sorted((*others, *by_path.values()), key=order) if more else judged


def _looked_at(settings: Settings) -> tuple[object, ...]:
    return settings.tree()._replace(source=DISK)


def _fixed(settings: Settings, patterns: tuple[str, ...]) -> dict[str, str]:
    """Return the hashes of the documents that patterns match, by path."""
    fixed = Patterns(patterns)
    if not fixed:
        return {}
    entries = [one for one in scan(settings.tree()) if isinstance(one, Entry) and fixed.matches(one.path)]
    read = settings.reader().contents(entries, settings.size_limit, NO_CLOCK)
    pairs = zip(entries, read, strict=True)
    return {entry.path: got[0].hash for entry, got in pairs if got and not isinstance(got, Problem)}


def _moved(path: str, base: str, new_base: str) -> str:
    if base == new_base:
        return path
    return text_of(os.path.relpath(os.path.join(base, name_of(path)), new_base))


# What decides whether something is found, by its name in a settings file; sites: what their own files say.
_DECIDING: dict[str, Callable[[Settings], object]] = {
    "docs": lambda settings: (settings.base, settings.roots),
    "include": lambda settings: settings.include,
    "exclude": lambda settings: settings.exclude,
    "extensions": lambda settings: settings.extensions,
    "size_limit": lambda settings: settings.size_limit,
    "paths": lambda settings: settings.paths,
    "wikilinks": lambda settings: settings.wikilinks,
    "placeholders": lambda settings: settings.placeholders,
    "dialect": lambda settings: settings.dialect,
    "links": lambda settings: settings.links,
    "sites": lambda settings: [site.facts() for site in settings.sites()],
    "schema": lambda settings: settings.schema,
    "immutable": lambda settings: settings.policy.immutable,
    "check.codes": lambda settings: _verdicts(settings, lambda one: one.pattern is None),
    "check.paths": lambda settings: _verdicts(settings, lambda one: one.pattern is not None),
    "check.rules": lambda settings: settings.policy.rules,
}


def _verdicts(settings: Settings, wanted: Callable[[Verdict], bool]) -> list[Verdict]:
    return list(filter(wanted, settings.policy.verdicts))


def differing(earlier: Settings, settings: Settings) -> list[str]:
    """Return the names of the settings that decide what is found, and are not the same."""
    return [name for name, of in _DECIDING.items() if of(earlier) != of(settings)]


def is_ignored_otherwise(earlier: Settings, settings: Settings, gone: Iterable[str]) -> bool:
    """Return whether .gitignore files say something else now where documents are gone. gone: their paths."""
    folders = {os.path.dirname(os.path.join(settings.base, name_of(path))) for path in gone}
    above = {folder for one in folders for folder in up(one)}
    names = [os.path.join(folder, ".gitignore") for folder in sorted(above)]
    with suppress(OSError):  # the scan has read those that count
        return any(earlier.source.ignore_file(name) != settings.source.ignore_file(name) for name in names)
    return False


def told(name: str, differing: Collection[str]) -> str:
    """Return the line that says which settings have changed since a revision."""
    both = "; what either side calls immutable must stay as it is" if _IMMUTABLE in differing else ""
    return f"these settings are not those of {name}: {', '.join(differing)}{both}"
