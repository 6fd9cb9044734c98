from __future__ import annotations

import os
import shutil
import sqlite3
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from caches import cache_of

from mdcache.errors import Damaged, No, WorkError
from mdcache.store import connections
from mdcache.store.cache import Cache, find_node, find_place, opened

Vault = Callable[..., Path]

DECOMPOSED = unicodedata.normalize("NFD", "café")
FILES = {
    "README.md": "",
    "guides/setup.md": "",
    "guides/café.md": "",
    f"old/{DECOMPOSED}s.md": "",
    "old/Setup.markdown": "",
    "notes/c#/pitch.md": "# Pitch",
    "notes/v1.2.md": "",
    "named.md": "---\nid: adr-7\n---\n",
}


@pytest.fixture(scope="module")
def cache(vault: Vault) -> Iterator[Cache]:
    with cache_of(vault(FILES)) as cache:
        yield cache


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ("guides/setup", "guides/setup.md"),
        ("guides/setup.md", "guides/setup.md"),
        ("./guides/setup.md", "guides/setup.md"),
        ("guides/../guides/setup", "guides/setup.md"),
        ("GUIDES/Setup", "guides/setup.md"),
        ("adr-7", "named.md"),
        ("named", "named.md"),
        ("readme", "README.md"),
        ("café", "guides/café.md"),
        (DECOMPOSED, "guides/café.md"),
        ("old/cafés.md", f"old/{DECOMPOSED}s.md"),
        ("cafés", f"old/{DECOMPOSED}s.md"),
        ("v1.2", "notes/v1.2.md"),
        ("notes/c#/pitch", "notes/c#/pitch.md"),
    ],
)
def test_a_document_is_found_by_id_path_or_the_rest_of_a_path(cache: Cache, wanted: str, path: str) -> None:
    assert find_node(cache, wanted, "/").path == path


def test_a_document_is_found_by_its_place_on_disk(cache: Cache) -> None:
    assert find_node(cache, "setup.md", os.path.join(cache.base, "guides")).path == "guides/setup.md"
    assert find_node(cache, "../named.md", os.path.join(cache.base, "guides")).path == "named.md"
    assert find_node(cache, os.path.join(cache.base, "named.md"), "/").path == "named.md"


@pytest.mark.parametrize(
    ("wanted", "path", "anchor"),
    [
        ("adr-7#a", "named.md", "a"),
        ("adr-7", "named.md", None),
        ("adr-7#", "named.md", None),
        ("adr-7#a#b", "named.md", "a#b"),
        ("notes/c#/pitch", "notes/c#/pitch.md", None),
        ("notes/c#/pitch.md#pitch", "notes/c#/pitch.md", "pitch"),
    ],
)
def test_what_follows_the_mark_is_the_anchor_unless_it_is_part_of_the_name(
    cache: Cache, wanted: str, path: str, anchor: str | None
) -> None:
    node, found = find_place(cache, wanted, "/")
    assert (node.path, found) == (path, anchor)


@pytest.mark.parametrize("wanted", ["nothere", "", ".", "/", "..", "#", "tup", "guides", "caf\udce9", "a\0b", "%"])
def test_no_document_is_a_no(cache: Cache, wanted: str) -> None:
    with pytest.raises(No, match="no document has the id or path"):
        find_node(cache, wanted, "/")


def test_a_near_miss_is_met_with_a_suggestion(cache: Cache) -> None:
    with pytest.raises(No, match="did you mean guides/setup"):
        find_node(cache, "guides/setupp", "/")


def test_a_name_that_several_documents_share_names_them(cache: Cache) -> None:
    with pytest.raises(No, match="'setup' could be guides/setup, old/Setup: name one of them"):
        find_node(cache, "setup", "/")


# What is no cache


def refusal(path: Path) -> WorkError:
    with pytest.raises(WorkError) as raised, opened(str(path), str(path.parent)):
        pass
    return raised.value


def test_without_a_cache_the_error_says_how_to_make_one(tmp_path: Path) -> None:
    assert str(refusal(tmp_path / "c.db")) == f"no cache at {tmp_path}/c.db: run mdcache rebuild DOCS"
    assert not list(tmp_path.iterdir())


def test_a_folder_is_no_cache(tmp_path: Path) -> None:
    assert "is no file" in str(refusal(tmp_path))


def test_a_database_of_someone_else_is_refused_and_untouched(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE t (a)").connection.close()
    before = (tmp_path / "other.db").read_bytes()
    assert "is not a cache of mdcache" in str(refusal(tmp_path / "other.db"))
    assert (tmp_path / "other.db").read_bytes() == before


def test_an_empty_file_is_no_cache(tmp_path: Path) -> None:
    (tmp_path / "c.db").touch()
    assert "is not a cache of mdcache" in str(refusal(tmp_path / "c.db"))


def test_what_is_no_database_is_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "c.db").write_text("Not a database, but long enough to have a header. " * 100)
    assert isinstance(refusal(tmp_path / "c.db"), Damaged)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (f"PRAGMA user_version = {connections.FORMAT + 1}", "made by a newer mdcache: upgrade"),
        ("DELETE FROM meta WHERE key = 'roots'", "does not say which folders it holds"),
        ("UPDATE meta SET value = '7' WHERE key = 'roots'", "does not say which folders it holds"),
        ("DROP TABLE meta", "is damaged (no such table: meta): run mdcache rebuild"),
    ],
)
def test_a_cache_that_does_not_say_what_it_is_is_refused(vault: Vault, sql: str, said: str) -> None:
    folder = vault({"a.md": ""})
    with cache_of(folder):
        pass
    path = folder / ".mdcache/cache.db"
    with closing(connections.open_live(str(path))) as db:
        db.execute(sql)
    assert said in str(refusal(path))


def test_a_cache_that_was_moved_with_its_documents_still_finds_them(vault: Vault, tmp_path: Path) -> None:
    folder = vault({"a.md": "# A"})
    with cache_of(folder):
        pass
    moved = folder.rename(tmp_path / "moved")
    with opened(str(moved / ".mdcache/cache.db"), "/") as cache:
        assert (cache.base, cache.roots) == (str(moved), (str(moved),))


# What came with a clone


@pytest.fixture
def forged(vault: Vault, tmp_path: Path) -> Path:
    """A clone with a cache that says that it holds the documents of a folder outside."""
    vault({"secret.md": "# Secret\n"}, tmp_path / "private")
    there = vault({"a.md": "# A\n"}, tmp_path / "theirs")
    with cache_of(there) as cache:
        path = Path(cache.path)
    with closing(connections.open_live(str(path))) as db:
        db.execute("UPDATE meta SET value = '../../private' WHERE key = 'base'")
        db.execute("UPDATE nodes SET path = 'secret.md', id = 'secret'")
    shutil.copytree(there, tmp_path / "clone")
    return tmp_path / "clone"


@pytest.mark.parametrize("asked_about", [".", "..", "../private", "/"])
def test_a_cache_of_a_clone_does_not_speak_for_folders_outside(forged: Path, asked_about: str) -> None:
    path = str(forged / ".mdcache" / "cache.db")
    with opened(path, os.path.normpath(forged / asked_about)) as cache:
        assert (cache.made_here, cache.base, cache.roots, cache.named) == (False, str(forged), (), ())


def test_a_cache_speaks_for_the_folder_it_lies_in_wherever_that_was_moved(vault: Vault, tmp_path: Path) -> None:
    with cache_of(vault(FILES, tmp_path / "old")):
        pass
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    with opened(str(tmp_path / "new" / ".mdcache" / "cache.db"), "/nowhere") as cache:
        assert cache.base == str(tmp_path / "new")


@pytest.mark.parametrize("root", ["..", "../private", "/", "link"])
def test_no_root_of_a_cache_lies_outside_its_base(vault: Vault, tmp_path: Path, root: str) -> None:
    with cache_of(vault({"a.md": ""}, tmp_path / "docs")) as cache:
        path, base = cache.path, cache.base
    (tmp_path / "docs" / "link").symlink_to(tmp_path)
    with closing(connections.open_live(path)) as db:
        db.execute("UPDATE meta SET value = json_array(?) WHERE key = 'roots'", (root,))
    with pytest.raises(Damaged, match="leads to folders outside"), opened(path, base):
        pass
