"""A whole rebuild, from start to exit, against what SQLite alone costs for the same documents.

    make bench DOCS=folder
    python -m benchmarks.rebuild [DOCS] [--copies N] [--runs N] [--json] [--save NAME]

Without DOCS the documents are made up. Every run is one process; the contenders take turns, so that a noisy machine is
noisy to all, and medians count. A last run of each, which is not timed, watches the memory.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks import floor, measure
from benchmarks.generate import PROFILES, Shape
from benchmarks.measure import MB, MDCACHE, Budget, Corpus, Result

_SQLITE_UTILS = os.path.join(os.path.dirname(sys.executable), "sqlite-utils")
# What is measured first: as many documents as a large product has, and built as those are.
_SHAPE = Shape(documents=3000, median_bytes=PROFILES["product"].median_bytes, profile="product")
# From so many bytes a document on, its cache may be as large as its text; below it twice as large.
_LONG = 1000
_TOKENIZE = "porter unicode61 remove_diacritics 2"


class Contender(NamedTuple):
    """A way to index a folder. commands takes the folder and a database to make."""

    name: str
    commands: Callable[[str, str], list[list[str]]]
    keeps: bool = False
    """The database stays from one run to the next."""
    times_itself: bool = False
    """It prints its seconds as JSON, without the start of its process."""


class Sample(NamedTuple):
    """One run."""

    wall_s: float
    cpu_s: float
    peak_mb: float | None
    database_bytes: int


def _floor(docs: str, database: str) -> list[list[str]]:
    return [[sys.executable, floor.__file__, docs, "--db", database]]


def _mdcache(docs: str, database: str) -> list[list[str]]:
    return [[MDCACHE, "rebuild", "--quiet", "--db", database, docs]]


def _sqlite_utils(docs: str, database: str) -> list[list[str]]:
    columns = ["-c", "path:path", "-c", "content:content_text", "--pk", "path"]
    search = ["path", "content", "--create-triggers", "--tokenize", _TOKENIZE]
    return [
        [_SQLITE_UTILS, "insert-files", database, "docs", docs, "--text", "--silent", *columns],
        [_SQLITE_UTILS, "enable-fts", database, "docs", *search],
    ]


FLOOR = Contender("floor", _floor, times_itself=True)
FRESH = Contender("mdcache rebuild, no cache yet", _mdcache)
AGAIN = Contender("mdcache rebuild, onto a cache", _mdcache, keeps=True)
PEER = Contender("sqlite-utils insert-files + enable-fts", _sqlite_utils)


def contenders() -> list[Contender]:
    """All that are installed, the floor first."""
    return [FLOOR, FRESH, AGAIN, *([PEER] if os.path.exists(_SQLITE_UTILS) else [])]


def once(contender: Contender, docs: str, work: str, watched: bool = False) -> Sample:
    """One run in a folder of its own, empty unless the contender keeps its database."""
    folder = os.path.join(work, contender.name.replace(" ", "-"))
    if not contender.keeps:
        shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, exist_ok=True)
    database = os.path.join(folder, "cache.db")
    runs = [measure.run(command, folder, watched) for command in contender.commands(docs, database)]
    wall, cpu = sum(run.wall_s for run in runs), sum(run.cpu_s for run in runs)
    if contender.times_itself:
        printed = json.loads(runs[-1].output)
        wall, cpu = printed["wall_s"], printed["cpu_s"]
    peaks = [run.peak_mb for run in runs if run.peak_mb is not None]
    return Sample(wall, cpu, max(peaks, default=None), os.path.getsize(database))


def compare(corpus: Corpus, work: str, runs: int) -> Result:
    """Let the contenders take turns. The first turn only warms up: files into memory, .pyc files, caches to replace."""
    field = contenders()
    samples: dict[str, list[Sample]] = {one.name: [] for one in field}
    for number in range(runs + 1):
        for one in field:
            sample = once(one, corpus.folder, work)
            if number:
                samples[one.name].append(sample)
    peaks = {one.name: once(one, corpus.folder, work, watched=True).peak_mb for one in field}
    rows = [_row(name, found, samples[FLOOR.name], peaks[name], corpus) for name, found in samples.items()]
    long = corpus.bytes > _LONG * corpus.documents
    return Result(rows, _budgets({row["name"]: row for row in rows}, long), corpus)


def _row(name: str, found: list[Sample], base: list[Sample], peak: float | None, corpus: Corpus) -> dict[str, Any]:
    wall = measure.median([one.wall_s for one in found])
    return {
        "name": name,
        "wall_s": wall,
        "ratio": wall / measure.median([one.wall_s for one in base]),
        "cpu_s": measure.median([one.cpu_s for one in found]),
        "peak_mb": peak,
        "database_mb": found[-1].database_bytes / MB,
        "database_ratio": found[-1].database_bytes / max(corpus.bytes, 1),
        "walls_s": [one.wall_s for one in found],
    }


def _budgets(rows: dict[str, dict[str, Any]], long: bool) -> list[Budget]:
    ours = [rows[one.name] for one in (FRESH, AGAIN)]
    budgets = [Budget(f"{row['name']}: wall", row["ratio"], 4, "× floor") for row in ours]
    if PEER.name in rows:
        budgets += [
            Budget(f"{row['name']}: wall", row["wall_s"] / rows[PEER.name]["wall_s"], 1.5, "× sqlite-utils")
            for row in ours
        ]
    return [*budgets, Budget("cache size", ours[0]["database_ratio"], 1 if long else 2, "× documents")]


def main() -> None:
    parser = measure.parser(__doc__)
    measure.add_corpus(parser, _SHAPE)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    with measure.workplace() as work:
        result = compare(measure.corpus(asked, os.path.join(work, "docs")), work, asked.runs)
    measure.report(asked, result)


if __name__ == "__main__":
    main()
