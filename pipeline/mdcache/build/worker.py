"""What runs in the worker processes: see workers, their parent's side.

One process is started, the crew's first, which imports what the work needs and then forks the workers. So that is done
once, whatever their number, and forking is safe: this process has one thread, no lock and no connection.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Sequence
from io import FileIO
from queue import SimpleQueue
from typing import Any

from mdcache import child
from mdcache.child import Ends

# Objects made and not yet gone before the garbage collector looks: more than a job makes.
_CYCLES_AFTER = 200_000


def main() -> None:
    """Learn what the work is, fork the workers, and end them when our parent closes its pipe, or dies.

    Whatever fails here, the parent sees pipes end and says it.
    """
    try:
        incoming, outgoing = child.begun()
        work, get_ready, ends = child.receive(incoming)
        get_ready()
        # A job's values go with it, hardly ever in cycles: to look for those every 700 values is a tenth of the work.
        gc.freeze()
        gc.set_threshold(_CYCLES_AFTER)
        workers = [_forked(work, own, (*ends, Ends(incoming.fileno(), outgoing.fileno()))) for own in ends]
        for descriptor in (descriptor for pair in ends for descriptor in pair):
            os.close(descriptor)
        incoming.read()
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        for worker in workers:
            os.waitpid(worker, 0)
    finally:
        os._exit(1)


def _forked(work: Callable[[Any], Any], own: Ends, everyones: Sequence[Ends]) -> int:
    """Fork a worker; return its process id."""
    pid = os.fork()
    if not pid:
        try:
            for descriptor in (descriptor for pair in everyones if pair != own for descriptor in pair):
                os.close(descriptor)  # or their other side would not see them end while we live
            _serve(work, own)
        finally:
            os._exit(1)
    return pid


def _serve(work: Callable[[Any], Any], own: Ends) -> None:
    """Work until the parent closes its end of the pipe, or dies.

    Receiving and sending have threads of their own: the end is seen in the middle of work, and the next job begins
    while the parent is too busy to take the last result.
    """
    jobs, results = FileIO(own.jobs, "r"), FileIO(own.results, "w")
    outbox: SimpleQueue[Any] = SimpleQueue()
    child.for_ever(lambda: child.send(results, outbox.get()))
    for job in child.arrivals(jobs):
        outbox.put(_outcome(work, job))


def _outcome(work: Callable[[Any], Any], job: Any) -> tuple[Any, Exception | None]:
    try:
        return work(job), None
    except Exception as error:
        import traceback

        error.add_note(traceback.format_exc())
        return None, error
