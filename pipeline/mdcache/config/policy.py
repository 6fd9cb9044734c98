"""Decide what counts as a problem, where, and how grave it is. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from itertools import groupby
from typing import NamedTuple

from mdcache.codes import CODES
from mdcache.model import Problem
from mdcache.patterns import matching

OFF = "off"


class Verdict(NamedTuple):
    """How grave a code is (error, warning, note, off), in documents that match a gitignore-style pattern; None: all."""

    code: str
    severity: str
    pattern: str | None = None


class Rule(NamedTuple):
    """A query of the user's whose rows are problems."""

    name: str
    sql: str


class Policy(NamedTuple):
    """What the settings say of problems. Of two verdicts the later counts."""

    verdicts: tuple[Verdict, ...] = ()
    rules: tuple[Rule, ...] = ()
    immutable: tuple[str, ...] = ()

    def judged(self, problems: Iterable[Problem]) -> list[Problem]:
        """Return the problems that count, with the severity that they have here, sorted.

        Of those that look the same to users (a name twice in one line of front matter) only that of the first link.
        """
        severity = cache(self._severity)
        found = (_with(one, severity(one.code, one.path)) for one in problems)
        ordered = sorted({problem for problem in found if problem.severity != OFF}, key=order)
        return [next(alike) for _, alike in groupby(ordered, lambda problem: problem.shown)]

    def judges_any(self, paths: Iterable[str]) -> bool:
        """Return whether there is a document in which anything at all would count."""
        codes = {*CODES, *(rule.name for rule in self.rules)}
        can_be_off = {verdict.code for verdict in self.verdicts if verdict.severity == OFF}
        if not codes <= can_be_off:
            return any(True for _ in paths)
        patterns = {verdict.pattern for verdict in self.verdicts if verdict.pattern is not None}
        # Documents that the same patterns match are judged alike.
        alike = {frozenset(one for one in patterns if matching(one).matches(path)): path for path in paths}
        return any(self._severity(code, path) != OFF for path in alike.values() for code in codes)

    def _severity(self, of_code: str, path: str) -> str | None:
        """Return what the last verdict says that speaks of a code in a document; None without one."""
        for code, severity, pattern in reversed(self.verdicts):
            if code == of_code and (pattern is None or matching(pattern).matches(path)):
                return severity
        return None


def _with(problem: Problem, severity: str | None) -> Problem:
    """Return a problem with another severity; None: with its own."""
    return problem if severity in (None, problem.severity) else problem._replace(severity=severity)


def order(problem: Problem) -> tuple[object, ...]:
    """Return the sort key of a problem: what is shown, then its link, problems without one first."""
    return (*problem.shown, -1 if problem.link is None else problem.link)


# <!-- mdcache-allow: broken-link --> in the text, # mdcache-allow: duplicate-id in front matter.
_ALLOW = re.compile(r"(?:<!--|\{/\*|#)[ \t]*mdcache-allow:[ \t]*([\w-]+(?:[ \t,]+[\w-]+)*?)[ \t]*(?:-->|\*/\}|$)")
# <!-- mdcache-allow-begin: broken-link --> and <!-- mdcache-allow-end -->, with all lines from one to the other.
_BEGIN = re.compile(r"(?:<!--|\{/\*|#)[ \t]*mdcache-allow-begin:[ \t]*([\w-]+(?:[ \t,]+[\w-]+)*?)[ \t]*(?:-->|\*/\}|$)")
_END = re.compile(r"(?:<!--|\{/\*|#)[ \t]*mdcache-allow-end[ \t]*(?:-->|\*/\}|$)")


# What no document may allow by itself: those who change one could write the comment into it.
_NEVER = frozenset(("immutable",))


class Allowances:
    """What comments in a document allow, which is given by its lines."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._regions = _regions(lines) if any("mdcache-allow-begin" in line for line in lines) else []

    def at(self, line: int) -> set[str]:
        """Return the codes that are allowed in a line (from 1): by itself, alone in the line before, or around it."""
        lines = self._lines
        around = {code for region in self._regions if region.first <= line <= region.last for code in region.codes}
        above = lines[line - 2].strip() if 2 <= line <= len(lines) + 1 else ""
        before = _codes(lines, line - 1) if _ALLOW.fullmatch(above) else set()
        return (_codes(lines, line) | before | around) - _NEVER


class _Region(NamedTuple):
    """The lines from first to last, in which codes are allowed."""

    first: int
    last: int
    codes: frozenset[str]


def _regions(lines: list[str]) -> list[_Region]:
    """Return the regions of a document, of which each ends where the next begins, or at the end."""
    found: list[_Region] = []
    begun: tuple[int, frozenset[str]] | None = None
    for number, line in enumerate(lines, 1):
        begins, ends = _BEGIN.search(line), _END.search(line)
        if begun and (begins or ends):
            found.append(_Region(begun[0], number, begun[1]))
            begun = None
        if begins:
            begun = number, frozenset(re.split(r"[ \t,]+", begins[1]))
    return [*found, _Region(begun[0], len(lines), begun[1])] if begun else found


def _codes(lines: list[str], line: int) -> set[str]:
    found = _ALLOW.search(lines[line - 1]) if 1 <= line <= len(lines) else None
    return set(re.split(r"[ \t,]+", found[1])) if found else set()
