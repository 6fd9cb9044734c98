"""What tells an observer of changes: the interface, and what is told."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Event(NamedTuple):
    """What happened to name in a folder, or to the folder itself where name is ''.

    has_moved: it is a folder, and came from elsewhere, was renamed or is gone.
    """

    folder: str
    name: str
    is_folder: bool
    has_moved: bool


class Listener(Protocol):
    """Who is told, in a thread of the means."""

    def hear(self, event: Event) -> None: ...

    def lose(self, why: str) -> None:
        """Take note that events are missing."""


class Means(Protocol):
    """How a platform tells of changes; method is its name.

    Each call may raise OSError or RuntimeError where the system refuses.
    """

    @property
    def method(self) -> str: ...

    def watch(self, folder: str) -> None:
        """Tell from now on what happens in a folder, or make sure that it is the folder at this path of which is told.

        One that is gone, or may not be listed, is passed over.
        """

    def unwatch(self, folder: str) -> None:
        """Tell no more of a folder; its path may be another's by now."""

    def is_alive(self) -> bool:
        """Return whether all its threads are."""

    def stop(self) -> None:
        """End its threads, whatever state they are in, and give back what the system holds."""
