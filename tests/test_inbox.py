"""The inbox: each path once, never too many, and a bell."""

from __future__ import annotations

import threading
import time

from hypothesis import given
from hypothesis import strategies as st
from processes import PATIENCE_S

from mdcache.watching.inbox import MANY, Bell, Inbox


def test_hints_are_taken_once_and_together() -> None:
    inbox = Inbox()
    assert inbox.take() is None
    for path in ("a", "b", "a"):
        inbox.add(path)
    taken = inbox.take()
    assert taken is not None and set(taken.paths or ()) == {"a", "b"} and taken.lost is None
    assert inbox.take() is None


@given(st.lists(st.integers(0, MANY * 3), max_size=MANY * 3))
def test_more_hints_than_are_worth_keeping_mean_everything(numbers: list[int]) -> None:
    inbox = Inbox()
    for number in numbers:
        inbox.add(str(number))
    few = {str(number) for number in numbers}
    assert inbox.count() == min(len(few), MANY)
    taken = inbox.take()
    assert (set(taken.paths or ()) if taken else set()) == (few if len(few) <= MANY else set())


def test_everything_swallows_what_else_is_hinted_at() -> None:
    inbox = Inbox()
    for path in ("a", "", "b"):
        inbox.add(path)
    taken = inbox.take()
    assert taken is not None and taken.paths is None


def test_when_the_first_and_the_last_came_is_known_until_they_are_taken() -> None:
    inbox = Inbox()
    assert inbox.times() is None
    before = time.monotonic()
    inbox.add("a")
    first = inbox.times()
    assert first is not None and before <= first.first == first.last <= time.monotonic()
    inbox.add("b")
    later = inbox.times()
    assert later is not None and later.first == first.first and first.last <= later.last
    inbox.take()
    assert inbox.times() is None


def test_waiting_ends_when_something_comes() -> None:
    inbox = Inbox()
    threading.Timer(0.05, inbox.add, ("a",)).start()
    inbox.wait(PATIENCE_S)
    assert inbox.count() == 1
    inbox.wait(0.01)  # rung once, heard once


def test_whoever_has_the_bell_wakes_the_one_that_waits() -> None:
    bell = Bell()
    inbox = Inbox(bell)
    threading.Timer(0.05, bell.ring).start()
    began = time.monotonic()
    inbox.wait(PATIENCE_S)
    assert time.monotonic() - began < PATIENCE_S / 2 and inbox.count() == 0
