"""Which paths may have changed, as the system tells it, and whether that can be relied on.

What it says are hints. An observer that lost events is never repaired: it is replaced by a new one, and everything is
looked at once.

What is observed is what scan lists, no more and no less, by scan's own walk. Folders come, go, and begin to be ignored:
so a path is covered before it is looked at. From then on what changes there is announced, what changed before is seen
by the look, and nothing falls between the two.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple

from mdcache.errors import WorkError
from mdcache.files.markers import all_names
from mdcache.files.scan import Tree, folders, may_be_document
from mdcache.paths import lies_within, ways
from mdcache.watching import inotify
from mdcache.watching.inbox import Inbox
from mdcache.watching.inotify import Inotify
from mdcache.watching.means import Event, Listener, Means
from mdcache.watching.witnesses import Identities, identities


class Scope(NamedTuple):
    """What is worth a hint: documents, folders, .gitignore files and markers of sites, but not the cache's own."""

    base: str
    extensions: tuple[str, ...]
    own: frozenset[str]

    def hint(self, folder: str, name: str, is_folder: bool) -> str | None:
        """Return the path to look at, relative to the base, for an event in a folder; '' for everything.

        None when there is nothing to look at.

        A name that is no UTF-8 stands for its folder: no table holds it.
        """
        if name in all_names():
            return ""
        if name in (".gitignore", ".git"):
            name, is_folder = "", True
        full = os.path.join(folder, name) if name else folder
        if full in self.own or not (is_folder or may_be_document(name, self.extensions)):
            return None
        path = full[len(self.base.rstrip("/")) + 1 :]
        return next((way for way in ways(path) if _is_utf8(way)), "")


def _is_utf8(path: str) -> bool:
    return path.isascii() or not any("\ud800" <= character <= "\udfff" for character in path)


class Unavailable(WorkError):
    """Changes cannot be observed here: a limit is reached, or the platform has no means."""


def means_of_platform(listener: Listener, roots: tuple[str, ...]) -> Means:
    """Return what tells a listener of changes in and below these folders."""
    if sys.platform == "linux":
        return Inotify(listener)
    from mdcache.watching.recursive import Recursive

    return Recursive(listener, roots)


class Observer:
    """Observes the folders of a tree from its creation until stop, and puts hints into an inbox.

    method: by which means, such as inotify. A root that is not there is not observed.

    Args:
        tree: what is scanned.
        own: files of the cache itself, which are never announced.
        inbox: takes the hints.
        begin: makes what tells of changes, given who is told, and the roots.

    Raises:
        Unavailable: on creation.
    """

    def __init__(
        self,
        tree: Tree,
        own: frozenset[str],
        inbox: Inbox,
        begin: Callable[[Listener, tuple[str, ...]], Means] = means_of_platform,
    ) -> None:
        self._tree, self._inbox = tree, inbox
        self._scope = Scope(tree.base, (*tree.extensions, *chain.from_iterable(more for _, more in tree.more)), own)
        self._roots = identities(tree.roots)
        self._folders: set[str] = set()
        self._stopping = False
        with _speaking():
            self._means = begin(self, tree.roots)
        self.method = self._means.method
        try:
            self.cover(None)
        except BaseException:
            self.stop()
            raise

    def cover(self, within: frozenset[str] | None) -> None:
        """Observe what a scan within these paths lists, and no longer what it does not. To be called before it.

        Args:
            within: as for scan.

        Raises:
            Unavailable: there are more folders than can be observed.
        """
        if within is not None:
            within = frozenset(path for path in within if self._may_be_folder(path))
            if not within:
                return
        covered = set()
        with _speaking():
            for folder in folders(self._tree, within):
                self._folders.add(folder)
                self._means.watch(folder)
                covered.add(folder)
        prefix = len(self._tree.base.rstrip("/")) + 1
        known = (folder for folder in self._folders if within is None or lies_within(folder[prefix:], within))
        for folder in [folder for folder in known if folder not in covered]:
            self._folders.discard(folder)
            self._means.unwatch(folder)

    def _may_be_folder(self, path: str) -> bool:
        full = os.path.join(self._tree.base, path) if path else self._tree.base
        return full in self._folders or os.path.isdir(full)

    def hear(self, event: Event) -> None:
        """Take a hint from an event. Called in a thread of the means'."""
        # A root lies in no folder that is observed, and counts itself.
        if event.folder in self._folders or os.path.join(event.folder, event.name) in self._folders:
            path = self._scope.hint(event.folder, event.name, event.is_folder)
            if path is not None:
                self._inbox.add(path, event.has_moved)

    def lose(self, why: str) -> None:
        """Take note that events are missing; one that is being stopped is no longer asked."""
        if not self._stopping:
            self._inbox.add("", lost=why)

    def deaf(self, now: Identities) -> str | None:
        """Return why it can tell nothing any more; None as long as nothing speaks against it.

        Args:
            now: which folders the roots are.
        """
        for root, known in self._roots.items():
            if now[root] != known:
                return f"{root} is another folder by now" if known else f"{root} has come back"
        return None if self._means.is_alive() else "a thread of the observer has died"

    def stop(self) -> None:
        """End its threads; what they raise meanwhile is of no interest."""
        self._stopping = True
        self._means.stop()


_LIMITS = {errno.ENOSPC: ("folders", "watches"), errno.EMFILE: ("observers", "instances")}


@contextlib.contextmanager
def _speaking() -> Iterator[None]:
    """Raise Unavailable, naming the limit that is reached, for what the system refuses."""
    try:
        yield
    except OSError as error:
        if error.errno not in _LIMITS:
            raise Unavailable(f"cannot observe {error.filename or 'the folders'}: {error.strerror}") from error
        what, name = _LIMITS[error.errno]
        limit = inotify.limit(name)
        name, now = limit or (f"fs.inotify.max_user_{name}", "unknown")
        raise Unavailable(f"no more {what} can be observed, raise {name} (now {now}) with sysctl") from error
    except RuntimeError as error:
        raise Unavailable(f"cannot observe the folders: {error}") from error
