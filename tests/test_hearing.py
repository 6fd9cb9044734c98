"""What rebuild reads, watch hears: wherever it lies and whatever it is called."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from law import content
from processes import PATIENCE_S

from mdcache.build import rebuild
from mdcache.config import settings
from mdcache.config.settings import Settings
from mdcache.syncing import sync
from mdcache.watching import loop

Vault = Callable[..., Path]


class Hearing:
    """A watcher in this process, and the law. Nothing is compared but what was announced: reconcile_s is long."""

    def __init__(self, base: Path, *docs: str, database: str | None = None) -> None:
        self.base, self._docs, self._database = base, docs, database
        self._stop = threading.Event()
        self._timer = threading.Timer(PATIENCE_S, self._stop.set)
        self._timer.start()
        self._batches = loop.watch(self.load, self._stop)
        next(self._batches)

    def load(self) -> Settings:
        return settings.load(settings.Asked(str(self.base), database=self._database, docs=self._docs), {})

    def hears(self) -> None:
        """Wait until the watcher has heard of all that has happened, and hold it against a rebuild."""
        while stale := sync.stale(self.load()):
            assert next(self._batches, None) is not None, stale
        live = self.load()
        fresh = live._replace(database=str(self.base / ".fresh/x.db"))
        rebuild.rebuild(fresh, rebuild.Options(workers=0))
        assert content(live.database) == content(fresh.database)

    def end(self) -> None:
        self._timer.cancel()
        self._stop.set()
        assert list(self._batches) == []


Begin = Callable[..., Hearing]


@pytest.fixture
def hearing() -> Iterator[Begin]:
    begun: list[Hearing] = []

    def begin(base: Path, *docs: str, database: str | None = None) -> Hearing:
        begun.append(Hearing(base, *docs, database=database))
        return begun[-1]

    yield begin
    for one in begun:
        one.end()


def edit(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as stream:
        stream.write("# Edited\n")


@pytest.mark.parametrize(
    "path",
    [
        "docs/.h.md",
        "docs/..md",
        "docs/a/.b.markdown",
        "docs/index.md",
        "docs/index-wal.md",
        "docs/index.lock.md",
        "docs/U\u0308.md",
        "docs/📚/ü.MD",
        ".claude/c.md",
        ".claude/skills/.x.md",
        ".github/.nested/deep/x.md",
        "node_modules/pkg/docs/x.md",
        "drafts/named/x.md",
    ],
)
def test_what_a_rebuild_reads_is_heard(vault: Vault, hearing: Begin, path: str) -> None:
    docs = "docs", ".claude", ".github/.nested", "node_modules/pkg/docs", "drafts/named"
    text = f"docs = {list(docs)}\nexclude = ['drafts']\ndatabase = 'docs/index'\n"
    base = vault({"mdcache.toml": text, ".gitignore": "node_modules\n", **{f"{one}/first.md": "" for one in docs}})
    found = hearing(base)
    edit(base / path)
    found.hears()
    edit(base / path)
    found.hears()
    (base / path).unlink()
    found.hears()


def test_roots_in_a_root_that_leaves_them_out_are_heard_too(vault: Vault, hearing: Begin) -> None:
    base = vault({"mdcache.toml": "docs = ['.', '.claude', 'node_modules/pkg/docs']\n", ".gitignore": "node_modules\n"})
    for name in (".claude", "node_modules/pkg/docs"):
        (base / name).mkdir(parents=True)
    found = hearing(base)
    for path in (".claude/a.md", "node_modules/pkg/docs/deep/b.md", "c.md", "node_modules/pkg/docs/deep/c.md"):
        edit(base / path)
        found.hears()


def test_what_is_no_longer_left_out_is_heard_from_then_on(vault: Vault, hearing: Begin) -> None:
    base = vault({".gitignore": "", "docs/.gitignore": "drafts/\nnode_modules\n", "docs/drafts/deep/a.md": ""})
    (base / "docs/node_modules/pkg").mkdir(parents=True)
    found = hearing(base, "docs")
    for text in ("node_modules\n", "drafts/\nnode_modules\n", "node_modules/*\n!node_modules/pkg\n"):
        (base / "docs/.gitignore").write_text(text)
        found.hears()
        for folder in ("drafts/deep", "drafts/new", "node_modules/pkg", "node_modules"):
            edit(base / "docs" / folder / "x.md")
        edit(base / "docs/end.md")
        found.hears()


def test_settings_that_exclude_another_folder_are_followed(vault: Vault, hearing: Begin) -> None:
    base = vault({"mdcache.toml": "docs = ['docs']\n", "docs/a/x.md": "", "docs/b/x.md": ""})
    found = hearing(base)
    for excluded in ("a", "b"):
        (base / "mdcache.toml").write_text(f"docs = ['docs']\nexclude = ['{excluded}/']\n")
        found.hears()
        for folder in "ab":
            edit(base / "docs" / folder / "deep/y.md")
        found.hears()


def test_what_macos_writes_beside_documents_is_heard_as_nothing(vault: Vault, hearing: Begin) -> None:
    base = vault({"docs/x.md": "[l](._x.md)"})
    found = hearing(base, "docs")
    (base / "docs/._x.md").write_bytes(b"\0\5\x16\7")
    edit(base / "docs/x.md")
    found.hears()


def test_a_file_that_becomes_a_folder_and_one_again_is_followed(vault: Vault, hearing: Begin) -> None:
    base = vault({"docs/x.md": ""})
    found = hearing(base, "docs")
    (base / "docs/x.md").unlink()
    edit(base / "docs/x.md/y.md")
    found.hears()
    (base / "docs/x.md/y.md").unlink()
    (base / "docs/x.md").rmdir()
    edit(base / "docs/x.md")
    found.hears()


def test_a_repository_that_begins_within_is_followed(vault: Vault, hearing: Begin, git: Callable[..., str]) -> None:
    base = vault({"docs/sub/x.md": "", "docs/.gitignore": "y.md\n"})
    found = hearing(base, "docs")
    git(base / "docs/sub", "init", "-q")
    edit(base / "docs/sub/y.md")
    edit(base / "docs/sub/z.md")
    found.hears()
