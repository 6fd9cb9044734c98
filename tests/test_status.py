from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from caches import cache_of, settings_of

from mdcache.errors import Damaged
from mdcache.read.status import Status, status
from mdcache.store import connections, watchstate
from mdcache.store.cache import opened

Vault = Callable[..., Path]

FILES = {"a.md": "# A\n\n[[b]] [gone](gone.md)\n", "b.md": "# B\n"}


def status_of(folder: Path) -> Status:
    """Of the cache as it is, under the settings as they are now."""
    asked = settings_of(folder)
    with opened(asked.database, asked.base) as cache:
        return status(cache, asked.fingerprint())


def test_it_tells_what_is_live(vault: Vault) -> None:
    folder = vault(FILES)
    with cache_of(folder):
        found = status_of(folder)
    assert (found.documents, found.sections, found.links, found.unresolved, found.problems) == (2, 4, 2, 1, 1)
    assert (found.generation, found.schema_current, found.mdcache) == (1, True, "0.1.0")
    assert (found.base, found.roots) == (str(folder), (str(folder),))
    assert found.built_at == found.last_sync
    assert found.size_bytes == (folder / ".mdcache/cache.db").stat().st_size


def test_every_rebuild_is_a_generation(vault: Vault) -> None:
    folder = vault(FILES)
    for generation in (1, 2, 3):
        with cache_of(folder):
            assert status_of(folder).generation == generation


def test_a_cache_without_a_number_is_damaged(vault: Vault) -> None:
    folder = vault(FILES)
    with cache_of(folder):
        pass
    with closing(connections.open_live(settings_of(folder).database)) as db:
        db.execute("UPDATE meta SET value = 'x' WHERE key = 'generation'")
    with pytest.raises(Damaged, match="does not say which generation it is: run mdcache rebuild"):
        status_of(folder)


def test_settings_that_would_make_other_rows_make_it_no_longer_current(vault: Vault) -> None:
    folder = vault({**FILES, "mdcache.toml": 'docs = ["."]\n'})
    with cache_of(folder):
        assert status_of(folder).schema_current
        (folder / "mdcache.toml").write_text('docs = ["."]\nexclude = ["b.md"]\n')
        assert not status_of(folder).schema_current
        (folder / "mdcache.toml").write_text('docs = ["."]\n# the same in other words\n')
        assert status_of(folder).schema_current


def test_a_schema_file_that_was_edited_makes_it_no_longer_current(vault: Vault) -> None:
    folder = vault({**FILES, "mdcache.toml": 'schema = ["v.sql"]\n', "v.sql": "CREATE VIEW v AS SELECT 1;"})
    with cache_of(folder):
        assert status_of(folder).schema_current
        (folder / "v.sql").write_text("CREATE VIEW v AS SELECT 2;")
        assert not status_of(folder).schema_current


def test_without_settings_in_force_nothing_is_said_to_be_current(vault: Vault) -> None:
    with cache_of(vault(FILES)) as cache:
        assert not status(cache, None).schema_current


def test_without_a_watcher_nothing_is_said_of_one(vault: Vault) -> None:
    folder = vault(FILES)
    with cache_of(folder):
        found = status_of(folder)
    assert (found.watcher, found.pending, found.checkpoint) == (None, None, None)


def test_a_watcher_says_how_it_fares(vault: Vault) -> None:
    folder = vault(FILES)
    late = {"busy": True, "log": 5, "checkpointed": 2, "at": "2026-01-01T00:00:00.000+00:00"}
    state = watchstate.State(pid=7, since="2026-01-01T00:00:00.000+00:00", method="inotify", pending=3, checkpoint=late)
    with cache_of(folder), watchstate.held(settings_of(folder).database) as beacon:
        beacon.show(state)
        found = status_of(folder)
        assert (found.pending, found.checkpoint) == (3, late)
        assert found.watcher and (found.watcher["pid"], found.watcher["alive"]) == (7, True)
    assert status_of(folder).watcher is None
