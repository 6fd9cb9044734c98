from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
from processes import press_ctrl_c, run

from mdcache import stops


def blocked() -> set[signal.Signals]:
    return {signal.Signals(one) for one in signal.pthread_sigmask(signal.SIG_BLOCK, ())} & set(stops.STOPS)


def test_a_stop_that_is_held_back_takes_effect_at_the_end() -> None:
    reached = False
    with pytest.raises(KeyboardInterrupt), stops.held_back():
        press_ctrl_c()
        reached = True
    assert reached
    assert not blocked()


def test_before_it_is_too_late_a_stop_takes_effect_at_once() -> None:
    reached = False
    with pytest.raises(KeyboardInterrupt), stops.until_too_late():
        press_ctrl_c()
        reached = True
    assert not reached


def test_a_stop_that_comes_too_late_is_none() -> None:
    with stops.until_too_late() as too_late:
        too_late()
        press_ctrl_c()
        assert blocked() == set(stops.STOPS)
    assert not blocked()


def test_a_stop_takes_effect_when_what_it_waited_for_has_failed() -> None:
    with pytest.raises(KeyboardInterrupt), stops.until_too_late() as too_late:
        too_late()
        press_ctrl_c()
        raise ValueError
    assert not blocked()


def test_within_another_the_outer_one_decides_when_all_is_done() -> None:
    with stops.until_too_late():
        with stops.until_too_late() as too_late:
            too_late()
        press_ctrl_c()
        assert blocked()
    assert not blocked()
    with pytest.raises(KeyboardInterrupt), stops.until_too_late():
        press_ctrl_c()


def test_what_waits_itself_lets_stops_through() -> None:
    with stops.until_too_late() as too_late, pytest.raises(KeyboardInterrupt):
        too_late()
        press_ctrl_c()
        stops.let_through()
    assert not blocked()


def test_at_its_end_a_process_no_longer_listens() -> None:
    script = "import os, signal; from mdcache import stops; stops.ignore(); os.kill(os.getpid(), signal.SIGTERM)"
    assert run((sys.executable, "-c", script), Path.cwd()).returncode == 0


TWICE = """
import os, signal
from mdcache import stops
stops.listen()
try:
    os.kill(os.getpid(), signal.SIGTERM)
except KeyboardInterrupt:
    os.kill(os.getpid(), signal.SIGTERM)
    print("tidied", stops.asked())
"""


def test_a_signal_that_is_sent_twice_at_once_does_not_disturb_the_end() -> None:
    done = run((sys.executable, "-c", TWICE), Path.cwd())
    assert (done.returncode, done.stdout) == (0, "tidied True\n")


THREADS = """
import os, signal, threading
from mdcache import stops
stops.listen()

def send():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, stops.STOPS)
    os.kill(os.getpid(), signal.SIGINT)

with stops.until_too_late() as too_late:
    too_late()
    other = threading.Thread(target=send)
    other.start()
    other.join()
    for _ in range(1000): pass
    print("published", stops.asked())
stops.ignore()
"""


def test_what_cannot_be_undone_is_not_cut_short_by_a_signal_that_another_thread_takes() -> None:
    done = run((sys.executable, "-c", THREADS), Path.cwd())
    assert (done.returncode, done.stdout) == (0, "published False\n")


def test_a_guard_that_stood_down_leaves_nothing_open() -> None:
    before = signal.set_wakeup_fd(-1)
    stops.stand_by()
    stops.stand_down()
    stops.stand_down()
    assert signal.set_wakeup_fd(before) == -1
