"""Whether what mdcache check reports is wrong, and whether it reports what is: on repositories that are there.

python -m benchmarks.precision [CLONES] [--only NAME]... [--rumdl PROGRAM] [--ask FILE] [--json] [--save NAME]

CLONES is a folder with a clone of each repository that repositories.toml names, at the commit that it names. Each is
copied and checked without any settings; then faults are planted in the copy, and it is checked again. The verdicts on
findings stand in verdicts.json: somebody opened the files. --ask writes the findings that have none yet, each with the
line that it is about, in the form of verdicts.json. Without CLONES nothing is measured, and what was kept under NAME
is counted by the verdicts as they are now.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import measure, planting
from benchmarks.measure import MDCACHE, Budget, Result

REPOSITORIES = Path(__file__).parent / "repositories.toml"
VERDICTS = Path(__file__).parent / "verdicts.json"
FAULTS = 100
"""How many faults are planted in a repository: twenty of each kind, where there are links for them."""
SAMPLE = 40
"""How many findings of a repository are judged: all, where there are fewer."""


class Repository(NamedTuple):
    """A repository. docs: the folder of its documents, where faults are planted; '' is all of it."""

    name: str
    source: str
    commit: str
    dialect: str
    docs: str = ""


class Finding(NamedTuple):
    """What a tool says is wrong. Its key is what verdicts are kept under."""

    path: str
    line: int
    code: str
    target: str
    counts: bool = True
    """False for a note, which does not fail a check."""

    @property
    def key(self) -> str:
        return f"{self.path}:{self.line} {self.target}"


# Repositories


def repositories(only: Sequence[str] = ()) -> list[Repository]:
    """The repositories of the list; only those named, when some are."""
    with open(REPOSITORIES, "rb") as file:
        found = [Repository(name=name, **said) for name, said in tomllib.load(file).items()]
    return [one for one in found if one.name in only or not only]


def copied(repository: Repository, clones: str, into: str) -> list[str]:
    """Copy what git keeps of a clone, and return the paths. A file too large for the clone is there, but empty."""
    clone = os.path.join(clones, repository.name)
    if (there := _git(clone, "rev-parse", "HEAD").strip()) != repository.commit:
        sys.exit(f"{clone} is at {there}, and not at {repository.commit}")
    paths = []
    for entry in filter(None, _git(clone, "ls-tree", "-rz", "HEAD").split("\0")):
        about, _, path = entry.partition("\t")
        target = os.path.join(into, path)
        if about.startswith("160000"):
            os.makedirs(target, exist_ok=True)
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.lexists(os.path.join(clone, path)):
            shutil.copy2(os.path.join(clone, path), target, follow_symlinks=False)
        else:
            Path(target).touch()
        paths.append(path)
    _git(into, "init", "-q")
    return paths


def ignored(folder: str, paths: Iterable[str]) -> set[str]:
    """Those paths that a .gitignore names, though git keeps them: they are no documents."""
    command = ["git", "check-ignore", "--no-index", "-z", "--stdin"]
    done = subprocess.run(command, cwd=folder, input="\0".join(paths), capture_output=True, text=True, check=False)
    return set(filter(None, done.stdout.split("\0")))


def _git(folder: str, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


# Tools

_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")


def mdcache_findings(folder: str) -> list[Finding]:
    """What mdcache check reports, without settings."""
    return [
        Finding(one["path"], one["line"], one["code"], _quoted(one["message"]), one["severity"] in ("error", "warning"))
        for one in _run([MDCACHE, "check", "--json", "--quiet"], folder)["problems"]
    ]


def rumdl_findings(program: str, folder: str) -> list[Finding]:
    """What rumdl's two rules about links report, without settings."""
    command = [program, "check", "--no-config", "--enable", "MD051,MD057", "--no-cache", "--output-format", "json", "."]
    return [
        Finding(os.path.normpath(one["file"]), one["line"], one["rule"], _rumdl_target(one["message"]))
        for one in _run(command, folder)
    ]


def _run(command: Sequence[str], folder: str) -> Any:
    """The JSON that a command prints; it may end with 1, as checkers do that find something."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode > 1:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def _quoted(message: str) -> str:
    """The first text in quotes: the target that a message is about."""
    found = _QUOTED.search(message)
    return (found[1] or found[2] or "") if found else message


def _rumdl_target(message: str) -> str:
    fragment = re.fullmatch(r"Link fragment '(.*)' not found in '(.*)'", message)
    return f"{fragment[2]}#{fragment[1]}" if fragment else _quoted(message)


def judged(folder: str, dialect: str) -> tuple[int, int]:
    """How many links and fragments of a dialect's documents check judges, and how many there are."""
    stats = _run([MDCACHE, "check", "--stats", "--json", "--quiet"], folder)["dialects"]
    own = [one for one in stats if one["dialect"] == dialect]
    yes = sum(one["links_judged"] + one["fragments_judged"] for one in own)
    return yes, sum(one["links"] + one["fragments"] for one in own)


# Verdicts


def verdicts() -> dict[str, dict[str, Any]]:
    """What was found true or false, by repository and key."""
    found: dict[str, dict[str, Any]] = json.loads(VERDICTS.read_text(encoding="utf-8"))
    return found


def sample(findings: Iterable[Finding]) -> list[Finding]:
    """Those that are judged. As few others as possible come in when some go."""
    return sorted(findings, key=lambda one: hashlib.sha1(one.key.encode(), usedforsecurity=False).hexdigest())[:SAMPLE]


def tally(listed: Sequence[Sequence[Any]]) -> dict[str, int]:
    """How those of a list of findings turned out that were judged; each ends with its verdict."""
    known = [finding[-1] for finding in listed if finding[-1] is not None]
    return {"judged": len(known), "true": sum(known), "without_verdict": len(listed) - len(known)}


def judged_again(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as the verdicts are now."""
    known = verdicts().get(row["repository"], {})
    again = dict(row)
    for name in (key.removesuffix("_list") for key in row if key.endswith("_list")):
        findings = [Finding(*finding[:4]) for finding in row[f"{name}_list"]]
        again[f"{name}_list"] = _listed(findings, known)
        prefix = "" if name == OURS else f"{name}_"
        again |= {f"{prefix}{key}": value for key, value in tally(again[f"{name}_list"]).items()}
    return again


# One repository


def measured(repository: Repository, clones: str, rumdl: str | None, work: str) -> dict[str, Any]:
    """What the tools say of a repository as it is, and of one with faults in it."""
    folder = os.path.join(work, repository.name, "copy")
    paths = copied(repository, clones, folder)
    tools = _tools(rumdl)
    before = {name: find(folder) for name, find in tools.items()}
    links_judged, links = judged(folder, repository.dialect)
    planted = _faults(repository, folder, paths, [one for found in before.values() for one in found])
    planting.plant(folder, planted)
    after = {name: find(folder) for name, find in tools.items()}
    shutil.rmtree(os.path.join(work, repository.name))
    row: dict[str, Any] = {
        "repository": repository.name,
        "dialect": repository.dialect,
        "commit": repository.commit[:12],
    }
    for name in tools:
        counted = [one for one in before[name] if one.counts]
        prefix = "" if name == OURS else f"{name}_"
        row |= {f"{prefix}findings": len(counted), f"{prefix}found": sum(_is_in(one, after[name]) for one in planted)}
        row[f"{name}_list"] = _listed(sample(counted), {})
    row |= {"notes": sum(not one.counts for one in before[OURS]), "links": links, "links_judged": links_judged}
    row |= {"planted": len(planted), "kinds": _by_kind(planted, after)}
    row["missed"] = [_shown(fault) for fault in planted if not _is_in(fault, after[OURS])]
    row["unexpected"] = _unexpected(before[OURS], after[OURS], planted)
    return judged_again(row)


def _faults(repository: Repository, folder: str, paths: list[str], known: Iterable[Finding]) -> list[planting.Fault]:
    flawed = {(one.path, one.line) for one in known}
    left_out = ignored(folder, paths)
    pages = [path for path in paths if path not in left_out and planting.is_page(folder, path, repository.docs)]
    return planting.faults(folder, paths, pages, repository.dialect, flawed, FAULTS)


OURS = "mdcache"


def _tools(rumdl: str | None) -> dict[str, Callable[[str], list[Finding]]]:
    peers = {"rumdl": functools.partial(rumdl_findings, rumdl)} if rumdl else {}
    return {OURS: mdcache_findings, **peers}


def _is_in(fault: planting.Fault, findings: Iterable[Finding]) -> bool:
    return any(one[:2] == fault.link[:2] for one in findings)


def _by_kind(planted: Sequence[planting.Fault], after: Mapping[str, Sequence[Finding]]) -> list[list[Any]]:
    """For each kind of fault: its name, how many were planted, how many each tool found."""
    by_kind = {kind: [fault for fault in planted if fault.kind == kind] for kind in planting.KINDS}
    return [
        [kind, len(faults), *(sum(_is_in(fault, found) for fault in faults) for found in after.values())]
        for kind, faults in by_kind.items()
    ]


def _listed(findings: Iterable[Finding], known: Mapping[str, Any]) -> list[list[Any]]:
    """Findings with their verdicts; None without one."""
    return [[*one[:4], known.get(one.key, {}).get("true")] for one in sorted(findings)]


def _shown(fault: planting.Fault) -> list[Any]:
    return [fault.kind, fault.link.path, fault.link.line, fault.altered]


def _unexpected(before: Iterable[Finding], after: Iterable[Finding], planted: Iterable[planting.Fault]) -> list[str]:
    """What came by the faults, on other lines."""
    expected = {fault.link[:2] for fault in planted}
    known = {one[:2] for one in before}
    return [one.key for one in after if one[:2] not in known and one[:2] not in expected]


# All of them


def asked_for(rows: Iterable[Mapping[str, Any]], clones: str) -> dict[str, dict[str, Any]]:
    """The findings without a verdict, by repository and key, as verdicts.json has them, with what stands there."""
    return {
        row["repository"]: {
            f"{path}:{line} {target}": {"true": None, "why": "", "code": code, "line": _line(clones, row, path, line)}
            for key in row
            if key.endswith("_list")
            for path, line, code, target, verdict in row[key]
            if verdict is None
        }
        for row in rows
    }


def _line(clones: str, row: Mapping[str, Any], path: str, line: int) -> str:
    try:
        with open(os.path.join(clones, row["repository"], path), encoding="utf-8", errors="replace") as file:
            return file.read().split("\n")[line - 1].strip()[:300]
    except (OSError, IndexError):
        return ""


def budgets(rows: Sequence[Mapping[str, Any]]) -> list[Budget]:
    """What is promised, as shares that may not be exceeded: of false findings, links not judged, faults not found."""
    dialects = sorted({row["dialect"] for row in rows})
    found = [_missing("false findings", rows, "true", "judged", 5)]
    for dialect in dialects:
        own = [row for row in rows if row["dialect"] == dialect]
        if sum(row["judged"] for row in own) >= _ENOUGH:
            found.append(_missing(f"{dialect}: false findings", own, "true", "judged", 20))
        found.append(_missing(f"{dialect}: links not judged", own, "links_judged", "links", 5))
        found.append(_missing(f"{dialect}: faults not found", own, "found", "planted", 10))
    return found


_ENOUGH = 10
"""So many findings of a dialect have to be judged for their share to say anything."""


def _missing(what: str, rows: Iterable[Mapping[str, Any]], part: str, whole: str, limit: float) -> Budget:
    parts, wholes = (sum(row[key] for row in rows) for key in (part, whole))
    return Budget(what, 100 * (1 - parts / wholes) if wholes else 0, limit, "%")


def _with_kept(rows: list[dict[str, Any]], name: str | None) -> list[dict[str, Any]]:
    """Rows with those that were kept of other repositories, in the order of the list."""
    try:
        before = measure.kept(name)["rows"] if name else []
    except FileNotFoundError:
        before = []
    by_name = {row["repository"]: row for row in (*before, *rows)}
    return [judged_again(by_name[one.name]) for one in repositories() if one.name in by_name]


def main() -> None:
    parser = measure.parser(__doc__)
    parser.add_argument("clones", nargs="?", help="a folder with the clones")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="this repository; of others what was kept stays"
    )
    parser.add_argument("--rumdl", metavar="PROGRAM", help="run this rumdl beside it")
    parser.add_argument("--ask", metavar="FILE", help="write what has no verdict yet")
    asked = parser.parse_args()
    with measure.workplace() as work:
        wanted = repositories(asked.only) if asked.clones else []
        rows = [measured(one, asked.clones, asked.rumdl, work) for one in wanted]
    if asked.ask:
        Path(asked.ask).write_text(
            json.dumps(asked_for(rows, asked.clones), indent=1, ensure_ascii=False), encoding="utf-8"
        )
    rows = _with_kept(rows, asked.save)
    measure.report(asked, Result(rows, budgets(rows)))


if __name__ == "__main__":
    main()
