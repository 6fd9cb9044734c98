"""Check for the tests: asked as the command line asks it, in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mdcache.checking import check
from mdcache.checking.check import Finding
from mdcache.config import settings


def findings(folder: Path, *paths: str, **asked: Any) -> list[Finding]:
    """What check finds; asked: staged, rev, against."""
    return check.check(request(folder, *paths, **asked))


def request(folder: Path, *paths: str, **asked: Any) -> check.Request:
    return check.request(
        check.Asked(str(folder), paths=paths, **asked),
        lambda source: settings.load(settings.Asked(str(folder)), {}, source),
    )


def places(folder: Path, *paths: str, **asked: Any) -> list[str]:
    """Where it finds what: `a.md:1 broken-link`."""
    found = (finding.problem for finding in findings(folder, *paths, **asked))
    return [f"{problem.path}:{problem.line} {problem.code}" for problem in found]


def messages(folder: Path, *paths: str, **asked: Any) -> list[str]:
    return [finding.problem.message for finding in findings(folder, *paths, **asked)]
