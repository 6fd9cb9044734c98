"""The one module that touches watchdog: it tells which paths may have changed, and when it can no longer tell.

What it says are hints. An observer that lost events, or its sense of what lies where, is never repaired: it is replaced
by a new one, and everything is looked at once. watchdog itself notices little of this: a thread of it that died, a
queue that overflowed or a root that is another folder by now leave it seemingly alive.

It changes nothing of its process but one filter for the warnings of watchdog. A thread that dies is noticed where it
dies, and by `deaf` in any case; `threading.excepthook` stays as it is.
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
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from mdcache.errors import WorkError
from mdcache.paths import has_extension, lies_in, ways
from mdcache.watching.inbox import Inbox

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent
    from watchdog.observers.api import BaseObserver
    from watchdog.utils import BaseThread

# Only these: reading on events of reading fed 77,000 of them back in 3 s. A folder's DirModified says nothing that
# others do not.
_EVENTS = (
    *("FileCreatedEvent", "FileModifiedEvent", "FileDeletedEvent", "FileMovedEvent", "FileClosedEvent"),
    *("FileAttribEvent", "DirCreatedEvent", "DirDeletedEvent", "DirMovedEvent", "DirAttribEvent"),
)
_STOP_S = 5.0


class Scope(NamedTuple):
    """What is worth a hint: documents, folders and .gitignore files below the base, but not what lies hidden."""

    base: str
    extensions: tuple[str, ...]
    database: str

    def hint(self, name: str, is_folder: bool) -> str | None:
        """Return the path to look at, relative to the base, for an event at this absolute path; '' for everything.

        None when there is nothing to look at.

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


class Unavailable(WorkError):
    """Changes cannot be observed here: a limit is reached, or the platform has no means."""


class Observer:
    """Observes folders from its creation until stop, and puts hints into an inbox.

    method: by which means, such as inotify. A root that is not there is not observed.

    Raises:
        Unavailable: on creation.
    """

    def __init__(self, roots: tuple[str, ...], scope: Scope, inbox: Inbox) -> None:
        self._scope, self._inbox = scope, inbox
        self._roots = {root: identity(root) for root in roots}
        self._threads: list[BaseThread] = []
        self._watchdog: BaseObserver | None = None
        self._stopping = False
        self._log = _Log(self)
        _LOGGER.addHandler(self._log)
        try:
            with _speaking():
                self._watchdog = _watchdog()
                self._start(self._watchdog)
        except BaseException:
            self.stop()
            raise
        self.method = type(self._watchdog).__name__.removesuffix("Observer").lower()

    def _start(self, watchdog: BaseObserver) -> None:
        events = importlib.import_module("watchdog.events")
        wanted = [getattr(events, name) for name in _EVENTS]
        for root in _outermost(self._roots):
            watchdog.schedule(self, root, recursive=True, event_filter=wanted)  # type: ignore[arg-type]
        _let_die_quietly(watchdog, self.lose)
        watchdog.start()
        self._threads = _threads(watchdog)
        _refuse_limit()

    def dispatch(self, event: FileSystemEvent) -> None:
        """Take a hint from an event. Called by watchdog, in a thread of its own."""
        moved = event.is_directory and event.event_type in ("moved", "deleted")
        for name in filter(None, (event.src_path, event.dest_path)):
            path = self._scope.hint(str(name), event.is_directory)
            if path is not None:
                self._inbox.add(path, moved)

    def lose(self, why: str) -> None:
        """Take note that events are missing; one that is being stopped is no longer asked."""
        if not self._stopping:
            self._inbox.add("", lost=why)

    def owns(self, thread: int | None) -> bool:
        """Return whether a thread, by its ident, is one of its own. While it starts, all are taken for its own."""
        return not self._threads or thread in {one.ident for one in self._threads}

    def deaf(self) -> str | None:
        """Return why it can tell nothing any more; None as long as nothing speaks against it."""
        for root, known in self._roots.items():
            if identity(root) != known:
                return f"{root} is another folder by now" if known else f"{root} has come back"
        if not all(thread.is_alive() for thread in self._threads):
            return "a thread of the observer has died"
        return None

    def stop(self) -> None:
        """End its threads; what they raise meanwhile is of no interest."""
        self._stopping = True
        if self._watchdog:
            _end(self._watchdog)
        _LOGGER.removeHandler(self._log)


def _threads(watchdog: BaseObserver) -> list[BaseThread]:
    """Return its threads: its own, one for each root, and on Linux the one that reads what inotify says."""
    reader = getattr(watchdog, "_inotify_fd", None)
    return [watchdog, *watchdog.emitters, *([reader] if reader else [])]


def _let_die_quietly(watchdog: BaseObserver, tell: Callable[[str], None]) -> None:
    """Have threads that fail tell so at once, and end, instead of printing a traceback.

    The reader of what inotify says runs from its creation: of it the calls are guarded that its loop makes.
    """
    for thread in _threads(watchdog):
        for name in ("run", "read_events", "handle_event"):
            if hasattr(thread, name):
                setattr(thread, name, functools.partial(_guarded, thread, getattr(thread, name), tell))


def _guarded(thread: BaseThread, call: Callable[..., Any], tell: Callable[[str], None], *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except Exception as error:
        tell(f"a thread of the observer has died ({type(error).__name__})")
        thread.stopped_event.set()  # its loop ends; SystemExit would be heard by a process's own threading.excepthook
        return ()


def identity(root: str) -> tuple[int, int] | None:
    """Return which folder a path leads to; None when it leads to none."""
    try:
        found = os.stat(root)
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None


def _outermost(roots: dict[str, tuple[int, int] | None]) -> list[str]:
    """Return the roots that are there and lie in no other root."""
    there = sorted(root for root, known in roots.items() if known)
    return [root for root in there if not any(lies_in(root, other) for other in there if other != root)]


def _watchdog() -> BaseObserver:
    """Return a new observer of watchdog's, for the means that this platform has."""
    # It warns when a folder comes back that it believes to be elsewhere; as an error that would kill its thread.
    warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"watchdog\.")
    made: BaseObserver = importlib.import_module("watchdog.observers").Observer()
    return made


def _end(watchdog: BaseObserver) -> None:
    """Stop an observer of watchdog's, whatever state it is in."""
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
    """Raise Unavailable, naming the limit that is reached, for what the system refuses."""
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
    """Raise OSError when there is no room for one more folder: then some of ours found none, and nobody said so."""
    if sys.platform == "linux":
        events = importlib.import_module("watchdog.events")
        probe = _watchdog()
        try:
            probe.schedule(events.FileSystemEventHandler(), "/", event_filter=[events.DirDeletedEvent])
            _let_die_quietly(probe, lambda _: None)
            probe.start()
        finally:
            _end(probe)


def refuse_limit() -> None:
    """Raise Unavailable when folders that have come since may go unobserved."""
    with _speaking():
        _refuse_limit()


# What watchdog only logs

_LOGGER = logging.getLogger("watchdog")


class _Log(logging.Handler):
    """Tells an observer what its own threads log as a warning or worse."""

    def __init__(self, observer: Observer) -> None:
        super().__init__(logging.WARNING)
        self._observer = observer

    def emit(self, record: logging.LogRecord) -> None:
        if self._observer.owns(record.thread):
            overflowed = "overflow" in record.msg
            self._observer.lose("the queue of events overflowed" if overflowed else record.getMessage())
