"""The digest says whether two caches hold the same: nothing else may move it, and everything that counts must."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest

from mdcache.build import digest, rebuild
from mdcache.config import settings
from mdcache.store import connections
from mdcache.store.connections import Connection, scalar

Rebuilt = Callable[..., AbstractContextManager[Connection]]
Vault = Callable[..., Path]

DOCUMENTS = {
    "a.md": "---\nid: first\ntags: [x, y]\naliases: [One]\n---\n# A\n\n- [ ] do\n\n[b](b.md#sec) [[gone]] #tag\n",
    "b.md": "# B\n\n## Sec\n\n```python\n1\n```\n\ntext ^block\n",
    "sub/c.md": "key:: [[One]]\n",
}


def published(db: Connection) -> str:
    return str(scalar(db, "SELECT value FROM meta WHERE key = 'digest'"))


def test_the_tables_alone_give_the_digest_that_was_published(vault: Vault, rebuilt: Rebuilt) -> None:
    with rebuilt(vault(DOCUMENTS)) as db:
        assert digest.of_tables(db) == published(db)


def test_the_same_documents_elsewhere_give_the_same_digest(vault: Vault, rebuilt: Rebuilt, tmp_path: Path) -> None:
    first = vault(DOCUMENTS)
    second = Path(shutil.copytree(first, tmp_path / "some where else"))
    with rebuilt(first) as db, rebuilt(second) as other:
        assert published(db) == published(other)


@pytest.mark.corpus
def test_the_number_of_workers_does_not_matter(corpora: Path, tmp_path: Path) -> None:
    asked = settings.load(settings.Asked(str(tmp_path), docs=(str(corpora / "amalfa"),)), {})
    reports = [rebuild.rebuild(asked, rebuild.Options(workers=count)) for count in (0, 1, 3)]
    assert len({report.digest for report in reports}) == 1


@pytest.mark.corpus
@pytest.mark.parametrize("name", ["amalfa", "rfcs"])
def test_on_real_documents_the_tables_give_the_published_digest(
    corpora: Path, rebuilt: Rebuilt, tmp_path: Path, name: str
) -> None:
    with rebuilt(tmp_path, str(corpora / name)) as db:
        assert digest.of_tables(db) == published(db)


def test_links_are_read_in_their_order_without_a_sort_of_them_all(vault: Vault, rebuilt: Rebuilt) -> None:
    with rebuilt(vault(DOCUMENTS)) as db:
        plans = [row[3] for sql in digest._WHOLE for row in db.execute(f"EXPLAIN QUERY PLAN {sql}")]
    assert "USE TEMP B-TREE FOR ORDER BY" not in plans


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE nodes SET title = 'other' WHERE path = 'a.md'",
        "UPDATE nodes SET id = 'other' WHERE path = 'a.md'",
        "UPDATE claims SET line = 9",
        "DELETE FROM tags WHERE tag = 'x'",
        "DELETE FROM aliases",
        "DELETE FROM properties WHERE key = 'tags' AND ordinal = 1",
        "DELETE FROM names WHERE alias <> ''",
        "UPDATE sections SET line = line + 1 WHERE heading = 'Sec'",
        "UPDATE links SET target_node = NULL WHERE target = 'b.md#sec'",
        "UPDATE links SET label = 'x' WHERE target = 'b.md#sec'",
        "UPDATE tasks SET done = 1",
        "UPDATE code_blocks SET language = NULL",
        "DELETE FROM anchors",
        "DELETE FROM all_problems",
    ],
)
def test_every_table_counts(vault: Vault, rebuilt: Rebuilt, tmp_path: Path, change: str) -> None:
    with rebuilt(vault(DOCUMENTS)) as db:
        copy = connections.open_build(str(tmp_path / "copy.db"))
        db.backup(copy)
    with closing(copy):
        before = digest.of_tables(copy)
        assert copy.execute(change).rowcount > 0
        assert digest.of_tables(copy) != before
