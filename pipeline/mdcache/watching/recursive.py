"""The one module that touches watchdog, for systems without inotify: folders with all that lies below them.

watchdog notices little of what befalls it: a thread of it that died or a queue that overflowed leave it seemingly
alive. So its threads are guarded, and its log is listened to. It changes nothing of its process but one filter for the
warnings of watchdog; `threading.excepthook` stays as it is.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
import os
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mdcache.paths import lies_in
from mdcache.watching.means import Event, Listener

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
# Each root has a thread; of more than so many the folder that they lie in is observed.
_MANY_ROOTS = 16
_STOP_S = 5.0
_LOGGER = logging.getLogger("watchdog")


class Recursive:
    """Observes roots with all that lies below them, from its creation until stop, also what nobody watches.

    A root that is not there is not observed.
    """

    def __init__(self, listener: Listener, roots: tuple[str, ...]) -> None:
        self._listener = listener
        self._threads: list[BaseThread] = []
        self._watchdog: BaseObserver | None = None
        self._log = _Log(self)
        _LOGGER.addHandler(self._log)
        try:
            self._watchdog = _watchdog()
            self._start(self._watchdog, roots)
        except BaseException:
            self.stop()
            raise
        self.method = type(self._watchdog).__name__.removesuffix("Observer").lower()

    def _start(self, watchdog: BaseObserver, roots: tuple[str, ...]) -> None:
        events = importlib.import_module("watchdog.events")
        wanted = [getattr(events, name) for name in _EVENTS]
        for root in _outermost(roots):
            watchdog.schedule(self, root, recursive=True, event_filter=wanted)  # type: ignore[arg-type]
        _let_die_quietly(watchdog, self.lose)
        watchdog.start()
        self._threads = _threads(watchdog)

    def dispatch(self, event: FileSystemEvent) -> None:
        """Pass an event on. Called by watchdog, in a thread of its own."""
        has_moved = event.is_directory and event.event_type in ("moved", "deleted")
        for path in filter(None, (event.src_path, event.dest_path)):
            folder, name = os.path.split(str(path))
            self._listener.hear(Event(folder, name, event.is_directory, has_moved))

    def lose(self, why: str) -> None:
        """Take note that events are missing."""
        self._listener.lose(why)

    def watch(self, folder: str) -> None:
        """Do nothing: all below the roots is watched."""

    def unwatch(self, folder: str) -> None:
        """Do nothing: all below the roots is watched."""

    def owns(self, thread: int | None) -> bool:
        """Return whether a thread, by its ident, is one of its own. While it starts, all are taken for its own."""
        return not self._threads or thread in {one.ident for one in self._threads}

    def is_alive(self) -> bool:
        """See Means."""
        return all(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """See Means."""
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


def _outermost(roots: tuple[str, ...]) -> list[str]:
    """Return the roots that are there and lie in no other root; of many, the folder that all lie in."""
    found: list[str] = []
    for root in sorted(filter(os.path.isdir, roots), key=lambda root: root + "/"):
        if not (found and lies_in(root, found[-1])):
            found.append(root)
    return found if len(found) <= _MANY_ROOTS else [os.path.commonpath(found)]


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


class _Log(logging.Handler):
    """Tells what the threads of an observer log as a warning or worse."""

    def __init__(self, observer: Recursive) -> None:
        super().__init__(logging.WARNING)
        self._observer = observer

    def emit(self, record: logging.LogRecord) -> None:
        if self._observer.owns(record.thread):
            overflowed = "overflow" in record.msg
            self._observer.lose("the queue of events overflowed" if overflowed else record.getMessage())
