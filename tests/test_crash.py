"""Rebuilds with workers that are stopped at any moment. The torture bench does more of this."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from processes import MDCACHE, descendants, is_gone, mdcache, start

from mdcache.store import connections, lock

# Readers may leave them.
SIDES = {"cache.db-wal", "cache.db-shm"}


def many(generation: int) -> dict[str, str]:
    text = "# {0}\n\nmarker{1} [[{2}]] [x](d{2}.md)\n"
    return {f"docs/d{i}.md": text.format(i, generation, i * 7 % 400) * (1 + i % 5) for i in range(400)}


def stopped(folder: Path, name: str, group: bool, after_s: float) -> None:
    """A rebuild that gets this signal, alone or with its workers, some time after it has begun to build."""
    before = facts(folder)
    build = folder / ".mdcache" / "cache.db.build"
    build.unlink(missing_ok=True)  # what the last one has left, or we could not see the next one begin
    process = start((*MDCACHE, "rebuild", "docs", "--workers", "2", "--quiet"), folder, start_new_session=True)
    while not build.exists() and process.poll() is None:
        time.sleep(0.001)
    pids = descendants(process.pid)
    time.sleep(after_s)
    if process.poll() is None:
        (os.killpg if group else os.kill)(process.pid, signal.Signals[name])
    _, said = process.communicate(timeout=60)  # the end of the output: nobody is left who could write to it
    assert all(is_gone(pid) for pid in pids)
    with lock.held(str(folder / ".mdcache" / "cache.db"), "mdcache test", 0):
        pass
    if process.returncode == 0:
        assert facts(folder)["generation"] != before["generation"]
    elif name == "SIGKILL":
        assert process.returncode == -signal.SIGKILL
    else:
        assert (process.returncode, said.strip()) == (130, "mdcache: interrupted: the cache is as it was")
        assert facts(folder) == before
        assert not build.exists()


def facts(folder: Path) -> dict[str, str]:
    with closing(connections.open_reader(str(folder / ".mdcache" / "cache.db"))) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return dict(db.execute("SELECT key, value FROM meta"))


def stop_at_random(vault: Callable[..., Path], rounds: int) -> None:
    folder, dice = vault(many(0)), random.Random(1)
    assert mdcache(folder, "rebuild", "docs").returncode == 0
    for number in range(1, rounds + 1):
        vault(many(number), into=folder)
        name = ("SIGINT", "SIGTERM", "SIGKILL")[number % 3]
        stopped(folder, name, number % 2 == 0, dice.uniform(0, 0.4))
    assert mdcache(folder, "rebuild", "docs").returncode == 0
    assert facts(folder)["documents"] == "400"
    found = {path.name for path in (folder / ".mdcache").iterdir()} - SIDES
    assert found == {".gitignore", "cache.db", "cache.db.lock"}


@pytest.mark.slow
def test_a_rebuild_that_is_stopped_leaves_no_process_no_lock_and_says_what_became_of_it(
    vault: Callable[..., Path],
) -> None:
    stop_at_random(vault, 6)
