"""What a rebuild spends in each of its phases: python benchmarks/phases.py DOCS [--db FILE]

Runs `mdcache rebuild` in this process, and prints as JSON the wall and CPU seconds of each phase, the latter of the
thread that does all but parsing, which is done by other processes, and the most memory that this process has held by
the end of it (Linux only). The proof of the full-text index runs in a thread beside the indexes and resolving.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from mdcache.build import resolve
from mdcache.build.build import Build
from mdcache.build.digest import Digest
from mdcache.cli import main as cli
from mdcache.store import ddl, proof, swap

# Where each phase is called from elsewhere: an owner, and the name that its caller looks up there.
PHASES: dict[str, tuple[Any, str]] = {
    "parse and insert": (Build, "fill"),
    "indexes": (ddl, "apply_indexes"),
    "resolve": (resolve, "resolve_all"),
    "digest": (Digest, "hexdigest"),
    "prove": (proof, "prove"),
    "copy into live": (swap, "copy_into"),
    "move into place": (swap, "replace"),
}


def timed(phase: Callable[..., Any], spent: dict[str, float | None]) -> Callable[..., Any]:
    """The same function; what a call takes is written down."""

    def call(*arguments: Any, **named: Any) -> Any:
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            return phase(*arguments, **named)
        finally:
            spent.update(
                wall_s=time.perf_counter() - wall, cpu_s=time.thread_time() - cpu, most_mb=most_memory_so_far()
            )

    return call


def most_memory_so_far() -> float | None:
    """Not from getrusage, which may tell of the process that started this one."""
    try:
        with open("/proc/self/status", encoding="utf-8") as file:
            return next(int(line.split()[1]) * 1024 / 1e6 for line in file if line.startswith("VmHWM:"))
    except OSError:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("docs")
    parser.add_argument("--db", help="the cache; by default where mdcache would put it")
    asked = parser.parse_args()
    found: dict[str, dict[str, float | None]] = {}
    for name, (owner, attribute) in PHASES.items():
        setattr(owner, attribute, timed(getattr(owner, attribute), found.setdefault(name, {})))
    sys.argv = ["mdcache", "rebuild", "--quiet", *(["--db", asked.db] if asked.db else []), asked.docs]
    try:
        cli.main()
    except SystemExit as ended:
        if ended.code:
            raise
    print(json.dumps({name: spent for name, spent in found.items() if spent}))


if __name__ == "__main__":
    main()
