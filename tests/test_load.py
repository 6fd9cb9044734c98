"""Batches become rows, whatever their size, and the full-text index is kept in step by triggers alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mdcache.build import layout, load
from mdcache.files.content import Clock
from mdcache.files.sources import DISK
from mdcache.model import Entry, Rules, Stamp
from mdcache.store import connections, ddl
from mdcache.store.connections import Connection, scalar


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Connection]:
    with closing(connections.open_build(str(tmp_path / "cache.db"))) as connection:
        ddl.apply_tables(connection, ddl.schema())
        yield connection


def batch(folder: Path, first_key: int, *texts: str) -> layout.Batch:
    entries = []
    for number, text in enumerate(texts, first_key):
        file = folder / f"{number:05}.md"
        file.write_text(text)
        entries.append(Entry(file.name, file.stem, Stamp(0, 0, 0, 0)))
    keys = tuple(range(first_key, first_key + len(texts)))
    return layout.run(
        layout.Job(DISK.reader(str(folder)), Rules(), Clock(0, 0, 0), tuple(entries), keys, (None,) * len(texts))
    )


def test_sections_of_later_batches_follow_those_of_earlier_ones(db: Connection, tmp_path: Path) -> None:
    loader = load.Loader(db)
    loader.add(batch(tmp_path, 1, "# A\n[x](y.md)\n", "# B\n"))
    loader.add(batch(tmp_path, 3, "# C\n- [ ] task\n"))
    loader.flush()
    sections = db.execute("SELECT key, node, ordinal, heading FROM sections ORDER BY key").fetchall()
    assert sections == [
        (1, 1, 0, None),
        (2, 1, 1, "A"),
        (3, 2, 0, None),
        (4, 2, 1, "B"),
        (5, 3, 0, None),
        (6, 3, 1, "C"),
    ]
    assert db.execute("SELECT source, section FROM links").fetchall() == [(1, 2)]
    assert db.execute("SELECT node, section FROM tasks").fetchall() == [(3, 6)]


def test_more_rows_than_a_statement_takes_all_arrive(db: Connection, tmp_path: Path) -> None:
    loader = load.Loader(db)
    headings = "".join(f"# word{number}\n" for number in range(5000))
    loader.add(batch(tmp_path, 1, headings))
    loader.flush()
    assert (loader.documents, loader.sections) == (1, 5001)
    assert scalar(db, "SELECT count(*) FROM sections") == 5001
    assert scalar(db, "SELECT rowid FROM sections_fts WHERE sections_fts MATCH 'word4321'") == 4323


def test_a_document_takes_its_words_along(db: Connection, tmp_path: Path) -> None:
    loader = load.Loader(db)
    loader.add(batch(tmp_path, 1, "# One\nunicorn\n", "# Two\nunicorn\n"))
    loader.flush()
    db.execute("PRAGMA foreign_keys=ON")
    db.execute("DELETE FROM nodes WHERE key = 1")
    found = db.execute("SELECT rowid FROM sections_fts WHERE sections_fts MATCH 'unicorn'").fetchall()
    assert found == [(4,)]
    db.execute("INSERT INTO sections_fts (sections_fts) VALUES ('integrity-check')")


def test_the_index_keeps_no_text(db: Connection, tmp_path: Path) -> None:
    loader = load.Loader(db)
    loader.add(batch(tmp_path, 1, "# One\nthe quick brown sentence nobody else writes\n"))
    loader.flush()
    assert db.execute("SELECT body FROM sections_fts").fetchall() == [(None,), (None,)]
    file = scalar(db, "SELECT file FROM pragma_database_list")
    assert b"quick brown" not in Path(file).read_bytes()
