"""Worker processes for parsing: started before any lock or connection exists, gone when their parent is.

Every worker has two pipes of its own, and nobody else holds an end of them. When one side dies, the other sees its
pipe end at once: a killed rebuild leaves no worker behind, and a killed worker no rebuild that waits for it. (Pools
that share one queue can wait for ever when a worker is killed in the middle of a result.)
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from io import FileIO
from itertools import cycle
from typing import Any, TypeVar

from mdcache import child
from mdcache.child import Ends
from mdcache.errors import WorkError

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")

# Jobs under way for each worker: one it works on, one that waits. More would only hold more text in memory.
_AHEAD = 2
# The crew ends its workers at once when it is told to; one that does not answer for so long is killed.
_ENDING_S = 5.0


@contextlib.contextmanager
def started(
    count: int, work: Callable[[_Job], _Result], get_ready: Callable[[], object] = int
) -> Iterator[Callable[[Iterable[_Job]], Iterable[_Result]]]:
    """Start count worker processes; yield what returns the results of work, in the order of the jobs.

    They get ready while this process goes on. At the end they are killed: a worker has nothing that could be lost.

    Args:
        count: how many; with 0 the work is done in this process.
        work: a function of a module, imported by its name there. Jobs and results are pickled.
        get_ready: another one, called once for all workers before there are any: it imports what work needs.

    Raises:
        WorkError: when processes cannot be started, when one was killed, or when they have another version of mdcache
            than this process. What work raises is raised again where its result is taken.
    """
    if count < 1:
        yield partial(map, work)
        return
    with contextlib.ExitStack() as stack:
        next_worker = cycle(_recruited(count, (work, get_ready), stack))
        yield partial(_in_order, lambda job: next(next_worker).submit(job), count * _AHEAD)


def default_count() -> int:
    """Return one for each processor we may use, at most four: beyond that the inserting process is the bound."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, 4)


def _in_order(submit: Callable[[Any], Callable[[], Any]], ahead: int, jobs: Iterable[Any]) -> Iterator[Any]:
    """Yield the results in the order of the jobs; submit(job) returns what blocks until that job's result is there."""
    waiting: deque[Callable[[], Any]] = deque()
    for job in jobs:
        waiting.append(submit(job))
        if len(waiting) > ahead:
            yield waiting.popleft()()
    while waiting:
        yield waiting.popleft()()


def _recruited(
    count: int, task: tuple[Callable[[Any], Any], Callable[[], object]], stack: contextlib.ExitStack
) -> list[_Worker]:
    """Start the crew's first process, which forks the workers; stack ends them."""
    try:
        with contextlib.ExitStack() as theirs:
            pipes = [_pipes(stack, theirs) for _ in range(count)]
            ends = [end for _, _, end in pipes]
            first = child.start("mdcache.build.worker", (descriptor for pair in ends for descriptor in pair))
            stack.callback(_end, first)
    except OSError as error:
        raise WorkError(f"cannot start {count} worker processes: {error.strerror}: try --workers 0") from error
    with _alive():
        first.send((*task, ends))
    return [_Worker(jobs, results, first) for jobs, results, _ in pipes]


def _pipes(ours: contextlib.ExitStack, theirs: contextlib.ExitStack) -> tuple[FileIO, FileIO, Ends]:
    """Make the two pipes of a worker: what we write jobs to, what we read results from, and its own ends."""
    jobs, submit = os.pipe()
    theirs.callback(os.close, jobs)
    writing = ours.enter_context(FileIO(submit, "w"))
    take, results = os.pipe()
    theirs.callback(os.close, results)
    return writing, ours.enter_context(FileIO(take, "r")), Ends(jobs, results)


def _end(first: child.Child) -> None:
    """End the crew: its first process kills the workers, waits for them, and ends."""
    first.stdin.close()
    first.has_ended_within(_ENDING_S)
    first.stop()


class _Worker:
    """A worker as its parent sees it; its results come in the order of its jobs."""

    def __init__(self, jobs: FileIO, results: FileIO, first: child.Child) -> None:
        self._jobs, self._results, self._first = jobs, results, first

    def submit(self, job: Any) -> Callable[[], Any]:
        """Send a job; return what waits for its result, to be called in the order of the jobs."""
        with _alive():
            child.send(self._jobs, job)
        return self.result

    def result(self) -> Any:
        """Return the next result, or raise what the work has raised."""
        with _alive():
            self._first.make_sure()
            result, error = child.receive(self._results)
        if error:
            raise error
        return result


@contextlib.contextmanager
def _alive() -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError) as error:
        raise WorkError(
            "a worker process was killed, perhaps for want of memory or threads: try again with --workers 0"
        ) from error
