"""Linux's inotify: one descriptor and one thread, however many folders are watched.

The system watches folders, each for itself, and a watch stays with its folder wherever that moves. So each watch has
the paths under which its folder is known here: several where it is mounted twice. What comes into a folder, or goes, is
told to the caller, who watches and unwatches; nothing is walked here.

watchdog would watch everything below a root, with a thread and a walk of its own for each.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import struct
import threading
from collections.abc import Iterator
from typing import NamedTuple

from mdcache.watching.means import Event, Listener

_libc = ctypes.CDLL(None, use_errno=True)

# See inotify(7). Neither opening nor reading is asked for: looking at what was announced would announce it again.
_MODIFY, _ATTRIB, _CLOSE_WRITE = 0x2, 0x4, 0x8
_MOVED_FROM, _MOVED_TO, _CREATE, _DELETE, _DELETE_SELF = 0x40, 0x80, 0x100, 0x200, 0x400
_UNMOUNT, _OVERFLOW, _IGNORED = 0x2000, 0x4000, 0x8000
_ONLY_FOLDERS, _IS_FOLDER = 0x1000000, 0x40000000
_WANTED = _MODIFY | _ATTRIB | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _ONLY_FOLDERS
_MOVED = _MOVED_FROM | _MOVED_TO | _DELETE | _DELETE_SELF

_EVENT = struct.Struct("iIII")
_BUFFER_BYTES = 1 << 17
# What a folder may answer that has just gone, or that we may not list.
_NOT_TO_BE_WATCHED = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP, errno.ENAMETOOLONG)
_STOP_S = 5.0


class Inotify:
    """Watches folders from their watch() on, until stop.

    Raises:
        OSError: on creation, when there is no room for one more.
    """

    method = "inotify"

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._descriptor: int = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self._wakes, self._wake = os.pipe()
        # One lock for what the system watches and what is known of it: no event is read between the two.
        self._lock = threading.Lock()
        self._watches: dict[str, int] = {}
        self._paths: dict[int, set[str]] = {}
        self._thread = threading.Thread(target=self._run, name="inotify", daemon=True)
        try:
            self._thread.start()
        except BaseException:
            self._close()
            raise

    def watch(self, folder: str) -> None:
        """See Means. Raises OSError when there is no room for one more."""
        with self._lock:
            watch: int = _libc.inotify_add_watch(self._descriptor, os.fsencode(folder), _WANTED)
            number = ctypes.get_errno()
            if watch < 0:
                self._forget(folder)
                if number not in _NOT_TO_BE_WATCHED:
                    raise OSError(number, os.strerror(number), folder)
            elif watch != self._watches.get(folder):
                self._forget(folder)
                self._watches[folder] = watch
                self._paths.setdefault(watch, set()).add(folder)

    def unwatch(self, folder: str) -> None:
        """See Means."""
        with self._lock:
            self._forget(folder)

    def is_alive(self) -> bool:
        """See Means."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """See Means."""
        os.write(self._wake, b"!")
        self._thread.join(_STOP_S)
        if not self._thread.is_alive():
            self._close()

    def _close(self) -> None:
        for descriptor in (self._descriptor, self._wakes, self._wake):
            os.close(descriptor)

    def _forget(self, folder: str) -> None:
        """Take a path from its watch, which ends with the last one. What it has still to tell is told to nobody."""
        watch = self._watches.pop(folder, None)
        if watch is None:
            return
        self._paths[watch].discard(folder)
        if not self._paths[watch]:
            del self._paths[watch]
            _libc.inotify_rm_watch(self._descriptor, watch)

    # In the thread that reads

    def _run(self) -> None:
        try:
            while self._wait():
                for event in self._read():
                    self._listener.hear(event)
        except Exception as error:
            self._listener.lose(f"a thread of the observer has died ({type(error).__name__})")

    def _wait(self) -> bool:
        """Wait for events; return False when it is time to end."""
        poller = select.poll()
        poller.register(self._descriptor, select.POLLIN)
        poller.register(self._wakes, select.POLLIN)
        return all(ready != self._wakes for ready, _ in poller.poll())

    def _read(self) -> Iterator[Event]:
        raw = os.read(self._descriptor, _BUFFER_BYTES)
        at = 0
        while at < len(raw):
            watch, mask, _, length = _EVENT.unpack_from(raw, at)
            at += _EVENT.size + length
            if mask & _OVERFLOW:
                self._listener.lose("the queue of events overflowed")
            else:
                name = os.fsdecode(raw[at - length : at].rstrip(b"\0"))
                for folder in self._known(watch, mask, name):
                    is_folder = not name or bool(mask & _IS_FOLDER)
                    yield Event(folder, name, is_folder, is_folder and bool(mask & _MOVED))

    def _known(self, watch: int, mask: int, name: str) -> tuple[str, ...]:
        """Return the paths of a watch, and forget what an event says of it.

        A folder that moves keeps its watch, and those below it theirs, under paths that no longer lead to them. They
        are watched again when the caller comes to where it has moved.
        """
        with self._lock:
            folders = tuple(self._paths.get(watch, ()))
            if mask & _IGNORED:
                for folder in folders:
                    del self._watches[folder]
                self._paths.pop(watch, None)
                return ()
            if mask & _MOVED_FROM and mask & _IS_FOLDER:
                for folder in folders:
                    gone = os.path.join(folder, name)
                    for one in [one for one in self._watches if one == gone or one.startswith(gone + "/")]:
                        self._forget(one)
            return folders


# What the system allows


class Limit(NamedTuple):
    """A limit of the system's, by the name that sysctl knows."""

    name: str
    value: int


def limit(what: str) -> Limit | None:
    """Return the limit that holds for a user; None where the system does not say.

    The machine has one, and each user namespace, as containers are in, one of its own: the smaller counts.

    Args:
        what: watches (how many folders) or instances (how many observers).
    """
    names = f"fs.inotify.max_user_{what}", f"user.max_inotify_{what}"
    limits = [Limit(name, value) for name in names if (value := _sysctl(name)) is not None]
    return min(limits, key=lambda one: one.value, default=None)


def _sysctl(name: str) -> int | None:
    try:
        with open("/proc/sys/" + name.replace(".", "/"), encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None
