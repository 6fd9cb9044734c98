"""How cost grows with the number of documents: rebuild, sync and search of a thousand, ten thousand, up to a million.

    make bench-growth
    python -m benchmarks.growth [--documents N]... [--work FOLDER] [--json] [--save NAME] [--resume]

With --save each row is kept as soon as it is known, and --resume measures only those that are missing from it. In a
work folder the documents stay for another run. A million need 3 GB, their cache and its build another 6.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from benchmarks import measure, phases
from benchmarks.generate import Shape
from benchmarks.measure import MB, MDCACHE, Budget, Corpus, Result
from benchmarks.search import latencies, queries_from
from benchmarks.sync import Place
from mdcache.store import cache

_SIZES = [1_000, 10_000, 100_000, 1_000_000]
_LIMIT_MB = 300
# From so many documents on there is one rebuild only: a million take minutes.
_ONCE = 500_000
# What may not grow faster than the number of documents does; a tenth is noise.
_LINEAR = 1.1
_GROWING = {
    "rebuild_wall_s": "rebuild: wall",
    "rebuild_cpu_s": "rebuild: CPU",
    "resolve_cpu_s": "resolve, within it: CPU",
    "database_mb": "cache: size",
    "unchanged_ms": "sync, nothing changed",
    "one_changed_ms": "sync, one changed",
    "told_ms": "one changed, told which",
    "rare_ms": "search: a word of one document",
    "common_ms": "search: a word of half of the documents",
    "phrase_ms": "search: a phrase",
}


def row(place: Place, corpus: Corpus, load: float, most: int) -> dict[str, Any]:
    """All that is measured of one number of documents, with this many runs of each at most.

    load: the machine's, before its documents were made.
    """
    began = datetime.now(UTC).isoformat(timespec="seconds")
    # A run of many documents is long enough to be sure of.
    runs = min(most, 1 + 500_000 // place.documents)
    _read(place.docs)
    return {
        "documents": corpus.documents,
        "mb": corpus.bytes / MB,
        **_rebuilds(place, 0 if place.documents >= _ONCE else min(most, max(1, 20_000 // place.documents))),
        **_syncs(place, runs),
        **_searches(place, runs),
        "date": began,
        "load_before": load,
    }


def _read(docs: str) -> None:
    """Have the system know all documents: where a rebuild runs once, the disk would count as the cost of many."""
    for folder, _, names in os.walk(docs):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                file.read()


def _rebuilds(place: Place, count: int) -> dict[str, Any]:
    """So many where there is no cache yet, then one that is watched, and tells its phases; or that one alone."""
    runs = []
    for _ in range(count):
        shutil.rmtree(os.path.dirname(place.database), ignore_errors=True)
        runs.append(place.rebuild())
    again = measure.run([sys.executable, phases.__file__, "docs"], place.folder, watched=True)
    spent = json.loads(again.output)
    size, runs = os.path.getsize(place.database), runs or [again]
    return {
        "rebuild_wall_s": measure.median([run.wall_s for run in runs]),
        "rebuild_cpu_s": measure.median([run.cpu_s for run in runs]),
        "fill_s": spent["parse and insert"]["wall_s"],
        "insert_cpu_s": spent["parse and insert"]["cpu_s"],
        "resolve_cpu_s": spent["resolve"]["cpu_s"],
        "prove_s": spent["prove"]["wall_s"],
        "peak_mb": again.peak_mb,
        "phases": [{"phase": name, **one} for name, one in spent.items()],
        "database_mb": size / MB,
    }


def _syncs(place: Place, runs: int) -> dict[str, Any]:
    return {
        "walk_ms": place.walked(runs)["median_ms"],
        "unchanged_ms": place.unchanged(runs)["median_ms"],
        "one_changed_ms": place.one_changed(runs)["median_ms"],
        "told_ms": place.told(runs)["median_ms"],
    }


def _searches(place: Place, runs: int) -> dict[str, Any]:
    words = queries_from(place.docs)
    # A number that stands in the name of one document.
    queries = {"rare": str(place.documents - 3), "common": words["word in 50 %"], "phrase": words["phrase"]}
    with cache.opened(place.database, place.folder) as opened:
        found = {one["name"]: one for one in latencies(opened, queries, 5 * runs)}
    starts = [measure.run([MDCACHE, "search", queries["rare"]], place.folder).wall_s for _ in range(runs + 1)]
    return {
        **{f"{name}_ms": one["median_ms"] for name, one in found.items()},
        **{f"{name}_sections": one["sections"] for name, one in found.items()},
        "search_process_ms": 1000 * measure.median(starts[1:]),
    }


def budgets(rows: list[dict[str, Any]]) -> list[Budget]:
    """Memory, and the steepest step of each thing that grows, as a multiple of what linear growth would give."""
    peaks = [one["peak_mb"] for one in rows if one["peak_mb"] is not None]
    memory = [Budget("rebuild, all processes together: peak memory", max(peaks), _LIMIT_MB, "MB")] if peaks else []
    steps = list(pairwise(rows))
    return memory + [
        Budget(what, max(_steepness(before, after, key) for before, after in steps), _LINEAR, "× linear growth")
        for key, what in _GROWING.items()
        if steps
    ]


def _steepness(before: dict[str, Any], after: dict[str, Any], key: str) -> float:
    return float(after[key] / before[key] / (after["documents"] / before["documents"]))


def _documents(folder: str, documents: int) -> Corpus:
    """Made in this folder, unless they were before: a note beside them tells that all are there."""
    docs, note, shape = os.path.join(folder, "docs"), os.path.join(folder, "made.json"), Shape(documents)
    if os.path.exists(note):
        with open(note, encoding="utf-8") as file:
            known = json.load(file)
        if known["shape"] == list(shape):
            return Corpus("generated", docs, documents, known["bytes"])
    shutil.rmtree(folder, ignore_errors=True)
    corpus = measure.generated(shape, docs)
    with open(note, "w", encoding="utf-8") as file:
        json.dump({"shape": shape, "bytes": corpus.bytes}, file)
    return corpus


def _known(save: str) -> dict[int, dict[str, Any]]:
    try:
        return {one["documents"]: one for one in measure.kept(save)["rows"]}
    except FileNotFoundError:
        return {}


def main() -> None:
    parser = measure.parser(__doc__)
    parser.add_argument("--documents", type=int, action="append", help=f"how many; by default {_SIZES}")
    parser.add_argument("--work", metavar="FOLDER", help="keep the documents here, for another run")
    parser.add_argument("--resume", action="store_true", help="measure only what the kept result has not")
    parser.add_argument("--runs", type=int, default=5, help="of each, at most: fewer where a run is long")
    asked = parser.parse_args()
    rows = _known(asked.save) if asked.resume and asked.save else {}
    with measure.workplace() as temporary:
        for documents in asked.documents or _SIZES:
            if documents not in rows:
                load = os.getloadavg()[0]
                folder = os.path.join(asked.work or temporary, str(documents))
                corpus = _documents(folder, documents)
                rows[documents] = row(Place(folder, documents), corpus, load, asked.runs)
                measure.keep(asked, _result(rows))
                shutil.rmtree(os.path.join(folder, *([] if not asked.work else [".mdcache"])))
    measure.report(asked, _result(rows))


def _result(rows: dict[int, dict[str, Any]]) -> Result:
    ordered = [rows[documents] for documents in sorted(rows)]
    return Result(ordered, budgets(ordered))


if __name__ == "__main__":
    main()
