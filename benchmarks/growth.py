"""Whether memory stays flat while the number of documents grows: rebuilds of made-up documents.

python -m benchmarks.growth [--documents N]... [--json] [--save NAME]
"""

from __future__ import annotations

import os
from typing import Any

from benchmarks import measure
from benchmarks.generate import Shape
from benchmarks.measure import MB, MDCACHE, Budget, Corpus, Result

_SIZES = [1_000, 10_000, 100_000]
_LIMIT_MB = 300


def rebuilds(corpus: Corpus, work: str) -> list[dict[str, Any]]:
    """Two rebuilds, each one process: the first makes the cache, the second replaces it."""
    database = os.path.join(work, "cache.db")
    command = [MDCACHE, "rebuild", "--quiet", "--db", database, corpus.folder]
    rows = []
    for name in ("no cache yet", "onto a cache"):
        run = measure.run(command, work, watched=True)
        rows.append(
            {
                "documents": corpus.documents,
                "mb": corpus.bytes / MB,
                "rebuild": name,
                "peak_mb": run.peak_mb,
                "wall_s": run.wall_s,
                "cpu_s": run.cpu_s,
                "database_ratio": os.path.getsize(database) / corpus.bytes,
            }
        )
    return rows


def main() -> None:
    parser = measure.parser(__doc__)
    parser.add_argument("--documents", type=int, action="append", help=f"by default {_SIZES}")
    asked = parser.parse_args()
    rows = []
    for documents in asked.documents or _SIZES:
        with measure.workplace() as work:
            corpus = measure.generated(Shape(documents), os.path.join(work, "docs"))
            rows += rebuilds(corpus, work)
    peaks = [row["peak_mb"] for row in rows if row["peak_mb"] is not None]
    budgets = [Budget("all processes together: peak memory", max(peaks), _LIMIT_MB, "MB")] if peaks else []
    measure.report(asked, Result(rows, budgets))


if __name__ == "__main__":
    main()
