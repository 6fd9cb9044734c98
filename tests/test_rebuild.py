from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import shutil
import sqlite3
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from processes import MDCACHE, UNPRIVILEGED, mdcache, one_line, run, start

from mdcache.build import digest
from mdcache.build import rebuild as driver
from mdcache.config.settings import Asked, load
from mdcache.errors import WorkError
from mdcache.model import Report
from mdcache.store import connections, lock, place
from mdcache.store.connections import scalar

Vault = Callable[..., Path]
CACHE = ".mdcache/cache.db"


@pytest.fixture(scope="module")
def built(vault: Vault) -> Path:
    """A folder with a cache, and with documents that have changed since: for copies only."""
    folder = vault(
        {"docs/a.md": "# A\n\nold word [b](b.md)\n", "docs/b.md": "# B\n\nold word\n", "docs/c.md": "gone\n"}
    )
    assert rebuild(folder).generation == 1
    (folder / "docs" / "c.md").unlink()
    return vault({"docs/a.md": "# A\n\nnew word [b](b.md)\n", "docs/d.md": "# D\n\nnew word\n"}, into=folder)


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    return shutil.copytree(built, tmp_path / "folder")


def rebuild(folder: Path, db: str | None = None, **options: Any) -> Report:
    """A rebuild that succeeds, in this process: what it reports."""
    asked = load(Asked(str(folder), database=db, docs=("docs",)), {})
    return driver.rebuild(asked, driver.Options(**{"workers": 0, **options}))


def refused(folder: Path, status: int, *options: str, before: tuple[str, ...] = (), **how: object) -> str:
    """A rebuild that ends in one line, with the cache as it was and nothing new beside it."""
    listed = files(folder)
    done = run((*before, *MDCACHE, "rebuild", *(options or ("docs",))), folder, **how)
    said = one_line(done, status)
    assert files(folder) == listed
    assert generation(folder) == 1
    return said


def files(folder: Path) -> list[str]:
    """All but the lock, and the side files that readers may leave."""
    return sorted(str(path) for path in folder.rglob("*") if not path.name.endswith((".lock", "-wal", "-shm")))


def generation(folder: Path, name: str = CACHE) -> int:
    """That of the cache, which is whole: one that was built before the documents changed, or one that came after."""
    with contextlib.closing(connections.open_reader(str(folder / name))) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert digest.of_tables(db) == scalar(db, "SELECT value FROM meta WHERE key = 'digest'")
        found = int(scalar(db, "SELECT value FROM meta WHERE key = 'generation'"))
        old = scalar(db, "SELECT count(*) FROM sections_fts WHERE sections_fts MATCH 'old'")
        assert old == (2 if found == 1 else 1)
        return found


# What it reports and leaves


def test_a_rebuild_compares_itself_with_the_generation_before(folder: Path) -> None:
    report = rebuild(folder)
    assert (report.generation, report.added, report.changed, report.removed, report.unchanged) == (2, 1, 1, 1, 1)
    assert (report.database, report.rebuilt) == (str(folder / CACHE), True)
    assert generation(folder) == 2


def test_only_the_cache_and_its_lock_are_left(folder: Path) -> None:
    rebuild(folder)
    assert {path.name for path in (folder / ".mdcache").iterdir()} == {"cache.db", "cache.db.lock", ".gitignore"}


def test_documents_are_never_written_to(folder: Path) -> None:
    def stamps() -> list[tuple[str, int, int]]:
        return [(path.name, path.stat().st_mtime_ns, path.stat().st_ctime_ns) for path in (folder / "docs").iterdir()]

    before = stamps()
    rebuild(folder)
    assert stamps() == before


def test_the_same_documents_give_the_same_digest_and_bytes_with_any_workers(vault: Vault) -> None:
    folder = vault({f"docs/{i % 7}/d{i}.md": f"# D{i}\n\n[x](d{i + 7}.md) [[d{i * 3}]]\n" for i in range(600)})
    outputs = {str(folder / f"{count}.db"): count for count in (0, 1, 3)}
    reports = [rebuild(folder, output=to, reproducible=True, workers=count) for to, count in outputs.items()]
    assert len({report.digest for report in reports}) == 1
    assert len({Path(to).read_bytes() for to in outputs}) == 1


def test_an_output_is_a_file_that_needs_no_other_beside_it(folder: Path) -> None:
    rebuild(folder, output=str(folder / "site" / "site.db"))
    assert place.parse_header((folder / "site" / "site.db").read_bytes()) == (True, True, False, False)
    assert generation(folder) == 1
    (folder / "site").chmod(0o500)
    query = (*UNPRIVILEGED, *MDCACHE, "query", "--db", "site/site.db", "--csv", "SELECT count(*) AS n FROM nodes")
    done = run(query, folder)
    (folder / "site").chmod(0o700)
    assert done.stdout.split() == ["n", "3"], done


def test_an_output_is_replaced_under_readers_who_keep_theirs(folder: Path) -> None:
    site = str(folder / "site.db")
    rebuild(folder, output=site)
    with contextlib.closing(connections.open_reader(site)) as db:
        (folder / "docs" / "a.md").unlink()
        assert rebuild(folder, output=site).documents == 2
        assert scalar(db, "SELECT count(*) FROM nodes") == 3


def test_the_path_may_be_a_link_which_stays(folder: Path) -> None:
    (folder / "link.db").symlink_to(folder / CACHE)
    assert rebuild(folder, db="link.db").database == str(folder / CACHE)
    assert (folder / "link.db").is_symlink()
    assert generation(folder) == 2


def test_a_newer_cache_is_replaced_when_a_rebuild_is_asked_for(folder: Path) -> None:
    with contextlib.closing(connections.open_live(str(folder / CACHE))) as db:
        db.execute("PRAGMA user_version=999")
    assert rebuild(folder).generation == 2
    with contextlib.closing(connections.open_reader(str(folder / CACHE))) as db:
        assert scalar(db, "PRAGMA user_version") == connections.FORMAT


# What it refuses, with the cache as it was


def test_a_second_writer_ends_in_one_line_that_names_the_first(folder: Path) -> None:
    with lock.held(str(folder / CACHE), "mdcache watch"):
        said = refused(folder, 3, "docs", "--wait", "0.1")
    assert f"cache.db.lock is held by mdcache watch (process {os.getpid()}" in said


@pytest.mark.parametrize("roots", [["nowhere"], ["docs", "nowhere"], ["docs/a.md"]])
def test_a_root_that_is_not_there_or_no_folder_is_one_line(folder: Path, roots: list[str]) -> None:
    assert refused(folder, 3, *roots).startswith(f"mdcache: cannot list {folder}/{roots[-1]}: ")


def test_no_roots_at_all_are_a_matter_of_usage(tmp_path: Path) -> None:
    assert "mdcache rebuild DOCS" in one_line(mdcache(tmp_path, "rebuild"), 2)
    assert list(tmp_path.iterdir()) == []


def test_a_first_rebuild_of_a_root_that_is_not_there_leaves_nothing(tmp_path: Path) -> None:
    one_line(mdcache(tmp_path, "rebuild", "nowhere"), 3)
    assert list(tmp_path.iterdir()) == []


def test_two_writers_at_once_take_turns(folder: Path) -> None:
    both = [start((*MDCACHE, "rebuild", "docs", "--quiet"), folder) for _ in range(2)]
    assert [(*process.communicate(timeout=60), process.returncode) for process in both] == [("", "", 0)] * 2
    assert generation(folder) == 3


def test_a_folder_that_cannot_be_listed_is_one_line(folder: Path) -> None:
    (folder / "docs" / "closed").mkdir(mode=0o000)
    said = refused(folder, 3, before=UNPRIVILEGED)
    assert said == f"mdcache: cannot list {folder}/docs/closed: Permission denied\n"


def test_a_file_that_cannot_be_read_is_a_problem_without_a_node(folder: Path) -> None:
    (folder / "docs" / "a.md").chmod(0o000)
    assert run((*UNPRIVILEGED, *MDCACHE, "rebuild", "docs", "--quiet"), folder).returncode == 0
    with contextlib.closing(connections.open_reader(str(folder / CACHE))) as db:
        assert [path for (path,) in db.execute("SELECT path FROM nodes ORDER BY path")] == ["b.md", "d.md"]
        problems = db.execute("SELECT path, code, message FROM problems WHERE path = 'a.md'").fetchall()
    assert problems == [("a.md", "unreadable", "cannot be read: Permission denied")]


@pytest.mark.parametrize("closed", [".mdcache", ".mdcache/cache.db", ".mdcache/cache.db.lock"])
def test_a_cache_that_may_not_be_written_is_one_line(folder: Path, closed: str) -> None:
    (folder / closed).chmod(0o500 if closed == ".mdcache" else 0o400)
    said = refused(folder, 3, before=UNPRIVILEGED)
    (folder / closed).chmod(0o700)
    assert str(folder / closed) in said


def foreign_database(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE mine (x)")


FOREIGN: dict[str, Callable[[Path], object]] = {
    "a database of others": foreign_database,
    "a text": lambda path: path.write_text("dear diary\n"),
    "a pipe": os.mkfifo,
    "a folder": os.mkdir,
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_not_ours_stays_untouched_on_the_second_try_too(folder: Path, kind: str) -> None:
    FOREIGN[kind](folder / "mine.db")
    before = (folder / "mine.db").read_bytes() if (folder / "mine.db").is_file() else b""
    for _ in range(2):
        said = refused(folder, 3, "docs", "--db", "mine.db")
        assert said.startswith(f"mdcache: {folder}/mine.db is n")
        assert "--db" in said
        assert not (folder / "mine.db.lock").exists()
    if before:
        assert (folder / "mine.db").read_bytes() == before


@pytest.mark.parametrize("how", ["BEGIN IMMEDIATE", "PRAGMA locking_mode=EXCLUSIVE"])
def test_a_cache_that_another_program_keeps_locked_is_one_line(folder: Path, how: str) -> None:
    with contextlib.closing(connections.open_live(str(folder / CACHE))) as db:
        db.execute(how)
        db.execute("INSERT OR IGNORE INTO meta VALUES ('x', 'y')")
        done = mdcache(folder, "rebuild", "docs", "--wait", "0.2")
        assert f"{folder / CACHE} is locked by another program" in one_line(done, 3)
        assert scalar(db, "SELECT value FROM meta WHERE key = 'generation'") == "1"
    assert sorted(path.name for path in (folder / ".mdcache").iterdir()) == [".gitignore", "cache.db", "cache.db.lock"]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("CREATE TABLE (", "views.sql: CREATE TABLE (: "),
        ("DROP TABLE nodes;", "views.sql: DROP TABLE nodes;: not allowed in a schema file"),
        (
            "CREATE TABLE seen (x INTEGER) STRICT;\n"
            "CREATE TRIGGER t AFTER INSERT ON nodes BEGIN INSERT INTO seen VALUES (new.path); END;",
            "a trigger or view of the schema files fails: cannot store TEXT value in INTEGER column seen.x",
        ),
        (
            "CREATE TRIGGER t AFTER INSERT ON nodes BEGIN SELECT raise(ABORT, 'no such luck'); END;",
            "a trigger or view of the schema files fails: no such luck",
        ),
    ],
)
def test_a_schema_file_that_fails_is_a_matter_of_usage(folder: Path, sql: str, said: str) -> None:
    (folder / "mdcache.toml").write_text('docs = ["docs"]\nschema = ["views.sql"]\n')
    (folder / "views.sql").write_text(sql)
    assert said in refused(folder, 2)


@pytest.mark.parametrize("limit", [0, 100, 1000, 8192, 50_000, 100_000, 150_000])
def test_a_limit_on_the_size_of_files_is_one_line(folder: Path, limit: int) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    said = refused(folder, 3, preexec_fn=limited)
    assert said.startswith(f"mdcache: {folder}/.mdcache/cache.db.build cannot be read or written")
    assert "ulimit -f" in said


OLD_SQLITE = """
import sys
from mdcache.store import connections
connections.NEEDED = (99, 0)
from mdcache.cli.main import main
sys.exit(main())
"""


def test_an_old_sqlite_is_one_line_that_says_what_to_install(folder: Path) -> None:
    done = run((sys.executable, "-c", OLD_SQLITE, "rebuild", "docs"), folder)
    assert f"SQLite {connections.SQLITE_VERSION}" in one_line(done, 3)
    assert "mdcache needs 99.0: pip install pysqlite3" in done.stderr
    assert generation(folder) == 1


WITHOUT_DRIVER = """
import sys
sys.modules["pysqlite3"] = None
from mdcache.cli.main import main
main()
"""


def test_without_the_newer_driver_the_platforms_own_sqlite_serves_if_it_is_new_enough(folder: Path) -> None:
    done = run((sys.executable, "-c", WITHOUT_DRIVER, "rebuild", "docs"), folder)
    if sqlite3.sqlite_version_info >= connections.NEEDED:
        assert done.returncode == 0
        assert generation(folder) == 2
    else:
        assert f"SQLite {sqlite3.sqlite_version} of {sys.executable} is too old" in one_line(done, 3)
        assert generation(folder) == 1


# What it heals


def zero(path: Path, start: int, length: int) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(bytes(length))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no bytes": lambda path: os.truncate(path, 0),
    "half a header": lambda path: os.truncate(path, 50),
    "a header and no more": lambda path: os.truncate(path, 100),
    "half a page": lambda path: os.truncate(path, 5000),
    "one page": lambda path: os.truncate(path, 8192),
    "half a file": lambda path: os.truncate(path, 8192 * 9),
    "no header": lambda path: zero(path, 0, 100),
    "no first page": lambda path: zero(path, 0, 8192),
    "no schema": lambda path: zero(path, 100, 8092),
    "no middle": lambda path: zero(path, 8192 * 2, 8192 * 20),
    "a schema format of the future": lambda path: zero(path, 44, 4),
    "garbage in its log": lambda path: path.with_name("cache.db-wal").write_bytes(random.Random(1).randbytes(50_000)),
    "garbage in its shared memory": lambda path: path.with_name("cache.db-shm").write_bytes(b"garbage" * 9999),
    "another's journal": lambda path: path.with_name("cache.db-journal").write_bytes(b"garbage" * 999),
    "garbage instead": lambda path: path.write_bytes(random.Random(1).randbytes(100_000)),
    "gone, its log left": lambda path: path.rename(path.with_name("cache.db-wal")),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_healed(folder: Path, damage: str) -> None:
    DAMAGES[damage](folder / CACHE)
    rebuild(folder)
    assert generation(folder) == 2
    assert {path.name for path in (folder / ".mdcache").iterdir()} <= {
        *("cache.db", "cache.db.lock", ".gitignore"),
        *("cache.db-wal", "cache.db-shm"),
    }


@pytest.mark.parametrize(("start", "length"), [(8192 * 5, 8192 * 9), (200, 7000)], ids=["pages", "schema"])
def test_a_damaged_cache_is_healed_under_a_reader_who_need_not_open_it_again(
    folder: Path, start: int, length: int
) -> None:
    inode = (folder / CACHE).stat().st_ino
    with contextlib.closing(connections.open_reader(str(folder / CACHE))) as db:
        assert scalar(db, "SELECT value FROM meta WHERE key = 'generation'") == "1"
        # Not from this process: to close the file would drop the locks of the connection.
        zeros = ("dd", "if=/dev/zero", f"of={CACHE}", "bs=1", f"seek={start}", f"count={length}", "conv=notrunc")
        assert run(zeros, folder).returncode == 0
        assert mdcache(folder, "rebuild", "docs").returncode == 0
        assert scalar(db, "SELECT value FROM meta WHERE key = 'generation'") == "2"
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert (folder / CACHE).stat().st_ino == inode
    assert generation(folder) == 2


@pytest.mark.parametrize(
    "sql", ["PRAGMA journal_mode=DELETE", "PRAGMA journal_mode=DELETE; PRAGMA page_size=4096; VACUUM"]
)
def test_a_cache_in_another_mode_becomes_a_live_one(folder: Path, sql: str) -> None:
    with contextlib.closing(connections.open_live(str(folder / CACHE))) as db:
        for statement in sql.split(";"):
            db.execute(statement)
    rebuild(folder)
    assert generation(folder) == 2
    assert place.parse_header((folder / CACHE).read_bytes()).live


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 99) | st.integers(0, 200_000), st.binary(min_size=1, max_size=300)), max_size=3)
)
def test_whatever_is_overwritten_is_healed_unless_it_passes_for_a_database_of_others(
    built: Path, tmp_path: Path, harms: list[tuple[int, bytes]]
) -> None:
    folder = shutil.copytree(built, tmp_path / "folder", dirs_exist_ok=True)
    with (folder / CACHE).open("r+b") as file:
        for start, garbage in harms:
            file.seek(start)
            file.write(garbage)
    header = place.parse_header((folder / CACHE).read_bytes())
    if header.well_formed and not header.ours:
        with pytest.raises(WorkError, match="is not a cache of mdcache"):
            rebuild(folder)
    else:
        rebuild(folder)
        assert generation(folder) >= 2


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no such names")
def test_a_base_whose_name_is_no_text_cannot_be_remembered(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    odd.mkdir()
    (odd / "a.md").write_text("# A\n")
    assert "not UTF-8" in one_line(run((*MDCACHE, "rebuild", odd.name), tmp_path), 2)
    assert not (tmp_path / ".mdcache").exists()
    assert rebuild_in(odd).documents == 1


def rebuild_in(folder: Path) -> Report:
    """A rebuild of a folder from within."""
    return driver.rebuild(load(Asked(str(folder), docs=(".",)), {}), driver.Options(workers=0))


def test_other_stamps_in_another_place_give_the_same_bytes(vault: Vault, tmp_path: Path) -> None:
    files_ = {f"docs/{number}.md": f"# Title {number}\n\nword [next]({number + 1}.md)\n" for number in range(300)}
    made = []
    for number in range(2):
        folder = vault(files_)
        for file in (folder / "docs").iterdir():
            os.utime(file, (number * 1000, number * 1000))
        made.append(tmp_path / f"{number}.db")
        rebuild(folder, output=str(made[-1]), reproducible=True)
    assert made[0].read_bytes() == made[1].read_bytes()


# A revision


@pytest.fixture
def repository(vault: Vault, git: Callable[..., str], tmp_path: Path) -> Path:
    """Two commits, and a work tree that is neither."""
    folder = vault(
        {"docs/a.md": "# A\n\n[b](b.md)\n", "docs/b.md": "# B\n", "mdcache.toml": 'docs = ["docs"]\n'}, tmp_path
    )
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "one")
    vault({"docs/odd name\n\u00e9.md": "# Odd\n", "mdcache.toml": 'docs = ["docs"]\nexclude = ["b.md"]\n'}, folder)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "two")
    (folder / "docs/a.md").write_text("something else")
    (folder / "docs/new.md").write_text("untracked")
    return folder


@pytest.mark.parametrize("rev", ["HEAD~1", "HEAD"])
def test_a_revision_gives_the_digest_of_its_checkout(repository: Path, git: Callable[..., str], rev: str) -> None:
    built = mdcache(repository, "rebuild", "--rev", rev, "--db", "of-revision.db", "--json")
    git(repository, "worktree", "add", "--quiet", "--detach", "checkout", rev)
    checked_out = mdcache(repository / "checkout", "rebuild", "--json")
    kept = ("digest", "documents", "fingerprint")
    report, expected = json.loads(built.stdout), json.loads(checked_out.stdout)
    assert [report[key] for key in kept] == [expected[key] for key in kept]


def test_a_revision_s_cache_remembers_its_commit_and_reads_its_texts(repository: Path, git: Callable[..., str]) -> None:
    mdcache(repository, "rebuild", "--rev", "HEAD", "--db", "of-revision.db")
    with contextlib.closing(connections.open_reader(str(repository / "of-revision.db"))) as db:
        commit = scalar(db, "SELECT value FROM meta WHERE key = 'commit'")
    assert commit == git(repository, "rev-parse", "HEAD").strip()
    assert mdcache(repository, "read", "docs/a", "--db", "of-revision.db").stdout == "# A\n\n[b](b.md)\n"
    assert "«Odd»" in mdcache(repository, "search", "odd", "--db", "of-revision.db").stdout


def test_sync_replaces_the_cache_of_a_revision_and_says_so(repository: Path) -> None:
    mdcache(repository, "rebuild", "--rev", "HEAD", "--db", "of-revision.db")
    done = mdcache(repository, "sync", "--db", "of-revision.db", "--json")
    assert "it holds the commit" in done.stderr
    assert json.loads(done.stdout)["documents"] == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--rev", "nope", "--db", "x.db"), "no revision 'nope'"),
        (("--rev", "", "--db", "x.db"), "no revision ''"),
        (("--rev", "HEAD"), "--rev goes with"),
        (("--rev", ""), "--rev goes with"),
        (("--rev", "--help", "--db", "x.db"), "no revision"),
        (("--rev", "HEAD", "--db", "x.db", ".."), "does not lie in the repository"),
    ],
)
def test_a_revision_that_cannot_be_built_is_refused(repository: Path, options: tuple[str, ...], said: str) -> None:
    assert said in one_line(run((*MDCACHE, "rebuild", *options), repository), 2)
    assert not (repository / "x.db").exists()


# Who may read it


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in sorted((folder / ".mdcache").glob("cache.db*"))}


def test_a_cache_and_its_lock_are_for_their_owner_only(folder: Path) -> None:
    (folder / CACHE).unlink()
    rebuild(folder)
    with contextlib.closing(connections.open_reader(str(folder / CACHE))):
        assert set(modes(folder).values()) == {0o600}


def test_who_was_allowed_to_read_a_cache_still_is_when_it_is_built_anew(folder: Path) -> None:
    os.chmod(folder / CACHE, 0o640)
    rebuild(folder)
    assert modes(folder)["cache.db"] == 0o640
    (folder / CACHE).write_bytes((folder / CACHE).read_bytes()[:50])
    rebuild(folder)
    assert modes(folder)["cache.db"] == 0o640


def test_a_published_cache_may_be_read_by_whom_umask_allows(folder: Path) -> None:
    rebuild(folder, output=str(folder / "public.db"))
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((folder / "public.db").stat().st_mode) == 0o644 & ~umask
