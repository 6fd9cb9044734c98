"""Rewrites within one step of the clock, and stamps of whole seconds on a real ext4 that has no finer ones."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import test_sync
from watching import watched

from mdcache.store import connections
from mdcache.syncing import sync
from torture import bench, mounts, scene
from torture.bench import Part, Trial


def run(trial: Trial) -> None:
    """Documents of one size are rewritten in place over and over; after each look the cache holds what they say."""
    with trial.part("sync, in one step of the clock") as part:
        part.unit = "rewrites"
        _in_one_step(trial, part)
    if not mounts.private():
        trial.skip("whole seconds", "no mounts here")
        return
    with mounts.whole_seconds(trial.folder / "disk") as disk:
        if disk is None:
            trial.skip("whole seconds", "no loop mounts here")
            return
        with trial.part("sync, all on it") as part:
            (disk / "one/cache").mkdir(parents=True)
            _rewrite(trial, part, disk / "one")
        with trial.part("sync, the cache on another disk") as part:
            (disk / "two").mkdir()
            (trial.folder / "elsewhere").mkdir()
            (disk / "two/cache").symlink_to(trial.folder / "elsewhere")
            _rewrite(trial, part, disk / "two")
        with trial.part("watch, all on it") as part:
            _watch(trial, part, disk / "watched")


def _in_one_step(trial: Trial, part: Part) -> None:
    """Times are put back, too: only ctime tells, if it can."""
    (trial.folder / "docs").mkdir()
    for files, times in ((trial.amount(200, 3000), 1), (1, trial.amount(50, 3000))):
        found = test_sync.rewritten(trial.folder, files, times)
        part.tried += files * times
        part.faults += files * times
        assert found == files * times, found


def _rewrite(trial: Trial, part: Part, folder: Path) -> None:
    (folder / "mdcache.toml").write_text('docs = ["docs"]\n')
    (folder / "docs").mkdir()
    live = scene.settings_of(folder)
    for version in range(trial.amount(30, 1500)):
        with part.point(f"version {version}"):
            part.faults += _write(folder / "docs", version)
            sync.sync(live, sync.Options())
            assert sync.stale(live) is None
            assert _titles(live.database) == {_title(version)}
    scene.made_good(folder)


def _watch(trial: Trial, part: Part, folder: Path) -> None:
    (folder / "docs").mkdir(parents=True)
    (folder / "mdcache.toml").write_text('docs = ["docs"]\n[watch]\ndebounce_ms = 10\n')
    with watched(folder) as watcher:
        for version in range(trial.amount(10, 300)):
            with part.point(f"version {version}"):
                part.faults += _write(watcher.docs, version)
                watcher.until(lambda version=version: _titles(watcher.database) == {_title(version)})  # type: ignore[misc]
        watcher.keeps_the_law()


def _title(version: int) -> str:
    return f"Version {version:06}"


def _write(docs: Path, version: int) -> int:
    """Rewrite the documents; how many of them have the stamps that they had before."""
    same = 0
    for name in "abc":
        file = docs / f"{name}.md"
        before = file.stat() if file.exists() else None
        with file.open("r+" if before else "w") as stream:
            stream.write(f"# {_title(version)}\n")
        after = file.stat()
        assert not after.st_mtime_ns % 10**9
        same += bool(before and (before.st_mtime, before.st_ctime) == (after.st_mtime, after.st_ctime))
    return same


def _titles(path: str) -> set[str]:
    with closing(connections.open_reader(path)) as db:
        return {title for (title,) in db.execute("SELECT title FROM nodes")}


if __name__ == "__main__":
    bench.alone(run)
