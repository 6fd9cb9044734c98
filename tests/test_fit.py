"""What does not fit is built again, and what fits is not."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from caches import query, settings_of
from law import assert_law, did, explained, settle, synced
from processes import mdcache, one_line

import mdcache as library
from mdcache.build import rebuild
from mdcache.config.settings import Settings
from mdcache.errors import UsageError
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
    report = json.loads(mdcache(folder, "rebuild", "two", *asked).stdout)
    assert (report["rebuilt"], report["added"], report["changed"]) == (True, 1, 1)
    assert json.loads(mdcache(folder, "sync", *asked).stdout)["unchanged"] == 2  # remembered
    assert "# Two" in mdcache(folder, "read", "a", *asked[:2]).stdout
    assert mdcache(folder, "rebuild", "one", "two", *asked[:2]).returncode == 0
    assert json.loads(mdcache(folder, "status", *asked).stdout)["documents"] == 3


# A part of the documents, or others


TREE = {"a.md": "# A\n", "src/b.md": "# B\n", "docs/c.md": "# C\n"}


@pytest.fixture
def whole(vault: Vault) -> Path:
    """A folder without settings, and a cache of all that is in it."""
    folder = vault(TREE)
    assert mdcache(folder, "rebuild", ".").returncode == 0
    return folder


def untouched(folder: Path) -> tuple[bytes, int]:
    database = folder / ".mdcache/cache.db"
    return database.read_bytes(), database.stat().st_mtime_ns


@pytest.mark.parametrize(
    ("command", "docs"),
    [
        (["sync"], ["src"]),
        (["sync"], ["src", "docs/"]),
        (["sync"], ["nowhere"]),
        (["sync", "--json"], ["a b"]),
        (["sync"], ["..", "src"]),
        (["sync", "--check"], ["src"]),
        (["watch"], ["src"]),
        (["watch", "--detach"], ["src"]),
    ],
)
def test_other_documents_than_the_cache_holds_are_refused(whole: Path, command: list[str], docs: list[str]) -> None:
    before = untouched(whole)
    said = one_line(mdcache(whole, *command, *docs), 2)
    assert f"{whole}/.mdcache/cache.db holds the documents of {whole}: " in said
    # A watcher goes by the name that its folder has now, wherever that is moved later.
    folder = ["-C", str(whole)] if command == ["watch"] else []
    assert f"run {shlex.join(['mdcache', 'rebuild', *folder, *docs])}" in said
    assert untouched(whole) == before
    assert sorted(file.name for file in (whole / ".mdcache").iterdir() if file.suffix == ".log") == []


def test_the_command_that_is_named_makes_it_the_cache_of_those(whole: Path) -> None:
    said = one_line(mdcache(whole, "sync", "src"), 2)
    command = shlex.split(said.rpartition("run mdcache ")[2])
    assert mdcache(whole, *command).returncode == 0
    assert json.loads(mdcache(whole, "sync", "src", "--json").stdout)["documents"] == 1
    said = one_line(mdcache(whole, "sync", "."), 2)
    assert f"holds the documents of {whole}/src: " in said and said.endswith("run mdcache rebuild .\n")


def test_the_command_that_is_named_reaches_the_same_cache(whole: Path, tmp_path: Path) -> None:
    other = ("-C", str(whole), "--db", str(tmp_path / "x y.db"))
    assert mdcache(tmp_path, *other, "sync", "src").returncode == 0  # there is none yet
    said = one_line(mdcache(tmp_path, *other, "sync", "docs"), 2)
    assert mdcache(tmp_path, *shlex.split(said.rpartition("run mdcache ")[2])).returncode == 0
    assert json.loads(mdcache(tmp_path, *other, "status", "--json").stdout)["roots"] == [str(whole / "docs")]
    assert mdcache(whole, "sync", "--check").returncode == 0


@pytest.mark.parametrize(
    "named", ["docs", "./docs/", "docs//", "link", "link/", "src/../docs", "link/../docs/.", "DIR/docs"]
)
def test_the_same_documents_by_another_name_are_the_same(vault: Vault, named: str) -> None:
    folder = vault(TREE)
    (folder / "link").symlink_to("docs")
    assert mdcache(folder, "rebuild", "docs").returncode == 0
    (folder / "docs/new.md").write_text("# New\n")
    done = mdcache(folder, "sync", named.replace("DIR", str(folder)), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert (report["rebuilt"], report["added"], report["documents"]) == (False, 1, 2)


def test_several_roots_in_another_order_are_the_same(vault: Vault) -> None:
    folder = vault(TREE)
    assert mdcache(folder, "rebuild", "docs", "src").returncode == 0
    assert json.loads(mdcache(folder, "sync", "src/", "docs", "./src", "--json").stdout)["unchanged"] == 2
    assert "holds the documents of" in one_line(mdcache(folder, "sync", "docs"), 2)
    many = [f"r{number}" for number in range(9)]
    assert "and 6 more, run mdcache rebuild DOCS\n" in one_line(mdcache(folder, "sync", *many), 2)


def test_documents_beside_those_of_the_settings_are_refused(base: Path) -> None:
    (base / "other").mkdir()
    before = untouched(base)
    assert f"holds the documents of {base}/docs: " in one_line(mdcache(base, "sync", "other"), 2)
    assert untouched(base) == before
    assert mdcache(base, "sync", "docs").returncode == 0


def test_the_library_refuses_other_documents_too(whole: Path) -> None:
    before = untouched(whole)
    asked = library.settings(whole, docs=("src",))
    with pytest.raises(UsageError, match="holds the documents of"):
        library.sync(asked)
    with pytest.raises(UsageError, match="holds the documents of"):
        next(library.watch(asked))
    assert untouched(whole) == before
    assert library.sync(library.settings(whole, docs=(".",))).documents == 3
    assert library.rebuild(asked).documents == 1


def test_a_damaged_cache_is_built_of_what_is_named(whole: Path) -> None:
    (whole / ".mdcache/cache.db").write_bytes(b"x" * 100_000)
    assert json.loads(mdcache(whole, "sync", "src", "--json").stdout)["documents"] == 1


# Links that lead to roots


@pytest.fixture
def linked(vault: Vault) -> Path:
    """A folder without settings whose `current` leads to one of two versions, and the cache of that."""
    folder = vault({"1/docs/a.md": "# One\n", "2/docs/a.md": "# Two\n", "2/docs/b.md": "# B\n"})
    (folder / "current").symlink_to("1")
    assert mdcache(folder, "rebuild", "current/docs").returncode == 0
    return folder


def swap(link: Path, target: str) -> None:
    (link.parent / "new").symlink_to(target)
    (link.parent / "new").rename(link)


@pytest.mark.parametrize("docs", [[], ["current/docs"], ["./current//docs/"]])
def test_a_link_to_the_documents_that_leads_elsewhere_is_followed(linked: Path, docs: list[str]) -> None:
    assert json.loads(mdcache(linked, "sync", *docs, "--json").stdout)["unchanged"] == 1
    swap(linked / "current", "2")
    assert mdcache(linked, "sync", "--check", *docs).returncode == 1
    assert json.loads(mdcache(linked, "sync", *docs, "--json").stdout)["documents"] == 2
    assert "# Two" in mdcache(linked, "read", "a").stdout
    assert mdcache(linked, "sync", "--check", *docs).returncode == 0
    swap(linked / "current", "1")
    assert json.loads(mdcache(linked, "sync", *docs, "--json").stdout)["documents"] == 1


def test_a_chain_of_links_is_followed_and_a_folder_that_moved_with_its_cache_too(linked: Path, tmp_path: Path) -> None:
    (linked / "chain").symlink_to("current")
    assert mdcache(linked, "rebuild", "chain/docs").returncode == 0
    swap(linked / "current", "2")
    moved = linked.rename(tmp_path / "moved")
    assert json.loads(mdcache(moved, "sync", "--json").stdout)["documents"] == 2
    assert json.loads(mdcache(moved, "status", "--json").stdout)["roots"] == [str(moved / "2/docs")]


def test_links_that_a_copied_cache_remembers_are_not_followed(linked: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copy"
    shutil.copytree(linked, copied, symlinks=True)
    swap(copied / "current", "2")
    assert json.loads(mdcache(copied, "rebuild", "--json").stdout)["documents"] == 1


@pytest.mark.parametrize("command", [["sync"], ["sync", "--check"], ["sync", "docs"], ["watch"], ["watch", "--detach"]])
def test_a_cache_that_was_not_made_here_is_left_alone(base: Path, tmp_path: Path, command: list[str]) -> None:
    settle(settings_of(base))
    copied = Path(shutil.copytree(base, tmp_path / "copy"))
    before = untouched(copied)
    said = one_line(mdcache(copied, *command), 3)
    assert "/copy/.mdcache/cache.db was not made here: it is only read, until mdcache rebuild" in said
    assert untouched(copied) == before
    assert mdcache(copied, "rebuild", "docs").returncode == 0
    assert json.loads(mdcache(copied, "sync", "--json").stdout)["rebuilt"] is False


def test_a_cache_behind_the_link_that_led_to_the_working_folder_stays_that_of_its_own_documents(linked: Path) -> None:
    for target in "12":
        swap(linked / "current", target)
        assert mdcache(linked, "-C", "current", "rebuild", "docs").returncode == 0
    for target in "12":
        report = json.loads(mdcache(linked / target, "sync", "--json").stdout)
        assert (report["documents"], report["unchanged"], report["rebuilt"]) == (int(target), int(target), False)


def test_a_link_that_leads_nowhere_loses_nothing(linked: Path) -> None:
    swap(linked / "current", "gone")
    done = mdcache(linked, "sync")
    assert done.returncode == 3 and done.stderr.splitlines()[-1].startswith("mdcache: cannot list"), done
    assert "# One" in mdcache(linked, "read", "a").stdout


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


# What a cache declares


def change(live: Settings, *statements: str) -> None:
    with closing(connections.open_live(live.database)) as db:
        for statement in statements:
            db.execute(statement)


@pytest.mark.parametrize(
    ("statements", "name"),
    [
        (["CREATE TRIGGER extra AFTER UPDATE ON files BEGIN DELETE FROM problems; END"], "extra"),
        (["CREATE TRIGGER extra BEFORE INSERT ON all_problems BEGIN SELECT RAISE(IGNORE); END"], "extra"),
        (["CREATE TRIGGER extra AFTER INSERT ON history BEGIN DELETE FROM nodes; END"], "extra"),
        (["DROP TRIGGER sections_delete"], "sections_delete"),
        (
            [
                "DROP TRIGGER sections_delete",
                "CREATE TRIGGER sections_delete AFTER DELETE ON sections BEGIN SELECT 1; END",
            ],
            "sections_delete",
        ),
        (["DROP INDEX links_by_name"], "links_by_name"),
        (["CREATE UNIQUE INDEX extra ON all_problems (severity)"], "extra"),
        (["CREATE TABLE extra (a REFERENCES nodes (key) ON DELETE RESTRICT)"], "extra"),
        (["CREATE VIEW extra AS SELECT 1"], "extra"),
        (["DROP VIEW own", "CREATE VIEW own AS SELECT 2 AS a"], "own"),
        (["DROP TABLE mine"], "mine"),
        (["DROP TABLE present", "CREATE TABLE present (node INTEGER, link INTEGER)"], "present"),
    ],
)
def test_a_cache_that_declares_something_else_is_built_again_and_not_written_to(
    vault: Vault, statements: list[str], name: str
) -> None:
    own = """
        CREATE TABLE mine (a); INSERT INTO mine VALUES (1);
        CREATE VIEW own AS SELECT 1 AS a;
        CREATE VIRTUAL TABLE words USING fts5 (title);
        CREATE TABLE copied AS SELECT * FROM mine;
        CREATE TRIGGER fed AFTER INSERT ON nodes BEGIN INSERT INTO mine VALUES (new.key); END;
    """
    files = {"mdcache.toml": 'docs = ["docs"]\nschema = ["own.sql"]\n', "own.sql": own}
    live = settings_of(vault({**files, "docs/a.md": "# A\n\n[[nowhere]]\n", "docs/b.md": "# B\n"}))
    synced(live)
    assert explained(live)[1] == []
    change(live, "ANALYZE")  # statistics are no matter of the schema
    assert explained(live)[1] == []
    change(live, *statements)
    (Path(live.base) / "docs/b.md").write_text("# B\n\n[[gone]]\n")
    reason = f"its schema is not that of this version and the settings ({name})"
    stale = sync.stale(live)
    assert stale and stale.rebuild == reason
    report, said = explained(live)
    assert (report.rebuilt, report.problems, said) == (True, 2, [reason])
    assert_law(live)
    assert explained(live)[1] == []


def test_check_judges_by_a_draft_where_the_cache_declares_something_else(base: Path) -> None:
    (base / "docs/a.md").write_text("# A\n\n[[nowhere]]\n")
    live = settings_of(base)
    synced(live)
    change(
        live,
        "DROP VIEW problems",
        'CREATE VIEW problems AS SELECT path, line, "column", code, severity, message, link FROM all_problems LIMIT 0',
    )
    assert mdcache(base, "check").returncode == 1
    synced(live)
    change(live, "CREATE TRIGGER extra AFTER INSERT ON all_problems BEGIN DELETE FROM all_problems; END")
    (base / "docs/b.md").write_text("# B\n\n[[gone]]\n")
    assert "gone" in mdcache(base, "check").stdout
    assert "the trigger extra is not of the schema in force" in mdcache(base, "verify").stdout
