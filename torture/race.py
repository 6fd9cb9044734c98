"""Writers that begin at the same moment, beside readers, while documents change."""

from __future__ import annotations

from pathlib import Path

from onlookers import readers
from processes import MDCACHE, PATIENCE_S, start
from watching import watched

from torture import bench, scene, versions
from torture.bench import Trial

_DOCUMENTS = 100
_PAIRS = (("rebuild", "rebuild"), ("rebuild", "sync"), ("sync", "sync"), ("sync", "rebuild", "sync"))


def run(trial: Trial) -> None:
    """Each waits for its turn and succeeds, and what the last one leaves keeps the law."""
    with trial.part("rebuild and sync at once") as part:
        folder = versions.laid_out(trial.folder / "race", _DOCUMENTS)
        with readers(scene.cache_of(folder)):
            for round_ in range(trial.amount(4, 80)):
                commands = _PAIRS[round_ % len(_PAIRS)]
                with part.point(f"round {round_}: {commands}"):
                    _race(trial, folder, round_, commands)
                    scene.keeps_the_law(folder)
    with trial.part("rebuild and sync beside a watcher") as part:
        base = versions.laid_out(trial.folder / "beside", _DOCUMENTS)
        with watched(base) as watcher:
            for round_ in range(trial.amount(2, 40)):
                with part.point(f"round {round_}"):
                    _race(trial, base, round_, _PAIRS[round_ % len(_PAIRS)])
                    watcher.keeps_the_law(PATIENCE_S)


def _race(trial: Trial, folder: Path, round_: int, commands: tuple[str, ...]) -> None:
    """Documents change before and after the start."""
    numbers = trial.chance.sample(range(_DOCUMENTS), 40)
    versions.write(folder, round_, numbers[:20])
    processes = [start((*MDCACHE, command, "--db", "cache/x.db"), folder) for command in commands]
    versions.write(folder, round_ + 1, numbers[20:])
    for process in processes:
        _, said = process.communicate(timeout=PATIENCE_S)
        scene.assert_well(process.returncode, said)


if __name__ == "__main__":
    bench.alone(run)
