from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from mdcache.store import connections, ddl, meta
from mdcache.store.connections import Connection
from mdcache.store.meta import Meta

FACTS = Meta(
    format=1,
    mdcache="0.1.0",
    generation=7,
    fingerprint="f",
    digest="d",
    documents=3,
    sections=5,
    roots=("docs", "."),
    extensions=(".md",),
    base="..",
    generation_id="abc",
    built_at="2026-03-01T09:12:44.031+00:00",
    last_sync="2026-03-01T09:12:44.031+00:00",
    source={"commit": "1234"},
)


@pytest.fixture
def db() -> Iterator[Connection]:
    with closing(connections.open_memory()) as db:
        ddl.apply_tables(db, ddl.schema())
        yield db


@pytest.mark.parametrize("facts", [FACTS, FACTS._replace(base=None, generation_id=None, source={}), Meta()])
def test_what_is_written_is_read(db: Connection, facts: Meta) -> None:
    meta.write(db, facts)
    assert meta.read(db) == facts


def test_each_fact_is_a_row_that_users_can_read(db: Connection) -> None:
    meta.write(db, FACTS)
    stored = meta.rows(db)
    assert (stored["generation"], stored["roots"], stored["commit"]) == ("7", '["docs", "."]', "1234")
    assert len(stored) == sum(value is not None for value in FACTS)


def test_what_documents_and_settings_decide_are_facts() -> None:
    assert set(meta.DECIDED) < set(Meta._fields)


def test_a_sync_counts_on_and_forgets_the_digest_of_the_build(db: Connection) -> None:
    meta.write(db, FACTS)
    for _ in range(2):
        meta.advance(db, documents=1, sections=-2, replaced=4)
    facts = meta.read(db)
    assert (facts.documents, facts.sections, facts.replaced, facts.digest) == (5, 1, 8, None)
    assert facts.last_sync and FACTS.last_sync and facts.last_sync > FACTS.last_sync


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("generation", text) for text in ("", "x", "1.5", "9" * 5000)),
        *(("roots", text) for text in ("", "7", "[1]", '"docs"', "[" * 100_000)),
    ],
)
def test_a_fact_that_makes_no_sense_is_missing(db: Connection, key: str, value: str) -> None:
    meta.write(db, FACTS)
    db.execute("UPDATE meta SET value = ? WHERE key = ?", (value, key))
    assert meta.read(db) == Meta(**{**FACTS._asdict(), key: None})


def test_what_is_no_text_is_no_fact() -> None:
    with closing(connections.open_memory()) as db:
        db.execute("CREATE TABLE meta AS SELECT 'generation' AS key, 7 AS value UNION SELECT 'base', NULL")
        assert meta.read(db) == Meta()


def test_rows_of_others_are_left_alone(db: Connection) -> None:
    meta.write(db, FACTS)
    db.execute("INSERT INTO meta VALUES ('x', 'y')")
    assert meta.read(db) == FACTS
