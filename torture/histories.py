"""The law along histories: made up by hypothesis, of git with jumps in it, of this project, of real documents."""

from __future__ import annotations

import os
from pathlib import Path

import test_law
from hypothesis import strategies as st
from processes import git

from torture import ROOT, bench
from torture.bench import Trial
from torture.examples import tried


def run(trial: Trial) -> None:
    """After each step sync leaves what a rebuild would make, and the change feed tells each difference."""
    with trial.part("made up: writes, moves, ignores, settings") as part:
        part.unit = "histories"
        histories = st.lists(test_law.storms, min_size=1, max_size=30)
        tried(trial, part, trial.amount(15, 1_000), test_law.live_through, histories)
    with trial.part("of git, with branches and jumps") as part:
        part.unit = "histories"
        for number in range(trial.amount(1, 8)):
            with part.point(f"history {number}"):
                _replay_made_up(trial, f"git{number}", trial.amount(12, 60), test_law.made_up(200), number)
    _project(trial)
    _real(trial)


def _replay_made_up(trial: Trial, name: str, commits: int, texts: list[str], number: int) -> None:
    folder, seed = trial.folder / name, trial.seed * 1000 + number
    folder.mkdir()
    test_law.replayed(folder, git, test_law.a_repository(folder, git, texts, commits, seed), seed)


def _project(trial: Trial) -> None:
    name = "of this project"
    commits = git(ROOT, "log", "--reverse", "--format=%H", check=False).split()
    if len(commits) < 50:
        trial.skip(name, "no clone with a history")
        return
    with trial.part(name) as part:
        part.unit = "commits"
        git(trial.folder, "clone", "-q", str(ROOT), "clone")
        some = commits[-trial.amount(10, len(commits)) :]
        part.tried = len(some)
        test_law.replayed(trial.folder / "clone", git, some, trial.seed)


def _real(trial: Trial) -> None:
    name, corpora = "of real documents", os.environ.get("MDCACHE_CORPORA")
    if not corpora:
        trial.skip(name, "no MDCACHE_CORPORA")
        return
    with trial.part(name) as part:
        part.unit, part.tried = "commits", trial.amount(10, 60)
        texts = [file.read_text(errors="replace") for file in sorted((Path(corpora) / "amalfa").rglob("*.md"))[:400]]
        _replay_made_up(trial, "real", part.tried, texts, 0)


if __name__ == "__main__":
    bench.alone(run)
