"""Patterns in gitignore's syntax. The one module that touches pathspec, which costs 30 ms to import: lazily."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

_GROUP_NAME = re.compile(r"\?P<\w+>")


class Patterns:
    """The lines of one .gitignore file, or of a setting; paths are relative to its folder.

    A line that git would not understand matches nothing, as in git.
    """

    def __init__(self, lines: tuple[str, ...]) -> None:
        self._patterns = _compiled(lines)
        self._any = _union(self._patterns)

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def verdict(self, path: str, is_folder: bool = False) -> bool | None:
        """True: the last pattern that matches this path takes it; False: that one is a '!'; None: none matches.

        Only the path itself is judged: whoever walks down has judged its folders before.
        """
        entry = path + "/" if is_folder else path
        if self._any is None or not self._any.match(entry):
            return None
        for pattern in reversed(self._patterns):
            if _matches_itself(pattern, entry):
                return pattern.include
        return None

    def matches(self, path: str) -> bool:
        """Whether the path, or a folder it lies in, is taken."""
        taken: bool | None = None
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            verdict = self.verdict("/".join(parts[:depth]), depth < len(parts))
            taken = taken if verdict is None else verdict
        return bool(taken)

    def without_those_matching(self, path: str) -> Patterns:
        """The patterns that do not speak of this very folder: a root that is named is scanned even if ignored."""
        left = Patterns(())
        left._patterns = tuple(p for p in self._patterns if not _matches_itself(p, path + "/"))
        left._any = _union(left._patterns)
        return left


def _matches_itself(pattern: GitIgnoreSpecPattern, entry: str) -> bool:
    """Whether the pattern takes this entry, rather than a folder above it."""
    regex = pattern.regex
    if regex is None:
        return False
    match = regex.match(entry)
    if not match:
        return False
    if "ps_d" not in regex.groupindex:
        # '*' (any name) and 'foo/**' (all that is below foo, not foo itself) have no mark for where the entry ends.
        return regex.pattern == "." or match.end() < len(entry) or not regex.pattern.endswith("/")
    return match.end() == len(entry)


@lru_cache(maxsize=256)
def _compiled(lines: tuple[str, ...]) -> tuple[GitIgnoreSpecPattern, ...]:
    if not lines:
        return ()
    from pathspec.patterns.gitignore.base import GitIgnorePatternError
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    patterns = []
    for line in lines:
        try:
            pattern = GitIgnoreSpecPattern(line)
        except GitIgnorePatternError:
            continue
        if pattern.include is not None:
            patterns.append(pattern)
    return tuple(patterns)


def _union(patterns: Iterable[GitIgnoreSpecPattern]) -> re.Pattern[str] | None:
    """One pattern that matches whatever any of them might: most paths match none, and one test says so."""
    alternatives = [_GROUP_NAME.sub("?:", p.regex.pattern) for p in patterns if p.regex is not None]
    return re.compile("|".join(alternatives), re.DOTALL) if alternatives else None
