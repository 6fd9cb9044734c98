"""Ctrl-C and SIGTERM, held back where an exit status would otherwise not say what became of the cache."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

STOPS = (signal.SIGINT, signal.SIGTERM)
_nested = False
_asked = False


def listen() -> None:
    """Let a stop raise KeyboardInterrupt from now on, and remember it. One that is ignored (nohup) stays so."""
    for stop in STOPS:
        if signal.getsignal(stop) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(stop, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _asked
    _asked = True
    signal.default_int_handler(number, frame)


def asked() -> bool:
    """Return whether a stop has arrived: an exception that is raised in a callback of SQLite gets lost there."""
    return _asked


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Delay stops that arrive meanwhile until the end."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def until_too_late() -> Iterator[Callable[[], None]]:
    """Yield a function to be called right before the step that cannot be undone.

    From there on stops wait. When that step then fails they take effect; when all went well they came too late: what
    they were to stop is done, and an exit status of 'interrupted' would be a lie. Within another one, the outer decides
    when all is done.
    """
    global _nested
    if _nested:
        yield _hold
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    _nested = True
    try:
        yield _hold
    except BaseException:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        raise
    finally:
        _nested = False
    with contextlib.suppress(KeyboardInterrupt):
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _hold() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)


def ignore() -> None:
    """Ignore stops from now on: for the end of a process, when the answer is given."""
    for stop in STOPS:
        signal.signal(stop, signal.SIG_IGN)


def let_through() -> None:
    """Let delayed stops take effect now: for code that waits, before the step that cannot be undone."""
    before = signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
