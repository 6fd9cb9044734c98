"""What does not fit is built again, and what fits is not."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from caches import query, settings_of
from law import assert_law, did, explained, settle, synced
from processes import mdcache, one_line

from mdcache.build import rebuild
from mdcache.store import connections
from mdcache.syncing import sync

Vault = Callable[..., Path]


@pytest.fixture
def base(vault: Vault) -> Path:
    """A folder of documents with settings, and its cache."""
    folder = vault({"mdcache.toml": 'docs = ["docs"]\n', "docs/a.md": "# A\n\n[[b]]\n", "docs/b.md": "# B\n"})
    synced(settings_of(folder))
    return folder


def test_without_a_cache_one_is_built(vault: Vault) -> None:
    live = settings_of(vault({"a.md": "# A\n"}))
    report, said = explained(live)
    assert (report.rebuilt, report.generation, did(report)) == (True, 1, (1, 0, 0))
    assert said == ["there is no cache yet"]
    assert explained(live)[1] == []


@pytest.mark.parametrize(
    "line", ['extensions = [".txt"]', 'exclude = ["b.md"]', "size_limit = 3", '[[paths]]\npattern = "a.md"\ntype = "t"']
)
def test_other_settings_build_anew(base: Path, line: str) -> None:
    (base / "mdcache.toml").write_text(f'docs = ["docs"]\n{line}\n')
    live = settings_of(base)
    stale = sync.stale(live)
    assert stale and stale.rebuild == "settings, schema or versions have changed"
    report, said = explained(live)
    assert (report.rebuilt, said) == (True, [stale.rebuild])
    assert_law(live)
    assert sync.stale(live) is None


def test_other_roots_build_anew_also_when_they_look_alike_from_their_base(vault: Vault, tmp_path: Path) -> None:
    folder = vault({"one/a.md": "# One\n", "two/a.md": "# Two\n", "two/b.md": "# B\n"})
    asked = ("--db", str(tmp_path / "x.db"), "--json")
    assert json.loads(mdcache(folder, "sync", "one", *asked).stdout)["documents"] == 1
    done = mdcache(folder, "sync", "two", *asked)
    report = json.loads(done.stdout)
    assert (report["rebuilt"], report["added"], report["changed"]) == (True, 1, 1)
    assert done.stderr == f"mdcache: rebuilt: it holds the documents of {folder / 'one'}\n"
    assert json.loads(mdcache(folder, "sync", *asked).stdout)["unchanged"] == 2  # remembered
    assert "# Two" in mdcache(folder, "read", "a", *asked[:2]).stdout
    assert mdcache(folder, "sync", "one", "two", *asked[:2]).returncode == 0
    assert json.loads(mdcache(folder, "status", *asked).stdout)["documents"] == 3


def test_a_folder_that_was_moved_with_its_cache_fits(base: Path, tmp_path: Path) -> None:
    settle(settings_of(base))
    shutil.move(base, tmp_path / "elsewhere")
    report, said = explained(settings_of(tmp_path / "elsewhere"))
    assert (did(report), report.rebuilt, said) == ((0, 0, 0), False, [])


def damage_header(path: str) -> None:
    with open(path, "r+b") as file:
        file.write(b"\0" * 100)


def cut(path: str) -> None:
    os.truncate(path, os.path.getsize(path) // 2)


def damage_pages(path: str) -> None:
    with open(path, "r+b") as file:
        file.seek(8192)
        file.write(os.urandom(8192) * (os.path.getsize(path) // 8192 - 2))


def forget(path: str) -> None:
    with closing(connections.open_live(path)) as db:
        db.execute("DELETE FROM meta WHERE key IN ('roots', 'fingerprint')")


def misnumber(path: str) -> None:
    with closing(connections.open_live(path)) as db:
        db.execute("UPDATE meta SET value = 'x' WHERE key = 'generation'")


@pytest.mark.parametrize("damage", [damage_header, cut, damage_pages, forget, misnumber, os.unlink])
def test_a_damaged_or_missing_cache_is_built_anew(base: Path, damage: Callable[[str], None]) -> None:
    live = settings_of(base)
    damage(live.database)
    stale = sync.stale(live)
    assert stale and stale.rebuild
    report, said = explained(live)
    assert report.rebuilt and len(said) == 1
    assert_law(live)
    assert sync.stale(live) is None


def test_damage_that_shows_only_while_changes_are_applied_is_healed(base: Path) -> None:
    live = settings_of(base)
    root = query(live, "SELECT rootpage FROM sqlite_schema WHERE name = 'problems_by_path'")[0][0]
    with open(live.database, "r+b") as file:
        file.seek((root - 1) * 8192)
        file.write(b"\xff" * 8192)
    assert sync.stale(live) is None
    (base / "docs" / "a.md").unlink()
    report, said = explained(live)
    assert report.rebuilt and len(said) == 1
    assert_law(live)


def test_the_cache_of_a_newer_mdcache_is_left_alone(base: Path) -> None:
    live = settings_of(base)
    with closing(connections.open_live(live.database)) as db:
        db.execute("UPDATE meta SET value = '99.0' WHERE key = 'mdcache'")
    for command in (("sync",), ("sync", "--check")):
        assert "made by mdcache 99.0" in one_line(mdcache(base, *command), 3)
    with closing(connections.open_live(live.database)) as db:
        db.execute("UPDATE meta SET value = '0.0.1' WHERE key = 'mdcache'")
        db.execute("PRAGMA user_version = 99")
    assert "made by a newer mdcache" in one_line(mdcache(base, "sync"), 3)
    assert mdcache(base, "rebuild").returncode == 0
    assert explained(live)[1] == []


def test_what_is_not_ours_is_not_touched(base: Path) -> None:
    (base / "other.db").unlink(missing_ok=True)
    with closing(sqlite3.connect(base / "other.db")) as db:
        db.execute("CREATE TABLE theirs (x)")
    before = (base / "other.db").read_bytes()
    for command in (("sync",), ("sync", "--check")):
        assert "not a cache of mdcache" in one_line(mdcache(base, *command, "--db", "other.db"), 3)
    assert (base / "other.db").read_bytes() == before
    assert not (base / "other.db.lock").exists()


def test_after_a_tenth_was_replaced_a_new_generation_is_built(base: Path, vault: Vault) -> None:
    live = settings_of(base)
    vault({f"docs/n{number}.md": f"# N{number}\n\n# Two\n" for number in range(1000)}, into=base)
    rebuild.rebuild(live, rebuild.Options(workers=0))  # 3,004 sections
    for turn, count in enumerate((100, 1), 1):
        vault({f"docs/n{number}.md": f"# Other {turn}\n\n# Two\n" for number in range(count)}, into=base)
        report, said = explained(live)
        assert (did(report), said) == ((0, count, 0), [])
    assert query(live, "SELECT value FROM meta WHERE key = 'replaced'") == [("303",)]
    assert sync.stale(live) is None  # it is worn, but holds what it should
    report, said = explained(live)
    assert report.rebuilt and said == ["more than a tenth of it has been replaced"]
    assert did(report) == (0, 0, 0)
    assert explained(live)[1] == []


def test_a_small_cache_may_be_replaced_again_and_again(base: Path) -> None:
    live = settings_of(base)
    for number in range(20):
        (base / "docs" / "a.md").write_text(f"# Number {number}\n")
        assert explained(live)[1] == []
