"""Writers that are killed at random moments, their workers too, while readers go on reading."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from onlookers import readers
from processes import MDCACHE, PATIENCE_S, descendants, is_gone, start

from torture import bench, scene, versions
from torture.bench import Part, Trial

_DOCUMENTS = 400
_COMMANDS = (("rebuild", "--workers", "2"), ("sync",), ("watch",))
_SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


def run(trial: Trial) -> None:
    """No process stays, the lock is free, readers see whole documents only, and the next writer makes all good."""
    folder = versions.laid_out(trial.folder / "crowd", _DOCUMENTS)
    with trial.part("random stops of all writers, beside readers") as part:
        part.unit = "minutes"
        with readers(scene.cache_of(folder)):
            for round_ in _rounds(trial.amount(6, 300)):
                with part.point(f"round {round_}"):
                    _change(trial, folder, round_)
                    _stopped(trial, part, folder)
                    if round_ % 5 == 4:
                        scene.made_good(folder)
        scene.made_good(folder)


def _rounds(seconds: float) -> Iterator[int]:
    """At least five, so that each writer has its turn."""
    end, round_ = time.monotonic() + seconds, 0
    while time.monotonic() < end or round_ < 5:
        yield round_
        round_ += 1


def _change(trial: Trial, folder: Path, round_: int) -> None:
    numbers = trial.chance.sample(range(_DOCUMENTS), trial.chance.choice((1, 30, _DOCUMENTS)))
    versions.write(folder, round_ + 1, numbers)
    (folder / f"docs/v{trial.chance.randrange(1, _DOCUMENTS)}.md").unlink(missing_ok=True)


def _stopped(trial: Trial, part: Part, folder: Path) -> None:
    """One or two writers, each stopped some time after it was started, alone or with all that it has started."""
    commands = trial.chance.sample(_COMMANDS, trial.chance.choice((1, 1, 2)))
    processes = [_start(command, folder) for command in commands]
    try:
        time.sleep(trial.chance.uniform(0.1, 1.0))
        for process in processes:
            name, group = trial.chance.choice(_SIGNALS), trial.chance.random() < 0.3
            part.faults += process.poll() is None
            _stop(process, name, group)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    scene.assert_free(scene.cache_of(folder))


def _stop(process: subprocess.Popen[str], name: signal.Signals, group: bool) -> None:
    offspring = descendants(process.pid)
    if process.poll() is None:
        (os.killpg if group else os.kill)(process.pid, name)
    _, said = process.communicate(timeout=PATIENCE_S)
    if "Traceback" in said:  # so early that mdcache was not yet there to say anything
        ends = (1,) if "init_import_site" in said else (-name,)  # 1: Python itself was not yet there
        assert name == signal.SIGINT and process.returncode in ends and "cli.main" not in said, said
    else:
        # Python ends itself by SIGINT, which shells show as 130, when a stop comes while it runs code out of a string.
        assert process.returncode in (0, 130, -name, -signal.SIGINT), (name, process.args, process.returncode, said)
    assert "bug" not in said, said
    assert all(is_gone(pid) for pid in offspring)


def _start(command: tuple[str, ...], folder: Path) -> subprocess.Popen[str]:
    quiet = () if command == ("watch",) else ("--quiet",)
    return start((*MDCACHE, *command, "--db", "cache/x.db", *quiet), folder, start_new_session=True)


if __name__ == "__main__":
    bench.alone(run)
