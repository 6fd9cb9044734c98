"""Worker processes for parsing: started before any lock or connection exists, gone when their parent is.

A killed parent cannot clean up, and a worker that lives on would keep the writer lock's descriptor and the other
workers' pipes. So each worker watches its parent and ends with it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from pipeline.errors import WorkError

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")

# Jobs under way for each worker: one it works on, one that waits. More would only hold more text in memory.
_AHEAD = 2


class InProcess(Executor):
    """Does the work at once, here: for a handful of files, cheaper than starting a process."""

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
        future: Future[object] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@contextlib.contextmanager
def started(count: int) -> Iterator[Executor]:
    """count worker processes that are running when this returns; with 0 the work is done in this process."""
    if count < 1:
        yield InProcess()
        return
    # fork is fast and safe here: no thread, lock or connection exists yet. On macOS its libraries forbid it.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    executor = ProcessPoolExecutor(count, mp_context=context, initializer=_live_with_parent)
    try:
        executor.submit(os.getpid).result()
        yield executor
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def default_count() -> int:
    """One for each processor we may use, at most four: beyond that the inserting process is the bound."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, 4)


def in_order(
    executor: Executor, work: Callable[[_Job], _Result], jobs: Iterable[_Job], count: int
) -> Iterator[_Result]:
    """The results of work for each job, in the order of the jobs, a few jobs ahead."""
    waiting: deque[Future[_Result]] = deque()
    try:
        for job in jobs:
            waiting.append(executor.submit(work, job))
            if len(waiting) > count * _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise WorkError("a worker process was killed, perhaps for want of memory: try again") from error


def _live_with_parent() -> None:
    """In the worker: leave Ctrl-C to the parent, and end when it ends, however that happens."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
