"""What it costs to be kept fresh: how soon a change is a row, what a watcher takes while nothing happens, its memory.

python -m benchmarks.watch [--documents N] [--runs N] [--idle SECONDS] [--events N] [--json] [--save NAME]

Linux only: CPU time and memory are read from /proc. The idle time should hold one comparison of all files, which comes
every 300 s.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks import measure
from benchmarks.measure import MDCACHE, Budget, Result
from benchmarks.notes import path_of
from benchmarks.sync import Place, made
from mdcache.config import values
from mdcache.store import connections, watchstate
from mdcache.store.connections import scalar

_PATIENCE_S = 120
# Fewer than the system's queue holds.
_BURST = 8_000
_STIRRED = 100
_SAMPLES = 10


class Watcher:
    """A watcher of generated documents."""

    def __init__(self, place: Place) -> None:
        self.place, self.database = place, place.settings().database
        self._process = subprocess.Popen([MDCACHE, "watch", "docs", "--quiet"], cwd=place.folder)
        self.until(lambda: self.state.ready)

    @property
    def state(self) -> watchstate.State:
        seen = watchstate.read(self.database)
        return seen.state if seen and seen.state.pid == self._process.pid else watchstate.State()

    def until(self, condition: Callable[[], Any], pause_s: float = 0.01) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not condition():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the watcher does not do what it should")
            time.sleep(pause_s)

    def end(self) -> None:
        self._process.terminate()
        self._process.wait()

    def cpu_s(self) -> float:
        """What all of its threads have used."""
        threads = f"/proc/{self._process.pid}/task"
        return sum(_cpu_s(os.path.join(threads, thread)) for thread in os.listdir(threads))

    def memory_mb(self) -> float:
        with open(f"/proc/{self._process.pid}/status", encoding="ascii", errors="replace") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:")) * 1024 / measure.MB


def _cpu_s(thread: str) -> float:
    with open(os.path.join(thread, "schedstat"), encoding="ascii") as file:
        return int(file.read().split()[0]) / 1e9


@contextlib.contextmanager
def watching(place: Place) -> Iterator[Watcher]:
    watcher = Watcher(place)
    try:
        yield watcher
    finally:
        watcher.end()


def latency(watcher: Watcher, runs: int) -> dict[str, Any]:
    """From the end of the write until a reader's query shows it."""
    sql, walls = "SELECT hash FROM nodes WHERE path = ?", []
    with contextlib.closing(connections.open_reader(watcher.database)) as db:
        for number in range(runs):
            name = path_of(number)
            before = scalar(db, sql, name)
            watcher.place.edit(number)
            began = time.perf_counter()
            watcher.until(lambda name=name, before=before: scalar(db, sql, name) != before, 0.001)  # type: ignore[misc]
            walls.append(1000 * (time.perf_counter() - began))
    return _row("change to row", runs, walls, "ms")


def _row(what: str, number: float, values: list[float], unit: str) -> dict[str, Any]:
    """number: of runs, seconds or events."""
    return {
        "what": what,
        "number": number,
        "median": measure.median(values),
        "worst": max(values),
        "unit": unit,
        "values": values,
    }


def idle(watcher: Watcher, seconds: float) -> dict[str, Any]:
    """CPU time while nothing happens, once what had happened is settled."""
    time.sleep(min(seconds, 5))
    before, began, compared = watcher.cpu_s(), time.monotonic(), watcher.state.last_reconcile
    time.sleep(seconds)
    share = (watcher.cpu_s() - before) / (time.monotonic() - began)
    what = "idle" if watcher.state.last_reconcile == compared else "idle, all files compared"
    return _row(what, seconds, [100 * share], "% CPU")


def stir(place: Place, burst: int, events: int) -> None:
    """So many events: touches, and among them edits, new and deleted documents, and a folder that moves."""
    first = burst * _STIRRED % place.documents
    names = [os.path.join(place.docs, path_of((first + i) % place.documents)) for i in range(_STIRRED)]
    for number in range(events):
        os.utime(names[number % len(names)])
    place.edit(first)
    folder, moved = os.path.join(place.docs, "stirred"), os.path.join(place.docs, "moved")
    os.mkdir(folder)
    with open(os.path.join(folder, f"new{burst}.md"), "w", encoding="utf-8") as file:
        file.write(f"# New {burst}\n")
    os.rename(folder, moved)
    os.unlink(os.path.join(moved, f"new{burst}.md"))
    os.rmdir(moved)


def memory(watcher: Watcher, events: int) -> dict[str, Any]:
    """Its memory after each tenth of the events."""
    sizes: list[float] = []
    burst = done = 0
    while done < events:
        some = min(_BURST, events - done)
        before = watcher.state.batches
        stir(watcher.place, burst, some)
        watcher.until(lambda before=before: watcher.state.batches > before and not watcher.state.pending)  # type: ignore[misc]
        burst, done = burst + 1, done + some
        if done * _SAMPLES >= events * (len(sizes) + 1):
            sizes.append(watcher.memory_mb())
    return _row("memory after events", done, sizes, "MB")


def fresh(work: str, documents: int, runs: int, idle_s: float, events: int) -> Result:
    place = made(work, documents)
    with watching(place) as watcher:
        rows = [latency(watcher, runs), idle(watcher, idle_s), memory(watcher, events)]
    debounce = values.Watch().debounce_ms
    budgets = [
        Budget(f"one changed of {documents:,}: change to row", rows[0]["median"], debounce + 50, "ms"),
        Budget(f"{rows[1]['what']}, {documents:,} documents", rows[1]["median"], 0.1, "% CPU"),
        Budget(f"memory after {events:,} events", rows[2]["worst"] / rows[2]["values"][0], 1.1, "× that after a tenth"),
    ]
    return Result([{"documents": documents, **row} for row in rows], budgets)


def main() -> None:
    parser = measure.parser(__doc__)
    parser.add_argument("--documents", type=int, default=10_000, metavar="N")
    parser.add_argument("--runs", type=int, default=21)
    parser.add_argument("--idle", type=float, default=310, metavar="SECONDS")
    parser.add_argument("--events", type=int, default=1_000_000, metavar="N")
    asked = parser.parse_args()
    with measure.workplace() as work:
        result = fresh(work, asked.documents, asked.runs, asked.idle, asked.events)
    measure.report(asked, result)


if __name__ == "__main__":
    main()
