from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import pytest
from pairs import LIVE, Vault, opened, pair_in

from mdcache.errors import WorkError
from mdcache.store import proof
from mdcache.store.connections import Connection, scalar


@pytest.fixture
def folder(vault: Vault) -> Path:
    return pair_in(vault)


def expected(db: Connection) -> proof.Expected:
    documents, sections = (scalar(db, f"SELECT count(*) FROM {table}") for table in ("nodes", "sections"))
    return proof.Expected(documents, sections, scalar(db, "SELECT value FROM meta WHERE key = 'fingerprint'"))


def prove(db: Connection, wanted: proof.Expected) -> None:
    """As a rebuild does: the index by a second connection, which sees what is in the file."""
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    index = proof.IndexProof(scalar(db, "SELECT file FROM pragma_database_list WHERE name = 'main'"))
    with contextlib.closing(index):
        proof.prove(db, "x.build", wanted, index)


def test_a_proof_that_is_given_up_leaves_no_thread(folder: Path) -> None:
    before = threading.active_count()
    proof.IndexProof(str(folder / LIVE)).close()
    assert threading.active_count() == before


def test_where_no_thread_can_be_had_there_is_no_proof(folder: Path, threadless: None) -> None:  # noqa: ARG001
    with pytest.raises(WorkError, match="the proof cannot begin: can't start new thread"):
        proof.IndexProof(str(folder / LIVE))


def test_a_whole_build_is_proven(folder: Path) -> None:
    with opened(folder) as (db, _):
        prove(db, expected(db))


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("INSERT INTO tags VALUES (77, 'x', 'x')", "has a row in tags without its nodes"),
        ("DELETE FROM nodes WHERE path = 'b.md'", "has .* documents, sections and indexed sections, not"),
        ("DELETE FROM sections_fts WHERE rowid = 1", "has .* documents, sections and indexed sections, not"),
        ("DELETE FROM sections_fts_data WHERE id > 10", "is not sound"),
        ("UPDATE meta SET value = '' WHERE key = 'fingerprint'", "is not marked"),
        ("PRAGMA application_id = 1", "is not marked"),
    ],
)
def test_a_build_that_is_not_whole_is_not_published(folder: Path, harm: str, told: str) -> None:
    with opened(folder) as (db, _):
        wanted = expected(db)
        db.execute("PRAGMA foreign_keys=" + ("OFF" if "tags" in harm else "ON"))
        db.execute(harm)
        with pytest.raises(WorkError, match=rf"the build x\.build {told}"):
            prove(db, wanted)
