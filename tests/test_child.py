"""Child processes of this package. The one of the rules stands for all: it answers whether a cache can be opened."""

from __future__ import annotations

import os
import time
from io import FileIO
from pathlib import Path

import pytest
from processes import is_gone

import mdcache
from mdcache import child
from mdcache.errors import WorkError

MODULE = "mdcache.checking.rule"


def test_a_child_answers_what_is_sent(tmp_path: Path) -> None:
    with child.start(MODULE) as one:
        one.send(str(tmp_path / "none.db"))
        assert one.answers_within(60)
        assert "cannot be opened" in str(one.receive())


def test_it_is_waited_for_as_long_as_is_said() -> None:
    with child.start(MODULE) as one:
        one.make_sure()
        began = time.monotonic()
        assert not one.answers_within(0.1)
        assert 0.1 <= time.monotonic() - began < 30


def test_one_that_has_ended_is_seen_to_have(tmp_path: Path) -> None:
    with child.start(MODULE) as one:
        one.send(str(tmp_path / "none.db"))
        one.receive()
        assert one.answers_within(60)  # there is nothing more to wait for
        with pytest.raises(EOFError):
            one.receive()


def test_one_of_another_version_is_refused_before_it_is_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    with child.start(MODULE) as one:
        ours = mdcache.__version__
        monkeypatch.setattr(mdcache, "__version__", "0.0.9")
        with pytest.raises(WorkError) as caught:
            one.receive()
        assert str(caught.value) == f"mdcache 0.0.9 was replaced by {ours} while it ran: start it again"


def test_a_value_that_is_cut_off_is_the_end_of_the_pipe() -> None:
    reading, writing = os.pipe()
    with FileIO(reading, "r") as stream, FileIO(writing, "w") as other:
        child.send(other, ["a value"])
        child.send(other, bytes(1000))
        assert child.receive(stream) == ["a value"]
        assert child.receive(stream) == bytes(1000)
        other.write(b"\0\0\0\0\0\0\0\7beg")
        other.close()
        with pytest.raises(EOFError):
            child.receive(stream)


def test_at_the_end_it_is_gone() -> None:
    with child.start(MODULE) as one:
        pid = one.pid
    assert is_gone(pid)
