"""Readers of every kind beside every writer, and places where readers may not write."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import onlookers
from processes import MDCACHE, UNPRIVILEGED, mdcache, one_line
from processes import run as run_program

from mdcache.store import connections
from torture import bench, mounts, scene, versions
from torture.bench import Trial

_DOCUMENTS = 60
_OPTIONS = ("--db", "cache/x.db")


def run(trial: Trial) -> None:
    """Each sees one whole state after the other, without opening anew; what is not to be had is one line."""
    for name, write in _WRITERS.items():
        with trial.part(f"beside {name}") as part:
            part.unit = "rounds"
            folder = versions.laid_out(trial.folder / name.replace(" ", "-"), _DOCUMENTS)
            for round_ in range(1, 1 + trial.amount(2, 40)):
                with part.point(f"round {round_}"):
                    _beside(folder, round_, write)
            scene.keeps_the_law(folder)
    with trial.part("in places that are read-only") as part:
        part.unit = "places"
        for number, (name, place) in enumerate(_PLACES.items()):
            with part.point(name):
                place(versions.laid_out(trial.folder / f"place{number}", _DOCUMENTS))
    if mounts.private():
        with trial.part("on a disk mounted read-only") as part, part.point("tmpfs"):
            _on_a_read_only_disk(versions.laid_out(trial.folder / "disk", _DOCUMENTS))
    else:
        trial.skip("on a disk mounted read-only", "no mounts here")


# Beside writers


def _rebuild(folder: Path) -> None:
    _ok(folder, "rebuild")


def _sync(folder: Path) -> None:
    _ok(folder, "sync")


def _rebuild_and_sync(folder: Path) -> None:
    _ok(folder, "rebuild")
    (folder / "docs" / "v3.md").write_bytes((folder / "docs" / "v4.md").read_bytes())
    _ok(folder, "sync")


_WRITERS: dict[str, Callable[[Path], None]] = {
    "rebuild": _rebuild,
    "sync": _sync,
    "rebuild and sync": _rebuild_and_sync,
}


def _ok(folder: Path, command: str) -> None:
    done = mdcache(folder, command, *_OPTIONS)
    scene.assert_well(done.returncode, done.stderr)


def _beside(folder: Path, round_: int, write: Callable[[Path], None]) -> None:
    """One that waits, one in a transaction, one in the midst of its rows, plain ones; others while it is written."""
    path = scene.cache_of(folder)
    with ExitStack() as stack:
        waiting, within, amidst = (
            stack.enter_context(contextlib.closing(connections.open_reader(path))) for _ in range(3)
        )
        plain = stack.enter_context(_plainly(path))
        before = {_title(one) for one in (waiting, within, plain)}
        within.execute("BEGIN")
        assert {_title(within)} == before
        rows = amidst.execute("SELECT title FROM nodes ORDER BY path")
        first = rows.fetchone()
        versions.write(folder, round_, range(_DOCUMENTS))
        with onlookers.readers(path):
            write(folder)
        assert {first[0], *(title for (title,) in rows)} == before
        assert {_title(within)} == before
        within.execute("COMMIT")
        amidst.execute("SELECT 1").fetchone()
        with _plainly(path) as after:
            assert {_title(one) for one in (waiting, within, amidst, plain, after)} == {f"Version {round_}"}
        found = (
            run_program(("sqlite3", f"file:{path}?mode=ro", "SELECT count(*) FROM nodes"), folder) if _SHELL else None
        )
        assert found is None or (found.returncode, found.stdout) == (0, f"{_DOCUMENTS}\n"), found


_SHELL = shutil.which("sqlite3")


@contextlib.contextmanager
def _plainly(path: str) -> Iterator[Any]:
    """As any program opens it, by Python's own SQLite, whatever its version."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        yield db


def _title(db: Any) -> str:
    """The title of all documents."""
    titles = {title for (title,) in db.execute("SELECT title FROM nodes")}
    assert len(titles) == 1, titles
    return str(titles.pop())


# Read-only places


def _published(folder: Path) -> None:
    """A file made with --output is read in a folder, and as a file, that nobody may write to."""
    done = mdcache(folder, "rebuild", "--output", "public/x.db", "--reproducible")
    assert done.returncode == 0, done
    before = (folder / "public/x.db").read_bytes()
    with _forbidden(folder / "public/x.db", 0o444), _forbidden(folder / "public", 0o555):
        _reads(folder, "public/x.db")
        assert {file.name for file in (folder / "public").iterdir()} == {"x.db", "x.db.lock"}
    assert (folder / "public/x.db").read_bytes() == before


def _live(folder: Path) -> None:
    """A live cache needs a folder that can be written to: readers and writers say so, and harm nothing."""
    before = scene.state(folder)
    for side in ("-wal", "-shm"):
        Path(scene.cache_of(folder) + side).unlink(missing_ok=True)
    (folder / "docs" / "v1.md").write_text("# Other\n")
    with _forbidden(folder / "cache", 0o555):
        one_line(_unprivileged(folder, "search", "marker"), 3)
        one_line(_unprivileged(folder, "sync"), 3)
        one_line(_unprivileged(folder, "rebuild"), 3)
    assert scene.state(folder) == before
    scene.made_good(folder)


def _a_file(folder: Path) -> None:
    """The cache itself may not be written to: its readers go on, its writers say so."""
    before = scene.state(folder)
    (folder / "docs" / "v1.md").write_text("# Other\n")
    with _forbidden(Path(scene.cache_of(folder)), 0o444):
        _reads(folder, "cache/x.db")
        for command in ("sync", "rebuild"):
            one_line(_unprivileged(folder, command), 3)
            assert scene.state(folder) == before
    scene.made_good(folder)


def _immutable(folder: Path) -> None:
    """As a file that even root may not change, where the file system knows such files."""
    file = Path(scene.cache_of(folder))
    if not (shutil.which("chattr") and subprocess.run(("chattr", "+i", file), capture_output=True).returncode == 0):
        return
    try:
        (folder / "docs" / "v1.md").write_text("# Other\n")
        for command in ("sync", "rebuild"):
            one_line(mdcache(folder, command, *_OPTIONS), 3)
        done = mdcache(folder, "search", "marker", *_OPTIONS)
        assert done.returncode == 0, done
    finally:
        subprocess.run(("chattr", "-i", file), check=True)
    scene.made_good(folder)


_PLACES: dict[str, Callable[[Path], None]] = {
    "a published file": _published,
    "a folder": _live,
    "the cache": _a_file,
    "an immutable file": _immutable,
}


def _on_a_read_only_disk(folder: Path) -> None:
    with mounts.tmpfs(folder / "public", "8m") as disk:
        assert mdcache(folder, "rebuild", "--output", "public/x.db").returncode == 0
        subprocess.run(("mount", "-o", "remount,ro", disk), check=True)
        _reads(folder, "public/x.db")
        one_line(mdcache(folder, "rebuild", "--output", "public/x.db"), 3)
        one_line(mdcache(folder, "rebuild", "--db", "public/y.db"), 3)


def _reads(folder: Path, name: str) -> None:
    for command in (("search", "marker"), ("links", "docs/v1"), ("query", "SELECT count(*) FROM nodes"), ("status",)):
        done = run_program((*UNPRIVILEGED, *MDCACHE, *command, "--db", name), folder)
        assert (done.returncode, done.stderr) == (0, ""), done
    done = run_program(
        (*UNPRIVILEGED, *MDCACHE, "query", "SELECT path FROM nodes WHERE path LIKE '%v1.md'", "--db", name), folder
    )
    assert "v1.md" in done.stdout, done


def _unprivileged(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return run_program((*UNPRIVILEGED, *MDCACHE, *command, *_OPTIONS), folder)


@contextlib.contextmanager
def _forbidden(path: Path, mode: int) -> Iterator[None]:
    before = path.stat().st_mode
    os.chmod(path, mode)
    try:
        yield
    finally:
        os.chmod(path, before)


if __name__ == "__main__":
    bench.alone(run)
