"""The power goes: what a rebuild and a sync had written by then, with any of it lost that was not yet synced."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from torture import bench, recorded, scene, strace, sweep
from torture.bench import Part, Trial
from torture.recorded import Disk
from torture.scene import Scene

_CHANCES = 4
"""How often chance decides, at each cut, which writes are lost."""


class Loss(NamedTuple):
    """What a power cut takes: the bytes of these deeds, and the changes of names after the first so many."""

    lost: frozenset[int]
    turns: int


def run(trial: Trial) -> None:
    """The cache is the old or the new one, sound, or not there where there was none; the next writer makes it good."""
    if not strace.works():
        trial.lacks("all", "strace")
        return
    for subject in (sweep.REBUILDS[0], sweep.REBUILDS[1], sweep.SYNCS[0]):
        with trial.part(subject.name) as part:
            made = scene.laid_out(trial.folder / subject.name.replace(" ", "-") / "scene", subject.cache)
            before = _files(made.folder / "cache")
            traced = scene.copied(made.folder, made.folder.parent / "trace")
            done = recorded.deeds(subject.run, traced, traced / "cache")
            _assert_recorded(before, done, traced / "cache")
            shutil.rmtree(traced)
            cuts = range(len(done) + 1)
            # Its last calls are those that publish.
            chosen = {*trial.chance.sample(cuts, 8), *cuts[-6:]} if trial.short else set(cuts)
            disk = Disk(before)
            for number in cuts:
                if number in chosen:
                    _cut(trial, part, made, disk, f"after {number} of {len(done)} calls")
                if number < len(done):
                    disk.do(done[number])


def _assert_recorded(before: recorded.Files, done: list[recorded.Deed], folder: Path) -> None:
    """What was recorded is all that was done: replayed with nothing lost, it makes what the program left."""
    disk = Disk(before)
    for deed in done:
        disk.do(deed)
    assert disk.after_power_cut(frozenset(), disk.turns())["x.db"] == (folder / "x.db").read_bytes()


def _cut(trial: Trial, part: Part, made: Scene, disk: Disk, when: str) -> None:
    tried = set()
    for loss in _losses(trial, disk):
        files = disk.after_power_cut(loss.lost, loss.turns)
        same = hash(tuple(sorted(files.items())))
        if same not in tried:
            tried.add(same)
            with part.point(f"{when}, {len(loss.lost)} writes lost, {loss.turns} names kept"):
                part.faults += 1
                _judge(made, files)


def _losses(trial: Trial, disk: Disk) -> Iterator[Loss]:
    """Yield nothing lost, all lost, all but names, all but bytes, and what chance will have lost."""
    unsafe, turns = disk.unsafe(), disk.turns()
    yield Loss(frozenset(), turns)
    yield Loss(frozenset(unsafe), 0)
    yield Loss(frozenset(unsafe), turns)
    yield Loss(frozenset(), 0)
    for _ in range(_CHANCES):
        yield Loss(frozenset(place for place in unsafe if trial.chance.random() < 0.5), trial.chance.randint(0, turns))


def _judge(made: Scene, files: recorded.Files) -> None:
    """What is there after the cut is sound, and the old or the new; the next writer makes it good."""
    folder = made.folder.parent / "after"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(made.folder, folder, ignore=shutil.ignore_patterns("x.db*"))
    for name, data in files.items():
        (folder / "cache" / name).write_bytes(data)
    assert scene.state(folder) in (made.old, made.new), "neither the old nor the new"
    scene.adopt(folder)
    scene.made_good(folder, anew=True)


def _files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


if __name__ == "__main__":
    bench.alone(run)
