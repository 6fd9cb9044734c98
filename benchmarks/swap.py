"""How long readers wait while a new generation is swapped in under them.

    python -m benchmarks.swap [--documents N] [--rounds N] [--json] [--save NAME]

Two processes run short full-text queries without a pause, each query a statement of its own, while a finished build is
copied onto the live cache: with nothing else going on, beside a snapshot that someone holds, and by a whole rebuild.
What a query waited for a processor is told apart (Linux): on a busy machine it is most of the wait, and not SQLite's.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import chain
from multiprocessing.connection import Connection as Pipe
from multiprocessing.sharedctypes import Synchronized
from typing import Any, NamedTuple

from benchmarks import measure
from benchmarks.generate import Shape
from benchmarks.measure import MB, MDCACHE, Budget, Result
from benchmarks.search import queries_from
from mdcache.store import connections, swap

# Gives a cache of 200 MB.
_SHAPE = Shape(documents=17_000, median_bytes=7300)
_READERS = 2
_IDLE_S = 1.0
_PHASES = ("nobody writes", "swap", "swap beside a held snapshot", "whole rebuild")
_QUERY = "SELECT rowid FROM sections_fts WHERE sections_fts MATCH ? ORDER BY rank LIMIT 10 -- {}"


class Query(NamedTuple):
    """What a query took, and what of it was waiting for a processor, in milliseconds."""

    ms: float
    queued_ms: float


class Readers(NamedTuple):
    """The reading processes."""

    phase: Synchronized[int]
    """What they measure counts for the phase that is set."""
    queries: list[list[list[Query]]]
    """By reader and phase: filled when the readers have ended."""


def read(path: str, text: str, phase: Synchronized[int], pipe: Pipe) -> None:
    """Query until the phase is negative, then send what the queries of each phase took."""
    queries: list[list[Query]] = [[] for _ in _PHASES]
    db = connections.open_reader(path)
    with closing(db):
        pipe.send("ready")
        number = 0
        while (before := phase.value) >= 0:
            queued, began = _queued_ns(), time.perf_counter_ns()
            found = db.execute(_QUERY.format(number), (text,)).fetchall()
            took = Query((time.perf_counter_ns() - began) / 1e6, (_queued_ns() - queued) / 1e6)
            assert found, "a reader found nothing"
            # One that outlasts a phase counts for all that it saw.
            for one in range(before, max(before, phase.value) + 1):
                queries[one].append(took)
            number += 1
    pipe.send(queries)


def _queued_ns() -> int:
    """How long this process has been ready to run without a processor, so far."""
    try:
        with open("/proc/self/schedstat", "rb") as file:
            return int(file.read().split()[1])
    except OSError:
        return 0


@contextmanager
def reading(path: str, text: str) -> Iterator[Readers]:
    """Readers that are at work until the end."""
    context = multiprocessing.get_context("spawn")
    readers = Readers(context.Value("i", 0), [])
    pipes = [context.Pipe(duplex=False) for _ in range(_READERS)]
    for _, theirs in pipes:
        context.Process(target=read, args=(path, text, readers.phase, theirs), daemon=True).start()
        theirs.close()
    for ours, _ in pipes:
        assert ours.recv() == "ready"
    try:
        yield readers
    finally:
        readers.phase.value = -1
        readers.queries.extend(ours.recv() for ours, _ in pipes)


def swap_in(build: str, live: str) -> None:
    """What publishing does to readers: the copy, and the checkpoint after it."""
    with (
        closing(connections.open_reader(build)) as source,
        closing(connections.open_live(live)) as target,
    ):
        swap.copy_into(source, target, live, wait_s=10)


def disturb(readers: Readers, live: str, build: str, docs: str, rounds: int) -> list[float]:
    """Go through the phases; gives the seconds that each took."""
    seconds = []
    for number, _ in enumerate(_PHASES):
        began = time.perf_counter()
        readers.phase.value = number
        _phase(number, build, live, docs, rounds)
        seconds.append(time.perf_counter() - began)
    return seconds


def _phase(number: int, build: str, live: str, docs: str, rounds: int) -> None:
    if number == 0:
        time.sleep(_IDLE_S)
    elif number == 1:
        for _ in range(rounds):
            swap_in(build, live)
    elif number == 2:
        for _ in range(rounds):
            with closing(connections.open_reader(live)) as holder:
                holder.execute("BEGIN")
                connections.scalar(holder, "SELECT count(*) FROM nodes")
                swap_in(build, live)
    else:
        measure.run([MDCACHE, "rebuild", "--quiet", "--db", live, docs], os.path.dirname(live))


def _row(number: int, seconds: float, queries: list[Query]) -> dict[str, Any]:
    walls = [one.ms for one in queries]
    return {
        "name": _PHASES[number],
        "seconds": seconds,
        "queries": len(queries),
        "median_ms": measure.median(walls),
        "p999_ms": measure.percentile(walls, 0.999),
        "longest_ms": max(walls),
        "longest_but_for_processor_ms": max(one.ms - one.queued_ms for one in queries),
    }


def _budgets(rows: list[dict[str, Any]], size: int) -> list[Budget]:
    what = "longest wait of a reader, but for a processor"
    return [
        Budget(f"{row['name']} of {size / MB:.0f} MB: {what}", row["longest_but_for_processor_ms"], 50, "ms")
        for row in rows[1:]
    ]


def main() -> None:
    parser = measure.parser(__doc__)
    parser.add_argument("--documents", type=int, default=_SHAPE.documents)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with measure.workplace() as work:
        docs, live, build = (os.path.join(work, name) for name in ("docs", "cache.db", "build.db"))
        corpus = measure.generated(_SHAPE._replace(documents=asked.documents), docs)
        measure.run([MDCACHE, "rebuild", "--quiet", "--db", live, docs], work)
        measure.run([MDCACHE, "rebuild", "--quiet", "--output", build, docs], work)
        text = queries_from(docs)["rare word"]
        with reading(live, text) as readers:
            seconds = disturb(readers, live, build, docs, asked.rounds)
        size = os.path.getsize(live)
    by_phase = [list(chain.from_iterable(phases)) for phases in zip(*readers.queries, strict=True)]
    rows = [_row(number, *found) for number, found in enumerate(zip(seconds, by_phase, strict=True))]
    measure.report(asked, Result(rows, _budgets(rows, size), corpus))


if __name__ == "__main__":
    main()
