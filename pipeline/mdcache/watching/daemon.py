"""The watcher as a program: signals, its log, a life in the background, and what ends it.

The log of a watcher in the background is its stdout and stderr, so that all ends in it that a process may say: also a
traceback, the interpreter's last words and those of worker processes. It is therefore begun again by pointing these two
descriptors at a new file. logging.RotatingFileHandler knows its own stream alone: after its rollover the two would go
on writing to the file that was put aside. It would have to be overridden for that, for opening files that others cannot
read and that are no links, for the name of the old one and for what a full disk does to it, and nothing of it would be
left.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from typing import Any

from mdcache import imports, process, stops, times
from mdcache.config.settings import Settings
from mdcache.errors import WorkError, doing
from mdcache.store import place, watchstate
from mdcache.store.watchstate import Seen
from mdcache.watching import loop, systemd, upgrade
from mdcache.watching.inbox import Bell
from mdcache.watching.loop import Batch, Load, Say

# A log in the background is begun again when it is longer; the one before is kept.
_LOG_BYTES = 1 << 20
_PAUSE_S = 0.02
# A watcher that was told to end folds the log back into the cache; one that has not ended after so long is stuck.
_ENDING_S = 10.0
# How long to wait for init to free the number of a process that has ended.
_INIT_S = 3.0
_SIGNALS = (*stops.STOPS, signal.SIGHUP)
# The environment variable that names the descriptor of the state file to the program that is started again.
_STATE = "MDCACHE_WATCHER_STATE"
_STDERR, _DIGITS = 2, 10


def run(load: Load, wait_s: float, poll: bool, say: Say) -> None:
    """Watch until SIGTERM, SIGINT or the end of the terminal, and tell of each batch: say in a line, and systemd.

    Raises:
        MdcacheError: the watcher cannot be started.
    """
    # The log stays where it is when the settings name another database later.
    log = _Log(place.log_path(load().database))

    def tell(line: str) -> None:
        log.come_back()
        say(line)
        log.begin_again()

    ready, state = False, _inherited()
    with _until_signalled() as stop:
        again = _Again(stop)
        for batch in loop.watch(
            load, stop, wait_s=wait_s, poll=poll, say=tell, bell=stop.bell, again=again, state=state
        ):
            line = summary(batch)
            tell(line)
            systemd.notify(f"STATUS={line}")
            if not ready:
                systemd.notify("READY=1")
            ready = True
    tell("stopped")


class _Signals:
    """Whether a signal has asked for the end."""

    def __init__(self) -> None:
        self.bell = Bell()
        self._came = False

    def is_set(self) -> bool:
        return self._came

    def come(self, *_: Any) -> None:
        """A signal interrupts nothing: it is looked at where ending is safe. systemd hears of it at once."""
        if not self._came:
            self._came = True
            systemd.notify("STOPPING=1")
        self.bell.ring()


@contextlib.contextmanager
def _until_signalled() -> Iterator[_Signals]:
    """Take stops, and SIGHUP unless that is ignored, as under nohup.

    Once one has come the others say nothing new: a terminal that closes, and a shell in it, may each send SIGHUP.
    """
    signals = _Signals()
    taken = [one for one in _SIGNALS if one != signal.SIGHUP or signal.getsignal(one) is not signal.SIG_IGN]
    before = {one: signal.signal(one, signals.come) for one in taken}
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)  # the program before this one may have held them back
    stops.stand_down()
    stops.stand_by(_ENDING_S)
    try:
        yield signals
    finally:
        for one, handler in before.items():
            signal.signal(one, signal.SIG_IGN if signals.is_set() else handler)
        stops.stand_down()


# Started again, after an upgrade


class _Again:
    """What starts the command again, so that it keeps its state file's lock and loses no signal meanwhile."""

    def __init__(self, stop: _Signals) -> None:
        self._stop, self._command = stop, upgrade.Command()

    def can_run(self) -> bool:
        return self._command.can_run()

    def run(self, state: int) -> None:
        """Signals that come from here on wait: the program that is started takes them."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        stops.stand_down()
        if not self._stop.is_set():
            os.set_inheritable(state, True)
            with doing("start mdcache again"):
                self._command.run({**os.environ, _STATE: str(state)})
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        stops.stand_by(_ENDING_S)


def _inherited() -> int | None:
    """Return the descriptor of the state file that this process had before it was started again."""
    said = os.environ.pop(_STATE, "")
    is_number = said.isascii() and said.isdigit() and len(said) < _DIGITS
    return int(said) if is_number and int(said) > _STDERR else None


def summary(batch: Batch) -> str:
    """Return the line that the log has for a batch."""
    counts = {"added": batch.added, "changed": batch.changed, "removed": batch.removed}
    tally = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count) or "nothing changed"
    built = f"generation {batch.generation} built ({batch.rebuilt}): " if batch.rebuilt else ""
    return f"{built}{tally} in {batch.seconds:.3f} s, {batch.behind_s:.2f} s behind"


def stamp(line: str) -> str:
    """Return a line as it stands in the log."""
    return f"{times.now()} {line}"


# The log


class _Log:
    """The file that stdout and stderr lead to in the background; nothing is done where they lead elsewhere.

    What cannot be done is done another time.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._is_ours = self._leads_here()

    def come_back(self) -> None:
        """Begin a new one where it was removed, as with its folder."""
        if self._is_ours and not self._leads_here():
            self._open()

    def begin_again(self) -> None:
        """Begin a new one when it has grown long, and put it aside."""
        with contextlib.suppress(OSError):
            if self._leads_here() and _put_aside(self._name):
                self._open()

    def _leads_here(self) -> bool:
        try:
            return os.path.samestat(os.fstat(2), os.stat(self._name))
        except OSError:
            return False

    def _open(self) -> None:
        with contextlib.suppress(OSError), open(self._name, "ab", opener=_open_private) as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)


def _open_private(name: str, flags: int) -> int:
    """It names documents, and so is for their owner only, as the cache is. A FIFO in its place holds nobody up."""
    return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)


def _put_aside(name: str) -> bool:
    """Rename a log that has grown long; return whether it had."""
    is_long = os.path.exists(name) and os.path.getsize(name) > _LOG_BYTES
    if is_long:
        os.replace(name, name + place.PUT_ASIDE)
    return is_long


# A life in the background


def detach(settings: Settings, command: Sequence[str]) -> int:
    """Run a command that watches in the background; return its process id when its first look is done.

    Its output goes to <database>.log; a long one is put aside.

    Raises:
        WorkError: it has ended before that, in its last words.
    """
    place.judge(settings.database)
    place.make_folder(settings.database)
    name = place.log_path(settings.database)
    with doing(f"write {name}"):
        _put_aside(name)
        log = open(name, "ab", opener=_open_private)  # noqa: SIM115
    with log, doing("start a process to watch"):
        began = log.tell()
        watcher = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=imports.environment(),
        )
    try:
        while watcher.poll() is None:
            seen = watchstate.read(settings.database)
            if seen and seen.alive and seen.state.pid == watcher.pid and seen.state.ready:
                return watcher.pid
            time.sleep(_PAUSE_S)
    except BaseException:
        watcher.terminate()
        raise
    raise WorkError(_last_words(name, began))


def _last_words(name: str, began: int) -> str:
    lines: list[str] = []
    with contextlib.suppress(OSError), open(name, "rb") as log:
        log.seek(began)
        lines = log.read().decode("utf-8", "replace").splitlines()
    return lines[-1].partition("mdcache: ")[2] or lines[-1] if lines else f"the watcher ended at once: see {name}"


def stop(path: str, wait_s: float) -> int | None:
    """Stop the watcher of a cache and wait for its end; return its process id, None when there is no watcher.

    Only a process that is surely the watcher gets a signal.

    Raises:
        WorkError: it cannot be reached or stopped from here, or has not ended after wait_s seconds.
    """
    seen = watchstate.found(path)
    if seen is None or seen.alive is False:
        return None
    _terminate(path, seen)
    deadline = time.monotonic() + wait_s
    while _lives(path, seen):
        if time.monotonic() > deadline:
            raise WorkError(_unmoved(seen, wait_s))
        time.sleep(_PAUSE_S)
    # A script may look for the number next. Some init of a container never frees it.
    deadline = time.monotonic() + _INIT_S
    while seen.process and process.is_left_to_init(seen.process) and time.monotonic() < deadline:
        time.sleep(_PAUSE_S)
    return seen.state.pid


def _lives(path: str, seen: Seen) -> bool:
    """Return whether a watcher has still its state or its process, which ends a moment after it has let go of that."""
    now = watchstate.read(path)
    if now and now.alive and now.state.pid in (seen.state.pid, 0):
        return True
    return bool(seen.process and process.runs(seen.process))


def _terminate(path: str, seen: Seen) -> None:
    pid = seen.state.pid
    if seen.elsewhere:
        raise WorkError(f"{path} is watched {seen.elsewhere}: stop it there" if seen.alive else seen.elsewhere)
    if not pid:
        raise WorkError(f"{watchstate.path_of(path)} does not say which process watches: try again")
    with doing(f"stop process {pid}"):
        state = os.stat(watchstate.path_of(path), follow_symlinks=False)
        if not (seen.process and process.terminate(seen.process, state)):
            raise WorkError(
                f"{path} is watched, but process {pid}, which its state names, may be another: find it with fuser"
            )


def _unmoved(seen: Seen, wait_s: float) -> str:
    pid = seen.state.pid
    if seen.process and process.is_halted(seen.process):
        return f"process {pid} is halted and ends when it goes on: kill -CONT {pid}"
    return f"process {pid} has not ended after {wait_s:g} s: wait longer with --wait"
