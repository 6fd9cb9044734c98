from __future__ import annotations

import random
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from caches import rows_at
from processes import UNPRIVILEGED, needs, run

from mdcache.errors import Damaged, MdcacheError, UsageError
from mdcache.store import connections, failures
from mdcache.store.connections import SqliteError


@pytest.fixture
def path(tmp_path: Path) -> str:
    return rows_at(str(tmp_path / "x.db"))


def said(path: str, cause: Callable[[], object]) -> MdcacheError:
    with pytest.raises(MdcacheError) as caught, failures.speaking(path):
        cause()
    assert "\n" not in str(caught.value)
    assert path in str(caught.value)
    return caught.value


def test_a_full_disk_in_words(path: str) -> None:
    with closing(connections.open_live(path)) as db:
        db.execute("PRAGMA max_page_count=1")
        error = said(path, lambda: db.execute("INSERT INTO t SELECT zeroblob(100000) FROM t"))
    assert str(error) == f"no space left for {path}: a rebuild needs about three times the cache on that disk"


def test_a_full_disk_in_words_when_the_driver_only_gives_the_text(path: str, tmp_path: Path) -> None:
    with (
        closing(connections.open_live(path)) as db,
        closing(connections.open_build(str(tmp_path / "small.db"))) as small,
    ):
        small.execute("PRAGMA max_page_count=2")
        assert str(said(path, lambda: db.backup(small))).startswith("no space left")


def test_a_locked_database_in_words(path: str) -> None:
    with (
        closing(connections.open_live(path)) as holder,
        closing(connections.open_live(path, 0)) as db,
    ):
        holder.execute("BEGIN IMMEDIATE")
        assert "is locked by another program" in str(said(path, lambda: db.execute("DELETE FROM t")))


def test_a_damaged_database_in_words(path: str) -> None:
    with open(path, "r+b") as file:
        file.seek(8192)
        file.write(random.Random(1).randbytes(100_000))
    with closing(connections.open_reader(path)) as db:
        error = said(path, lambda: db.execute("SELECT * FROM t").fetchall())
    assert isinstance(error, Damaged)
    assert "is damaged" in str(error)
    assert str(error).endswith(": run mdcache rebuild")


def test_what_is_no_database_in_words(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("dear diary " * 100)
    assert isinstance(said(str(tmp_path / "x.db"), lambda: connections.open_reader(str(tmp_path / "x.db"))), Damaged)


def test_a_database_that_may_not_be_written_in_words(path: str) -> None:
    with closing(connections.open_reader(path)) as db:
        assert "cannot be written to" in str(said(path, lambda: db.execute("DELETE FROM t")))


def test_a_database_that_is_not_there_in_words(path: str) -> None:
    error = said(path + "x", lambda: connections.open_reader(path + "x"))
    assert "cannot be opened" in str(error)
    assert "rebuild --output" in str(error)


def test_bad_sql_in_words(path: str) -> None:
    with closing(connections.open_reader(path)) as db, pytest.raises(SqliteError) as caught:
        db.execute("SELECT missing FROM t")
    assert failures.is_about_sql(caught.value)
    assert str(failures.in_words(caught.value, path)) == f"{path}: no such column: missing"
    error = failures.user_error(caught.value, "the rule 'x'")
    assert isinstance(error, UsageError)
    assert str(error) == "the rule 'x': no such column: missing"


READ = """
import sys
from contextlib import closing
from mdcache.store import connections, failures
with failures.speaking(sys.argv[1]), closing(connections.open_reader(sys.argv[1])) as db:
    db.execute("SELECT * FROM t").fetchall()
"""


def as_reader(path: str) -> str:
    """What a reader for whom permissions count is told in the end."""
    done = run((*UNPRIVILEGED, sys.executable, "-c", READ, path), Path(path).parent)
    return done.stderr.rstrip("\n").rpartition("WorkError: ")[2]


@needs("setpriv")
def test_what_keeps_a_reader_out_is_named(path: str) -> None:
    folder = Path(path).parent
    with closing(connections.open_live(path)) as db:
        db.execute("DELETE FROM t")
        assert as_reader(path) == ""
        for name in ("x.db", "x.db-wal"):
            mode = (folder / name).stat().st_mode
            (folder / name).chmod(0)
            assert as_reader(path).startswith(f"cannot read {folder / name}: Permission denied: ")
            (folder / name).chmod(mode)
    folder.chmod(0o500)
    try:
        assert "readers need a writable folder" in as_reader(path)
    finally:
        folder.chmod(0o700)
