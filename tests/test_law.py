"""The law of the cache: after any history of changes, sync leaves exactly what rebuild would have made."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pipeline import database, digest, rebuild, settings, sync
from pipeline.database import Connection, scalar

FOLDERS = ("", "a", "a/b", "c", "Ünï")
NAMES = ("note.md", "Note.md", "other.md", "README.md", "index.md", "note.markdown", "note.md.md", "déjà.md", "x y.md")
TARGETS = (
    "note",
    "Note",
    "other",
    "b/note",
    "a/b/other",
    "Alias",
    "README",
    "déjà",
    "x y",
    "gone",
    "note.md",
    "note#Sec",
)
PATHS = ("note.md", "../note.md", "b/", "a/b/other.md#sec", "/a/note", "note", "README.md", "#sec", "x%20y.md", "..")
IDS = ("one", "two", "note", "a/note", "other.md")

texts = st.lists(
    st.one_of(
        st.sampled_from(TARGETS).map(lambda target: f"[[{target}]]"),
        st.sampled_from(PATHS).map(lambda path: f"[x]({path})"),
        st.sampled_from(
            ["# Sec", "## Other", "plain words", "#tag", "text ^block", "中文字符", "- [ ] task", "key:: [[note]]"]
        ),
    ),
    max_size=5,
).map(lambda lines: "\n\n".join(lines) + "\n")
fronts = st.one_of(
    st.just(""),
    st.sampled_from(IDS).map(lambda id_: f"---\nid: {id_}\n---\n"),
    st.just("---\naliases: [Alias, a/Alias]\ntags: [t]\n---\n"),
    st.just("---\nid: [broken\n---\n"),
    st.just("---\nup: '[[other]]'\n---\n"),
)
documents = st.builds(lambda front, text: front + text, fronts, texts)
paths = st.builds(os.path.join, st.sampled_from(FOLDERS), st.sampled_from(NAMES))


class Law(RuleBasedStateMachine):
    """A folder that changes, and a cache that is synced now and then."""

    docs: Path

    @initialize()
    def begin(self) -> None:
        self.temporary = tempfile.TemporaryDirectory()
        base = Path(self.temporary.name)
        self.docs = base / "docs"
        self.docs.mkdir(parents=True)
        self.live = load(self.docs, base / "live.db")
        self.fresh = load(self.docs, base / "fresh.db")
        rebuild.rebuild(self.live, rebuild.Options(workers=0))

    def teardown(self) -> None:
        if hasattr(self, "temporary"):
            self.temporary.cleanup()

    @rule(path=paths, text=documents)
    def write(self, path: str, text: str) -> None:
        file = self.docs / path
        if not file.is_dir():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")

    @rule(path=paths)
    def edit_without_a_trace(self, path: str) -> None:
        """The same size, and the time put back: only ctime tells."""
        file = self.docs / path
        if file.is_file():
            before = file.stat()
            file.write_bytes(file.read_bytes().swapcase())
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    @rule(path=paths)
    def delete(self, path: str) -> None:
        (self.docs / path).unlink(missing_ok=True)

    @rule(old=paths, new=paths)
    def move(self, old: str, new: str) -> None:
        if (self.docs / old).is_file():
            (self.docs / new).parent.mkdir(parents=True, exist_ok=True)
            (self.docs / old).rename(self.docs / new)

    @rule(one=paths, other=paths)
    def swap(self, one: str, other: str) -> None:
        a, b = self.docs / one, self.docs / other
        if a.is_file() and b.is_file() and a != b:
            a.rename(self.docs / "swap")
            b.rename(a)
            (self.docs / "swap").rename(b)

    @rule(old=st.sampled_from(FOLDERS[1:]), new=st.sampled_from(["moved", "a/moved", ".hidden"]))
    def move_folder(self, old: str, new: str) -> None:
        source, target = self.docs / old, self.docs / new
        if source.is_dir() and not target.exists() and target.parent.is_dir() and source not in target.parents:
            source.rename(target)

    @rule(lines=st.sampled_from(["", "note.md\n", "a/\n", "*.md\n!other.md\n"]), folder=st.sampled_from(["", "a"]))
    def ignore(self, lines: str, folder: str) -> None:
        if (self.docs / folder).is_dir():
            (self.docs / folder / ".gitignore").write_text(lines)

    @rule()
    def look(self) -> None:
        sync.sync(self.live, sync.Options())

    @invariant()
    def the_law_holds(self) -> None:
        if not hasattr(self, "live"):
            return
        sync.sync(self.live, sync.Options())
        rebuild.rebuild(self.fresh, rebuild.Options(workers=0))
        assert content(self.live.database) == content(self.fresh.database)
        assert sync.stale(self.live) is None


def load(docs: Path, path: Path) -> settings.Settings:
    return settings.load(settings.Asked(str(docs.parent), database=str(path), docs=(str(docs),)), {})


def content(path: str) -> dict[str, Any]:
    """What a cache holds, without keys: the tables one by one, the full-text index term by term, the digest."""
    db = database.open_reader(path)
    with database.closing(db):
        db.execute("PRAGMA query_only=OFF")
        return {
            "ids": db.execute("SELECT path, id FROM nodes ORDER BY path").fetchall(),
            "links": db.execute(
                "SELECT s.path, ordinal, t.path, scope, rivals FROM links JOIN nodes AS s ON s.key = source"
                " LEFT JOIN nodes AS t ON t.key = target_node ORDER BY 1, 2"
            ).fetchall(),
            "problems": sorted(db.execute("SELECT * FROM problems").fetchall()),
            "files": db.execute("SELECT path, size, hash FROM files ORDER BY path").fetchall(),
            "terms": terms(db),
            "sound": db.execute("PRAGMA integrity_check").fetchall()
            + db.execute("PRAGMA foreign_key_check").fetchall(),
            "digest": digest.of_tables(db),
            "published": scalar(db, "SELECT value FROM meta WHERE key = 'documents'"),
        }


def terms(db: Connection) -> list[tuple[Any, ...]]:
    db.execute("CREATE VIRTUAL TABLE temp.terms USING fts5vocab(main, sections_fts, instance)")
    return db.execute(
        "SELECT path, ordinal, term, col, offset FROM temp.terms JOIN sections ON sections.key = doc"
        " JOIN nodes ON nodes.key = node ORDER BY 1, 2, 4, 5, 3"
    ).fetchall()


TestTheLaw = Law.TestCase
TestTheLaw.settings = hypothesis_settings(
    max_examples=25, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
