"""Readers beside a storm of changes: real processes that read all the time see no error and no half-applied batch."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from caches import settings_of
from law import assert_law, synced
from onlookers import readers, stir
from watching import watched

from mdcache.build import rebuild


def laid_out(folder: Path) -> Path:
    """Documents before the storm."""
    (folder / "docs").mkdir()
    (folder / "mdcache.toml").write_text(SETTINGS.format(1_000_000))
    (folder / "docs" / "partner.md").write_text("# Partner\n")
    stir(folder / "docs", 1, random.Random(1))
    return folder


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return laid_out(tmp_path)


SETTINGS = 'docs = ["docs"]\nsize_limit = {}\n[watch]\ndebounce_ms = 20\n'


def storm_of_syncs(base: Path, seconds: float) -> None:
    live, chance = settings_of(base), random.Random(2)
    synced(live)
    with readers(live.database):
        deadline, version = time.monotonic() + seconds, 1
        while time.monotonic() < deadline or version < 9:
            version += 1
            stir(base / "docs", version, chance)
            if version % 9:
                synced(live)
            else:
                rebuild.rebuild(live, rebuild.Options(workers=0))
    assert_law(live)


def storm_beside_a_watcher(base: Path, seconds: float) -> None:
    chance = random.Random(3)
    with watched(base) as watcher:
        with readers(watcher.database):
            deadline, version = time.monotonic() + seconds, 1
            while time.monotonic() < deadline or version < 20:
                version += 1
                stir(base / "docs", version, chance)
                if version % 20 == 0:  # other settings make a new generation
                    (base / "mdcache.toml").write_text(SETTINGS.format(1_000_000 + version))
                time.sleep(chance.random() * 0.05)  # the pace of the storm: some batches are small, some large
        watcher.keeps_the_law()
        watcher.until(lambda: watcher.state.generation > 1 and not watcher.state.degraded)


@pytest.mark.slow
def test_readers_beside_a_storm_of_syncs_see_whole_batches(base: Path) -> None:
    storm_of_syncs(base, 3)


@pytest.mark.slow
def test_readers_beside_a_watcher_in_a_storm_see_whole_batches(base: Path) -> None:
    storm_beside_a_watcher(base, 3)
