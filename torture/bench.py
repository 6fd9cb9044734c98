"""Keeps count of a scenario: what was tried, which faults were injected, what failed."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from homes import environment
from tabulate import tabulate

ROUNDS = ("short", "full")
_Amount = TypeVar("_Amount")


class Row(NamedTuple):
    """One line of the table. failures: None when the part was skipped, and then tried says why."""

    scenario: str
    part: str
    tried: str
    faults: int
    failures: int | None
    seconds: float


class Part:
    """A part of a scenario while it runs. tried counts points, unless took says how long it went on instead."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tried = self.faults = 0
        self.failures: list[str] = []
        self.unit = "points"

    @contextlib.contextmanager
    def point(self, what: str) -> Iterator[None]:
        """One thing that is tried. What goes wrong is noted, and the next one tried."""
        self.tried += 1
        try:
            yield
        except Exception as error:
            self.fail(what, error)

    def fail(self, what: str, error: Exception) -> None:
        self.failures.append(what)
        print(f"FAILED {self.name}, {what}:", *traceback.format_exception(error), file=sys.stderr, flush=True)


class Trial:
    """A run of one scenario. chance: all that is random comes from it. folder: an empty one, gone afterwards.

    only: what the names of kinds must hold, in a scenario that has kinds.
    """

    def __init__(self, scenario: str, seed: int, short: bool, folder: Path, only: str = "") -> None:
        self.scenario, self.seed, self.short, self.folder, self.only = scenario, seed, short, folder, only
        self.chance = random.Random(seed)
        self.rows: list[Row] = []

    def amount(self, short: _Amount, full: _Amount) -> _Amount:
        """How much to do in a round of either kind."""
        return short if self.short else full

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[Part]:
        """What happens within is one line of the table; an error that no point has caught ends the part, and counts."""
        part, began = Part(name), time.monotonic()
        print(f"{self.scenario}: {name} ...", file=sys.stderr, flush=True)
        try:
            yield part
        except Exception as error:
            part.fail("all of it", error)
        took = time.monotonic() - began
        tried = f"{took / 60:.1f} minutes" if part.unit == "minutes" else f"{part.tried:,} {part.unit}"
        self.rows.append(Row(self.scenario, name, tried, part.faults, len(part.failures), round(took, 1)))

    def skip(self, name: str, why: str) -> None:
        self.rows.append(Row(self.scenario, name, f"skipped: {why}", 0, None, 0.0))

    def lacks(self, name: str, program: str) -> None:
        """Skip a part for want of a program. Where CI is set, one that is not installed is a failure."""
        failures = 1 if os.environ.get("CI") and not shutil.which(program) else None
        self.rows.append(Row(self.scenario, name, f"skipped: no {program} here", 0, failures, 0.0))


Scenario = Callable[[Trial], None]


def alone(run: Scenario) -> None:
    """The command line of one scenario."""
    parser = argparse.ArgumentParser(description=run.__doc__)
    add_options(parser)
    parser.add_argument("--json", action="store_true", help="rows as JSON, one a line, in place of the table")
    parser.add_argument("--only", default="", help="of a scenario's kinds only those whose name holds this")
    asked = parser.parse_args()
    scenario = Path(sys.argv[0]).stem
    os.nice(asked.nice)
    # Shells have what runs in the background ignore Ctrl-C, and so would all that is started here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix=f"torture-{scenario}-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        at_home(folder / "home")
        trial = Trial(scenario, asked.seed, asked.round == "short", folder / "work", asked.only)
        trial.folder.mkdir()
        run(trial)
    for row in trial.rows if asked.json else ():
        print(json.dumps(row))
    sys.exit(conclude(trial.rows, quiet=asked.json))


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=1, help="where all that is random begins (default: 1)")
    parser.add_argument("--round", choices=ROUNDS, default="full", help="short: a little of everything")
    parser.add_argument("--nice", type=int, default=0, help="give way to others by so much")


def at_home(folder: Path) -> None:
    """An empty home folder, and no settings of whoever runs the bench."""
    folder.mkdir()
    changes: Mapping[str, str | None] = environment(folder)
    for name, value in changes.items():
        if value is None:
            os.environ.pop(name)
        else:
            os.environ[name] = value


def memory(name: str, pid: int | str = "self") -> int:
    """Bytes that a process holds now (VmRSS), or has held at most (VmHWM). Linux only."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split(f"{name}:")[1].split()[0]) * 1024


def conclude(rows: Sequence[Row], quiet: bool = False) -> int:
    """Print the table; the exit status."""
    if not quiet:
        print(table(rows))
    return 1 if any(row.failures for row in rows) else 0


def table(rows: Sequence[Row]) -> str:
    shown = [row._replace(failures="-" if row.failures is None else row.failures) for row in rows]  # type: ignore[arg-type]
    headers = ("scenario", "part", "tried", "faults", "failures", "seconds")
    return tabulate(shown, headers, tablefmt="github", intfmt=",")
