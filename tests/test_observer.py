"""The observer: what it hints at, and that it knows when it has gone deaf."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import INSTANCES, WATCHES, freeze, limit, limited, may_limit, start

from mdcache.watching.inbox import Inbox, Taken
from mdcache.watching.observer import Observer, Scope, Unavailable

SCOPE = Scope("/base", (".md",), "/base/cache.md")
QUEUE = "/proc/sys/fs/inotify/max_queued_events"
PATIENCE_S = 20


# Hints


@pytest.mark.parametrize(
    ("name", "is_folder", "hint"),
    [
        ("/base/a/note.md", False, "a/note.md"),
        ("/base/a/note.MD", False, "a/note.MD"),
        ("/base/a/note.txt", False, None),
        ("/base/a/note.md~", False, None),
        ("/base/a/b", True, "a/b"),
        ("/base/a/b.md", True, "a/b.md"),
        ("/base", True, ""),
        ("/base/a/.gitignore", False, "a"),
        ("/base/.gitignore", False, ""),
        ("/base/a/.git", True, "a"),
        ("/base/.git/index.md", False, None),
        ("/base/a/.hidden/note.md", False, None),
        ("/base/.obsidian", True, None),
        ("/basement/note.md", False, None),
        ("/note.md", False, None),
        ("/base/cache.md", False, None),
        ("/base/cache.md-wal", False, None),
        ("/base/a/b\udce4d.md", False, "a"),
        ("/base/b\udce4d/x.md", False, ""),
    ],
)
def test_an_event_hints_at_what_may_have_changed(name: str, is_folder: bool, hint: str | None) -> None:
    assert SCOPE.hint(name, is_folder) == hint


def test_a_base_at_the_top_of_everything_has_hints_too() -> None:
    assert Scope("/", (".md",), "/x.db").hint("/docs/a.md", False) == "docs/a.md"


# Observing


class Ear:
    """An observer of a folder, and what it has hinted at until now."""

    def __init__(self, root: Path) -> None:
        self.root, self.inbox = root, Inbox()
        scope = Scope(str(root), (".md",), str(root / "cache.db"))
        self.observer = Observer((str(root),), scope, self.inbox)
        self.paths: set[str] = set()
        self.lost: list[str] = []

    def hears(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            taken = self.inbox.take()
            if taken:
                self.note(taken)
            assert time.monotonic() < deadline, (self.paths, self.lost, self.observer.deaf())
            time.sleep(0.005)

    def note(self, taken: Taken) -> None:
        self.paths |= taken.paths if taken.paths is not None else {""}
        self.lost += [taken.lost] if taken.lost else []


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Ear]:
    (tmp_path / "root/a").mkdir(parents=True)
    found = Ear(tmp_path / "root")
    yield found
    found.observer.stop()


def test_files_and_folders_are_hinted_at_by_name(ear: Ear) -> None:
    (ear.root / "a/new.md").write_text("x")
    (ear.root / "sub").mkdir()
    ear.hears(lambda: {"a/new.md", "sub"} <= ear.paths)
    (ear.root / "a").rename(ear.root / "b")
    ear.hears(lambda: {"a", "b"} <= ear.paths)
    (ear.root / "b/new.md").unlink()
    ear.hears(lambda: "b/new.md" in ear.paths)
    assert not ear.lost and ear.observer.deaf() is None


def test_reading_is_no_event(ear: Ear) -> None:
    (ear.root / "a/x.md").write_text("x")
    ear.hears(lambda: "a/x.md" in ear.paths)
    (ear.root / "end.md").write_text("x")
    ear.hears(lambda: "end.md" in ear.paths)
    ear.paths.clear()
    for _ in range(100):
        (ear.root / "a/x.md").read_text()
        os.listdir(ear.root / "a")
    (ear.root / "end2.md").write_text("x")
    ear.hears(lambda: "end2.md" in ear.paths)
    assert ear.paths <= {"end.md", "end2.md"}


def kill_reader(ear: Ear, outside: Path) -> None:
    """The four moves that make watchdog's reader stumble over a folder it believes to be elsewhere."""
    (ear.root / "a").rename(outside / "a")
    (ear.root / "a").mkdir()
    (ear.root / "a/seen.md").write_text("x")
    ear.hears(lambda: "a/seen.md" in ear.paths)
    (ear.root / "a/seen.md").unlink()
    (ear.root / "a").rmdir()
    (outside / "a").rmdir()
    ear.hears(lambda: bool(ear.lost))


def test_a_thread_that_dies_is_noticed(ear: Ear, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    kill_reader(ear, tmp_path)
    assert "has died (KeyError)" in ear.lost[0]
    ear.hears(lambda: ear.observer.deaf() == "a thread of the observer has died")
    assert capfd.readouterr().err == ""


def test_what_other_threads_die_of_is_left_to_the_process(ear: Ear) -> None:
    heard: list[threading.ExceptHookArgs] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "excepthook", heard.append)
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
    assert heard[0].exc_type is ZeroDivisionError
    assert ear.observer.deaf() is None and ear.inbox.count() == 0


def test_a_root_that_is_another_folder_is_noticed(ear: Ear) -> None:
    assert ear.observer.deaf() is None
    ear.root.rename(ear.root.with_name("old"))
    assert "another folder" in str(ear.observer.deaf())
    ear.root.mkdir()
    assert "another folder" in str(ear.observer.deaf())


def test_a_root_that_is_not_there_yet_is_noticed_when_it_comes(tmp_path: Path) -> None:
    ear = Ear(tmp_path / "later")
    assert ear.observer.deaf() is None
    (tmp_path / "later").mkdir()
    assert "has come back" in str(ear.observer.deaf())
    ear.observer.stop()


def test_roots_within_roots_are_observed_once(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    inbox = Inbox()
    roots = (str(tmp_path), str(tmp_path / "a"), str(tmp_path / "a/b"))
    observer = Observer(roots, Scope(str(tmp_path), (".md",), "/nowhere.db"), inbox)
    (tmp_path / "a/b/x.md").write_text("x")
    while not inbox.count():
        inbox.wait(1.0)
    observer.stop()
    taken = inbox.take()
    assert taken is not None and set(taken.paths or ()) == {"a/b/x.md"}


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted in /proc")
def test_observers_that_end_leave_no_descriptor_and_no_thread(tmp_path: Path) -> None:
    def held() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    (tmp_path / "root/a").mkdir(parents=True)
    Ear(tmp_path / "root").observer.stop()
    before = held()
    for _ in range(5):
        (tmp_path / "root/a").mkdir(exist_ok=True)
        ear = Ear(tmp_path / "root")
        kill_reader(ear, tmp_path)
        ear.observer.stop()
    deadline = time.monotonic() + PATIENCE_S
    while held() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert held() <= before


@pytest.mark.usefixtures("threadless")
def test_where_no_thread_can_be_had_nothing_can_be_observed(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="can't start new thread"):
        Ear(tmp_path)


# Tells what it heard when events were lost, and what it could not observe.
LISTENER = """
import sys
from mdcache.watching.inbox import Inbox
from mdcache.watching.observer import Observer, Scope, Unavailable, refuse_limit
root = sys.argv[1]
inbox = Inbox()
try:
    observer = Observer((root,), Scope(root, (".md",), "/nowhere.db"), inbox)
except Unavailable as why:
    sys.exit(print(why))
print("ready", flush=True)
while not (taken := inbox.take()) or not (taken.lost or "last.md" in (taken.paths or ())):
    inbox.wait(10)
try:
    refuse_limit()
    print(taken.lost, taken.paths, flush=True)
except Unavailable as why:
    print(why)
observer.stop()
"""


def listener(root: Path, *before: str) -> subprocess.Popen[str]:
    return start((*before, sys.executable, "-c", LISTENER, str(root)), root)


def heard(process: subprocess.Popen[str]) -> str:
    try:
        out, err = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        process.communicate()
    assert err == ""
    return out


@pytest.mark.skipif(not os.path.exists(QUEUE), reason="the queue is inotify's")
def test_a_queue_that_overflows_is_noticed(tmp_path: Path) -> None:
    """The reader is stopped while more happens than the queue holds."""
    process = listener(tmp_path)
    assert process.stdout and process.stdout.readline() == "ready\n"
    freeze(process)
    files = [tmp_path / name for name in ("a.md", "b.md")]
    for file in files:
        file.write_text("x")
    for number in range(int(Path(QUEUE).read_text()) + 100):
        os.utime(files[number % 2])  # in turns: what happens twice in a row is merged
    process.send_signal(signal.SIGCONT)
    assert heard(process) == "the queue of events overflowed None\n"


own_limits = pytest.mark.skipif(not may_limit(), reason="limits of its own need Linux's user namespaces")


@own_limits
@pytest.mark.parametrize("name", [WATCHES, INSTANCES])
def test_a_limit_that_is_reached_is_named(tmp_path: Path, name: str) -> None:
    for number in range(50):
        (tmp_path / f"root/{number}").mkdir(parents=True)
    value = 20 if name == WATCHES else 0
    said = heard(listener(tmp_path / "root", *limited(name, value)))
    assert f"raise user.{os.path.basename(name)} (now {value}) with sysctl" in said


@own_limits
def test_a_limit_that_is_reached_later_is_named_when_asked_for(tmp_path: Path) -> None:
    process = listener(tmp_path, *limited(WATCHES, 100))
    assert process.stdout and process.stdout.readline() == "ready\n"
    limit(process.pid, WATCHES, 1)
    (tmp_path / "last.md").write_text("x")
    assert "raise user.max_inotify_watches (now 1) with sysctl" in heard(process)


@own_limits
def test_below_the_limit_all_is_well(tmp_path: Path) -> None:
    process = listener(tmp_path, *limited(WATCHES, 2))
    assert process.stdout and process.stdout.readline() == "ready\n"
    (tmp_path / "last.md").write_text("x")
    assert heard(process).startswith("None frozenset")
