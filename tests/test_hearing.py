"""What rebuild reads, watch hears: wherever it lies and whatever it is called."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue

import pytest
from law import content
from processes import PATIENCE_S

from mdcache.build import rebuild
from mdcache.config import settings
from mdcache.config.remembered import with_remembered_roots
from mdcache.config.settings import Settings
from mdcache.store import connections
from mdcache.syncing import sync
from mdcache.watching import loop
from mdcache.watching.inbox import Bell

pytestmark = pytest.mark.slow

Vault = Callable[..., Path]


class Hearing:
    """A watcher in a thread, and the law. Nothing is compared but what was announced: reconcile_s is long."""

    def __init__(self, base: Path, *docs: str, database: str | None = None, remembered: bool = False) -> None:
        self.base, self._docs, self._database = base, docs, database
        if remembered:
            rebuild.rebuild(self.load(), rebuild.Options(workers=0))
            self._docs = ()
        self._live = self.load().database
        self._stop, self._bell = threading.Event(), Bell()
        self._batches, self._said = SimpleQueue[loop.Batch | BaseException](), SimpleQueue[str]()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        self._batch()

    def _watch(self) -> None:
        try:
            for batch in loop.watch(self.load, self._stop, say=self._said.put, bell=self._bell):
                self._batches.put(batch)
        except BaseException as error:
            self._batches.put(error)

    def _batch(self) -> None:
        done = self._batches.get(timeout=PATIENCE_S)
        assert isinstance(done, loop.Batch), done

    def load(self) -> Settings:
        asked = settings.Asked(str(self.base), database=self._database, docs=self._docs)
        return with_remembered_roots(settings.load(asked, {}))

    def hears(self) -> None:
        """Wait until the watcher has heard of all that has happened, and hold it against a rebuild."""
        while sync.stale(self.load()):
            self._batch()
        live = self.load()
        fresh = live._replace(database=str(self.base / ".fresh/x.db"))
        rebuild.rebuild(fresh, rebuild.Options(workers=0))
        assert content(live.database) == content(fresh.database)

    def waits_until_said(self, what: str) -> None:
        """Wait until the watcher says something."""
        while what not in self._said.get(timeout=PATIENCE_S):
            pass

    def titles(self) -> set[str]:
        with closing(connections.open_reader(self._live)) as db:
            return {title for (title,) in db.execute("SELECT title FROM nodes")}

    def end(self) -> None:
        self._stop.set()
        self._bell.ring()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


Begin = Callable[..., Hearing]


@pytest.fixture
def hearing() -> Iterator[Begin]:
    begun: list[Hearing] = []

    def begin(base: Path, *docs: str, database: str | None = None, remembered: bool = False) -> Hearing:
        begun.append(Hearing(base, *docs, database=database, remembered=remembered))
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


# Links that lead to roots


def swap(link: Path, target: str) -> None:
    """Let a link lead elsewhere, at once."""
    (link.parent / "new").symlink_to(target)
    (link.parent / "new").rename(link)


def swap_in_two_steps(link: Path, target: str) -> None:
    """As ln -sfn does it."""
    link.unlink()
    link.symlink_to(target)


VERSIONS = {
    "1/docs/a.md": "# One\n",
    "1/docs/same.md": "# Same\n",
    "2/docs/b.md": "# Two\n",
    "2/docs/same.md": "# Same\n",
    "3/docs/a.md": "# One\n",
    "3/docs/same.md": "# Same\n",
}


@pytest.fixture(params=["settings", "command line", "remembered"])
def linked(request: pytest.FixtureRequest, vault: Vault, hearing: Begin) -> Hearing:
    """A watcher of what a chain of links leads to: by settings, by the command line, or as the cache remembers it."""
    base = vault(VERSIONS)
    for version in "123":
        os.utime(base / version / "docs/same.md", (1e9, 1e9))
    (base / "current").symlink_to("1")
    (base / "chain").symlink_to("current")
    if request.param == "settings":
        (base / "mdcache.toml").write_text("docs = ['chain/docs']\n")
    return hearing(
        base, *(() if request.param == "settings" else ("chain/docs",)), remembered=request.param == "remembered"
    )


@pytest.mark.parametrize("change", [swap, swap_in_two_steps])
def test_a_link_that_leads_to_another_folder_is_followed(linked: Hearing, change: Callable[[Path, str], None]) -> None:
    for target in ("2", "3", "1"):
        change(linked.base / "current", target)
        linked.hears()
        assert linked.load().roots == (str(linked.base / target / "docs"),)
        edit(linked.base / target / "docs/later.md")
        linked.hears()
    swap(linked.base / "chain", "3")
    linked.hears()
    (linked.base / "3/docs/new").mkdir()
    edit(linked.base / "3/docs/new/x.md")
    linked.hears()


def test_a_link_that_leads_nowhere_for_a_while_loses_nothing(linked: Hearing) -> None:
    (linked.base / "current").unlink()
    linked.waits_until_said("cannot list")
    assert linked.titles() == {"One", "Same"}
    (linked.base / "current").symlink_to("2")
    linked.hears()


def test_a_link_to_the_working_folder_that_leads_elsewhere_is_followed_to_the_cache_there(
    vault: Vault, hearing: Begin
) -> None:
    base = vault(VERSIONS)
    (base / "current").symlink_to("1")
    found = hearing(base / "current", "docs")
    swap(base / "current", "2")
    found.waits_until_said(f"the cache is {base}/2/.mdcache/cache.db now")
    edit(base / "2/docs/b.md")
    found.hears()


def test_a_root_that_is_exchanged_for_a_link_is_followed(vault: Vault, hearing: Begin) -> None:
    base = vault({"mdcache.toml": "docs = ['docs']\n", "docs/a.md": "# A\n", "other/b.md": "# B\n"})
    found = hearing(base)
    (base / "docs").rename(base / "before")
    (base / "docs").symlink_to("other")
    found.hears()
    assert found.titles() == {"B"}
    edit(base / "other/c.md")
    found.hears()
    (base / "docs").unlink()
    (base / "before").rename(base / "docs")
    found.hears()
    assert found.titles() == {"A"}


def test_a_root_that_is_exchanged_for_a_link_out_of_its_folder_shows_nothing(vault: Vault, hearing: Begin) -> None:
    base = vault({"in/mdcache.toml": "docs = ['docs']\n", "in/docs/a.md": "# A\n", "secret/b.md": "# B\n"})
    found = hearing(base / "in")
    (base / "in/docs").rename(base / "in/before")
    (base / "in/docs").symlink_to("../secret")
    found.waits_until_said("leads outside its folder")
    assert found.titles() == {"A"}
    (base / "in/docs").unlink()
    (base / "in/before").rename(base / "in/docs")
    edit(base / "in/docs/a.md")
    found.hears()


def test_a_root_that_goes_and_comes_back_is_followed(vault: Vault, hearing: Begin) -> None:
    base = vault({"above/docs/a.md": "# A\n", "above/docs/b/c.md": "# C\n"})
    found = hearing(base, "above/docs")
    (base / "above").rename(base / "away")
    found.waits_until_said("cannot list")
    edit(base / "away/docs/b/c.md")
    (base / "away").rename(base / "above")
    found.hears()
    edit(base / "above/docs/b/c.md")
    found.hears()
    (base / "above").rename(base / "old")
    edit(base / "above/docs/d/new.md")
    found.hears()
    edit(base / "above/docs/d/new.md")
    found.hears()
