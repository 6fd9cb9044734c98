"""A disk that fills up: a tmpfs with a little more room each time, beside a reader."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from processes import one_line

from torture import bench, mounts, scene, sweep
from torture.bench import Trial
from torture.scene import Scene
from torture.sweep import Subject


def run(trial: Trial) -> None:
    """Errors are one line, the cache is as it was, and with enough room all goes well."""
    if not mounts.private():
        trial.skip("all", "no mounts here")
        return
    for subject in (sweep.REBUILDS[2], sweep.SYNCS[1]):
        with trial.part(f"{subject.name}, tmpfs") as part:
            made = scene.laid_out(trial.folder / subject.name.replace(" ", "-"), with_cache=True)
            size = Path(scene.cache_of(made.folder)).stat().st_size
            statuses = []
            for free in range(0, 5 * size, size // trial.amount(1, 16)):
                with part.point(f"{free} bytes free"):
                    statuses.append(_with_space(subject, made, free))
                    part.faults += bool(statuses[-1])
            assert statuses[0] == 3 and statuses[-1] == 0, statuses
            assert subject in sweep.SYNCS or statuses == sorted(statuses, reverse=True), statuses
    with trial.part("watch, tmpfs") as part:
        for free in (0, 1 << 13, 1 << 15, 1 << 17)[: trial.amount(1, 4)]:
            with part.point(f"{free} bytes free"):
                _watched(trial.folder / f"watch{free}", free)
                part.faults += 1


def _with_space(subject: Subject, made: Scene, free: int) -> int:
    """Exit status of a command with so many bytes left."""
    folder = made.folder.with_name("on-tmpfs")
    shutil.copytree(made.folder, folder, ignore=shutil.ignore_patterns("x.db*"))
    with mounts.tmpfs(folder / "cache", "8m") as cache:
        shutil.copy(scene.cache_of(made.folder), cache)
        scene.adopt(folder)
        reader = scene.Reader(folder)
        _fill(cache, free)
        done = subject.run(folder, ())
        reader.leave()
        seen = scene.state(folder)
        assert seen == (made.old if done.returncode else made.new)
        if done.returncode:
            assert "no space left" in one_line(done, 3), done
        (cache / "filler").unlink()
        scene.made_good(folder)
    shutil.rmtree(folder)
    return done.returncode


def _fill(folder: Path, free: int) -> None:
    found = os.statvfs(folder)
    (folder / "filler").write_bytes(bytes(max(0, found.f_bavail * found.f_frsize - free)))


def _watched(folder: Path, free: int) -> None:
    """A watcher waits until there is room again."""
    from watching import watched

    folder.mkdir()
    with mounts.tmpfs(folder / "cache", "8m") as cache:
        scene.write(folder, "Old", 5)
        with watched(folder) as watcher:
            _fill(cache, free)
            for number in range(40):
                (folder / f"docs/more{number}.md").write_text(f"# More {number}\n" + "words of more\n" * 2000)
            watcher.until(lambda: "no space left" in (watcher.state.degraded or ""))
            (cache / "filler").unlink()
            watcher.until(lambda: watcher.state.degraded is None)
            watcher.keeps_the_law()


if __name__ == "__main__":
    bench.alone(run)
