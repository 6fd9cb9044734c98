"""A watcher as users start it, and the law to which all that happens beside it must lead."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from law import content
from processes import MDCACHE, PATIENCE_S, freeze, start

from mdcache.build import rebuild
from mdcache.config import settings
from mdcache.store import connections, watchstate
from mdcache.store.connections import scalar
from mdcache.store.watchstate import Seen

if sys.platform == "darwin":
    PATIENCE_S *= 2

T = TypeVar("T")

# The documents that most watchers begin with.
LINKED = "---\ntags: [t]\n---\n# {0}\n\nwords of {0} [[two]] [x](../c/three.md) [[gone]]\n\n## Sub\n\n- [ ] task\n"
FILES = {f"docs/{name}.md": LINKED.format(name.rpartition("/")[2]) for name in ("one", "a/two", "a/b/deep", "c/three")}


def until(condition: Callable[[], T | None]) -> T:
    """Wait until it holds; return what it is."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


class Watched:
    """A folder base with documents in docs/ and a cache in cache/x.db that a process keeps fresh."""

    def __init__(self, base: Path, *options: str, before: Sequence[str] = (), by_settings: bool = False) -> None:
        self.base, self.docs, self.database = base, base / "docs", str(base / "cache" / "x.db")
        self.docs.mkdir(exist_ok=True)
        self.log = base / "log"
        named = () if by_settings else self.named()
        self._command = (*before, *MDCACHE, "watch", *named, *options)
        self.process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        with self.log.open("w") as log:
            return start(self._command, self.base, stdout=log, stderr=log)

    def named(self) -> tuple[str, ...]:
        """The documents and the cache on the command line, unless settings name them."""
        has_settings = (self.base / "mdcache.toml").exists()
        return ("--db", self.database) if has_settings else ("docs", "--db", self.database)

    def restart(self) -> None:
        self.process = self._start()
        self.until(lambda: self.state.pid == self.process.pid and self.state.ready)

    @property
    def seen(self) -> Seen | None:
        return watchstate.read(self.database)

    @property
    def state(self) -> watchstate.State:
        seen = self.seen
        return seen.state if seen else watchstate.State()

    def until(self, condition: Callable[[], Any], within_s: float = PATIENCE_S) -> None:
        """Wait until it holds."""
        deadline = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain: {self.said()}"
            assert self.process.poll() is None, f"the watcher has ended: {self.said()}"
            time.sleep(0.01)

    def said(self) -> str:
        return self.log.read_text()

    def settings(self, path: str) -> settings.Settings:
        docs = () if (self.base / "mdcache.toml").exists() else ("docs",)
        return settings.load(settings.Asked(str(self.base), database=path, docs=docs), {})

    def keeps_the_law(self, within_s: float = 20) -> None:
        """Soon the cache holds what a rebuild of the files as they are now makes."""
        fresh = self.settings(self.database + ".fresh")
        rebuild.rebuild(fresh, rebuild.Options(workers=0))
        wanted = content(fresh.database)
        deadline = time.monotonic() + within_s
        while (found := content(self.database)) != wanted:
            assert self.process.poll() is None, f"the watcher has ended: {self.said()}"
            if time.monotonic() > deadline:
                assert found == wanted, self.said()
            time.sleep(0.02)

    def ids(self) -> set[str]:
        with contextlib.closing(connections.open_reader(self.database)) as db:
            return {id_ for (id_,) in db.execute("SELECT id FROM nodes")}

    def until_titled(self, title: str, within_s: float = PATIENCE_S) -> None:
        """Wait until a document has this title."""
        self.until(lambda: self.value("SELECT count(*) FROM nodes WHERE title = ?", title), within_s)

    def value(self, sql: str, *parameters: Any) -> Any:
        with contextlib.closing(connections.open_reader(self.database)) as db:
            return scalar(db, sql, *parameters)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


@contextlib.contextmanager
def watched(base: Path, *options: str, before: Sequence[str] = (), by_settings: bool = False) -> Iterator[Watched]:
    """Watch the docs of a folder; at the end the watcher must end well.

    before: words before the command; by_settings: nothing is named on the command line.
    """
    watcher = Watched(base, *options, before=before, by_settings=by_settings)
    try:
        watcher.until(lambda: watcher.state.ready)
        yield watcher
        assert watcher.stop() == 0, watcher.said()
        assert watcher.seen is None
        assert "Traceback" not in watcher.said()
    finally:
        watcher.process.kill()
        watcher.process.wait()


QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")


def flood(watcher: Watched, files: int, writes: int) -> None:
    """More writes than the queue holds events while the watcher stands still, and changes after all of them."""
    assert writes * 2 > int(QUEUE.read_text())  # each is announced when it is made, and when the file is closed
    freeze(watcher.process)
    for number in range(writes):  # one file after the other: the system merges what happens twice in a row
        with (watcher.docs / f"a/flood{number % files}.md").open("a") as file:
            file.write(f"# Flood {number} [[flood{number + 1}]]\n")
    (watcher.docs / "one.md").unlink()
    (watcher.docs / "after").mkdir()
    (watcher.docs / "after/late.md").write_text("# Late\n")
    watcher.process.send_signal(signal.SIGCONT)
    watcher.until(lambda: "overflowed" in watcher.said())
    watcher.keeps_the_law(PATIENCE_S * 2)
    (watcher.docs / "after/later.md").write_text("# Later\n")
    watcher.until_titled("Later")
    watcher.keeps_the_law()
