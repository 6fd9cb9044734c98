"""What people would pick instead, on the same documents: each installed at one version, run in turns, cost by cost.

    make bench-peers DOCS=folder
    python -m benchmarks.peers [DOCS] [--copies N] [--only NAME]... [--runs N] [--python PYTHON] [--json] [--save NAME]

Installs with pip and npm into .peers, once; `make clean` removes that. Each tool gets documents, a home folder and a
database of its own, all thrown away. What cannot be installed or fails is told, and the others go on.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import floor, measure
from benchmarks.generate import Shape
from benchmarks.measure import MB, MDCACHE, Corpus, Result, Run

_INSTALLED = Path(__file__).parent.parent / ".peers"
_NODE = "node@22.23.3"  # brought along where there is none, or one too old
_SHAPE = Shape(documents=3000, median_bytes=7300)
# Minutes for a thousand documents: with more the slow ones would take hours.
_SMALL = 1000


class Peer(NamedTuple):
    """A tool. Its commands are written with {docs} and {state}, a folder for whatever it keeps."""

    name: str
    package: str
    version: str
    first: Sequence[str]
    """Index documents that it has never seen."""
    again: Sequence[str] = ()
    """Take in what has changed since; none if it only knows the first."""
    node: bool = False
    python: tuple[int, int] = (3, 11)
    slow: bool = False
    environment: Mapping[str, str] = {}


PEERS = (
    Peer(
        "sqlite-utils",
        "sqlite-utils",
        "4.2.1",
        (
            "sqlite-utils insert-files {state}/su.db docs {docs} --text --silent"
            " -c path:path -c content:content_text --pk path",
            "sqlite-utils enable-fts {state}/su.db docs path content --create-triggers --tokenize 'porter unicode61'",
        ),
    ),
    Peer(
        "headless-vault-kit",
        "headless-vault-kit",
        "0.1.0",
        ("hvk --vault {docs} --index {state}/index rebuild --json",),
        ("hvk --vault {docs} --index {state}/index scan --json",),
    ),
    Peer("qmd", "@tobilu/qmd", "2.8.3", ("qmd collection add {docs} --name c",), ("qmd update",), node=True),
    Peer(
        "markdown-vault-mcp",
        "markdown-vault-mcp",
        "5.1.0",
        ("markdown-vault-mcp index --source-dir {docs} --index-path {state}/vault.db",),
        ("markdown-vault-mcp reindex --source-dir {docs} --index-path {state}/vault.db",),
    ),
    Peer(
        "basic-memory",
        "basic-memory",
        "0.23.2",
        ("basic-memory project add c {docs} --local", "basic-memory reindex --search -p c"),
        ("basic-memory reindex --search -p c",),
        python=(3, 12),
        slow=True,
        environment={"BASIC_MEMORY_SEMANTIC_SEARCH_ENABLED": "false", "BASIC_MEMORY_NO_PROMOS": "1"},
    ),
)
OURS = Peer(
    "mdcache",
    "mdcache",
    "",
    (shlex.quote(MDCACHE) + " rebuild --quiet --db {state}/cache.db {docs}",),
    (shlex.quote(MDCACHE) + " sync --quiet --db {state}/cache.db {docs}",),
)


# Installing


def installed(peer: Peer, pythons: Sequence[str]) -> str:
    """The folder of its commands. Raises CalledProcessError or LookupError when it cannot be installed."""
    folder = _INSTALLED / f"{peer.name}-{peer.version}"
    done = folder / "installed"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for command in _npm(peer, folder) if peer.node else _pip(peer, folder, pythons):
            subprocess.run(command, check=True, stdout=sys.stderr)
        done.touch()
    return str(folder / ("node_modules/.bin" if peer.node else "bin"))


def _pip(peer: Peer, folder: Path, pythons: Sequence[str]) -> Iterator[list[str]]:
    yield [_python(peer.python, pythons), "-m", "venv", str(folder)]
    yield [
        str(folder / "bin" / "pip"),
        "install",
        "--quiet",
        "--disable-pip-version-check",
        f"{peer.package}=={peer.version}",
    ]


def _npm(peer: Peer, folder: Path) -> Iterator[list[str]]:
    """Without scripts, which would fetch programs from elsewhere; it does what is measured here without them."""
    install = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--silent"]
    yield [*install, "--ignore-scripts", f"{peer.package}@{peer.version}"]
    if _node_version() < 22:
        yield [*install, _NODE]


def _node_version() -> int:
    said = subprocess.run(["node", "--version"], check=True, capture_output=True, encoding="utf-8").stdout
    return int(said.strip().removeprefix("v").partition(".")[0])


def _python(least: tuple[int, int], pythons: Sequence[str]) -> str:
    """The first that is new enough."""
    for python in (*pythons, sys.executable, "python3.14", "python3.13", "python3.12"):
        check = [python, "-c", f"import sys; sys.exit(sys.version_info < {least})"]
        if shutil.which(python) and subprocess.run(check, capture_output=True).returncode == 0:
            return python
    raise LookupError(f"no Python {'.'.join(map(str, least))}: name one with --python")


# Running


class Sample(NamedTuple):
    """One run: the first index, nothing changed, one document changed."""

    first: Run
    unchanged: Run | None
    changed: Run | None
    database_bytes: int
    rewritten: int
    """Documents that are no longer what they were."""


class Contender(NamedTuple):
    """A peer that is installed."""

    peer: Peer
    commands: str

    def sample(self, corpus: Corpus, work: str, watched: bool = False) -> Sample:
        """Watched: only the first index, its memory. Everything it makes is thrown away."""
        folder = os.path.join(work, self.peer.name)
        docs = os.path.join(folder, "docs")
        shutil.copytree(corpus.folder, docs)
        first = self._run(self.peer.first, folder, watched)
        size, rewritten = _database_bytes(os.path.join(folder, "state")), _rewritten(corpus.folder, docs)
        unchanged = changed = None
        if self.peer.again and not watched:
            unchanged = self._run(self.peer.again, folder)
            _edit(floor.documents_below(docs)[0])
            changed = self._run(self.peer.again, folder)
        shutil.rmtree(folder)
        return Sample(first, unchanged, changed, size, rewritten)

    def _run(self, commands: Sequence[str], folder: str, watched: bool = False) -> Run:
        """All commands as one."""
        places = {name: os.path.join(folder, name) for name in ("docs", "state")}
        os.makedirs(places["state"], exist_ok=True)
        words = [[word.format(**places) for word in shlex.split(command)] for command in commands]
        environment = self._environment(places["state"])
        runs = [measure.run(self._found(one), folder, watched, environment) for one in words]
        peaks = [run.peak_mb for run in runs if run.peak_mb is not None]
        spent = sum(run.wall_s for run in runs), sum(run.cpu_s for run in runs)
        return Run(*spent, max(peaks, default=None), runs[-1].output)

    def _found(self, words: list[str]) -> list[str]:
        return [os.path.join(self.commands, words[0]), *words[1:]]

    def _environment(self, state: str) -> dict[str, str]:
        """Whatever a tool keeps at home, it keeps in its state."""
        return {
            "PATH": f"{self.commands}{os.pathsep}{os.environ['PATH']}",
            "HOME": state,
            "XDG_CACHE_HOME": os.path.join(state, "cache"),
            "XDG_CONFIG_HOME": os.path.join(state, "config"),
            "XDG_DATA_HOME": os.path.join(state, "data"),
            **self.peer.environment,
        }


def _database_bytes(state: str) -> int:
    """Of all SQLite databases below a folder, with what lies beside them."""
    databases = [path for path in Path(state).rglob("*") if path.is_file() and _is_database(path)]
    sides = [Path(f"{path}{side}") for path in databases for side in ("-wal", "-shm")]
    return sum(path.stat().st_size for path in [*databases, *sides] if path.exists())


def _is_database(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def _rewritten(before: str, after: str) -> int:
    paths = floor.documents_below(before)
    return sum(Path(path).read_bytes() != Path(after, os.path.relpath(path, before)).read_bytes() for path in paths)


def _edit(path: str) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write(f"\nmore words {time.time_ns()}\n")


# All of them


def compare(corpus: Corpus, work: str, contenders: Sequence[Contender], runs: int) -> list[dict[str, Any]]:
    """They take turns; the first turn warms up and watches the memory, and is not timed."""
    rows = {one.peer.name: _blank(one.peer) for one in contenders}
    samples: dict[str, list[Sample]] = {name: [] for name in rows}
    for number in range(runs + 1):
        for one in contenders:
            row = rows[one.peer.name]
            if not row["failed"]:
                try:
                    sample = one.sample(corpus, work, watched=not number)
                except SystemExit as ended:  # how measure.run tells that a command failed
                    row["failed"] = str(ended)[-300:]
                    continue
                if number:
                    samples[one.peer.name].append(sample)
                else:
                    row["peak_mb"] = sample.first.peak_mb
    for name, found in samples.items():
        if not rows[name]["failed"]:
            rows[name].update(_medians(found))
    return list(rows.values())


def _blank(peer: Peer, failed: str | None = None) -> dict[str, Any]:
    """A row without figures yet."""
    keys = ("wall_s", "cpu_s", "peak_mb", "database_mb", "unchanged_s", "unchanged_cpu_s", "changed_s", "changed_cpu_s")
    return {"name": peer.name, "version": peer.version, **dict.fromkeys((*keys, "rewritten")), "failed": failed}


def _medians(found: list[Sample]) -> dict[str, Any]:
    unchanged = [one.unchanged for one in found if one.unchanged]
    changed = [one.changed for one in found if one.changed]
    return {
        **_spent("", [one.first for one in found]),
        **_spent("unchanged_", unchanged),
        **_spent("changed_", changed),
        "database_mb": found[-1].database_bytes / MB,
        "rewritten": found[-1].rewritten,
    }


def _spent(prefix: str, runs: list[Run]) -> dict[str, float]:
    if not runs:
        return {}
    walls, cpus = [run.wall_s for run in runs], [run.cpu_s for run in runs]
    return {f"{prefix}{'wall_s' if not prefix else 's'}": measure.median(walls), f"{prefix}cpu_s": measure.median(cpus)}


def field(only: Sequence[str], documents: int, pythons: Sequence[str]) -> tuple[list[Contender], list[dict[str, Any]]]:
    """Those that take part, and rows for those that could not be installed."""
    ours = OURS._replace(version=measure.machine()["mdcache"])
    taking, missing = [Contender(ours, "")], []
    for peer in PEERS:
        if (only and peer.name not in only) or (peer.slow and documents > _SMALL):
            continue
        try:
            taking.append(Contender(peer, installed(peer, pythons)))
        except (subprocess.CalledProcessError, OSError, LookupError) as error:
            missing.append(_blank(peer, f"not installed: {error}"))
    return taking, missing


def main() -> None:
    parser = measure.parser(__doc__)
    measure.add_corpus(parser, _SHAPE)
    parser.add_argument("--only", action="append", choices=[peer.name for peer in PEERS], default=[])
    parser.add_argument("--python", action="append", default=[], help="one for tools that need a newer one")
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    with measure.workplace() as work:
        corpus = measure.corpus(asked, os.path.join(work, "originals"))
        contenders, missing = field(asked.only, corpus.documents, asked.python)
        rows = compare(corpus, work, contenders, asked.runs) + missing
    measure.report(asked, Result(rows, [], corpus))


if __name__ == "__main__":
    main()
