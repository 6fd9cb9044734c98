"""Ctrl-C and SIGTERM: they always end a command soon, and its exit status says what became of the cache.

Python tells of a signal by an exception, as soon as it runs its own code again; that is how a command ends, and tidies
up. Where an exit status would otherwise not say what became of the cache, the exception waits (held_back,
until_too_late). But SQLite may be in the middle of one step for hours, a file may be a FIFO that nobody writes to, and
nobody may read what is printed. So a thread, the guard, sees each signal arrive, also while the main thread holds them
back, and ends the process

- when the exception has not been raised after a second, or has not ended it three seconds after the signal; while stops
  are held back, as for a publish, they have all the time they need;
- when a second signal comes: at once, whatever is being done. A publish is safe against that as against any kill.

Processes that were started by child die with it.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NamedTuple

STOPS = (signal.SIGINT, signal.SIGTERM)
_STATUS = 130
_LAST_WORDS = b"mdcache: interrupted in the middle of a step: the cache is sound\n"
_STDERR = 2
# How long the exception may take to be raised, and then to end the process.
_STUCK_S, _TIDY_S = 1.0, 3.0
# Some programs send a signal to a process and to its group: what comes within this time is the same one.
_SAME_S = 0.3
_LOOK_S = 0.05

_nested = False  # within until_too_late
_held = False  # a stop waits
_bounded = False  # it waits no longer than for the exception to be raised
_late = False  # one has come that waits
_asked = False  # one has been raised
_came: float | None = None  # when the first one came that is still to take effect, by time.monotonic
_along: set[int] = set()  # groups of processes that end with this one


# What the process does


def listen() -> None:
    """Let a stop raise KeyboardInterrupt from now on, and remember it. One that is ignored (nohup) stays so."""
    for stop in STOPS:
        if signal.getsignal(stop) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(stop, _interrupt)
    stand_by()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    global _late
    if _held:
        _late = True
    elif not _asked:  # what the first one has begun is not to be disturbed: the guard knows what a second one means
        _take_effect()


def _take_effect() -> None:
    global _late, _asked
    _late, _asked = False, True
    raise KeyboardInterrupt


def asked() -> bool:
    """Return whether a stop has arrived: an exception that is raised in a callback of SQLite gets lost there."""
    return _asked


class _State(NamedTuple):
    """Which signals this thread holds back, and whether stops wait."""

    mask: set[signal.Signals]
    held: bool
    bounded: bool


def _state() -> _State:
    found = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    return _State({signal.Signals(one) for one in found if one in STOPS}, _held, _bounded)


def _hold(bounded: bool = False) -> None:
    """Let stops wait, whichever thread the system gives them to."""
    global _held, _bounded
    _held, _bounded = True, bounded
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)


def _back_to(before: _State) -> None:
    global _held, _bounded
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, set(STOPS) - before.mask)
    finally:
        _held, _bounded = before.held, before.bounded


@contextlib.contextmanager
def held_back(bounded: bool = False) -> Iterator[None]:
    """Delay stops that arrive meanwhile until the end.

    bounded: what is done may never end, as to print to a pipe; a stop that has waited for a second ends the process.
    """
    before = _state()
    _hold(bounded)
    try:
        yield
    finally:
        _back_to(before)
        if _late and not _held:
            _take_effect()


@contextlib.contextmanager
def until_too_late() -> Iterator[Callable[[], None]]:
    """Yield a function to be called right before the step that cannot be undone.

    From there on stops wait. When that step then fails they take effect; when all went well they came too late: what
    they were to stop is done, and an exit status of 'interrupted' would be a lie. Within another one, the outer decides
    when all is done.
    """
    global _nested, _late, _came
    if _nested:
        yield _hold
        return
    before = _state()
    _nested = True
    try:
        yield _hold
    except BaseException:
        _back_to(before)
        if _late:
            _take_effect()
        raise
    finally:
        _nested = False
    with contextlib.suppress(KeyboardInterrupt):
        _back_to(before)
    _late, _came = False, None


def only_output_is_left() -> None:
    """Say that what could not be undone is done: stops that wait still do, but no longer than for output."""
    global _bounded
    _bounded = True


def ignore() -> None:
    """Ignore stops from now on: for the end of a process, when the answer is given."""
    for stop in STOPS:
        signal.signal(stop, signal.SIG_IGN)
    stand_down()


def let_through() -> None:
    """Let delayed stops take effect now: for code that waits, before the step that cannot be undone."""
    before = signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if _late:
        _take_effect()


def take_along(group: int) -> None:
    """Let a group of processes be killed when the guard ends this one; leave_alone takes that back."""
    _along.add(group)


def leave_alone(group: int) -> None:
    """See take_along: to be called before the process is waited for, whose number may then become another's."""
    _along.discard(group)


# The guard


class _Guard(NamedTuple):
    """The thread that sees signals arrive.

    wakes: the end of a pipe into which the system's handler writes their numbers; over: locked while the thread runs.
    """

    hears: int
    wakes: int
    over: _thread.LockType


_guard: _Guard | None = None


def stand_by(patience_s: float | None = None) -> None:
    """Start the guard, with the signals that this thread lets through; where no thread can be had, there is none.

    patience_s: how long an end may take that is in order, for what has handlers of its own; None for the usual times.
    """
    global _guard
    hears, wakes = os.pipe()
    os.set_blocking(wakes, False)
    _guard = _Guard(hears, wakes, _thread.allocate_lock())
    _guard.over.acquire()
    try:
        _thread.start_new_thread(_see_to_it, (_guard, patience_s))
    except RuntimeError:
        _guard.over.release()
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)


def stand_down() -> None:
    """End the guard: signals come to this thread alone from now on, and wait where it holds them back."""
    global _guard
    if _guard is None:
        return
    signal.set_wakeup_fd(-1)
    os.write(_guard.wakes, b"\0")
    _guard.over.acquire()
    os.close(_guard.hears)
    os.close(_guard.wakes)
    _guard = None


def _see_to_it(guard: _Guard, patience_s: float | None) -> None:
    """Take in signals, and end the process when they have not; what is left of a stop is looked at often."""
    global _came
    since: float | None = None
    try:
        while 0 not in (came := _heard(guard.hears, _came is not None)):
            now, stop = time.monotonic(), bool(set(STOPS) & came)
            if stop and _came is None:
                _came, since = now, None
            elif stop and _came is not None and now - _came > _SAME_S:
                end(_LAST_WORDS, _STATUS, at_once=True)
            if _came is None or (_held and not _bounded):
                since = None
                continue
            since = since or now
            if now - since > (patience_s or (_TIDY_S if _asked else _STUCK_S)):
                end(_LAST_WORDS, _STATUS, at_once=_held)
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        guard.over.release()


def _heard(hears: int, is_waiting: bool) -> set[int]:
    """Return the numbers of signals that have come; wait for one, but not for long when one is still to take effect."""
    ready = select.select((hears,), (), (), _LOOK_S if is_waiting else None)[0]
    return set(os.read(hears, 64)) if ready else set()


def end(words: bytes, status: int, at_once: bool = False) -> None:
    """End this process and those that end with it, whatever they are doing, from any thread.

    words: what is written to stderr. at_once: an exit status of its own would say too much of the cache.
    """
    for group in tuple(_along):
        with contextlib.suppress(OSError):
            os.killpg(group, signal.SIGKILL)
    if at_once:
        os.kill(os.getpid(), signal.SIGKILL)
    with contextlib.suppress(OSError):
        if select.select((), (_STDERR,), (), 0)[1]:  # nobody may read there
            os.write(_STDERR, words)
    os._exit(status)
