"""What SQL of somebody else's may cost: the time it takes, and the memory.

SQLite asks now and then whether a statement is to go on, and that ends most of what never would by itself. A single
step may take hours, too, such as instr() of megabytes in megabytes: a thread interrupts what SQLite can interrupt, as a
full-text index that is written, and else ends the process. The memory of a value is limited by the system, on Linux;
elsewhere a statement ends when it has taken too much.
"""

from __future__ import annotations

import contextlib
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator

from mdcache import printed, stops
from mdcache.errors import UsageError
from mdcache.store import connections, failures
from mdcache.store.connections import Connection, SqliteError

DDL_S = 1.0
"""Seconds of a processor that all statements of the schema files may take together."""
TRIGGERS_S = 1.0
"""Seconds that all writing into a cache with the user's triggers and indexes may take, beside those for documents."""
DOCUMENT_S, MEGABYTE_S = 0.002, 0.5
"""What each document adds to that, and each megabyte of documents."""
_MEMORY_BYTES = 224 << 20
# How much more memory may be taken for each byte of documents: what is held back of them, and sorted.
_MEMORY_PER_BYTE = 3
# By how much a database may grow, and how much more for each byte of documents.
_GROWTH_BYTES, _GROWTH_PER_BYTE = 128 << 20, 8
# How many steps of SQLite's machine pass between two looks at the clock: well under a millisecond.
STEPS = 1_000
# How often a statement is interrupted that is late, and when the process is ended.
_AGAIN_S, _GRACE_S = 0.05, 0.5


class Exceeded(UsageError):
    """SQL of the schema files takes more time or memory than it may."""


class Bound:
    """What the user's own SQL may still cost on a connection.

    Time counts while running is entered, and only what this thread has of a processor: it is no fault of the schema
    files if the machine has other things to do.

    Args:
        db: the connection. Its progress handler is this bound's from now on.
        what: what a message is to blame.
        limit_s: how many seconds it may take in all; None: there is no such SQL, and nothing is bounded.
    """

    def __init__(self, db: Connection, what: str, limit_s: float | None) -> None:
        self._db, self._what, self._limit_s = db, what, limit_s or 0.0
        self._is_free = limit_s is None
        self._spent_s = 0.0
        self._memory = _MEMORY_BYTES
        self._exceeded = ""
        self._clock: Callable[[], float] | None = None
        self._began = 0.0
        if not self._is_free:
            self._file, self._growth = connections.file_of(db), _GROWTH_BYTES
            self._pages, self._page_size = (
                connections.scalar(db, f"PRAGMA {one}") for one in ("page_count", "page_size")
            )
            self._limit_growth()
            self._data, self._peak = _data_bytes(), connections.peak_bytes()
            # Without a handler Ctrl-C would not end an endless trigger either.
            db.set_progress_handler(self._is_over, STEPS)

    def allow(self, documents: int, size: int) -> None:
        """Allow what so many more documents of so many bytes may cost."""
        self._limit_s += DOCUMENT_S * documents + MEGABYTE_S * size / 1e6
        self._memory += _MEMORY_PER_BYTE * size
        if not self._is_free:
            self._growth += _GROWTH_PER_BYTE * size
            self._limit_growth()

    def _limit_growth(self) -> None:
        self._db.execute(f"PRAGMA max_page_count={self._pages + self._growth // self._page_size}")

    @contextlib.contextmanager
    def running(self, what: str = "") -> Iterator[None]:
        """Bound what runs within the context.

        Args:
            what: what a message is to blame; '' for what the bound is of.

        Raises:
            Exceeded: it took too much, or what ran before it did.
        """
        if self._is_free:
            yield
            return
        over = threading.Event()
        clock = _clock()
        self._began, self._clock = clock(), clock
        watchdog = threading.Thread(target=self._watch, args=(over, what), daemon=True)
        try:
            with contextlib.suppress(RuntimeError):  # no thread to spare: the handler sees to all but single long steps
                watchdog.start()
            with _limited(self._data + self._memory):
                yield
        except (KeyboardInterrupt, SqliteError, MemoryError) as error:
            if isinstance(error, MemoryError):
                self._exceeded = self._exceeded or self._of_memory()
            elif failures.name_of(error) == "SQLITE_FULL" and not failures.is_full(self._file):
                self._exceeded = f"{self._growth >> 20} MB of the cache"
            elif not self._exceeded or stops.asked() or not failures.is_interrupt(error):
                raise
            raise Exceeded(self._said(what)) from None
        finally:
            over.set()
            self._spent_s += clock() - self._began
            self._clock = None
            if watchdog.ident:
                watchdog.join()
        if self._exceeded or self._spent_s > self._limit_s:
            raise Exceeded(self._said(what))

    def _said(self, what: str) -> str:
        return f"{what or self._what}: it takes more than {self._exceeded or self._of_time()}"

    def _of_time(self) -> str:
        return f"{self._limit_s:.1f} seconds"

    def _of_memory(self) -> str:
        return f"{self._memory >> 20} MB of memory"

    def _left_s(self) -> float:
        clock = self._clock
        return self._limit_s - self._spent_s - (clock() - self._began) if clock else self._limit_s

    def _is_over(self) -> bool:
        """Return whether a statement is to end: SQLite asks that now and then, whatever runs."""
        if self._clock and not self._exceeded:
            if self._left_s() < 0:
                self._exceeded = self._of_time()
            elif connections.peak_bytes() > self._peak + self._memory:
                self._exceeded = self._of_memory()
        return bool(self._clock and self._exceeded)

    def _watch(self, over: threading.Event, what: str) -> None:
        """Interrupt what is late, until it is over; end the process where that does not help."""
        while not over.wait(max(self._left_s(), _AGAIN_S)):
            if self._left_s() > 0:
                continue
            self._exceeded = self._exceeded or self._of_time()
            if self._left_s() < -_GRACE_S:
                words = printed.said(f"mdcache: {self._said(what)}")
                stops.end(words.encode(errors="replace") + b"\n", Exceeded.status)
            with contextlib.suppress(SqliteError):  # it is closed by now
                self._db.interrupt()


def _clock() -> Callable[[], float]:
    """Return what tells the seconds that this thread has had of a processor, also to others; else those that pass."""
    try:
        number = time.pthread_getcpuclockid(threading.get_ident())
    except (AttributeError, OSError):
        return time.monotonic
    return lambda: time.clock_gettime(number)


@contextlib.contextmanager
def _limited(data_bytes: int) -> Iterator[None]:
    """Let this process have no more memory of its own than so much, where the system can see to that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if sys.platform != "linux" or soft != resource.RLIM_INFINITY:
        yield
        return
    resource.setrlimit(resource.RLIMIT_DATA, (data_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _data_bytes() -> int:
    """Return how much memory of its own this process has; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[5]) * resource.getpagesize()
    except OSError:
        return 0
