"""The bytes of a document and what stat says of it belong together, whatever happens meanwhile."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mdcache.files import content
from mdcache.files.content import Clock
from mdcache.model import Content, Problem, Stamp

LIMIT = 1_000_000


def later(folder: Path) -> Clock:
    """The clock of a time to which nothing written so far is racy."""
    return Clock(folder.stat().st_dev, time.time_ns() + 10**9, 0)


def read(file: Path, size_limit: int = LIMIT, clock: Clock | None = None) -> tuple[Content, Stamp]:
    found = content.read(str(file.parent), file.name, size_limit, clock or later(file.parent))
    assert found is not None and not isinstance(found, Problem)
    return found


@contextlib.contextmanager
def after_each(function: Callable[..., Any], *actions: Callable[[], Any]) -> Iterator[None]:
    """Do the first action when the built-in function has returned for the first time, and so on."""
    waiting = iter(actions)

    def watch(_frame: object, event: str, called: object) -> None:
        if event == "c_return" and called is function:
            sys.setprofile(None)
            next(waiting, lambda: None)()
            sys.setprofile(watch)

    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(None)


def nothing() -> None:
    pass


def test_a_file_is_its_bytes_their_hash_and_its_stamp(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_bytes(b"# hi\r\n")
    stat = file.stat()
    assert read(file) == (
        Content(b"# hi\r\n", hashlib.sha256(b"# hi\r\n").hexdigest(), 6),
        Stamp(6, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino),
    )


def test_an_empty_file_is_empty(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.touch()
    assert read(file)[0] == Content(b"", hashlib.sha256(b"").hexdigest(), 0)


def test_a_stamp_that_is_not_older_than_the_clock_is_racy(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.touch()
    found = file.stat()
    newest = max(found.st_mtime_ns, found.st_ctime_ns)
    assert read(file, clock=Clock(found.st_dev, newest, 0))[1].mtime_ns is None
    assert read(file, clock=Clock(found.st_dev, newest + 1, 0))[1].mtime_ns == found.st_mtime_ns


def test_a_modification_time_to_come_is_racy(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.touch()
    clock = later(tmp_path)
    os.utime(file, ns=(clock.now_ns, clock.now_ns))
    assert read(file, clock=clock)[1].mtime_ns is None


def test_changing_the_modification_time_back_hides_no_change(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.touch()
    os.utime(file, ns=(0, 0))
    assert read(file, clock=Clock(file.stat().st_dev, file.stat().st_ctime_ns, 0))[1].mtime_ns is None


def test_on_another_device_the_local_clock_counts_less_two_seconds(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.touch()
    found = file.stat()
    newest = max(found.st_mtime_ns, found.st_ctime_ns)
    another = found.st_dev + 1
    assert read(file, clock=Clock(another, newest + 10**12, newest + 2 * 10**9))[1].mtime_ns is None
    assert read(file, clock=Clock(another, 0, newest + 2 * 10**9 + 1))[1].mtime_ns == found.st_mtime_ns


def test_a_file_that_is_replaced_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    file, new = tmp_path / "a.md", tmp_path / "new"
    file.write_text("old")
    new.write_text("new")
    with after_each(os.read, lambda: new.replace(file)):
        text, stamp = read(file)
    assert text.data == b"new"
    assert stamp.inode == file.stat().st_ino
    assert stamp.mtime_ns is not None


def test_a_file_that_is_written_to_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("old")
    with after_each(os.read, lambda: file.write_text("longer than it was")):
        text, stamp = read(file)
    assert (text.data, stamp.size) == (b"longer than it was", 18)


def test_a_file_that_never_stands_still_is_racy(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.touch()

    def grow() -> None:
        with file.open("a") as stream:
            stream.write("x")

    with after_each(os.fstat, *[nothing, grow] * 20):
        text, stamp = read(file)
    assert text.hash == hashlib.sha256(text.data).hexdigest()
    assert stamp.mtime_ns is None


def test_a_file_that_grows_past_its_size_while_it_is_read_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("short")
    with after_each(os.fstat, lambda: file.write_text("x" * 5_000)):
        assert read(file)[0].data == b"x" * 5_000


def test_a_file_that_is_gone_is_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    assert content.read(str(tmp_path), "a.md", LIMIT, later(tmp_path)) is None
    assert content.read(str(tmp_path), "gone/a.md", LIMIT, later(tmp_path)) is None
    file.touch()
    assert content.read(str(tmp_path), "a.md/b.md", LIMIT, later(tmp_path)) is None
    with after_each(os.fstat, file.unlink):
        assert content.read(str(tmp_path), "a.md", LIMIT, later(tmp_path)) is None


def test_what_is_no_plain_file_any_more_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "target").write_text("not this")
    (tmp_path / "link.md").symlink_to("target")
    (tmp_path / "folder.md").mkdir()
    os.mkfifo(tmp_path / "pipe.md")
    monkeypatch.chdir(tmp_path)  # the names of sockets are short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.md")
        for name in ("link.md", "folder.md", "pipe.md", "socket.md"):
            assert content.read(str(tmp_path), name, LIMIT, later(tmp_path)) is None


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    name = "n" * 300 + ".md"
    expected = Problem(name, 1, 1, "unreadable", "error", "cannot be read: File name too long")
    assert content.read(str(tmp_path), name, LIMIT, later(tmp_path)) == expected


@pytest.mark.parametrize("size", [200_000, 200_001, 3_000_000])
def test_of_a_file_over_the_limit_only_the_head_is_kept_but_all_is_hashed(tmp_path: Path, size: int) -> None:
    file = tmp_path / "a.md"
    raw = os.urandom(size)
    file.write_bytes(raw)
    text, stamp = read(file, size_limit=200_000)
    assert (text.hash, text.size, stamp.size) == (hashlib.sha256(raw).hexdigest(), size, size)
    assert text.data == (raw if size == 200_000 else raw[: len(text.data)])
    assert 64 * 1024 <= len(text.data) <= 200_000


def test_over_a_small_limit_less_than_all_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("x" * 101)
    text, _ = read(file, size_limit=100)
    assert (len(text.data), text.size) == (100, 101)


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "a.md").touch()
    (tmp_path / "folder.md").mkdir()
    before = os.dup(0)
    os.close(before)
    for name in ("a.md", "folder.md", "gone.md"):
        content.read(str(tmp_path), name, LIMIT, later(tmp_path))
    after = os.dup(0)
    os.close(after)
    assert after == before


def test_a_folder_that_became_a_link_since_the_scan_leads_nowhere(tmp_path: Path) -> None:
    base, secret = tmp_path / "base", tmp_path / "secret"
    for folder in (base / "docs", secret):
        folder.mkdir(parents=True)
        (folder / "a.md").write_text("text")
    assert content.read(str(base), "docs/a.md", 100, later(tmp_path))
    (base / "docs").rename(base / "old")
    (base / "docs").symlink_to(secret)
    assert content.read(str(base), "docs/a.md", 100, later(tmp_path)) is None
