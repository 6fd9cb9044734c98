"""Observing with watchdog: what it does not say of itself is noticed all the same."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mdcache.watching.means import Event
from mdcache.watching.recursive import Recursive

PATIENCE_S = 20


class Listener:
    """Who is told."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.lost: list[str] = []

    def hear(self, event: Event) -> None:
        self.paths.append(f"{event.folder}/{event.name}")

    def lose(self, why: str) -> None:
        self.lost.append(why)

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, (self.paths, self.lost)
            time.sleep(0.005)


@pytest.mark.skipif(sys.platform != "linux", reason="it is the reader of what inotify says that stumbles")
def test_a_reader_that_stumbles_is_noticed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The four moves after which watchdog believes a folder to be elsewhere."""
    (tmp_path / "root/a").mkdir(parents=True)
    root, listener = tmp_path / "root", Listener()
    recursive = Recursive(listener, (str(root),))
    (root / "a").rename(tmp_path / "a")
    (root / "a").mkdir()
    (root / "a/seen.md").write_text("x")
    listener.until(lambda: str(root / "a/seen.md") in listener.paths)
    (root / "a/seen.md").unlink()
    (root / "a").rmdir()
    (tmp_path / "a").rmdir()
    listener.until(lambda: listener.lost)
    assert "has died (KeyError)" in listener.lost[0]
    listener.until(lambda: not recursive.is_alive())
    recursive.stop()
    assert capfd.readouterr().err == ""
