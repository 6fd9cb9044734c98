from __future__ import annotations

import json
import os
import resource
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from processes import start

from mdcache.errors import WorkError
from mdcache.store import lock

HOLDER = """
import sys, time
from mdcache.store import lock
with lock.held(sys.argv[1], "mdcache test") as held:
    held.published(7)
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def database(tmp_path: Path) -> str:
    return str(tmp_path / "x.db")


@contextmanager
def held_by_another_process(database: str) -> Iterator[int]:
    """Yields the holder's process id."""
    with start((sys.executable, "-c", HOLDER, database), Path.cwd(), stdin=-1) as process:
        assert process.stdout and process.stdout.readline() == "held\n"
        yield process.pid
        process.kill()


def take(database: str, wait_s: float = 0) -> lock.Record:
    with lock.held(database, "mdcache rebuild", wait_s) as held:
        return held.record


def test_a_second_writer_is_told_who_holds_the_lock(database: str) -> None:
    with held_by_another_process(database) as pid, pytest.raises(WorkError) as caught:
        take(database)
    assert f"{database}.lock is held by mdcache test (process {pid}, since 20" in str(caught.value)
    assert "--wait" in str(caught.value)


def test_a_second_writer_waits_for_the_first(database: str) -> None:
    with held_by_another_process(database) as pid:
        threading.Timer(0.1, os.kill, (pid, signal.SIGKILL)).start()
        assert take(database, wait_s=60).pid == os.getpid()


def test_a_lock_is_free_once_its_holder_is_killed_and_the_publish_is_remembered(database: str) -> None:
    with held_by_another_process(database):
        pass
    assert take(database) == lock.read(database)
    assert lock.read(database).published == 7


def test_a_lock_file_that_is_removed_under_a_waiting_writer_is_made_anew(database: str) -> None:
    taken: list[bool] = []

    def wait() -> None:
        with lock.held(database, "mdcache rebuild", 60):
            with pytest.raises(WorkError):
                take(database)
            taken.append(os.path.exists(lock.path_of(database)))

    with lock.held(database, "mdcache rebuild"):
        waiting = threading.Thread(target=wait)
        waiting.start()
        while not _is_open_twice(lock.path_of(database)):
            pass
        os.unlink(lock.path_of(database))
    waiting.join()
    assert taken == [True]


def _is_open_twice(path: str) -> bool:
    found = os.stat(path)
    descriptors = [int(name) for name in os.listdir("/dev/fd")]
    return sum(1 for one in descriptors if _is(one, found)) > 1


def _is(descriptor: int, wanted: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), wanted)
    except OSError:
        return False


def test_a_lock_names_its_holder_in_one_line_of_json(database: str) -> None:
    take(database)
    content = Path(lock.path_of(database)).read_bytes()
    assert len(content) == 512
    assert content.endswith(b"\n")
    assert json.loads(content)["pid"] == os.getpid()


BEYOND = b'{"pid": 99999999999, "command": "x", "since": "x", "published": 1}'


@pytest.mark.parametrize("content", [b"", b"\0" * 512, b'{"pid": 12, "comm', b'{"pid": "x"}', BEYOND])
def test_a_torn_lock_file_says_nothing_and_is_ours(database: str, content: bytes) -> None:
    Path(lock.path_of(database)).write_bytes(content)
    assert lock.read(database) == lock.Record()
    take(database)
    assert lock.read(database).pid == os.getpid()


def test_a_lock_file_of_another_program_is_not_ours(database: str) -> None:
    Path(lock.path_of(database)).write_text("[[package]]\n")
    with pytest.raises(WorkError, match=r"x\.db\.lock is not a lock of mdcache: it stays untouched"):
        lock.read(database)


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_what_is_no_file_is_no_lock(database: str, tmp_path: Path, kind: str) -> None:
    path = Path(lock.path_of(database))
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(tmp_path / "elsewhere")
    else:
        os.mkfifo(path)
    assert lock.read(database) == lock.Record()
    with pytest.raises(WorkError, match=r"cannot lock .*x\.db\.lock"):
        take(database)
    assert not (tmp_path / "elsewhere").exists()


def test_a_full_disk_leaves_the_lock_without_a_name(database: str) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with lock.held(database, "mdcache rebuild") as held:
            held.published(3)
            assert held.record.published == 3
            with pytest.raises(WorkError, match="held by another process"):
                take(database)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
