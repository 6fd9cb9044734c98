"""What it costs to stay fresh: mdcache sync when nothing has changed, when one document has, and that change alone.

python -m benchmarks.sync [--many N] [--runs N] [--json] [--save NAME]

The floor is a walk that lists every folder and stats every file, in one Python that has started already.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from benchmarks import measure
from benchmarks.generate import Shape
from benchmarks.measure import MDCACHE, Budget, Result, Run
from benchmarks.notes import path_of
from mdcache.build import layout
from mdcache.config import settings
from mdcache.store import connections, lock
from mdcache.syncing import survey, sync
from mdcache.syncing.update import Update, clock

_FEW, _MIDDLE = 3_000, 10_000
_MEDIAN_BYTES = 400


def walk(folder: str) -> int:
    """The bare walk; how many files it saw."""
    seen, folders = 0, [folder]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    entry.stat(follow_symlinks=False)
                    seen += 1
    return seen


def timed(action: Callable[[], Any], runs: int) -> list[float]:
    """Milliseconds of each run; one more before is not counted."""
    found = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        action()
        found.append(1000 * (time.perf_counter() - began))
    return found[1:]


class Place:
    """A folder with generated documents in docs, and their cache where mdcache puts it."""

    def __init__(self, folder: str, documents: int) -> None:
        self.documents, self.folder = documents, folder
        self.docs = os.path.join(folder, "docs")
        self.database = os.path.join(folder, ".mdcache", "cache.db")

    def rebuild(self) -> Run:
        return measure.run([MDCACHE, "rebuild", "docs", "--quiet"], self.folder)

    def sync(self) -> None:
        measure.run([MDCACHE, "sync", "--quiet"], self.folder)

    def edit(self, number: int) -> None:
        with open(os.path.join(self.docs, path_of(number)), "a", encoding="utf-8") as file:
            file.write(f"\nmore words {time.time_ns()}\n")

    def unchanged(self, runs: int) -> dict[str, Any]:
        return self._row("nothing changed", timed(self.sync, runs))

    def walked(self, runs: int) -> dict[str, Any]:
        return self._row("bare walk", timed(lambda: walk(self.docs), runs))

    def one_changed(self, runs: int) -> dict[str, Any]:
        def change() -> None:
            self.edit(7)
            self.sync()

        return self._row("one changed", timed(change, runs))

    def told(self, runs: int) -> dict[str, Any]:
        """As a watcher does it that was told which file has changed: look at it, lock, read, parse, one transaction."""
        path = path_of(7)
        look = sync.Look("a benchmark", 0, frozenset((path,)), patient=True)

        def change() -> None:
            self.edit(7)
            assert sync.update(self.settings(), look, lambda _, tally, __: tally, lambda _: None) == (0, 1, 0)

        return self._row("one changed, told which", timed(change, runs))

    def applied(self, runs: int) -> dict[str, Any]:
        """The transaction alone."""
        found, path = self.settings(), path_of(7)
        walls = []
        with (
            lock.held(found.database, "a benchmark", 0),
            closing(connections.open_live(found.database)) as db,
        ):
            for _ in range(runs):
                self.edit(7)
                plan = survey.plan(db, found, frozenset((path,)))
                update = Update(db, found, clock(found.database))
                batches = [layout.run(job) for job in update.jobs(plan.changes)]
                began = time.perf_counter()
                update.apply(*batches)
                walls.append(1000 * (time.perf_counter() - began))
        return self._row("the transaction alone", walls)

    def settings(self) -> settings.Settings:
        return settings.load(settings.Asked(self.folder, docs=("docs",)), {})

    def _row(self, what: str, walls: list[float]) -> dict[str, Any]:
        return {
            "what": what,
            "documents": self.documents,
            "median_ms": measure.median(walls),
            "best_ms": min(walls),
            "walls_ms": walls,
        }


def made(work: str, documents: int) -> Place:
    place = Place(os.path.join(work, str(documents)), documents)
    measure.generated(Shape(documents, _MEDIAN_BYTES), place.docs)
    place.rebuild()
    return place


def fresh(work: str, many: int, runs: int) -> Result:
    few, middle, large = (made(work, documents) for documents in (_FEW, _MIDDLE, many))
    start = timed(lambda: measure.run([MDCACHE, "--version"], work), runs)
    rows = [
        few.unchanged(runs),
        middle.unchanged(runs),
        middle.one_changed(runs),
        middle.told(runs),
        middle.applied(runs),
        large.walked(runs),
        large.unchanged(runs),
    ]
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    floor, found = rows[-2]["median_ms"], rows[-1]["median_ms"]
    budgets = [
        Budget(f"nothing changed, {_FEW:,} documents", rows[0]["median_ms"], 250, "ms"),
        Budget(f"nothing changed, {many:,} documents, less the start", found - measure.median(start), 4 * floor, "ms"),
        Budget(f"one changed of {_MIDDLE:,}, told which", rows[3]["median_ms"], 50, "ms"),
        Budget("memory of the largest process", peak_mb, 300, "MB"),
    ]
    return Result(rows, budgets)


def main() -> None:
    parser = measure.parser(__doc__)
    parser.add_argument("--many", type=int, default=100_000, metavar="N", help="documents of the largest folder")
    parser.add_argument("--runs", type=int, default=7)
    asked = parser.parse_args()
    with measure.workplace() as work:
        result = fresh(work, asked.many, asked.runs)
    measure.report(asked, result)


if __name__ == "__main__":
    main()
