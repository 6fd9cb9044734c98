"""A clock that goes back and leaps ahead: that of the programs, by libfaketime, and that of the files, by their stamps.

The kernel's own clock, which makes ctime, is that of the machine and cannot be moved for the bench alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from processes import MDCACHE
from processes import run as run_program

from mdcache.syncing import sync
from torture import bench, scene
from torture.bench import Trial

_LIBRARY = "libfaketime.so.1"
_LEAPS = ("-3650d", "-40d", "-1d", "-3h", "-61s", "-1s", "+1s", "+59s", "+2h", "+33d", "+3000d")
_COMMANDS = (
    ("sync",),
    ("sync",),
    ("sync", "--digest"),
    ("rebuild", "--workers", "0"),
    ("status",),
    ("sync", "--check"),
)
_DAY_NS = 86_400 * 10**9


def run(trial: Trial) -> None:
    """Whatever the clock says, the next sync leaves what a rebuild would make."""
    with trial.part("stamps of files leap") as part:
        folder = _folder(trial, "stamps")
        for round_ in range(trial.amount(30, 1500)):
            with part.point(f"round {round_}"):
                part.faults += _edited(trial, folder)
                _is_good(folder)
    library = library_of_fake_time()
    if not library:
        trial.lacks("clocks of programs leap", "faketime")
        return
    for name, more in (("clocks of programs leap", {"NO_FAKE_STAT": "1"}), ("clocks and all stamps leap", {})):
        with trial.part(name) as part:
            folder = _folder(trial, name.replace(" ", "-"))
            for round_ in range(trial.amount(8, 300)):
                leap, command = trial.chance.choice(_LEAPS), trial.chance.choice(_COMMANDS)
                with part.point(f"round {round_}: {command} at {leap}"):
                    _edited(trial, folder)
                    faked = {**os.environ, "LD_PRELOAD": library, "FAKETIME": leap, "FAKETIME_DONT_RESET": "1", **more}
                    done = run_program((*MDCACHE, *command, "--db", "cache/x.db"), folder, env=faked)
                    assert done.returncode == (done.returncode and "--check" in command), done
                    part.faults += 1
                    _is_good(folder)


def library_of_fake_time() -> str | None:
    """Where Debian and others put it."""
    found: Callable[[str], list[Path]] = lambda folder: sorted(Path(folder).glob(f"**/faketime/{_LIBRARY}"))  # noqa: E731
    names = [*found("/usr/lib"), *found("/usr/local/lib")]
    return str(names[0]) if names else None


def _folder(trial: Trial, name: str) -> Path:
    folder = trial.folder / name
    (folder / "cache").mkdir(parents=True)
    (folder / "mdcache.toml").write_text('docs = ["docs"]\n')
    scene.write(folder, "First", 5)
    scene.rebuilt(folder)
    return folder


def _edited(trial: Trial, folder: Path) -> int:
    """Rewrite some documents, most at their size, and give them other times, or the one they had; how many."""
    files = sorted((folder / "docs").glob("*.md"))
    some = trial.chance.sample(files, trial.chance.randint(1, len(files)))
    for file in some:
        before = file.stat()
        text = file.read_bytes()
        file.write_bytes(text.swapcase() if trial.chance.random() < 0.8 else text + b"\nmore\n")
        leap = trial.chance.choice((0, 0, -1, 1, -_DAY_NS, _DAY_NS, -3000 * _DAY_NS, 3000 * _DAY_NS))
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + leap))
    return len(some)


def _is_good(folder: Path) -> None:
    """Without being rebuilt."""
    live = scene.settings_of(folder)
    said: list[str] = []
    sync.sync(live, sync.Options(), explain=said.append)
    assert not [why for why in said if "tenth" not in why], said
    scene.keeps_the_law(folder)


if __name__ == "__main__":
    bench.alone(run)
