"""What the benchmarks share: processes run from start to exit, the documents, the machine, the report."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from tabulate import tabulate

from benchmarks import floor
from benchmarks.generate import PROFILES, Shape, generate

MDCACHE = os.path.join(os.path.dirname(sys.executable), "mdcache")
RESULTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "results")
MB = 1e6
_LOAD_BEFORE = os.getloadavg()[0]
_SAMPLE_S = 0.01
_WIDEST = 12
_STATE = "MDCACHE_STATE"


class Run(NamedTuple):
    """A process and all that it started, from start to exit."""

    wall_s: float
    cpu_s: float
    peak_mb: float | None
    """The most memory that all held together; None unless it was watched. Pages they share count once."""
    output: str


def run(command: Sequence[str], cwd: str, watched: bool = False, env: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end, with variables of its own. Watching its memory costs it some time.

    Ends the benchmark when the command fails.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        began = time.perf_counter()
        environment = {**_environment(), **(env or {})}
        process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            peak = _watch(process.pid) if watched else None
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read()
    if process.returncode:
        sys.exit(f"{shlex.join(command)} ended with {process.returncode}: {said}")
    return Run(wall, usage.ru_utime + usage.ru_stime, peak, said)


def _environment() -> dict[str, str]:
    """Without settings of mdcache, and with .pyc files: otherwise Python compiles what is not installed each time."""
    return {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONDONTWRITEBYTECODE" and (name == _STATE or not name.startswith("MDCACHE_"))
    }


def _watch(pid: int) -> float | None:
    """The peak of the memory of a process and its descendants, until it ends."""
    if not os.path.exists("/proc/self/smaps_rollup"):
        return None
    peak = 0
    while not os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        began = time.perf_counter()
        peak = max(peak, sum(_pss_kb(one) for one in family(pid)))
        # A look at large processes takes long: a fifth of a processor at most.
        time.sleep(max(_SAMPLE_S, 4 * (time.perf_counter() - began)))
    return peak * 1024 / MB


def family(pid: int) -> set[int]:
    """A process and its descendants."""
    parents: dict[int, int] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        # A process may end at any moment.
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
            parents[int(name)] = int(file.read().rpartition(")")[2].split()[1])
    found, more = {pid}, True
    while more:
        children = {child for child, parent in parents.items() if parent in found}
        more = not children <= found
        found |= children
    return found


def _pss_kb(pid: int) -> int:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
        return next((int(line.split()[1]) for line in file if line.startswith("Pss:")), 0)
    return 0


class Corpus(NamedTuple):
    """Documents to measure with, in a folder of their own."""

    name: str
    folder: str
    documents: int
    bytes: int


def copied(docs: str, copies: int, into: str) -> Corpus:
    """Copy a folder's documents, and nothing else, so that every tool reads the same files.

    With several copies each lies in a folder of its own: a larger corpus from real texts.
    """
    paths, size = floor.documents_below(docs), 0
    if not paths:
        sys.exit(f"no documents below {docs}")
    for copy in map(str, range(copies)):
        for path in paths:
            target = os.path.join(into, *([copy] if copies > 1 else []), os.path.relpath(path, docs))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(path, target)
            size += os.path.getsize(target)
    name = os.path.basename(os.path.abspath(docs))
    return Corpus(f"{name} × {copies}" if copies > 1 else name, into, len(paths) * copies, size)


def generated(shape: Shape, into: str) -> Corpus:
    """Documents made up, the same each time."""
    size = generate(into, shape)
    kind = "" if shape.profile == "notes" else f" {shape.profile} documentation"
    name = f"generated{kind}, median {shape.median_bytes} bytes, seed {shape.seed}"
    return Corpus(name, into, shape.documents, size)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def percentile(values: Sequence[float], part: float) -> float:
    """The value that this part of the values does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


class Budget(NamedTuple):
    """What was promised. It is kept if measured does not exceed limit."""

    what: str
    measured: float
    limit: float
    unit: str

    def fields(self) -> dict[str, Any]:
        return {**self._asdict(), "kept": self.measured <= self.limit}


class Result(NamedTuple):
    """What a benchmark found. Each row of the table is a dict with the same keys; lists are kept for JSON alone."""

    rows: list[dict[str, Any]]
    budgets: list[Budget]
    corpus: Corpus | None = None


def parser(doc: str | None) -> argparse.ArgumentParser:
    """A parser with the options that every benchmark takes."""
    made = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    made.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    made.add_argument("--save", metavar="NAME", help="keep the JSON as benchmarks/results/NAME.json")
    return made


def add_corpus(made: argparse.ArgumentParser, shape: Shape) -> None:
    """Options that say which documents: a folder's, or made-up ones, of this shape unless told otherwise."""
    made.add_argument("docs", nargs="?", help="a folder of documents; made up by default")
    made.add_argument("--copies", type=int, default=1, help="so many copies of the folder, side by side")
    made.add_argument("--documents", type=int, default=shape.documents, help="how many to make up")
    made.add_argument("--median-bytes", type=int, help="how long those are")
    made.add_argument("--profile", choices=PROFILES, default=shape.profile, help="what those are like")
    made.set_defaults(shape=shape)


def corpus(asked: argparse.Namespace, into: str) -> Corpus:
    """The documents that these options ask for."""
    if asked.docs:
        return copied(asked.docs, asked.copies, into)
    usual = asked.shape if asked.profile == asked.shape.profile else PROFILES[asked.profile]
    return generated(Shape(asked.documents, asked.median_bytes or usual.median_bytes, profile=asked.profile), into)


@contextlib.contextmanager
def workplace() -> Iterator[str]:
    """A folder for everything that a benchmark makes, removed at the end, also when it is told to stop."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="mdcache-bench-") as folder:
        before, os.environ[_STATE] = os.environ.get(_STATE, ""), os.path.join(folder, "state")
        try:
            yield folder
        finally:
            os.environ[_STATE] = before


def report(asked: argparse.Namespace, result: Result) -> None:
    """Print what was found, and keep it if asked to."""
    found = _as_dict(result)
    print(_json(found) if asked.json else _tables(found))
    keep(asked, result)


def keep(asked: argparse.Namespace, result: Result) -> None:
    """Keep what was found if asked to; again and again while a benchmark that takes long goes on."""
    if asked.save:
        os.makedirs(RESULTS, exist_ok=True)
        with open(_place_of(asked.save), "w", encoding="utf-8") as file:
            file.write(_json(_as_dict(result)) + "\n")


def kept(name: str) -> dict[str, Any]:
    """A result that was kept, as it was. Raises FileNotFoundError when there is none."""
    with open(_place_of(name), encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found


def _place_of(name: str) -> str:
    return os.path.join(RESULTS, f"{name}.json")


def _json(found: dict[str, Any]) -> str:
    return json.dumps(found, indent=1, ensure_ascii=False)


def _as_dict(result: Result) -> dict[str, Any]:
    corpus = result.corpus
    return {
        "command": _command(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "corpus": {"name": corpus.name, "documents": corpus.documents, "bytes": corpus.bytes} if corpus else None,
        "rows": [{key: _rounded(value) for key, value in row.items()} for row in result.rows],
        "budgets": [{key: _rounded(value) for key, value in one.fields().items()} for one in result.budgets],
    }


def _command() -> str:
    """As it was typed, but for where things lie on this machine."""
    name = os.path.basename(sys.argv[0]).removesuffix(".py")
    words = [os.path.basename(word.rstrip("/")) if os.path.isabs(word) else word for word in sys.argv[1:]]
    return shlex.join(["python", "-m", f"benchmarks.{name}", *words])


def machine() -> dict[str, Any]:
    """Where the numbers were measured."""
    import mdcache

    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "os": platform.platform(),
        "python": platform.python_version(),
        "sqlite": floor.SQLITE_VERSION,
        "mdcache": mdcache.__version__,
        "load_before": _LOAD_BEFORE,
    }


def _cpu() -> str:
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        return next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "")
    return platform.processor()


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _table(rows: list[dict[str, Any]]) -> str:
    """Turned on its side where it would be too wide to read."""
    if rows and len(rows[0]) > _WIDEST:
        return tabulate([[key, *(row[key] for row in rows)] for key in rows[0]], missingval="-", numalign="right")
    return tabulate(rows, headers="keys", missingval="-")


def _tables(found: dict[str, Any]) -> str:
    corpus, machine_ = found["corpus"], found["machine"]
    rows = [{key: value for key, value in row.items() if not isinstance(value, list)} for row in found["rows"]]
    budgets = [
        (one["what"], f"{one['measured']:g} {one['unit']}", f"{one['limit']:g}", "kept" if one["kept"] else "EXCEEDED")
        for one in found["budgets"]
    ]
    parts = [
        f"{corpus['name']}: {corpus['documents']:,} documents, {corpus['bytes'] / MB:.1f} MB" if corpus else "",
        _table(rows),
        tabulate(budgets, headers=("budget", "measured", "limit", "")) if budgets else "",
        ", ".join(f"{key} {value}" for key, value in machine_.items()),
    ]
    return "\n\n".join(part for part in parts if part)
