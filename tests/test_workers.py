from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from processes import children, is_gone, run, start

from mdcache.build import workers
from mdcache.errors import WorkError

# Says the numbers of its processes, its own first, and works for ever.
PARENT = """
import os, sys, threading, time
from test_workers import busy
from mdcache.build import workers
with workers.started(3, busy) as run:
    results = run(iter([0] * 3 + [60] * 9))
    print(os.getpid(), *(next(results) for _ in range(3)), flush=True)
    next(results)
"""


def busy(seconds: float) -> int:
    """Work for a while; the process that did it."""
    time.sleep(seconds)
    return os.getpid()


def square(number: int) -> int:
    time.sleep(0.01 if number % 5 == 0 else 0)
    return number * number


def divide(number: int) -> float:
    return 1 / number


@pytest.mark.parametrize("count", [0, 1, 3])
def test_results_come_in_the_order_of_the_jobs(count: int) -> None:
    with workers.started(count, square) as run_:
        assert list(run_(range(50))) == [number * number for number in range(50)]
        assert list(run_([7])) == [49]
        assert list(run_([])) == []


def processes() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(2, multiprocessing.get_context("spawn"))


@pytest.mark.parametrize("executor", [processes, partial(ThreadPoolExecutor, 2)])
def test_any_executor_will_do(executor: Callable[[], Executor]) -> None:
    with executor() as crew:
        assert list(workers.within(crew, 2, square)(range(50))) == [number * number for number in range(50)]
        assert list(workers.within(crew, 0, square)([7])) == [49]


def test_an_executor_that_loses_its_workers_is_one_clear_error() -> None:
    with processes() as crew, pytest.raises(WorkError, match="the executor lost its workers"):
        list(workers.within(crew, 1, os._exit)([1]))


def test_with_no_workers_the_work_is_done_here_and_else_elsewhere() -> None:
    with workers.started(0, busy) as run_:
        assert list(run_([0])) == [os.getpid()]
    with workers.started(2, busy) as run_:
        found = set(run_([0] * 4))
    assert len(found) == 2
    assert os.getpid() not in found


def test_only_a_few_jobs_are_taken_before_their_results_are() -> None:
    taken = []

    def jobs() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    with workers.started(2, square) as run_:
        results = iter(run_(jobs()))
        assert next(results) == 0
        assert len(taken) <= 2 * 2 + 1


def test_what_the_work_raises_is_raised_here_and_says_where() -> None:
    with workers.started(2, divide) as run_, pytest.raises(ZeroDivisionError) as caught:
        list(run_([1, 2, 0, 4]))
    assert "in divide" in caught.value.__notes__[0]


def test_a_worker_that_is_killed_is_one_clear_error() -> None:
    with workers.started(2, busy) as run_, pytest.raises(WorkError, match="a worker process was killed"):
        results = iter(run_([0, 0, 60, 60]))
        os.kill(next(results), signal.SIGKILL)
        list(results)


def big(_: int) -> bytes:
    return bytes(8 << 20)


def test_a_worker_that_is_killed_within_a_result_is_no_reason_to_wait_for_ever() -> None:
    worker = workers._Worker(big)
    try:
        worker.submit(0)
        assert worker._results.poll(60)  # it has begun to send more than the pipe holds
        worker._process.kill()
        with pytest.raises(WorkError, match="a worker process was killed"):
            worker.result()
    finally:
        worker.stop()


def test_leaving_does_not_wait_for_work_under_way() -> None:
    began = time.monotonic()
    with workers.started(2, busy) as run_:
        results = iter(run_([0, 0, 60, 60, 60]))
        pids = [next(results)]
    assert time.monotonic() - began < 30
    assert all(is_gone(pid) for pid in pids)


def test_ctrl_c_is_left_to_the_parent() -> None:
    with workers.started(1, busy) as run_:
        results = iter(run_([0, 0.1, 0]))
        pid = next(results)
        os.kill(pid, signal.SIGINT)
        assert list(results) == [pid, pid]


def test_a_worker_holds_no_descriptor_of_its_parent() -> None:
    reading, writing = os.pipe()
    with workers.started(2, square) as run_:
        os.close(writing)
        assert os.read(reading, 1) == b""  # nobody else has the other end
        assert list(run_([3])) == [9]
    os.close(reading)


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
def test_workers_end_with_their_parent_however_it_ends(name: str) -> None:
    with start((sys.executable, "-c", PARENT), Path(__file__).parent) as process:
        assert process.stdout
        _, *pids = [int(pid) for pid in process.stdout.readline().split()]
        assert len(pids) == 3
        process.send_signal(signal.Signals[name])
        # The end of the output: nobody is left who could write to it.
        assert process.communicate(timeout=30) == ("", "")
        assert all(is_gone(pid) for pid in pids)


def test_a_worker_does_not_wait_for_another_to_see_its_parent_end() -> None:
    with start((sys.executable, "-c", PARENT), Path(__file__).parent) as process:
        assert process.stdout
        _, *others, last = [int(pid) for pid in process.stdout.readline().split()]
        os.kill(last, signal.SIGSTOP)
        process.kill()
        assert all(is_gone(pid) for pid in others)
        os.kill(last, signal.SIGCONT)
        assert is_gone(last)


def test_processes_that_cannot_be_started_are_one_clear_error() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    reading, writing = os.pipe()
    resource.setrlimit(resource.RLIMIT_NOFILE, (writing + 4, hard))
    try:
        with pytest.raises(WorkError, match=r"cannot start 4 worker processes: .*--workers 0"):
            workers.started(4, busy).__enter__()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        os.close(reading)
        os.close(writing)


def exits(_: int) -> None:
    raise SystemExit("done")


def test_a_worker_that_gives_up_is_one_clear_error_and_says_nothing_itself(capfd: pytest.CaptureFixture[str]) -> None:
    with workers.started(1, exits) as run_, pytest.raises(WorkError, match="a worker process was killed"):
        list(run_([1]))
    assert capfd.readouterr() == ("", "")


def test_a_stop_that_arrives_while_workers_start_waits_until_they_have() -> None:
    script = """
import os, signal, threading
from mdcache import stops
from mdcache.build import workers
with stops.held_back():
    os.kill(os.getpid(), signal.SIGINT)
    with workers.started(2, abs) as run:
        print(list(run([-1, -2])), flush=True)
"""
    done = run((sys.executable, "-c", script), Path(__file__).parent)
    assert done.stdout == "[1, 2]\n"
    assert done.stderr.count("Traceback") == 1  # the parent's, at the end
    assert done.returncode == -signal.SIGINT


def test_beside_other_threads_workers_are_no_forks_and_end_with_their_parent_too() -> None:
    threaded = "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()\n" + PARENT
    with start((sys.executable, "-W", "error", "-c", threaded), Path(__file__).parent) as process:
        assert process.stdout
        pids = [int(pid) for pid in process.stdout.readline().split()]
        everyone = children(process.pid)
        assert set(pids[1:]) < set(everyone)  # and a process of multiprocessing's own
        process.kill()
        assert process.communicate(timeout=30) == ("", "")
        assert all(is_gone(pid) for pid in everyone)


def test_there_is_a_worker_for_each_processor_up_to_four() -> None:
    assert 1 <= workers.default_count() <= 4


def test_the_parent_has_no_thread_for_its_workers() -> None:
    before = threading.active_count()
    with workers.started(2, square) as run_:
        list(run_([1, 2, 3]))
        assert threading.active_count() == before


THREADED = """
import os, threading
from mdcache.build import workers
if __name__ == "__main__":
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    with workers.started(1, os.getpgid) as run:
        print(list(run([0])) == [os.getpgid(0)], "PYTHONSAFEPATH" in os.environ)
"""


def test_a_worker_runs_nothing_of_the_folder_it_is_started_in(vault: Callable[..., Path], tmp_path: Path) -> None:
    program = vault({"program.py": THREADED}, tmp_path) / "program.py"
    clone = vault({"multiprocessing.py": "open('mark', 'w')", "mdcache.py": "open('mark', 'w')"})
    done = run((sys.executable, str(program)), clone)
    assert (done.stdout, done.stderr) == ("True False\n", "")
    assert not (clone / "mark").exists()
