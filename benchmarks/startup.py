"""How long the command takes to start: mdcache --version, the whole process, beside Python's own start.

python -m benchmarks.startup [--runs N] [--json] [--save NAME]
"""

from __future__ import annotations

import sys
from typing import Any

from benchmarks import measure
from benchmarks.measure import MDCACHE, Budget, Result, Run

_COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "mdcache --version": [MDCACHE, "--version"],
    "mdcache --help": [MDCACHE, "--help"],
}


def starts(work: str, runs: int) -> Result:
    """The commands take turns; the first turn is not counted."""
    samples: dict[str, list[Run]] = {name: [] for name in _COMMANDS}
    for number in range(runs + 1):
        for name, command in _COMMANDS.items():
            sample = measure.run(command, work)
            if number:
                samples[name].append(sample)
    rows = [_row(name, found) for name, found in samples.items()]
    return Result(rows, [Budget("mdcache --version: median", rows[1]["median_ms"], 150, "ms")])


def _row(name: str, found: list[Run]) -> dict[str, Any]:
    walls = [1000 * run.wall_s for run in found]
    return {
        "name": name,
        "median_ms": measure.median(walls),
        "p95_ms": measure.percentile(walls, 0.95),
        "cpu_ms": measure.median([1000 * run.cpu_s for run in found]),
        "walls_ms": walls,
    }


def main() -> None:
    parser = measure.parser(__doc__)
    parser.add_argument("--runs", type=int, default=20)
    asked = parser.parse_args()
    with measure.workplace() as work:
        result = starts(work, asked.runs)
    measure.report(asked, result)


if __name__ == "__main__":
    main()
