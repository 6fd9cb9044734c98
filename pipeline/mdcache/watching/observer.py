"""The one module that touches watchdog: it tells which paths may have changed, and when it can no longer tell.

What it says are hints. An observer that lost events, or its sense of what lies where, is never mended: it is replaced
by a new one, and everything is looked at once. watchdog itself notices little of this: a thread of it that died, a
queue that overflowed or a root that is another folder by now leave it seemingly alive.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import importlib
import logging
import os
import stat
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from mdcache.errors import WorkError
from mdcache.paths import has_extension, lies_in, ways

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent
    from watchdog.observers.api import BaseObserver

# Only these: to be told of what is read would feed on itself. A folder's DirModified says nothing that others do not.
_EVENTS = (
    *("FileCreatedEvent", "FileModifiedEvent", "FileDeletedEvent", "FileMovedEvent", "FileClosedEvent"),
    *("FileAttribEvent", "DirCreatedEvent", "DirDeletedEvent", "DirMovedEvent", "DirAttribEvent"),
)
# So many paths are not worth keeping apart: everything is looked at.
MANY = 500
_STOP_S = 5.0


class Scope(NamedTuple):
    """What is worth a hint: documents, folders and .gitignore files below the base, but not what lies hidden."""

    base: str
    extensions: tuple[str, ...]
    database: str

    def hint(self, name: str, is_folder: bool) -> str | None:
        """The path to look at, relative to the base, for an event at this absolute path; '' for everything.

        A name that is no UTF-8 stands for its folder: no table holds it.
        """
        prefix = self.base.rstrip("/") + "/"
        if name.startswith(self.database) or not (name + "/").startswith(prefix):
            return None
        path = name[len(prefix) :]
        above, _, last = path.rpartition("/")
        if last in (".gitignore", ".git"):
            path, is_folder = above, True
        if not is_folder and not has_extension(path, self.extensions):
            return None
        return next((way for way in ways(path) if _is_utf8(way)), "") if not _is_hidden(path) else None


def _is_hidden(path: str) -> bool:
    return path.startswith(".") or "/." in path


def _is_utf8(path: str) -> bool:
    return path.isascii() or not any("\ud800" <= character <= "\udfff" for character in path)


class Taken(NamedTuple):
    """What was announced: paths relative to the base, None for everything; lost: why events are missing, if they are.

    since: when the first came, by time.monotonic. moved: a folder came, went or was renamed.
    """

    paths: frozenset[str] | None
    since: float
    moved: bool
    lost: str | None


class Inbox:
    """Hints on their way from the observer's threads to the watcher's, each path once, never more than a few."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._clear()

    def _clear(self) -> None:
        self._paths: set[str] | None = set()
        self._first = self._last = 0.0
        self._moved = False
        self._lost: str | None = None

    def add(self, path: str, moved: bool = False, lost: str | None = None) -> None:
        """A path, '' for everything."""
        now = time.monotonic()
        with self._lock:
            was_empty = not self._count()
            if self._paths is not None:
                self._paths.add(path)
                if path == "" or len(self._paths) > MANY:
                    self._paths = None
            self._first, self._last = self._first or now, now
            self._moved |= moved
            self._lost = self._lost or lost
        if was_empty or lost:
            self.ring()

    def ring(self) -> None:
        """Wake whoever waits; safe in a signal handler."""
        self._bell.put(None)

    def wait(self, seconds: float) -> None:
        """Until it rings, or so long."""
        with contextlib.suppress(Empty):
            self._bell.get(timeout=max(seconds, 0.001))
            while True:
                self._bell.get_nowait()

    def _count(self) -> int:
        return MANY if self._paths is None else len(self._paths)

    def count(self) -> int:
        with self._lock:
            return self._count()

    def due(self, quiet_s: float, at_most_s: float) -> float | None:
        """When what is in it should be taken: when nothing has come for quiet_s, at_most_s after the first."""
        with self._lock:
            return min(self._last + quiet_s, self._first + at_most_s) if self._count() else None

    def take(self) -> Taken | None:
        with self._lock:
            if not self._count():
                return None
            paths = None if self._paths is None else frozenset(self._paths)
            taken = Taken(paths, self._first, self._moved, self._lost)
            self._clear()
            return taken


class Unavailable(WorkError):
    """Changes cannot be observed here: a limit is reached, or the platform has no means."""


class Observer:
    """Observes folders from its creation until stop, and puts hints into an inbox. Raises Unavailable.

    method says by which means. A root that is not there is not observed.
    """

    def __init__(self, roots: tuple[str, ...], scope: Scope, inbox: Inbox) -> None:
        self._scope, self._inbox = scope, inbox
        self._roots = {root: identity(root) for root in roots}
        self.threads: frozenset[threading.Thread] | None = None
        _living.append(self)
        before = frozenset(threading.enumerate())
        try:
            with _speaking():
                self._watchdog = _watchdog()
                self._start()
        except BaseException:
            self.stop()
            raise
        self.threads = frozenset(threading.enumerate()) - before
        self.method = type(self._watchdog).__name__.removesuffix("Observer").lower()

    def _start(self) -> None:
        events = importlib.import_module("watchdog.events")
        wanted = [getattr(events, name) for name in _EVENTS]
        for root in _outermost(self._roots):
            self._watchdog.schedule(self, root, recursive=True, event_filter=wanted)  # type: ignore[arg-type]
        self._watchdog.start()
        _refuse_limit()

    def dispatch(self, event: FileSystemEvent) -> None:
        """Called by watchdog, in a thread of its own."""
        moved = event.is_directory and event.event_type in ("moved", "deleted")
        for name in filter(None, (event.src_path, event.dest_path)):
            path = self._scope.hint(str(name), event.is_directory)
            if path is not None:
                self._inbox.add(path, moved)

    def lose(self, why: str) -> None:
        self._inbox.add("", lost=why)

    def deaf(self) -> str | None:
        """Why it can tell nothing any more; None as long as nothing speaks against it."""
        for root, known in self._roots.items():
            if identity(root) != known:
                return f"{root} is another folder by now" if known else f"{root} has come back"
        if not all(thread.is_alive() for thread in self.threads or ()):
            return "a thread of the observer has died"
        return None

    def stop(self) -> None:
        """End its threads; what they raise meanwhile is of no interest."""
        _living.remove(self)
        watchdog = getattr(self, "_watchdog", None)
        if watchdog is not None:
            _end(watchdog)


def identity(root: str) -> tuple[int, int] | None:
    """Which folder a path leads to; None when to none."""
    try:
        found = os.stat(root)
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None


def _outermost(roots: dict[str, tuple[int, int] | None]) -> list[str]:
    """Of the roots that are there those that lie in no other."""
    there = sorted(root for root, known in roots.items() if known)
    return [root for root in there if not any(lies_in(root, other) for other in there if other != root)]


def _watchdog() -> BaseObserver:
    # It warns when a folder comes back that it believes to be elsewhere; as an error that would kill its thread.
    warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"watchdog\.")
    _listen()
    made: BaseObserver = importlib.import_module("watchdog.observers").Observer()
    return made


def _end(watchdog: BaseObserver) -> None:
    with contextlib.suppress(Exception):
        watchdog.stop()
    with contextlib.suppress(Exception):
        watchdog.join(_STOP_S)
    # When an emitter's end raises, its reader is forgotten, with a descriptor of which there are few.
    reader = getattr(watchdog, "_inotify_fd", None)
    if reader is not None and reader.is_alive():
        with contextlib.suppress(Exception):
            reader.stop()


# What the system allows

# The limit of the machine, and that of the user namespace, as containers have one.
_LIMITS = {
    errno.ENOSPC: ("folders", ("fs.inotify.max_user_watches", "user.max_inotify_watches")),
    errno.EMFILE: ("observers", ("fs.inotify.max_user_instances", "user.max_inotify_instances")),
}


@contextlib.contextmanager
def _speaking() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _LIMITS:
            raise Unavailable(f"cannot observe {error.filename or 'the folders'}: {error.strerror}") from error
        what, names = _LIMITS[error.errno]
        limits = {name: limit for name in names if (limit := _sysctl(name)) is not None}
        name = min(limits, key=limits.__getitem__, default=names[0])
        now = limits.get(name, "unknown")
        raise Unavailable(f"no more {what} can be observed, raise {name} (now {now}) with sysctl") from error
    except RuntimeError as error:
        raise Unavailable(f"cannot observe the folders: {error}") from error


def _sysctl(name: str) -> int | None:
    try:
        with open("/proc/sys/" + name.replace(".", "/"), encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


def _refuse_limit() -> None:
    """Raises OSError when there is no room for one more folder: then some of ours found none, which nobody said."""
    if sys.platform == "linux":
        events = importlib.import_module("watchdog.events")
        probe = _watchdog()
        try:
            probe.schedule(events.FileSystemEventHandler(), "/", event_filter=[events.DirDeletedEvent])
            probe.start()
        finally:
            _end(probe)


def refuse_limit() -> None:
    """Raises Unavailable when folders that have come since may go unobserved."""
    with _speaking():
        _refuse_limit()


# What watchdog tells nobody

_living: list[Observer] = []
_excepthook = threading.excepthook


@functools.cache
def _listen() -> None:
    """Be told what its threads die of, and what it logs."""
    threading.excepthook = _died
    logging.getLogger("watchdog").addHandler(_Log(logging.WARNING))


def _died(what: threading.ExceptHookArgs) -> None:
    theirs = importlib.import_module("watchdog.utils").BaseThread
    if not isinstance(what.thread, theirs):
        _excepthook(what)
        return
    _blame(what.thread.ident, f"a thread of the observer has died ({what.exc_type.__name__})")


def _blame(thread: int | None, why: str) -> None:
    """Tell the observer to which a thread belongs; one that is being stopped is no longer asked."""
    for observer in _living:
        if observer.threads is None or thread in {one.ident for one in observer.threads}:
            observer.lose(why)


class _Log(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _blame(record.thread, "the queue of events overflowed" if "overflow" in record.msg else record.getMessage())
