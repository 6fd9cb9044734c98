"""How long the command takes to start: mdcache --version, the whole process, beside Python's own start.

python -m benchmarks.startup [--runs N] [--json] [--save NAME]
"""

from __future__ import annotations

import sys
from typing import Any

from benchmarks import measure
from benchmarks.measure import MDCACHE, Budget, Result

_COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "mdcache --version": [MDCACHE, "--version"],
    "mdcache --help": [MDCACHE, "--help"],
}


def starts(work: str, runs: int) -> Result:
    """The commands take turns; the first turn is not counted."""
    walls: dict[str, list[float]] = {name: [] for name in _COMMANDS}
    for number in range(runs + 1):
        for name, command in _COMMANDS.items():
            wall = measure.run(command, work).wall_s
            if number:
                walls[name].append(1000 * wall)
    rows = [_row(name, found) for name, found in walls.items()]
    return Result(rows, [Budget("mdcache --version: median", rows[1]["median_ms"], 150, "ms")])


def _row(name: str, walls: list[float]) -> dict[str, Any]:
    return {
        "name": name,
        "median_ms": measure.median(walls),
        "p95_ms": measure.percentile(walls, 0.95),
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
