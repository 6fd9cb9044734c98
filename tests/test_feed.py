from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from caches import settings_of
from law import synced
from processes import MDCACHE, PATIENCE_S, mdcache, one_line, start

from mdcache.build import rebuild
from mdcache.config.settings import Settings
from mdcache.errors import UsageError, WorkError
from mdcache.read import feed
from mdcache.store import connections, lock
from mdcache.store.cache import opened

Vault = Callable[..., Path]


@pytest.fixture
def live(vault: Vault) -> Settings:
    found = settings_of(vault({"a.md": "# A\n", "b.md": "# B\n"}))
    synced(found)
    return found


def news(live: Settings, since: str | None = None, limit: int | None = None) -> feed.News:
    with opened(live.database, live.base) as cache:
        return feed.news(cache, since, limit)


def happened(found: feed.News) -> list[tuple[str, str, str | None]]:
    return [(change.action, change.path, change.old_path) for change in found.changes]


def test_a_new_generation_has_nothing_to_tell(live: Settings) -> None:
    found = news(live)
    assert (found.changes, found.restart, found.reason) == ((), False, None)
    assert news(live, found.next) == found


def test_what_happened_is_told_once_and_in_order(live: Settings) -> None:
    begin = news(live).next
    (Path(live.base) / "c.md").write_text("# C\n")
    (Path(live.base) / "a.md").write_text("# A, again\n")
    (Path(live.base) / "b.md").unlink()
    synced(live)
    found = news(live, begin)
    assert happened(found) == [("changed", "a.md", None), ("added", "c.md", None), ("removed", "b.md", None)]
    assert news(live, found.next).changes == ()
    changed, added, removed = found.changes
    assert changed.old_hash and changed.new_hash and changed.old_hash != changed.new_hash
    assert (added.old_hash, removed.new_hash) == (None, None)


def test_a_renamed_document_has_its_old_path(live: Settings) -> None:
    (Path(live.base) / "a.md").rename(Path(live.base) / "z.md")
    synced(live)
    assert happened(news(live)) == [("renamed", "z.md", "a.md")]


def test_a_document_moved_elsewhere_is_the_one_with_its_name(live: Settings, vault: Vault) -> None:
    base = Path(live.base)
    vault({"x/one.md": "same\n", "x/two.md": "same\n"}, into=base)
    synced(live)
    begin = news(live).next
    (base / "x").rename(base / "y")
    synced(live)
    assert happened(news(live, begin)) == [("renamed", "y/one.md", "x/one.md"), ("renamed", "y/two.md", "x/two.md")]


def test_a_large_folder_that_is_moved_is_renamed_document_by_document(vault: Vault) -> None:
    base = vault({f"docs/x/{number}.md": f"number {number}\n" for number in range(1500)})
    live = settings_of(base)
    synced(live)
    (base / "docs" / "x").rename(base / "docs" / "y")
    synced(live)
    found = news(live)
    assert {change.action for change in found.changes} == {"renamed"}
    assert {(change.old_path or "").replace("/x/", "/y/") for change in found.changes} == {
        change.path for change in found.changes
    }
    assert len(found.changes) == 1500


def test_two_documents_that_swap_names_are_changed(live: Settings) -> None:
    base = Path(live.base)
    (base / "a.md").rename(base / "t")
    (base / "b.md").rename(base / "a.md")
    (base / "t").rename(base / "b.md")
    synced(live)
    assert happened(news(live)) == [("changed", "a.md", None), ("changed", "b.md", None)]


def test_pages_follow_each_other(live: Settings, vault: Vault) -> None:
    vault({f"n{number}.md": str(number) for number in range(5)}, into=Path(live.base))
    synced(live)
    token, seen = None, []
    while (found := news(live, token, 2)).changes:
        assert len(found.changes) <= 2
        seen += [change.path for change in found.changes]
        token = found.next
    assert seen == [f"n{number}.md" for number in range(5)]
    assert news(live, None, 0).changes == ()


def test_now_tells_nothing_of_what_was(live: Settings) -> None:
    (Path(live.base) / "c.md").write_text("# C\n")
    synced(live)
    found = news(live, "now")
    assert found.changes == ()
    assert found.next == news(live).next


def test_a_token_of_another_generation_starts_over(live: Settings) -> None:
    before = news(live).next
    rebuild.rebuild(live, rebuild.Options(workers=0))
    found = news(live, before)
    assert found.restart and found.reason == "the cache was rebuilt since"
    assert found.changes == ()
    assert not news(live, found.next).restart


def test_a_token_older_than_the_feed_starts_over(live: Settings) -> None:
    begin = news(live).next
    with closing(connections.open_live(live.database)) as db:
        rows = "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100010) SELECT '', 'added', i, i FROM n"
        db.execute(f"INSERT INTO history (at, action, id, path) {rows}")
        assert connections.scalar(db, "SELECT count(*) FROM history") == 100_000
    generation = begin.partition(":")[0]
    assert news(live, begin).reason == "the feed does not reach back so far"
    assert news(live, f"{generation}:9").restart
    assert not news(live, f"{generation}:10", 1).restart
    assert news(live, None, 1).changes[0].seq == 11


def test_a_token_from_the_future_starts_over(live: Settings) -> None:
    generation = news(live).next.partition(":")[0]
    assert news(live, f"{generation}:1").reason == "the cache is an older one than that of the token"


@pytest.mark.parametrize("token", ["", "x", "abc", "abc:", "abc:-1", "ABC:1", "abc:1:2", f"abc:{'9' * 30}"])
def test_what_is_no_token_is_said(live: Settings, token: str) -> None:
    with pytest.raises(UsageError, match="is no token"):
        news(live, token)


def test_a_published_cache_has_an_empty_feed(live: Settings, tmp_path: Path) -> None:
    output = str(tmp_path / "out.db")
    rebuild.rebuild(live, rebuild.Options(workers=0, output=output, reproducible=True))
    found = news(live._replace(database=output))
    assert found.changes == ()
    assert not news(live._replace(database=output), found.next).restart


# Following


@pytest.fixture
def following(live: Settings) -> Iterator[feed.News]:
    """A follower that does not rest between two looks."""
    return feed.follow(live.database, live.base, None, lambda _: None)


def test_a_follower_hears_of_every_sync(live: Settings, following: Iterator[feed.News]) -> None:
    assert next(following).changes == ()
    for number in range(3):
        (Path(live.base) / "c.md").write_text(f"number {number}\n")
        synced(live)
        found = next(following)
        assert happened(found) == [("changed" if number else "added", "c.md", None)]


def test_a_follower_is_told_to_start_over_and_goes_on(live: Settings, following: Iterator[feed.News]) -> None:
    next(following)
    rebuild.rebuild(live, rebuild.Options(workers=0))
    assert next(following).restart
    (Path(live.base) / "c.md").write_text("# C\n")
    synced(live)
    assert happened(next(following)) == [("added", "c.md", None)]


def test_a_follower_goes_on_when_a_damaged_cache_is_replaced_as_a_file(
    live: Settings, following: Iterator[feed.News]
) -> None:
    next(following)
    os.truncate(live.database, 50)
    rebuild.rebuild(live, rebuild.Options(workers=0))
    assert next(following).restart
    (Path(live.base) / "c.md").write_text("# C\n")
    synced(live)
    assert happened(next(following)) == [("added", "c.md", None)]


def test_a_follower_ends_when_the_cache_is_removed(live: Settings, following: Iterator[feed.News]) -> None:
    next(following)
    for side in ("", "-wal", "-shm"):
        Path(live.database + side).unlink(missing_ok=True)
    with pytest.raises(WorkError, match="no cache at"):
        next(following)


def test_where_no_cache_can_be_there_is_none_to_follow(live: Settings) -> None:
    with pytest.raises(WorkError, match="no cache at"):
        next(feed.follow(str(Path(live.base) / "a.md" / "cache.db"), live.base))


def test_a_follower_holds_up_nobody(live: Settings, following: Iterator[feed.News]) -> None:
    next(following)
    (Path(live.base) / "c.md").write_text("# C\n")
    synced(live)
    with lock.held(live.database, "a test", 0), closing(connections.open_live(live.database)) as db:
        assert db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0


# The command


def said(done: subprocess.CompletedProcess[str], status: int = 0) -> dict[str, Any]:
    assert done.returncode == status, done
    found = json.loads(done.stdout)
    assert set(found) == {"changes", "next", "restart", "reason"}
    return dict(found)


def test_the_command_lists_changes_and_the_next_token(live: Settings) -> None:
    base = Path(live.base)
    (base / "a.md").rename(base / "z.md")
    (base / "c.md").write_text("# C\n")
    synced(live)
    done = mdcache(base, "changes", "--db", live.database)
    lines = done.stdout.splitlines()
    assert lines[:2] == ["added  c.md", "renamed  a.md -> z.md"]
    assert lines[2] == f"next  {news(live).next}"
    found = said(mdcache(base, "changes", "--json", "--since", news(live, None, 1).next, "--db", live.database))
    assert [tuple(change) for change in found["changes"]] == [feed.Change._fields]
    assert found["next"] == news(live).next


def test_the_command_says_no_when_a_follower_must_start_over(live: Settings) -> None:
    base = Path(live.base)
    done = mdcache(base, "changes", "--since", "abc:1", "--db", live.database)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("restart  the cache was rebuilt since: read the whole cache")
    assert done.stdout.splitlines()[1] == f"next  {news(live).next}"
    assert said(mdcache(base, "changes", "--json", "--since", "abc:1", "--db", live.database), 1)["restart"] is True


def test_the_command_refuses_what_is_no_token_and_a_limit_for_ever(live: Settings) -> None:
    base = Path(live.base)
    assert "is no token" in one_line(mdcache(base, "changes", "--since", "x", "--db", live.database), 2)
    assert "--limit" in one_line(mdcache(base, "changes", "--follow", "--limit", "3", "--db", live.database), 2)
    assert "no cache at" in one_line(mdcache(base, "changes", "--db", str(base / "none.db")), 3)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_to_stop_a_follower_is_no_failure(live: Settings, name: str) -> None:
    process = start((*MDCACHE, "changes", "--follow", "--json", "--db", live.database), Path(live.base))
    try:
        assert process.stdout
        assert json.loads(process.stdout.readline())["changes"] == []
        (Path(live.base) / "c.md").write_text("# C\n")
        synced(live)
        assert [change["path"] for change in json.loads(process.stdout.readline())["changes"]] == ["c.md"]
        process.send_signal(signal.Signals[name])
        assert process.communicate(timeout=PATIENCE_S) == ("", "")
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()
