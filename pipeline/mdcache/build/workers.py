"""Worker processes for parsing: started before any lock or connection exists, gone when their parent is.

Every worker has two pipes of its own, and nobody else holds an end of them. So whoever dies, the other side sees its
pipe end at once: a killed rebuild leaves no worker behind, and a killed worker no rebuild that waits for it. (Pools
that share one queue can wait for ever when a worker is killed in the middle of a result.)
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import cycle
from multiprocessing.connection import Connection
from multiprocessing.context import ForkContext, SpawnContext
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from mdcache import stops
from mdcache.errors import WorkError

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")

# Jobs under way for each worker: one it works on, one that waits. More would only hold more text in memory.
_AHEAD = 2
# Values made and not yet gone before the garbage collector looks: more than a job makes.
_CYCLES_AFTER = 200_000
_SAFE_PATH = "PYTHONSAFEPATH"


@contextlib.contextmanager
def started(count: int, work: Callable[[_Job], _Result]) -> Iterator[Callable[[Iterable[_Job]], Iterable[_Result]]]:
    """Start count worker processes; yields what gives the results of work, in the order of the jobs, a few jobs ahead.

    With 0 the work is done in this process. Raises WorkError when processes cannot be started, and while results are
    taken when one was killed; what work raises is raised again here.
    """
    if count < 1:
        yield partial(map, work)
        return
    with contextlib.ExitStack() as stack:
        next_worker = cycle(_recruited(count, work, stack))
        yield partial(_in_order, lambda job: next(next_worker).submit(job), count * _AHEAD)


def within(
    executor: Executor, count: int, work: Callable[[_Job], _Result]
) -> Callable[[Iterable[_Job]], Iterable[_Result]]:
    """The same in somebody else's workers, on this machine or on others; at least count of them are kept busy.

    Work, jobs and results are pickled if the executor does so. Raises WorkError when its workers are lost.
    """
    return partial(_in_order, lambda job: partial(_result_of, executor.submit(work, job)), count * _AHEAD)


def _result_of(future: Future[_Result]) -> _Result:
    from concurrent.futures import BrokenExecutor  # and with it logging: not for everyone

    try:
        return future.result()
    except BrokenExecutor as error:
        raise WorkError(f"the executor lost its workers: {error}") from error


def _recruited(count: int, work: Callable[[Any], Any], stack: contextlib.ExitStack) -> list[_Worker]:
    crew = []
    try:
        with stops.held_back():  # until the new process has learnt to leave Ctrl-C to its parent
            for _ in range(count):
                crew.append(_Worker(work))
                stack.callback(crew[-1].stop)
    except OSError as error:
        raise WorkError(f"cannot start {count} worker processes: {error.strerror}: try --workers 0") from error
    return crew


def default_count() -> int:
    """One for each processor we may use, at most four: beyond that the inserting process is the bound."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, 4)


def _in_order(submit: Callable[[Any], Callable[[], Any]], ahead: int, jobs: Iterable[Any]) -> Iterator[Any]:
    """submit gives what waits for the result of a job."""
    waiting: deque[Callable[[], Any]] = deque()
    for job in jobs:
        waiting.append(submit(job))
        if len(waiting) > ahead:
            yield waiting.popleft()()
    while waiting:
        yield waiting.popleft()()


class _Worker:
    """A worker as its parent sees it."""

    def __init__(self, work: Callable[[Any], Any]) -> None:
        context = _context()
        jobs, self._jobs = context.Pipe(duplex=False)
        self._results, results = context.Pipe(duplex=False)
        self._process = context.Process(target=_serve, args=(work, jobs, results), daemon=True)
        with _importing_nothing_from_here():
            self._process.start()
        jobs.close()
        results.close()

    def submit(self, job: Any) -> Callable[[], Any]:
        """Gives what waits for the result; to be asked in the order of the jobs."""
        with _alive():
            self._jobs.send(job)
        return self.result

    def result(self) -> Any:
        with _alive():
            result, error = self._results.recv()
        if error:
            raise error
        return result

    def stop(self) -> None:
        """At once, whatever it does: a worker has nothing that could be lost."""
        self._process.kill()
        self._process.join()
        self._jobs.close()
        self._results.close()


def _context() -> ForkContext | SpawnContext:
    """fork is fast, and safe where no thread, lock or connection exists yet: not in a watcher, whose observer has
    threads, and not on macOS, whose libraries forbid it."""
    if sys.platform == "linux" and threading.active_count() == 1:
        return multiprocessing.get_context("fork")
    return multiprocessing.get_context("spawn")


@contextlib.contextmanager
def _importing_nothing_from_here() -> Iterator[None]:
    """A process that is spawned looks for its first modules in the working folder, where documents of others lie."""
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = before


@contextlib.contextmanager
def _alive() -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError) as error:
        raise WorkError(
            "a worker process was killed, perhaps for want of memory or threads: try again with --workers 0"
        ) from error


def _serve(work: Callable[[Any], Any], jobs: Connection, results: Connection) -> None:
    """In the worker: work until the parent closes its end of the pipe, or dies.

    Receiving and sending have threads of their own: the end is seen in the middle of work, and the next job begins
    while the parent is too busy to take the last result. Whatever fails here, the parent sees the pipe end and says it.
    """
    try:
        _close_all_but(0, 1, 2, jobs.fileno(), results.fileno())
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, stops.STOPS)
        # A job's values go with it, hardly ever in cycles: to look for those every 700 values is a tenth of the work.
        gc.freeze()
        gc.set_threshold(_CYCLES_AFTER)
        inbox: SimpleQueue[Any] = SimpleQueue()
        outbox: SimpleQueue[Any] = SimpleQueue()
        _for_ever(lambda: inbox.put(jobs.recv()))
        _for_ever(lambda: results.send(outbox.get()))
        while True:
            outbox.put(_outcome(work, inbox.get()))
    finally:
        os._exit(1)


def _close_all_but(*kept: int) -> None:
    """Above all the parent's ends of other workers' pipes: they would not see them end while we live."""
    for descriptor in map(int, os.listdir("/dev/fd") if os.path.isdir("/dev/fd") else ()):
        if descriptor not in kept:
            with contextlib.suppress(OSError):  # that of the listing itself
                os.close(descriptor)


def _for_ever(step: Callable[[], None]) -> None:
    """Repeat a step in a thread; when it fails, the parent is gone, and so is this process."""

    def run() -> None:
        try:
            while True:
                step()
        finally:
            os._exit(1)

    threading.Thread(target=run, daemon=True).start()


def _outcome(work: Callable[[Any], Any], job: Any) -> tuple[Any, Exception | None]:
    try:
        return work(job), None
    except Exception as error:
        error.add_note(traceback.format_exc())
        return None, error
