"""Run all scenarios, or those that are named, two at a time, and print one table."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks import measure
from torture import ROOT, bench

# The longest first, so that none is left to run alone at the end.
SCENARIOS = (
    *("hostile", "fail", "kill", "stop", "crowd", "documents", "trees", "histories", "storm"),
    *("race", "stamps", "clock", "full", "readers", "power", "around", "tests"),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__)
    parser.add_argument("scenario", nargs="*", choices=(*SCENARIOS, []), help="(default: all)")
    bench.add_options(parser)
    parser.add_argument("--jobs", type=int, default=2, help="so many scenarios at once (default: 2)")
    asked = parser.parse_args()
    began = time.monotonic()
    options = (f"--seed={asked.seed}", f"--round={asked.round}", f"--nice={asked.nice}")
    with ThreadPoolExecutor(asked.jobs) as pool:
        found = list(pool.map(lambda name: rows_of(name, options), asked.scenario or SCENARIOS))
    rows = sorted(row for some in found for row in some)
    print(about(asked, time.monotonic() - began), end="\n\n")
    sys.exit(bench.conclude(rows))


def rows_of(scenario: str, options: Sequence[str]) -> list[bench.Row]:
    """In a process of its own: what one scenario does to signals, clocks and memory is no matter of the others."""
    command = (sys.executable, "-m", f"torture.{scenario}", "--json", *options)
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8")
    rows = [bench.Row(*json.loads(line)) for line in done.stdout.splitlines()]
    if not rows or (done.returncode and not any(row.failures for row in rows)):
        rows.append(bench.Row(scenario, "", f"ended with exit status {done.returncode}", 0, 1, 0.0))
    return rows


def about(asked: argparse.Namespace, took_s: float) -> str:
    """What was run, when, for how long, and on what."""
    machine = ", ".join(f"{key} {value}" for key, value in measure.machine().items())
    what = f"python -m torture --round {asked.round} --seed {asked.seed} --jobs {asked.jobs}"
    return f"{what}, {time.strftime('%Y-%m-%d', time.gmtime())}, {took_s / 60:.0f} minutes\n{machine}"


if __name__ == "__main__":
    main()
