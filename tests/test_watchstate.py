"""What a watcher says of itself, and what others make of it."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import threading
from pathlib import Path

import pytest

from mdcache.errors import WorkError
from mdcache.store import watchstate
from mdcache.store.watchstate import State

STATE = State(pid=os.getpid(), since="2026-01-01T00:00:00.000+00:00", method="inotify", ready=True, pending=3)


@pytest.fixture
def database(tmp_path: Path) -> str:
    return str(tmp_path / "x.db")


def shown(database: str) -> tuple[State, bool | None] | None:
    """What others see, wherever the watcher runs."""
    seen = watchstate.read(database)
    return seen and seen[:2]


def test_without_a_watcher_there_is_nothing_to_say(database: str) -> None:
    assert watchstate.read(database) is None


def test_others_see_what_it_shows_for_as_long_as_it_lives(database: str) -> None:
    with watchstate.held(database) as beacon:
        beacon.show(STATE)
        assert shown(database) == (STATE, True)
        beacon.show(STATE._replace(pending=0, degraded="x" * 10_000))
        seen = watchstate.read(database)
        assert seen and seen.state.pending == 0 and set(seen.state.degraded or "") == {"x"}
        beacon.show(STATE._replace(degraded="\U0001f600" * 10_000))
        seen = watchstate.read(database)
        assert seen and seen.state.pid == os.getpid() and set(seen.state.degraded or "") == {"\U0001f600"}
    assert watchstate.read(database) is None
    with watchstate.held(database):
        pass


def test_what_a_full_disk_did_not_take_is_written_when_it_is_shown_again(database: str) -> None:
    with watchstate.held(database) as beacon:
        beacon.show(STATE)
        beacon.show(STATE._replace(ready=False))
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
        try:
            beacon.show(STATE)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert shown(database) == (STATE._replace(ready=False), True)
        beacon.show(STATE)
        assert shown(database) == (STATE, True)


def test_what_a_killed_one_has_left_is_known_for_what_it_is(database: str) -> None:
    with watchstate.held(database) as beacon:
        beacon.show(STATE)
        left = Path(watchstate.path_of(database)).read_bytes()
    Path(watchstate.path_of(database)).write_bytes(left)
    assert shown(database) == (STATE, False)
    with watchstate.held(database) as beacon:
        beacon.show(STATE._replace(pid=1))
        assert shown(database) == (STATE._replace(pid=1), True)


def test_a_second_one_is_told_of_the_first(database: str) -> None:
    with watchstate.held(database) as beacon:
        beacon.show(STATE)
        with pytest.raises(WorkError, match=f"process {os.getpid()} since 2026-01-01"), watchstate.held(database):
            pass
        assert shown(database) == (STATE, True)


def test_one_that_fails_leaves_no_trace(database: str) -> None:
    with pytest.raises(ZeroDivisionError), watchstate.held(database) as beacon:
        beacon.show(STATE)
        _ = 1 / 0
    assert watchstate.read(database) is None


def test_whoever_only_asks_keeps_no_watcher_from_starting(database: str) -> None:
    with watchstate.held(database) as beacon:
        beacon.show(STATE)
    with open(watchstate.path_of(database)) as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        threading.Timer(0.05, fcntl.flock, (asking, fcntl.LOCK_UN)).start()
        with watchstate.held(database):
            pass


@pytest.mark.parametrize("content", [b"", b"\0\0", b'{"pid": 7', b'{"pid": 7, "new": 1}', b"[]"])
def test_a_state_that_makes_no_sense_is_none(database: str, content: bytes) -> None:
    Path(watchstate.path_of(database)).write_bytes(content)
    seen = watchstate.read(database)
    assert seen is None or not seen.alive


@pytest.mark.parametrize(
    "content",
    [
        b'{"pid": -1}',
        b'{"pid": 99999999999}',
        b'{"pid": "7"}',
        b'{"pid": 7, "since": 5}',
        b'{"pid": 7, "last_event": 5}',
        b'{"pid": 7, "checkpoint": "x"}',
        b'{"pid": ' + b"[" * 4000,
    ],
)
def test_what_no_watcher_writes_is_nobodys_state(database: str, content: bytes) -> None:
    Path(watchstate.path_of(database)).write_bytes(content)
    assert watchstate.read(database) is None


def test_a_new_watcher_never_goes_by_the_name_of_the_last(database: str) -> None:
    Path(watchstate.path_of(database)).write_text(json.dumps(STATE._replace(pid=1)._asdict()))
    with watchstate.held(database):
        assert shown(database) == (State(), True)


def test_a_file_of_somebody_else_stays_as_it_is(database: str) -> None:
    file = Path(watchstate.path_of(database))
    file.write_text("precious")
    with pytest.raises(WorkError, match="stays untouched"), watchstate.held(database):
        pass
    assert file.read_text() == "precious"


def test_a_link_is_not_followed(database: str, tmp_path: Path) -> None:
    Path(watchstate.path_of(database)).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WorkError), watchstate.held(database):
        pass
    assert not (tmp_path / "elsewhere").exists()
