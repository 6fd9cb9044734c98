"""What check found as text: for people, editors, GitHub, readers of SARIF, and programs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import mdcache
from mdcache.cli import show
from mdcache.codes import CODES, Code
from mdcache.errors import MdcacheError
from mdcache.files import git
from mdcache.model import ERROR, NOTE, WARNING, Problem
from mdcache.printed import escaped

if TYPE_CHECKING:
    from mdcache.checking.check import Finding


class Places(NamedTuple):
    """Where documents lie, and where their reader stands."""

    base: str
    folder: str

    def seen(self, path: str) -> str:
        """Return a path from the working folder, where editors and terminals find it."""
        return os.path.relpath(os.path.join(self.base, path), os.path.realpath(self.folder))

    def in_repository(self, path: str) -> str:
        """Return a path from the top of the repository, if there is one, where GitHub and viewers of SARIF find it."""
        return os.path.relpath(os.path.join(self.base, path), _top(self.base, self.folder))


@lru_cache(maxsize=1)
def _top(base: str, folder: str) -> str:
    try:
        return git.repository(base).top
    except MdcacheError:
        return os.path.realpath(folder)


def text(found: Sequence[Finding], places: Places) -> Iterator[str]:
    """Yield a line for each, as editors read them."""
    for path, group in groupby(found, lambda finding: finding.problem.path):
        seen = show.path(places.seen(path))
        for finding in group:
            _, line, column, code, _, message = finding.problem.shown
            yield f"{seen}:{line}:{column}: {show.line(f'{code} {message}')}"


def grouped(found: Sequence[Finding], places: Places) -> Iterator[str]:
    """Yield lines for people at a terminal: by document, with the lines of the files."""
    for path, group in groupby(found, lambda finding: finding.problem.path):
        yield show.style(show.path(places.seen(path)), bold=True)
        for finding in group:
            _, line, column, code, severity, message = finding.problem.shown
            shown = show.style(code, fg=_COLOURS[severity])
            yield f"  {line}:{column}  {shown}  {show.line(message)}"
            if finding.source is not None:
                yield f"  {show.style('|', dim=True)} {_excerpt(finding.source, column)}"
        yield ""


_COLOURS = {ERROR: "red", WARNING: "yellow", NOTE: "blue"}


def _excerpt(source: str, column: int) -> str:
    """Return the line, or the part of a long one around the column."""
    room = max(show.width() - 6, 20)
    start = 0 if len(source) <= room else max(column - 1 - room // 3, 0)
    return show.trimmed(show.line(source[start : start + room + 1].rstrip()), room)


def summary(found: Sequence[Finding]) -> str:
    """Return `2 errors, 1 warning in 2 documents; 3 notes`."""
    problems = [finding.problem for finding in found if finding.problem.severity != NOTE]
    errors = sum(1 for problem in problems if problem.severity == ERROR)
    counts = ((errors, "error"), (len(problems) - errors, "warning"))
    said = ", ".join(show.count(count, noun) for count, noun in counts if count) or "no problems"
    if problems:
        said = f"{said} in {show.count(len({problem.path for problem in problems}), 'document')}"
    notes = len(found) - len(problems)
    return f"{said}; {show.count(notes, 'note')}" if notes else said


# GitHub's words for severities.
_COMMANDS = {ERROR: "error", WARNING: "warning", NOTE: "notice"}


def github(found: Sequence[Finding], places: Places) -> Iterator[str]:
    """Yield workflow commands, which become annotations of a pull request."""
    for path, group in groupby(found, lambda finding: finding.problem.path):
        file = _property(places.in_repository(path))
        for finding in group:
            _, line, column, code, severity, message = finding.problem.shown
            place = f"file={file},line={line},col={column},title={_property(code)}"
            yield f"::{_COMMANDS[severity]} {place}::{_data(message)}"


# GitHub reads %25, %0A and %0D back, and in properties %3A and %2C. Others must not stand there as they are, and would
# else be lost: what a terminal obeys, bytes that are no UTF-8, and what other systems take for a command within a line.
_PROPERTY = re.compile("[%:,]")


def _data(text: str) -> str:
    return escaped(text.replace("%", "%25"), _bytes)


def _property(text: str) -> str:
    return escaped(_PROPERTY.sub(_percent, text), _bytes)


def _percent(found: re.Match[str]) -> str:
    return _bytes(found[0])


def _bytes(text: str) -> str:
    how = "surrogateescape" if "\udc80" <= text <= "\udcff" else "surrogatepass"
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", how))


def json(found: Sequence[Finding]) -> dict[str, Any]:
    """Return the object of docs/json.md."""
    return {"problems": [one.as_dict() for one in found]}


def sarif(found: Sequence[Finding], places: Places) -> dict[str, Any]:
    """Return a log of SARIF 2.1.0: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html."""
    driver = {
        "name": "mdcache",
        "version": mdcache.__version__,
        "rules": [_rule(code) for code in sorted({finding.problem.code for finding in found})],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": list(_results(found, places)),
    }
    return {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}


def _rule(code: str) -> dict[str, Any]:
    known = CODES.get(code) or Code(code, ERROR, f"A row that the rule '{code}' of the settings finds.", "")
    summary, page = {"text": known.summary}, known.page or known.summary
    return {
        "id": code,
        "shortDescription": summary,
        "fullDescription": summary,
        "help": {"text": page, "markdown": page},
        "defaultConfiguration": {"level": known.severity},
    }


def _results(found: Sequence[Finding], places: Places) -> Iterator[dict[str, Any]]:
    for path, group in groupby(found, lambda finding: finding.problem.path):
        uri = quote(os.fsencode(places.in_repository(path)))
        yield from (_result(finding.problem, uri) for finding in group)


def _result(problem: Problem, uri: str) -> dict[str, Any]:
    region = {"startLine": problem.line, "startColumn": problem.column}
    return {
        "ruleId": problem.code,
        "level": problem.severity,
        "message": {"text": show.line(problem.message)},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}],
    }
