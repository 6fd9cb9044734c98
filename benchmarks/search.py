"""How long a search takes in a process that has the cache open: ten hits with snippets.

    python -m benchmarks.search [DOCS] [--copies N] [--query QUERY]... [--runs N] [--json] [--save NAME]

Without DOCS the documents are made up: 100,000 sections. Without --query the queries are taken from the documents'
own words: from one that hardly occurs to the one that nearly every section has.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from typing import Any

from benchmarks import floor, measure
from benchmarks.generate import Shape
from benchmarks.measure import MDCACHE, Budget, Result
from mdcache.read import search
from mdcache.store import cache
from mdcache.store.cache import Cache
from mdcache.store.connections import scalar

# Gives 100,000 sections.
_SHAPE = Shape(documents=23_000, median_bytes=1500)
_SAMPLE = 1000
_WORD = re.compile(r"[a-z]{3,}")
_PAIR = re.compile(r"\b([a-z]{3,}) (?=([a-z]{3,})\b)")


def queries_from(docs: str) -> dict[str, str]:
    """A query of each kind, by how many of a sample of documents have its words."""
    paths = floor.documents_below(docs)
    texts = [_lower(path) for path in paths[:: len(paths) // _SAMPLE + 1]]
    holding = Counter(word for text in texts for word in set(_WORD.findall(text))).most_common()
    by_share = {share: _nearest(holding, share * len(texts)) for share in (0.5, 0.1, 0.03)}
    phrase, _ = Counter(pair for text in texts for pair in _PAIR.findall(text)).most_common(20)[-1]
    return {
        "rare word": holding[-1][0],
        "word in 3 % of the documents": by_share[0.03],
        "word in 10 %": by_share[0.1],
        "word in 50 %": by_share[0.5],
        "commonest word": holding[0][0],
        "two words": f"{by_share[0.1]} {by_share[0.5]}",
        "phrase": f'"{" ".join(phrase)}"',
        "prefix": f"{by_share[0.03][:4]}*",
        "word without another": f"{by_share[0.1]} -{by_share[0.5]}",
    }


def _lower(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read().lower()


def _nearest(holding: list[tuple[str, int]], wanted: float) -> str:
    return min(holding, key=lambda one: abs(one[1] - wanted))[0]


def latencies(opened: Cache, queries: dict[str, str], runs: int) -> list[dict[str, Any]]:
    """A row for each query. The queries take turns; the first turn warms up."""
    spent: dict[str, list[float]] = {name: [] for name in queries}
    for number in range(runs + 1):
        for name, text in queries.items():
            began = time.perf_counter()
            hits = search.search(opened, search.Query(text))
            seconds = time.perf_counter() - began
            assert all(hit.state is None for hit in hits), "a snippet could not be read"
            if number:
                spent[name].append(1000 * seconds)
    return [_row(opened, name, queries[name], found) for name, found in spent.items()]


def _row(opened: Cache, name: str, text: str, spent: list[float]) -> dict[str, Any]:
    counting = "SELECT count(*) FROM sections_fts WHERE sections_fts MATCH ?"
    return {
        "name": name,
        "query": text,
        "sections": scalar(opened.db, counting, search.expression(text)),
        "hits": len(search.search(opened, search.Query(text))),
        "median_ms": measure.median(spent),
        "p95_ms": measure.percentile(spent, 0.95),
    }


def main() -> None:
    parser = measure.parser(__doc__)
    measure.add_corpus(parser, _SHAPE)
    parser.add_argument("--query", action="append", help="search for this, instead of the documents' own words")
    parser.add_argument("--runs", type=int, default=50)
    asked = parser.parse_args()
    with measure.workplace() as work:
        docs, database = os.path.join(work, "docs"), os.path.join(work, "cache.db")
        corpus = measure.corpus(asked, docs)
        measure.run([MDCACHE, "rebuild", "--quiet", "--db", database, docs], work)
        queries = {text: text for text in asked.query} if asked.query else queries_from(docs)
        with cache.opened(database, work) as opened:
            rows = latencies(opened, queries, asked.runs)
            sections = scalar(opened.db, "SELECT count(*) FROM sections")
    budgets = [Budget(f"{row['name']}: median, of {sections:,} sections", row["median_ms"], 10, "ms") for row in rows]
    measure.report(asked, Result(rows, budgets, corpus))


if __name__ == "__main__":
    main()
