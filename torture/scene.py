"""A folder whose documents have changed since its cache was made, and what must hold whatever happens to it."""

from __future__ import annotations

import os
import shutil
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

from law import assert_law, content

from mdcache.build import digest, rebuild
from mdcache.config import settings
from mdcache.config.settings import Settings
from mdcache.store import connections, lock, made, meta
from mdcache.store.connections import Connection, SqliteError
from mdcache.syncing import fit, sync

State = dict[str, Any] | None
"""What a cache holds, as the law has it; None when there is no cache."""

# Readers may leave the sides, watchers their last words.
_MAY_STAY = {"x.db", "x.db.lock", "x.db-wal", "x.db-shm", "x.db.watch"}
_TEXT = "---\ntags: [t]\n---\n# {0} {1}\n\nwords of {0} [[{0} 2]] [next](d{2}.md)\n\n## Sub\n\n- [ ] of {0} #tag{1}\n"


class Scene(NamedTuple):
    """The documents are new, the cache is of the old ones, or none. later: what it holds after one more edit."""

    folder: Path
    old: State
    new: State
    later: State


def laid_out(folder: Path, with_cache: bool) -> Scene:
    """Make one: documents are changed, added, removed and renamed after the cache was made."""
    write(folder, "Old", 5)
    (folder / "mdcache.toml").write_text('docs = ["docs"]\n[watch]\ndebounce_ms = 10\n')
    (folder / "cache").mkdir()
    if with_cache:
        rebuilt(folder)
    old = state(folder)
    (folder / "docs/d5.md").rename(folder / "docs/z5.md")
    (folder / "docs/d4.md").unlink()
    write(folder, "New", 3)
    write(folder / "docs/deep", "Deep", 1)
    copy = copied(folder, folder.with_name(folder.name + "-done"))
    rebuilt(copy)
    new = state(copy)
    edit(copy)
    rebuilt(copy)
    scene = Scene(folder, old, new, state(copy))
    shutil.rmtree(copy)
    return scene


def write(folder: Path, name: str, count: int) -> None:
    (folder / "docs").mkdir(parents=True, exist_ok=True)
    for i in range(1, count + 1):
        (folder / f"docs/d{i}.md").write_text(_TEXT.format(name, i, i % 5 + 1))


def edit(folder: Path) -> None:
    """The change that a watcher follows, at once for whoever looks."""
    (folder / "edited").write_text("# Edited\n\n[[Old 5]]\n")
    (folder / "edited").replace(folder / "docs/d1.md")


def copied(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to)
    adopt(to)
    return to


def adopt(folder: Path) -> None:
    """Let a cache that was copied count as made here, as the one it was copied from."""
    path = cache_of(folder)
    if os.path.exists(path):
        with suppress(SqliteError), closing(connections.open_reader(path)) as db:
            made.remember(path, path, [meta.read(db).generation_id or ""])


def cache_of(folder: Path) -> str:
    return str(folder / "cache" / "x.db")


def settings_of(folder: Path) -> Settings:
    return settings.load(settings.Asked(str(folder), database=cache_of(folder)), {})


def rebuilt(folder: Path) -> None:
    rebuild.rebuild(settings_of(folder), rebuild.Options(wait_s=1, workers=0))


def state(folder: Path) -> State:
    """What the cache of a folder holds. It must be sound."""
    path = folder / "cache" / "x.db"
    if not path.exists() or not path.stat().st_size:
        return None
    found = content(str(path))
    assert_sound(found)
    return found


def assert_sound(found: dict[str, Any]) -> None:
    assert found["sound"] == [[("ok",)], []], found["sound"]
    for counted, said in found["counts"]:
        assert counted == int(said), found["counts"]


def made_good(folder: Path, anew: bool = False) -> None:
    """The next writer brings the law back and leaves nothing behind; it rebuilds only if told so, or for wear."""
    live = settings_of(folder)
    assert_free(live.database)
    said: list[str] = []
    if sync.stale(live) is None:
        rebuilt(folder)
    else:
        sync.sync(live, sync.Options(wait_s=1), explain=said.append)
    assert anew or not said or said == [fit.WORN], said
    keeps_the_law(folder)


def keeps_the_law(folder: Path) -> None:
    """The cache is what a rebuild would make it, and stands alone."""
    live = settings_of(folder)
    assert_nothing_left(folder)
    assert sync.stale(live) is None
    assert_law(live)


def assert_well(status: int, said: str) -> None:
    """A writer has ended well; it may have found so much replaced since the last rebuild that it has rebuilt."""
    assert (status, said) in ((0, ""), (0, f"mdcache: rebuilt: {fit.WORN}\n")), (status, said)


def assert_free(path: str) -> None:
    """Nobody holds the writer lock."""
    with lock.held(path, "the torture bench", 0):
        pass


def assert_nothing_left(folder: Path) -> None:
    names = {file.name for file in (folder / "cache").iterdir()} - _MAY_STAY
    left = [name for name in names if not name.startswith("x.db.fresh")]  # those are the law's
    assert not left, left


class Reader:
    """Somebody who holds a snapshot, where there is a cache to take it of."""

    def __init__(self, folder: Path) -> None:
        there = Path(cache_of(folder)).exists()
        self._db = connections.open_reader(cache_of(folder)) if there else None
        if self._db:
            self._db.execute("BEGIN")
            self._before = _whole(self._db)

    def leave(self) -> None:
        """The snapshot has stood still, and what comes after it is whole."""
        if self._db:
            with closing(self._db):
                assert _whole(self._db) == self._before
                self._db.execute("COMMIT")
                _whole(self._db)


def _whole(db: Connection) -> str:
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return digest.of_tables(db)
