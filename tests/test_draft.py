"""A draft holds what a rebuild of the same tree would make, and leaves nothing behind."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from caches import settings_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from law import synced
from test_check import TREE, write

from mdcache.build import digest, rebuild
from mdcache.config.policy import Policy, Rule
from mdcache.config.settings import Settings
from mdcache.errors import MdcacheError, UsageError
from mdcache.files.sources import Trees
from mdcache.store import connections
from mdcache.store.connections import Connection
from mdcache.syncing import draft

Git = Callable[..., str]
Vault = Callable[..., Path]


def content(db: Connection) -> dict[str, Any]:
    """What must be the same in a draft and in a rebuild."""
    matching = "SELECT rowid FROM sections_fts WHERE sections_fts MATCH ?"
    return {
        "digest": digest.of_tables(db),
        "ids": db.execute("SELECT path, id FROM nodes ORDER BY path").fetchall(),
        "problems": sorted(db.execute("SELECT * FROM problems").fetchall()),
        "found": [
            db.execute(
                f"SELECT path, ordinal FROM sections JOIN nodes ON nodes.key = node WHERE sections.key IN ({matching})"
                " ORDER BY 1, 2",
                (word,),
            ).fetchall()
            for word in ("h", "text", "x")
        ],
    }


# Without a rule that asks for texts a draft leaves the full-text index out.
_ASKING = Policy(rules=(Rule("texts", "SELECT rowid FROM sections_fts"),))


def asking(folder: Path) -> Settings:
    return settings_of(folder)._replace(policy=_ASKING)


def rebuilt(files: dict[str, bytes]) -> dict[str, Any]:
    """What a rebuild of these files makes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        write(folder, files)
        found = asking(folder)
        rebuild.rebuild(found, rebuild.Options(workers=0))
        with closing(connections.open_reader(found.database)) as db:
            return content(db)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), cached=st.sampled_from(["none", "HEAD", "index", "disk"]))
def test_drafts_of_all_trees_are_what_rebuilds_of_their_checkouts_are(
    git: Git, data: st.DataObject, cached: str
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        git(folder, "init", "-q")
        files = {label: data.draw(TREE, label=label) for label in ("HEAD", "index", "disk")}
        for label, tree in files.items():
            write(folder, tree)
            if label != "disk":
                git(folder, "add", "--all")
            if label == "HEAD":
                git(folder, "commit", "-qm", "one")
            if label == cached:
                synced(asking(folder))
        trees = Trees.around(name)
        sources = {"HEAD": trees.revision("HEAD"), "index": trees.index(), "disk": asking(folder).source}
        expected = {label: rebuilt(tree) for label, tree in files.items()}
        drafts = {label: asking(folder)._replace(source=source) for label, source in sources.items()}
        for label, found in drafts.items():
            with draft.opened(found) as db:
                assert content(db) == expected[label], label
                now = found
                for other in data.draw(st.permutations(sorted(drafts)), label="turns"):
                    draft.turn(db, now, drafts[other])
                    now = drafts[other]
                    assert content(db) == expected[other], (label, other)


def test_a_draft_is_nowhere_and_leaves_the_cache_as_it_was(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = vault({f"{number}.md": f"# {number}\n" * 100 for number in range(600)})
    temporary = vault({})
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("SQLITE_TMPDIR", str(temporary))
    found = asking(folder)
    for cached in (False, True):
        with draft.opened(found) as db:
            assert connections.scalar(db, "SELECT count(*) FROM nodes") == 600
            assert not list(temporary.iterdir())
        assert (folder / ".mdcache").exists() is cached
        synced(found)
        (folder / "0.md").write_text("other")


def test_a_trigger_that_fails_is_told_whether_or_not_there_is_a_cache(vault: Vault, git: Git) -> None:
    trigger = "CREATE TRIGGER t AFTER INSERT ON nodes WHEN new.title = 'bad' BEGIN SELECT raise(ABORT, 'no bad'); END;"
    folder = vault({"mdcache.toml": 'schema = ["t.sql"]\n', "t.sql": trigger, "a.md": "# good\n"})
    git(folder, "init", "-q")
    git(folder, "add", ".")
    for cached in (False, True):
        if cached:
            synced(asking(folder))
        (folder / "b.md").write_text("# bad\n")
        git(folder, "add", "b.md")
        found = asking(folder)._replace(source=Trees.around(str(folder)).index())
        with (
            pytest.raises(UsageError, match="a trigger or view of the schema files fails: no bad"),
            draft.opened(found),
        ):
            pass
        (folder / "b.md").unlink()


def test_a_trigger_may_write_to_no_table_of_ours_in_a_draft_either(vault: Vault) -> None:
    trigger = "CREATE TRIGGER t AFTER INSERT ON nodes BEGIN DELETE FROM all_problems; END;"
    folder = vault({"mdcache.toml": 'schema = ["t.sql"]\n', "t.sql": trigger, "a.md": "[x](y.md)\n"})
    with pytest.raises(MdcacheError), draft.opened(asking(folder)):
        pass


def test_without_a_rule_that_asks_for_texts_there_is_no_full_text_index(vault: Vault) -> None:
    found = asking(vault({"a.md": "text\n"}))
    for policy, count in ((_ASKING, 1), (Policy(), 0)):
        with draft.opened(found._replace(policy=policy)) as db:
            sql = "SELECT count(*) FROM sections_fts WHERE sections_fts MATCH 'text'"
            assert connections.scalar(db, sql) == count
            assert connections.scalar(db, "SELECT count(*) FROM sections") == 1
