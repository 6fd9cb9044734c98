"""What Linux tells of folders, each watched for itself."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import INSTANCES, WATCHES, limited, may_limit, run

from mdcache.watching.inotify import Inotify
from mdcache.watching.means import Event

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
own_limits = pytest.mark.skipif(not may_limit(), reason="limits of its own need Linux's user namespaces")
PATIENCE_S = 20


class Listener:
    """Who is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.lost: list[str] = []

    def hear(self, event: Event) -> None:
        self.events.append(event)

    def lose(self, why: str) -> None:
        self.lost.append(why)

    @property
    def paths(self) -> set[str]:
        return {os.path.join(event.folder, event.name) for event in self.events}

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, (self.events, self.lost)
            time.sleep(0.005)


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def inotify(listener: Listener) -> Iterator[Inotify]:
    found = Inotify(listener)
    yield found
    found.stop()
    assert not listener.lost


def test_only_what_is_watched_is_told_of(tmp_path: Path, inotify: Inotify, listener: Listener) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    inotify.watch(str(tmp_path / "a"))
    (tmp_path / "a/b/unheard").write_text("x")
    (tmp_path / "a/heard").write_text("x")
    listener.until(lambda: listener.paths == {str(tmp_path / "a/heard")})
    assert not any(event.is_folder for event in listener.events)
    inotify.watch(str(tmp_path / "a/b"))
    inotify.unwatch(str(tmp_path / "a"))
    listener.events.clear()
    (tmp_path / "a/unheard").write_text("x")
    (tmp_path / "a/b/heard").write_text("x")
    listener.until(lambda: listener.paths == {str(tmp_path / "a/b/heard")})


def test_another_folder_under_a_path_that_is_watched_is_watched_when_asked_for(
    tmp_path: Path, inotify: Inotify, listener: Listener
) -> None:
    (tmp_path / "a").mkdir()
    inotify.watch(str(tmp_path / "a"))
    (tmp_path / "a").rename(tmp_path / "old")
    (tmp_path / "a").mkdir()
    inotify.watch(str(tmp_path / "a"))
    (tmp_path / "old/unheard").write_text("x")
    (tmp_path / "a/heard").write_text("x")
    listener.until(lambda: listener.paths == {str(tmp_path / "a/heard")})


def test_a_folder_that_moves_is_told_of_under_neither_name_until_it_is_watched_again(
    tmp_path: Path, inotify: Inotify, listener: Listener
) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    for folder in ("", "a", "a/b"):
        inotify.watch(os.path.normpath(tmp_path / folder))
    (tmp_path / "a").rename(tmp_path / "z")
    listener.until(lambda: {str(tmp_path / "a"), str(tmp_path / "z")} <= listener.paths)
    assert all(event.has_moved for event in listener.events)
    listener.events.clear()
    (tmp_path / "z/b/x").write_text("x")
    inotify.watch(str(tmp_path / "z/b"))
    (tmp_path / "z/b/y").write_text("x")
    listener.until(lambda: listener.paths == {str(tmp_path / "z/b/y")})


def test_a_folder_that_is_gone_or_a_file_is_passed_over(tmp_path: Path, inotify: Inotify) -> None:
    (tmp_path / "file").write_text("x")
    for name in ("gone", "file", "file/below", "x" * 300):
        inotify.watch(str(tmp_path / name))
        inotify.unwatch(str(tmp_path / name))
    assert inotify.is_alive()


# Watches one folder under two names.
MOUNTED = """
import subprocess, sys, time
sys.path.insert(0, sys.argv[2])
from test_inotify import Listener
from mdcache.watching.inotify import Inotify
base = sys.argv[1]
subprocess.run(("mount", "--bind", base + "/a", base + "/b"), check=True)
listener = Listener()
inotify = Inotify(listener)
for name in "ab":
    inotify.watch(f"{base}/{name}")
open(base + "/a/x.md", "w").close()
listener.until(lambda: {base + "/a/x.md", base + "/b/x.md"} <= listener.paths)
inotify.unwatch(base + "/a")
listener.events.clear()
open(base + "/a/y.md", "w").close()
# That x.md was closed may be told only now.
listener.until(lambda: base + "/b/y.md" in listener.paths)
assert base + "/a/y.md" not in listener.paths
inotify.stop()
"""


def may_mount() -> bool:
    try:
        return run(("unshare", "--user", "--map-root-user", "--mount", "true"), Path("/")).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not may_mount(), reason="mounts of its own need Linux's user namespaces")
def test_a_folder_that_is_mounted_twice_is_told_of_under_both_names(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    inside = ("unshare", "--user", "--map-root-user", "--mount", sys.executable, "-c", MOUNTED)
    subprocess.run((*inside, str(tmp_path), str(Path(__file__).parent)), check=True)


@own_limits
@pytest.mark.parametrize(("name", "what"), [(WATCHES, "watches"), (INSTANCES, "instances")])
def test_the_smaller_of_two_limits_counts(name: str, what: str) -> None:
    code = f"from mdcache.watching.inotify import limit; print(*limit({what!r}))"
    done = run((*limited(name, 7), sys.executable, "-c", code), Path("/"))
    assert done.stdout == f"user.max_inotify_{what} 7\n"
    machine = Path(f"/proc/sys/fs/inotify/max_user_{what}")
    many = run((*limited(name, 2**31 - 1), sys.executable, "-c", code), Path("/"))
    assert many.stdout == f"fs.inotify.max_user_{what} {machine.read_text()}"
