"""How long a commit waits for mdcache check, one document of a repository changed: with a fresh cache and without any.

python -m benchmarks.check [DOCS] [--documents N] [--runs N] [--json] [--save NAME]

The floor is what git itself takes to say what is staged.
"""

from __future__ import annotations

import os
import subprocess
from typing import Any

from benchmarks import measure
from benchmarks.floor import documents_below
from benchmarks.generate import Shape
from benchmarks.measure import MDCACHE, Budget, Corpus, Result, Run

_GIT = ["git", "-c", "user.name=bench", "-c", "user.email=bench@example.org", "-c", "init.defaultBranch=main"]


class Place:
    """A repository of these documents, one of which is staged with a change."""

    def __init__(self, corpus: Corpus) -> None:
        self.folder = corpus.folder
        self._git("init", "-q")
        self._git("add", "--all", "--force")
        self._git("commit", "-qm", "all")
        # As clones have it: packed.
        self._git("gc", "-q")
        path = documents_below(self.folder)[0]
        with open(path, "a", encoding="utf-8") as file:
            file.write("\n[more](nothere.md)\n")
        self._git("add", path)

    def _git(self, *arguments: str) -> None:
        subprocess.run([*_GIT, *arguments], cwd=self.folder, check=True, capture_output=True)

    def with_cache(self) -> None:
        measure.run([MDCACHE, "rebuild", ".", "--quiet"], self.folder)

    def measured(self, what: str, command: list[str], runs: int) -> dict[str, Any]:
        """One run more than asked for; the first is not counted."""
        samples: list[Run] = [measure.run(command, self.folder) for _ in range(runs + 1)][1:]
        walls = [1000 * sample.wall_s for sample in samples]
        return {
            "what": what,
            "median_ms": measure.median(walls),
            "best_ms": min(walls),
            "cpu_ms": measure.median([1000 * sample.cpu_s for sample in samples]),
            "walls_ms": walls,
        }


# What is wrong in the documents is no failure of the benchmark.
_CHECK = ["sh", "-c", 'command=$1; shift; "$command" check "$@" >found; test $? -le 1', "sh", MDCACHE, "--quiet"]


def judged(corpus: Corpus, runs: int) -> Result:
    place = Place(corpus)
    rows = [place.measured("git diff --cached", [*_GIT, "diff", "--cached", "--stat"], runs)]
    rows.append(place.measured("--staged, no cache", [*_CHECK, "--staged"], runs))
    rows.append(place.measured("all, no cache", _CHECK, runs))
    place.with_cache()
    rows.append(place.measured("--staged, fresh cache", [*_CHECK, "--staged"], runs))
    rows.append(place.measured("all, fresh cache", _CHECK, runs))
    count = corpus.documents
    budgets = [
        Budget(f"--staged, one of {count:,} changed, fresh cache", rows[3]["median_ms"], 500, "ms"),
        Budget(f"--staged, one of {count:,} changed, no cache", rows[1]["median_ms"], 2000, "ms"),
    ]
    return Result(rows, budgets, corpus)


def main() -> None:
    parser = measure.parser(__doc__)
    measure.add_corpus(parser, Shape(documents=3000))
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    with measure.workplace() as work:
        result = judged(measure.corpus(asked, os.path.join(work, "repository")), asked.runs)
    measure.report(asked, result)


if __name__ == "__main__":
    main()
