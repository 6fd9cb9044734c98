"""What a watcher does to a cache: each order, carried out on a real one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from caches import settings_of
from watching import FILES

from mdcache.config.settings import Settings
from mdcache.errors import WorkError
from mdcache.model import Tally
from mdcache.store import connections, lock
from mdcache.watching.work import Done, Order, What, carry_out


def on(_documents: int) -> None:
    """Go on."""


def stop(_documents: int) -> None:
    raise KeyboardInterrupt


def done(settings: Settings, what: What, within: frozenset[str] | None = None) -> Done:
    return carry_out(Order(settings, what, within), on)


@pytest.fixture
def live(vault: Callable[..., Path]) -> Settings:
    """Documents whose cache is up to date."""
    found = settings_of(vault(FILES))
    assert done(found, What.LOOK).tally == Tally(added=4)
    return found


def test_a_look_builds_what_is_not_there_and_then_brings_it_up_to_date(live: Settings) -> None:
    assert done(live, What.LOOK) == Done(generation=1)
    Path(live.base, "docs/new.md").write_text("# New\n")
    Path(live.base, "docs/one.md").unlink()
    changed = done(live, What.LOOK)
    assert (changed.tally, changed.generation, changed.rebuilt) == (Tally(added=1, removed=1), 1, None)
    assert changed.checkpoint is not None


def test_a_look_looks_only_where_it_is_told_to(live: Settings) -> None:
    root = Path(live.base, "docs")
    for name in ("a/new.md", "c/new.md"):
        (root / name).write_text("# New\n")
    a = str((root / "a").relative_to(live.base))
    assert done(live, What.LOOK, frozenset((a,))).tally == Tally(added=1)
    assert done(live, What.LOOK).tally == Tally(added=1)


def test_a_look_that_is_ended_leaves_the_cache_as_it_was(live: Settings) -> None:
    Path(live.base, "docs/new.md").write_text("# New\n")
    with pytest.raises(KeyboardInterrupt):
        carry_out(Order(live, What.LOOK), stop)
    assert done(live, What.LOOK).tally == Tally(added=1)


def test_a_cache_that_is_not_worn_is_not_refreshed(live: Settings) -> None:
    assert done(live, What.REFRESH) == Done()


def test_the_log_is_folded_back_unless_somebody_is_in_the_way(live: Settings) -> None:
    with contextlib.closing(connections.open_reader(live.database)) as reader:  # as long as one is there, so is the log
        Path(live.base, "docs/new.md").write_text("# New\n")
        done(live, What.LOOK)
        reader.execute("SELECT count(*) FROM nodes").fetchone()
        assert connections.sizes(live.database).log > 0
        with lock.held(live.database, "somebody"):
            busy = done(live, What.FOLD).checkpoint
        assert busy is not None and busy.busy
        assert connections.sizes(live.database).log > 0
        folded = done(live, What.FOLD).checkpoint
        assert folded is not None and not folded.busy
        assert connections.sizes(live.database).log == 0
        assert done(live, What.FOLD) == Done()


def test_preparing_makes_the_folder_and_refuses_what_is_not_ours(vault: Callable[..., Path]) -> None:
    base = vault(FILES)
    new = settings_of(base)._replace(database=str(base / "new" / "x.db"))
    assert done(new, What.PREPARE) == Done()
    assert (base / "new").is_dir()
    (base / "new" / "x.db").write_text("precious\n")
    with pytest.raises(WorkError, match="is not a cache"):
        done(new, What.PREPARE)
