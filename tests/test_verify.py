"""A cache proves itself: whatever is wrong in it is found, with its path and its table, and nothing is ever changed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from caches import settings_of
from law import synced
from processes import mdcache
from watching import watched

from mdcache.build import rebuild
from mdcache.config.settings import Settings
from mdcache.errors import WorkError
from mdcache.store import connections
from mdcache.store.connections import Connection, scalar
from mdcache.verifying.verify import Verdict, verify

Vault = Callable[..., Path]

DOCUMENTS = {
    "a.md": "---\nid: first\ntags: [x, y]\naliases: [One]\n---\n# A\n\n- [ ] do\n\n[b](b.md#sec) [[gone]] #tag\n",
    "b.md": "# B\n\n## Sec\n\n```python\n1\n```\n\ntext with words ^block\n",
    "sub/c.md": "# C\n\nkey:: [[One]] and other words\n",
}


@pytest.fixture
def live(vault: Vault) -> Settings:
    """A folder with a fresh cache."""
    return built(vault(DOCUMENTS))


def built(folder: Path) -> Settings:
    found = settings_of(folder)
    rebuild.rebuild(found, rebuild.Options(workers=0))
    return found


@contextmanager
def damaging(settings: Settings) -> Iterator[Connection]:
    """The live cache, to be tampered with behind mdcache's back."""
    with closing(connections.open_live(settings.database)) as db:
        db.execute("PRAGMA foreign_keys=OFF")
        yield db
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def damaged(settings: Settings, *statements: str) -> Verdict:
    """What verify says after these, each of which must change something."""
    with damaging(settings) as db:
        for sql in statements:
            assert db.execute(sql).rowcount, sql
    return verify(settings)


def differing(found: Verdict) -> dict[str, list[str]]:
    """Paths and tables, when nothing else is wrong."""
    assert (found.missing, found.stale, found.extra, found.integrity) == ((), (), (), ())
    assert found.ok == (not found.differs)
    return {one["path"]: one["tables"] for one in found.differs}


# What is as it should be


def test_a_cache_just_built_is_proven_with_its_digest(live: Settings) -> None:
    with closing(connections.open_reader(live.database)) as db:
        stored = scalar(db, "SELECT value FROM meta WHERE key = 'digest'")
    assert verify(live) == Verdict(True, stored, (), (), (), (), ())


def test_a_cache_that_was_kept_up_to_date_is_proven(live: Settings, vault: Vault) -> None:
    folder = Path(live.base)
    vault({"a.md": "# A\n\nless, and [[c]]\n\n## Sec\n\n## More\n", "new.md": "[[One]]\n"}, into=folder)
    (folder / "b.md").rename(folder / "sub/d.md")
    synced(live)
    with closing(connections.open_reader(live.database)) as db:
        keys = [
            key for (key,) in db.execute("SELECT s.key FROM sections AS s JOIN nodes ON node = nodes.key ORDER BY path")
        ]
        assert keys != sorted(keys), "they should not be those of a rebuild"
    assert verify(live).ok
    assert verify(live, quick=True).ok


def test_a_file_that_was_only_touched_does_not_differ(live: Settings) -> None:
    os.utime(os.path.join(live.base, "a.md"))
    assert verify(live).ok
    assert verify(live, quick=True).ok


def test_a_reproducible_cache_is_proven_though_it_has_no_stat_cache(live: Settings, tmp_path: Path) -> None:
    output = str(tmp_path / "out.db")
    rebuild.rebuild(live, rebuild.Options(workers=0, output=output, reproducible=True))
    assert verify(live._replace(database=output)).ok
    assert verify(live._replace(database=output), quick=True).ok


def test_tables_of_the_users_own_are_no_concern(vault: Vault) -> None:
    folder = vault({**DOCUMENTS, "mdcache.toml": 'schema = ["v.sql"]\n', "v.sql": "CREATE TABLE mine (x);"})
    live = built(folder)
    assert damaged(live, "INSERT INTO mine VALUES (1)").ok


def test_an_empty_folder_is_proven(vault: Vault) -> None:
    assert verify(built(vault({}))).ok


@pytest.mark.parametrize(
    "scenario", ["handbook", "obsidian", "links", "frontmatter", "scripts", "hostile", "docs-site"]
)
def test_every_scenario_is_proven(fixtures: Path, tmp_path: Path, scenario: str) -> None:
    live = built(Path(shutil.copytree(fixtures / scenario, tmp_path / scenario)))
    assert verify(live).ok


@pytest.mark.corpus
@pytest.mark.parametrize("name", ["amalfa", "rfcs"])
def test_real_documents_are_proven_after_a_rebuild_and_after_edits(corpora: Path, tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(corpora / name, tmp_path / name))
    live = built(folder)
    assert verify(live).ok
    files = sorted(folder.rglob("*.md"))
    for number, file in enumerate(files[::9]):
        if number % 3:
            file.write_bytes(b"# New\n\n[[README]]\n\n" + file.read_bytes())
        else:
            file.unlink()
    synced(live)
    assert verify(live).ok


# Files that have changed


@pytest.mark.parametrize("quick", [False, True], ids=["whole", "quick"])
def test_files_that_have_come_gone_and_changed_are_missing_extra_and_stale(live: Settings, quick: bool) -> None:
    folder = Path(live.base)
    (folder / "new.md").write_text("# New\n")
    (folder / "b.md").write_text("# Other\n\n## Sec\n")
    (folder / "sub/c.md").unlink()
    found = verify(live, quick)
    assert (found.missing, found.stale, found.extra) == (("new.md",), ("b.md",), ("sub/c.md",))
    assert not found.ok


@pytest.mark.parametrize("quick", [False, True], ids=["whole", "quick"])
def test_a_change_that_no_stamp_betrays_is_found(live: Settings, quick: bool) -> None:
    file = Path(live.base, "b.md")
    file.write_text(file.read_text().replace("words", "WORDS"))
    stat = file.stat()
    known = (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino)
    with damaging(live) as db:
        db.execute("UPDATE files SET (mtime_ns, ctime_ns, size, inode) = (?, ?, ?, ?) WHERE path = 'b.md'", known)
    assert synced(live).changed == 0
    assert verify(live, quick).stale == ("b.md",)


def test_what_a_document_that_came_means_for_others_differs_there(live: Settings) -> None:
    Path(live.base, "gone.md").write_text("# Gone\n")
    found = verify(live)
    assert found.missing == ("gone.md",)
    assert {one["path"]: one["tables"] for one in found.differs} == {"a.md": ["all_problems", "links"]}


# What was damaged


def test_a_row_that_was_deleted_is_found(live: Settings) -> None:
    assert differing(damaged(live, "DELETE FROM tags WHERE tag = 'x'")) == {"a.md": ["tags"]}


def test_a_document_that_was_deleted_is_missing(live: Settings) -> None:
    with damaging(live) as db:
        db.execute("PRAGMA foreign_keys=ON")
        db.execute("DELETE FROM nodes WHERE path = 'b.md'")
    assert verify(live).missing == ("b.md",)


def test_a_target_that_was_changed_is_found(live: Settings) -> None:
    other = "(SELECT key FROM nodes WHERE path = 'sub/c.md')"
    found = damaged(live, f"UPDATE links SET target_node = {other} WHERE target = 'b.md#sec'")
    assert differing(found) == {"a.md": ["links"]}


def test_an_offset_that_was_shifted_is_found(live: Settings) -> None:
    assert differing(damaged(live, "UPDATE sections SET start = start + 1 WHERE heading = 'Sec'")) == {
        "b.md": ["sections"]
    }


def key_of(db: Connection, path: str) -> int:
    """The last section of a document."""
    return int(scalar(db, "SELECT max(s.key) FROM sections AS s JOIN nodes ON nodes.key = node WHERE path = ?", path))


def index(db: Connection, key: int, body: str, *others: str | None) -> None:
    """Index a section anew, with these words."""
    db.execute("DELETE FROM sections_fts WHERE rowid = ?", (key,))
    title, heading, tags = others
    row = (key, title, heading, tags, body)
    db.execute("INSERT INTO sections_fts (rowid, title, heading, tags, body) VALUES (?, ?, ?, ?, ?)", row)


def test_a_term_that_was_removed_from_the_index_is_found(live: Settings) -> None:
    with damaging(live) as db:
        index(db, key_of(db, "sub/c.md"), "# C\n\nkey:: [[One]] and other other\n", "C", "C", None)
    assert differing(verify(live)) == {"sub/c.md": ["sections_fts"]}


def test_a_section_that_was_removed_from_the_index_is_found(live: Settings) -> None:
    with damaging(live) as db:
        db.execute("DELETE FROM sections_fts WHERE rowid = ?", (key_of(db, "b.md"),))
    assert differing(verify(live)) == {"b.md": ["sections_fts"]}


def test_terms_of_another_document_are_found_in_both(live: Settings) -> None:
    with damaging(live) as db:
        index(db, key_of(db, "sub/c.md"), "text with words block python 1", "C", "C", None)
        index(db, key_of(db, "b.md"), "key One and other words", "B", "Sec", None)
    assert differing(verify(live)) == {"b.md": ["sections_fts"], "sub/c.md": ["sections_fts"]}


def test_two_words_that_changed_places_are_found(live: Settings) -> None:
    with damaging(live) as db:
        index(db, key_of(db, "sub/c.md"), "# C\n\nkey:: [[One]] and words other\n", "C", "C", None)
    assert differing(verify(live)) == {"sub/c.md": ["sections_fts"]}


def test_terms_of_a_section_that_there_is_not_are_found(live: Settings) -> None:
    with damaging(live) as db:
        db.execute("INSERT INTO sections_fts (rowid, title, heading, tags, body) VALUES (999, '', '', '', 'stray')")
    assert "sections that there are not" in verify(live).integrity[0]


def test_a_problem_that_is_missing_is_found(live: Settings) -> None:
    assert differing(damaged(live, "DELETE FROM all_problems WHERE path = 'a.md'")) == {"a.md": ["all_problems"]}


def test_a_problem_of_no_document_is_found(live: Settings) -> None:
    row = "'ghost.md', 1, 1, 'unreadable', 'error', 'cannot be read', NULL"
    assert differing(damaged(live, f"INSERT INTO all_problems VALUES ({row})")) == {"ghost.md": ["all_problems"]}


def test_an_alias_that_is_missing_is_found(live: Settings) -> None:
    assert differing(damaged(live, "DELETE FROM aliases")) == {"a.md": ["aliases"]}


@pytest.mark.parametrize(
    ("change", "path", "table"),
    [
        ("UPDATE nodes SET title = 'other' WHERE path = 'a.md'", "a.md", "nodes"),
        ("UPDATE nodes SET id = 'other' WHERE path = 'a.md'", "a.md", "nodes"),
        ("UPDATE nodes SET meta = NULL WHERE path = 'a.md'", "a.md", "nodes"),
        ("UPDATE claims SET name = 'x'", "a.md", "claims"),
        ("UPDATE names SET name = 'x' WHERE alias <> ''", "a.md", "names"),
        ("UPDATE properties SET value = '1' WHERE key = 'tags' AND ordinal = 1", "a.md", "properties"),
        ("UPDATE sections SET ordinal = 7 WHERE heading = 'C'", "sub/c.md", "sections"),
        ("UPDATE links SET rivals = 1 WHERE target = 'b.md#sec'", "a.md", "links"),
        ("UPDATE links SET scope = 'asset' WHERE target = 'gone'", "a.md", "links"),
        ("UPDATE links SET ordinal = 9 WHERE target = 'gone'", "a.md", "links"),
        ("UPDATE tasks SET done = 1", "a.md", "tasks"),
        ("UPDATE code_blocks SET section = section - 1", "b.md", "code_blocks"),
        ("UPDATE code_blocks SET section = 1", "b.md", "code_blocks"),
        ("UPDATE anchors SET anchor = '^other'", "b.md", "anchors"),
        ("UPDATE files SET hash = 'x' WHERE path = 'b.md'", "b.md", "files"),
        ("DELETE FROM files WHERE path = 'b.md'", "b.md", "files"),
    ],
)
def test_every_table_is_compared(live: Settings, change: str, path: str, table: str) -> None:
    found = differing(damaged(live, change))
    assert table in found.pop(path)
    assert set(found.values() if table != "sections" else ()) == set()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE meta SET value = '7' WHERE key = 'documents'", "meta says documents 7, not 3"),
        ("UPDATE meta SET value = 'x' WHERE key = 'digest'", "meta says digest x, not "),
        ("UPDATE meta SET value = '[]' WHERE key = 'extensions'", "meta says extensions [], not "),
        ("UPDATE meta SET value = 'x' WHERE key = 'fingerprint'", "have changed: run mdcache sync"),
        ("DELETE FROM meta WHERE key = 'mdcache'", "does not say what it holds"),
        ("UPDATE sections SET node = 77 WHERE heading = 'C'", "sections has a row without its nodes"),
        ("UPDATE sections_fts_config SET v = 'bm25(1.0)' WHERE k = 'rank'", "weighs its columns otherwise"),
    ],
)
def test_what_is_wrong_with_the_cache_as_a_whole_is_said(live: Settings, change: str, said: str) -> None:
    found = damaged(live, change)
    assert not found.ok
    assert said in " ".join(found.integrity)


@pytest.mark.parametrize("what", ["INDEX links_by_target", "TRIGGER sections_delete", "VIEW edges"])
def test_a_part_of_the_schema_that_is_gone_is_named(live: Settings, what: str) -> None:
    with damaging(live) as db:
        db.execute(f"DROP {what}")
    assert verify(live).integrity == (
        f"the {what.lower()} is missing: see mdcache schema --diff".replace("INDEX", "index"),
    )


@pytest.mark.parametrize("word", [b"first", b"broken-link", b"python", b"LINKS_TO"])
def test_a_flipped_byte_is_found(live: Settings, word: bytes) -> None:
    """The file may hold a word more than once, where nobody reads it, too."""
    path = Path(live.database)
    whole = path.read_bytes()
    places = [match.start() for match in re.finditer(re.escape(word), whole)]
    verdicts = []
    for at in places:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        verdicts.append(verify(live).ok)
    assert False in verdicts


def test_a_byte_that_is_no_utf8_any_more_is_found(live: Settings) -> None:
    path = Path(live.database)
    whole = path.read_bytes()
    at = whole.index(b"broken-link")
    path.write_bytes(whole[:at] + b"\xff" + whole[at + 1 :])
    found = verify(live)
    assert not found.ok
    assert "is damaged" in found.integrity[0]


def test_a_page_that_makes_no_sense_is_found(live: Settings) -> None:
    path = Path(live.database)
    whole = path.read_bytes()
    half = len(whole) // 2 // 8192 * 8192
    path.write_bytes(whole[:half] + bytes(8192) + whole[half + 8192 :])
    assert verify(live).integrity


@pytest.mark.parametrize("size", [100, 8192, 20_000])
def test_a_truncated_cache_is_found(live: Settings, size: int) -> None:
    os.truncate(live.database, size)
    found = verify(live)
    assert not found.ok
    assert found.integrity


# Beside others


def state(settings: Settings) -> list[tuple[str, str]]:
    folder = Path(settings.base)
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-shm", "-wal"))]
    return sorted((str(path), hashlib.sha256(path.read_bytes()).hexdigest()) for path in files)


def test_nothing_is_changed_and_nothing_is_left_behind(
    live: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    Path(live.base, "new.md").write_text("# New\n")
    before = state(live)
    assert not verify(live).ok
    assert not verify(live, quick=True).ok
    assert state(live) == before
    assert list(tmp_path.iterdir()) == []


def test_it_needs_no_lock(live: Settings) -> None:
    with sqlite3.connect(live.database, isolation_level=None) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert verify(live).ok
    writer.close()


def test_a_cache_that_is_not_there_cannot_be_proven(vault: Vault) -> None:
    with pytest.raises(WorkError, match="no cache at"):
        verify(settings_of(vault(DOCUMENTS)))


def test_without_room_for_temporary_files_nothing_can_be_proven(
    live: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(WorkError, match="cannot make a temporary folder: No such file"):
        verify(live)


def test_the_cache_of_a_revision_is_proven_wherever_one_is(
    vault: Vault, git: Callable[..., str], tmp_path: Path
) -> None:
    folder = vault(DOCUMENTS)
    git(folder, "init", "-q")
    git(folder, "add", "--all")
    git(folder, "commit", "-qm", "one")
    (folder / "a.md").write_text("# Other\n")
    assert mdcache(folder, "rebuild", ".", "--rev", "HEAD", "--db", str(tmp_path / "x.db")).returncode == 0
    done = mdcache(tmp_path, "verify", "--db", "x.db")
    assert done.stdout.startswith("ok ") and (done.returncode, done.stderr) == (0, ""), done


@pytest.mark.slow
def test_beside_a_watcher_that_has_work_all_the_time_nothing_is_reported(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for number in range(30):
        (tmp_path / f"docs/d{number}.md").write_text(f"# D{number}\n\n[[d{(number + 1) % 30}]] some words\n")
    with watched(tmp_path) as watcher, writing(watcher.docs):
        for quick in (False, True, False):
            found = verify(watcher.settings(watcher.database), quick)
            assert found.ok, found


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Files change, come and go, twenty times a second."""
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.wait(0.05):
            number += 1
            (folder / f"d{number % 10}.md").write_text(f"# D{number}\n\n[[d{number % 7}]] [[n{number % 3}]]\n")
            (folder / f"n{number % 3}.md").unlink(missing_ok=True)
            (folder / f"n{(number + 1) % 3}.md").write_text(f"[[d{number % 5}]]\n")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


# The command


def answer(folder: Path, *arguments: str) -> tuple[int, Any]:
    done = mdcache(folder, "verify", "--json", *arguments)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def test_the_command_says_ok_and_the_digest(live: Settings) -> None:
    folder = Path(live.base)
    mdcache(folder, "rebuild", ".", "--db", live.database)
    done = mdcache(folder, "verify", "--db", live.database)
    status, found = answer(folder, "--db", live.database)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"ok  {found['digest']}\n", "")
    assert (status, " ".join(found)) == (0, "ok digest missing stale extra integrity differs")


def test_the_command_names_paths_and_tables_and_ends_with_1(live: Settings) -> None:
    folder = Path(live.base)
    mdcache(folder, "rebuild", ".", "--db", live.database)
    with damaging(live) as db:
        db.execute("DELETE FROM aliases")
    (folder / "new.md").write_text("# New\n")
    done = mdcache(folder, "verify", "--db", live.database)
    assert (done.returncode, done.stdout, done.stderr) == (1, "missing  new.md\ndiffers  a.md  aliases\n", "")
    status, found = answer(folder, "--db", live.database)
    assert (status, found["missing"], found["differs"]) == (1, ["new.md"], [{"path": "a.md", "tables": ["aliases"]}])


def test_without_a_cache_the_command_ends_with_3(vault: Vault) -> None:
    done = mdcache(vault(DOCUMENTS), "verify")
    assert (done.returncode, done.stdout) == (3, "")
    assert "no cache at" in done.stderr
