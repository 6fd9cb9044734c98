"""Storms over a watcher: folders that move with hardly a pause, floods of files, and its own sudden death."""

from __future__ import annotations

import contextlib
import os
import random
import sys
import time
from pathlib import Path

import test_storm
from law import assert_law
from processes import PATIENCE_S, mdcache
from watching import Watched, flood, watched

from torture import bench
from torture.bench import Part, Trial

_TEXT = "---\ntags: [t]\n---\n# {0}\n\nwords of {0} [[two]] [x](../c/three.md) [[gone]]\n\n## Sub\n\n- [ ] task\n"


def run(trial: Trial) -> None:
    """Soon after each storm the cache is what a rebuild makes."""
    with trial.part("folders move at random") as part, watched(_base(trial, "moves")) as watcher:
        for round_ in range(trial.amount(2, 30)):
            with part.point(f"round {round_}"):
                _move(trial, watcher)
    with trial.part("killed at any moment") as part, watched(_base(trial, "killed")) as watcher:
        for round_ in range(trial.amount(2, 30)):
            with part.point(f"round {round_}"):
                _kill(trial, part, watcher, round_)
    for name, storm in (("syncs", test_storm.storm_of_syncs), ("a watcher", test_storm.storm_beside_a_watcher)):
        with trial.part(f"readers beside {name}") as part:
            part.unit = "minutes"
            base = trial.folder / name
            base.mkdir()
            storm(test_storm.laid_out(base), trial.amount(3, 90))
    if sys.platform != "linux":
        trial.skip("floods", "the queue is inotify's, and memory is read from /proc")
        return
    with trial.part("a flood that overflows the queue") as part, watched(_base(trial, "flood")) as watcher:
        part.unit, part.tried = "writes", 12_000
        flood(watcher, trial.amount(100, 12_000), 12_000)
    with trial.part("memory over floods") as part, watched(_base(trial, "memory")) as watcher:
        _grow(trial, part, watcher)


def _move(trial: Trial, watcher: Watched) -> None:
    for _ in range(60):
        _stir(watcher, trial.chance)
        if trial.chance.random() < 0.1:
            time.sleep(trial.chance.random() * 0.7)  # so that events mingle in many ways
    watcher.keeps_the_law(PATIENCE_S)


def _kill(trial: Trial, part: Part, watcher: Watched, round_: int) -> None:
    _change_much(watcher.docs, round_)
    for _ in range(20):
        _stir(watcher, trial.chance)
    time.sleep(trial.chance.random() * 0.5)  # in the debounce, in a batch, after it
    watcher.process.kill()
    watcher.process.wait()
    part.faults += 1
    _stir(watcher, trial.chance)
    done = mdcache(watcher.base, "sync", *watcher.named())
    assert done.returncode == 0, done
    assert_law(watcher.settings(watcher.database))
    watcher.restart()
    watcher.keeps_the_law(PATIENCE_S)


def _grow(trial: Trial, part: Part, watcher: Watched) -> None:
    """Many documents are written over and over; in the end it takes no more memory than half-way."""
    sizes = []
    for round_ in range(trial.amount(4, 16)):
        with part.point(f"round {round_}"):
            for number in range(trial.amount(200, 800)):
                (watcher.docs / f"a/m{number}.md").write_text(f"# {round_} {number}\n\n{'words ' * 200}\n")
            watcher.keeps_the_law(PATIENCE_S)
            sizes.append(bench.memory("VmRSS", watcher.process.pid))
    half = len(sizes) // 2
    assert max(sizes[half:]) < max(sizes[:half]) * 1.1, sizes


def _base(trial: Trial, name: str) -> Path:
    base = trial.folder / name
    for path in ("one", "a/two", "a/b/deep", "c/three"):
        file = base / "docs" / f"{path}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_TEXT.format(file.stem))
    return base


def _stir(watcher: Watched, chance: random.Random) -> None:
    """One random deed: a folder or a file is made, moved in, out or about, written to or deleted."""
    docs, outside = watcher.docs, watcher.base / "outside"
    outside.mkdir(exist_ok=True)
    folders = [Path(at) for at, _, _ in os.walk(docs)]
    files = [Path(at) / name for at, _, names in os.walk(docs) for name in names]
    below, name = chance.choice(folders), chance.choice("pqrstu")
    deed = chance.randrange(7)
    with contextlib.suppress(OSError):  # into itself, onto a folder that is not empty …
        if deed == 0:
            (below / name).mkdir()
        elif deed <= 2:
            (below / f"{name}.md").write_text(f"# {chance.random()} [[{chance.choice('pqrstu')}]]\n")
        elif deed == 3 and len(folders) > 1:
            chance.choice(folders[1:]).rename(below / name)
        elif deed == 4 and len(folders) > 1:
            chance.choice(folders[1:]).rename(outside / name)
        elif deed == 5:
            (outside / name).rename(below / name)
        elif files:
            chance.choice(files).unlink()


def _change_much(docs: Path, version: int) -> None:
    """A batch that takes its time: new, changed, renamed and removed documents, and links that come and go."""
    (docs / "much").mkdir(exist_ok=True)
    for number in range(150):
        text = f"# D{number} of {version}\n\n[[d{number + version % 3}]] [[e{version}]]\n"
        (docs / f"much/d{number}.md").write_text(text)
    (docs / f"much/e{version}.md").write_text(f"# E{version}\n")
    (docs / f"much/e{version - 3}.md").unlink(missing_ok=True)
    (docs / f"much/d{version % 150}.md").rename(docs / f"d{version % 4}.md")


if __name__ == "__main__":
    bench.alone(run)
