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

from mdcache.files.scan import Tree
from mdcache.store import place
from mdcache.watching.inbox import Inbox, Taken
from mdcache.watching.means import Listener, Means
from mdcache.watching.observer import Observer, Scope, Unavailable, means_of_platform
from mdcache.watching.recursive import Recursive
from mdcache.watching.witnesses import identities

SCOPE = Scope("/base", (".md",), place.own_files("/base/a/index"))
QUEUE = "/proc/sys/fs/inotify/max_queued_events"
PATIENCE_S = 20
MEANS = [pytest.param(means_of_platform, id="platform"), pytest.param(Recursive, id="recursive")]


# Hints


@pytest.mark.parametrize(
    ("name", "is_folder", "hint"),
    [
        ("/base/a/note.md", False, "a/note.md"),
        ("/base/a/note.MD", False, "a/note.MD"),
        ("/base/a/.note.md", False, "a/.note.md"),
        ("/base/a/._note.md", False, None),
        ("/base/a/note.txt", False, None),
        ("/base/a/note.md~", False, None),
        ("/base/a/b", True, "a/b"),
        ("/base/a/b.md", True, "a/b.md"),
        ("/base/", True, ""),
        ("/base/a/.gitignore", False, "a"),
        ("/base/.gitignore", False, ""),
        ("/base/a/.git", True, "a"),
        ("/base/a/.git", False, "a"),
        ("/base/.hidden/note.md", False, ".hidden/note.md"),
        ("/base/a/index.md", False, "a/index.md"),
        ("/base/a/index-wal.md", False, "a/index-wal.md"),
        ("/base/a/index.lock.md", False, "a/index.lock.md"),
        ("/base/a/b\udce4d.md", False, "a"),
        ("/base/b\udce4d/x.md", False, ""),
    ],
)
def test_an_event_hints_at_what_may_have_changed(name: str, is_folder: bool, hint: str | None) -> None:
    assert SCOPE.hint(*os.path.split(name), is_folder) == hint


@pytest.mark.parametrize(
    "name", ["", "-wal", "-shm", "-journal", ".build", ".build-journal", ".lock", ".watch", ".log", ".log.old"]
)
def test_the_files_of_the_cache_hint_at_nothing(name: str) -> None:
    scope = SCOPE._replace(extensions=("", *(ending for ending in (".lock", ".watch", ".log", ".build"))))
    assert scope.hint("/base/a", "index" + name, False) is None


def test_a_base_at_the_top_of_everything_has_hints_too() -> None:
    assert Scope("/", (".md",), frozenset()).hint("/docs", "a.md", False) == "docs/a.md"


# Observing

Begin = Callable[[Listener, tuple[str, ...]], Means]


class Ear:
    """An observer of a folder, and what it has hinted at until now."""

    def __init__(
        self,
        base: Path,
        *roots: str,
        begin: Begin = means_of_platform,
        exclude: tuple[str, ...] = (),
        inbox: Inbox | None = None,
    ) -> None:
        self.root, self.inbox = base, inbox or Inbox()
        tree = Tree(str(base), tuple(os.path.normpath(base / root) for root in roots or (".",)), (".md",), (), exclude)
        self._roots = tree.roots
        self.observer = Observer(tree, place.own_files(str(base / "cache.db")), self.inbox, begin)
        self.paths: set[str] = set()
        self.lost: list[str] = []

    def hears(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            taken = self.inbox.take()
            if taken:
                self.note(taken)
            assert time.monotonic() < deadline, (self.paths, self.lost, self.deaf())
            time.sleep(0.005)

    def note(self, taken: Taken) -> None:
        """Do what a loop does: cover what is going to be looked at."""
        self.paths |= taken.paths if taken.paths is not None else {""}
        self.lost += [taken.lost] if taken.lost else []
        self.observer.cover(taken.paths)

    def deaf(self) -> str | None:
        return self.observer.deaf(identities(self._roots))

    def heard(self, path: str) -> set[str]:
        """Return what was hinted at until this path was, which is written to now.

        What is still to come of a .gitignore at the base hints at everything: then it is written to again.
        """
        while path not in self.paths:
            self.paths.discard("")
            (self.root / path).write_text("x")
            self.hears(lambda: {path, ""} & self.paths != set())
        found, self.paths = self.paths - {path}, set()
        return found


@pytest.fixture(params=MEANS)
def ear(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ear]:
    (tmp_path / "root/a").mkdir(parents=True)
    found = Ear(tmp_path / "root", begin=request.param)
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
    assert not ear.lost and ear.deaf() is None


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


class Refusing(Inbox):
    """An inbox that fails in the thread that fills it, for one document."""

    def add(self, path: str, moved: bool = False, lost: str | None = None) -> None:
        if path == "a/die.md":
            raise KeyError(path)
        super().add(path, moved, lost)


@pytest.mark.parametrize("begin", MEANS)
def test_a_thread_that_dies_is_noticed(tmp_path: Path, begin: Begin, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a").mkdir()
    ear = Ear(tmp_path, begin=begin, inbox=Refusing())
    (tmp_path / "a/die.md").write_text("x")
    ear.hears(lambda: bool(ear.lost))
    assert "has died (KeyError)" in ear.lost[0]
    ear.hears(lambda: ear.deaf() == "a thread of the observer has died")
    assert capfd.readouterr().err == ""
    ear.observer.stop()


def test_what_other_threads_die_of_is_left_to_the_process(ear: Ear) -> None:
    heard: list[threading.ExceptHookArgs] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "excepthook", heard.append)
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
    assert heard[0].exc_type is ZeroDivisionError
    assert ear.deaf() is None and ear.inbox.count() == 0


def test_a_root_that_is_another_folder_is_noticed(ear: Ear) -> None:
    assert ear.deaf() is None
    ear.root.rename(ear.root.with_name("old"))
    assert "another folder" in str(ear.deaf())
    ear.root.mkdir()
    assert "another folder" in str(ear.deaf())


def test_a_root_that_is_not_there_yet_is_noticed_when_it_comes(tmp_path: Path) -> None:
    ear = Ear(tmp_path / "later")
    assert ear.deaf() is None
    (tmp_path / "later").mkdir()
    assert "has come back" in str(ear.deaf())
    ear.observer.stop()


# What is observed is what scan lists

TREE = ("docs/deep", "docs/.hidden/.too", "docs/drafts/old", "node_modules/pkg/docs", ".git/objects", ".claude/sub")


@pytest.fixture(params=MEANS)
def begin(request: pytest.FixtureRequest) -> Begin:
    found: Begin = request.param
    return found


def tree_of(base: Path) -> None:
    for folder in TREE:
        (base / folder).mkdir(parents=True)
    (base / ".gitignore").write_text("node_modules/\n")


def writes(base: Path, *paths: str) -> None:
    for path in paths:
        (base / path).write_text("x")


def test_what_is_ignored_excluded_or_hidden_is_not_observed(tmp_path: Path, begin: Begin) -> None:
    tree_of(tmp_path)
    ear = Ear(tmp_path, begin=begin, exclude=("drafts/",))
    writes(
        tmp_path, "node_modules/pkg/docs/x.md", "docs/drafts/old/x.md", "docs/.hidden/.too/x.md", ".git/objects/x.md"
    )
    assert ear.heard("docs/deep/end.md") == set()
    ear.observer.stop()


def test_a_root_that_is_named_is_observed_wherever_it_lies(tmp_path: Path, begin: Begin) -> None:
    tree_of(tmp_path)
    roots = (".", "node_modules/pkg/docs", ".claude", "docs/.hidden/.too")
    ear = Ear(tmp_path, *roots, begin=begin, exclude=("drafts/",))
    inside = {"node_modules/pkg/docs/x.md", ".claude/x.md", ".claude/sub/.x.md", "docs/.hidden/.too/x.md"}
    writes(tmp_path, *inside, "node_modules/x.md", "node_modules/pkg/x.md", "docs/.hidden/x.md", "docs/drafts/x.md")
    ear.hears(lambda: inside <= ear.paths)
    assert ear.heard("docs/deep/end.md") == inside
    ear.observer.stop()


def test_what_begins_to_be_ignored_is_observed_no_more(tmp_path: Path, begin: Begin) -> None:
    tree_of(tmp_path)
    ear = Ear(tmp_path, begin=begin)
    assert "docs/drafts/old/x.md" in ear.heard("docs/drafts/old/x.md") | {"docs/drafts/old/x.md"}
    (tmp_path / "docs/.gitignore").write_text("drafts\n")
    ear.hears(lambda: "docs" in ear.paths)
    ear.paths.clear()
    writes(tmp_path, "docs/drafts/y.md", "docs/drafts/old/y.md")
    assert not {path for path in ear.heard("docs/deep/end.md") if "drafts/" in path}
    (tmp_path / ".gitignore").unlink()
    ear.hears(lambda: "" in ear.paths)
    ear.heard("node_modules/pkg/docs/end.md")
    ear.observer.stop()


def test_a_folder_that_is_made_later_is_observed_if_scan_lists_it(ear: Ear) -> None:
    (ear.root / "a/.gitignore").write_text("node_modules\n")
    ear.hears(lambda: "a" in ear.paths)
    (ear.root / "a/node_modules/pkg").mkdir(parents=True)
    (ear.root / "a/new/deep/deeper").mkdir(parents=True)
    ear.hears(lambda: {"a/node_modules", "a/new"} <= ear.paths)
    ear.paths.clear()
    writes(ear.root, "a/node_modules/x.md", "a/node_modules/pkg/x.md")
    assert not {path for path in ear.heard("a/new/deep/deeper/x.md") if path.startswith("a/node_modules/")}


def test_a_folder_that_moves_is_heard_of_under_its_new_name_alone(ear: Ear) -> None:
    (ear.root / "a/b/c").mkdir(parents=True)
    ear.hears(lambda: "a/b" in ear.paths)
    (ear.root / "a").rename(ear.root / "z")
    ear.hears(lambda: {"a", "z"} <= ear.paths)
    ear.paths.clear()
    assert not {path for path in ear.heard("z/b/c/x.md") if path.startswith("a")}
    (ear.root / "a/b/c").mkdir(parents=True)
    ear.hears(lambda: "a" in ear.paths)
    assert ear.heard("a/b/c/new.md") is not None
    assert ear.heard("z/b/c/y.md") is not None


def test_a_file_that_becomes_a_folder_and_a_file_again_is_followed(ear: Ear) -> None:
    (ear.root / "a/x.md").write_text("x")
    ear.hears(lambda: "a/x.md" in ear.paths)
    (ear.root / "a/x.md").unlink()
    (ear.root / "a/x.md").mkdir()
    ear.paths.clear()
    ear.hears(lambda: "a/x.md" in ear.paths)
    ear.heard("a/x.md/inner.md")
    (ear.root / "a/x.md/inner.md").unlink()
    (ear.root / "a/x.md").rmdir()
    ear.heard("a/x.md")


@pytest.mark.parametrize("name", ["Über.md", "U\u0308ber.md", "📚 notes.md", "a b.md", "-.md", "[x].md", "x.md.md"])
def test_every_name_is_heard(ear: Ear, name: str) -> None:
    (ear.root / "a" / name).write_text("x")
    ear.hears(lambda: any(path.endswith(".md") for path in ear.paths))
    assert {os.path.basename(path) for path in ear.paths} <= {name, *os.listdir(ear.root / "a")}


def test_a_rename_that_changes_the_case_alone_is_heard(ear: Ear) -> None:
    ear.heard("a/x.md")
    (ear.root / "a/x.md").rename(ear.root / "a/X.md")
    ear.hears(lambda: {"a/x.md", "a/X.md"} <= ear.paths)


def test_roots_within_roots_are_observed_once(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    ear = Ear(tmp_path, ".", "a", "a/b")
    assert ear.heard("a/b/x.md") == set()
    ear.observer.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted in /proc")
def test_observers_that_end_leave_no_descriptor_and_no_thread(tmp_path: Path, begin: Begin) -> None:
    def held() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    (tmp_path / "a").mkdir()
    Ear(tmp_path, begin=begin).observer.stop()
    before = held()
    for _ in range(5):
        ear = Ear(tmp_path, begin=begin, inbox=Refusing())
        (tmp_path / "a/die.md").write_text("x")
        ear.hears(lambda ear=ear: bool(ear.lost))  # type: ignore[misc]
        ear.observer.stop()
    deadline = time.monotonic() + PATIENCE_S
    while held() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert held() <= before


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each root has a thread, up to sixteen")
def test_many_roots_need_one_thread(tmp_path: Path) -> None:
    roots = [f"{number // 50}/.{number}" for number in range(2000)]
    for root in roots:
        (tmp_path / root).mkdir(parents=True)
    before = threading.active_count()
    ear = Ear(tmp_path, *roots)
    assert threading.active_count() == before + 1
    ear.heard("7/.351/x.md")
    ear.observer.stop()


def test_many_roots_need_few_threads_anywhere(tmp_path: Path) -> None:
    roots = [str(number) for number in range(200)]
    for root in roots:
        (tmp_path / root).mkdir()
    (tmp_path / "other").mkdir()
    before = threading.active_count()
    ear = Ear(tmp_path, *roots, begin=Recursive)
    assert threading.active_count() <= before + 16
    (tmp_path / "other/x.md").write_text("x")
    assert ear.heard("7/x.md") == set()
    ear.observer.stop()


@pytest.mark.usefixtures("threadless")
def test_where_no_thread_can_be_had_nothing_can_be_observed(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="can't start new thread"):
        Ear(tmp_path)


# Tells what it heard when events were lost, and what it could not observe.
LISTENER = """
import sys
from mdcache.files.scan import Tree
from mdcache.watching.inbox import Inbox
from mdcache.watching.observer import Observer, Unavailable
root = sys.argv[1]
inbox = Inbox()
try:
    observer = Observer(Tree(root, (root,), (".md",)), frozenset(), inbox)
except Unavailable as why:
    sys.exit(print(why))
print("ready", flush=True)
while not (taken := inbox.take()) or not (taken.lost or "last" in (taken.paths or ())):
    inbox.wait(10)
try:
    observer.cover(taken.paths)
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
    (tmp_path / "last").mkdir()
    assert "raise user.max_inotify_watches (now 1) with sysctl" in heard(process)


@own_limits
def test_below_the_limit_all_is_well(tmp_path: Path) -> None:
    process = listener(tmp_path, *limited(WATCHES, 2))
    assert process.stdout and process.stdout.readline() == "ready\n"
    (tmp_path / "last").mkdir()
    assert heard(process).startswith("None frozenset")
