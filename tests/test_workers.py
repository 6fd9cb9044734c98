"""Worker processes. Their work here is eval, which every process has: a job is an expression."""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import is_gone, run, start

import mdcache
from mdcache.build import workers
from mdcache.errors import WorkError


def busy(seconds: float) -> str:
    """Work for a while; the process that did it."""
    return f"(__import__('time').sleep({seconds}), __import__('os').getpid())[1]"


# Says the numbers of its processes, its own first, and works for ever. It has no guard: it must not run twice.
PARENT = f"""
import os
from mdcache.build import workers
with workers.started(3, eval) as run:
    results = run(iter([{busy(0)!r}] * 3 + [{busy(60)!r}] * 9))
    print(os.getpid(), *(next(results) for _ in range(3)), flush=True)
    next(results)
"""


@pytest.mark.parametrize("count", [0, 1, 3])
def test_results_come_in_the_order_of_the_jobs(count: int) -> None:
    with workers.started(count, eval) as run_:
        jobs = [
            f"(__import__('time').sleep({0.01 if number % 5 == 0 else 0}), {number} ** 2)[1]" for number in range(50)
        ]
        assert list(run_(jobs)) == [number * number for number in range(50)]
        assert list(run_(["7 * 7"])) == [49]
        assert list(run_([])) == []


def test_with_no_workers_the_work_is_done_here_and_else_elsewhere() -> None:
    with workers.started(0, eval) as run_:
        assert list(run_([busy(0)])) == [os.getpid()]
    with workers.started(2, eval) as run_:
        found = set(run_([busy(0)] * 4))
    assert len(found) == 2
    assert os.getpid() not in found


def test_only_a_few_jobs_are_taken_before_their_results_are() -> None:
    taken = []

    def jobs() -> Iterator[str]:
        for number in range(100):
            taken.append(number)
            yield str(number)

    with workers.started(2, eval) as run_:
        results = iter(run_(jobs()))
        assert next(results) == 0
        assert len(taken) <= 2 * 2 + 1


def test_what_the_work_raises_is_raised_here_and_says_where() -> None:
    with workers.started(2, eval) as run_, pytest.raises(ZeroDivisionError) as caught:
        list(run_(["1", "2", "1 / 0", "4"]))
    assert 'File "<string>", line 1' in caught.value.__notes__[0]


def test_a_worker_that_is_killed_is_one_clear_error() -> None:
    with workers.started(2, eval) as run_, pytest.raises(WorkError, match="a worker process was killed"):
        results = iter(run_([busy(0), busy(0), busy(60), busy(60)]))
        os.kill(next(results), signal.SIGKILL)
        list(results)


def test_a_worker_that_is_killed_within_a_result_is_no_reason_to_wait_for_ever() -> None:
    """It ends while more than the pipe holds is on its way."""
    job = "__import__('threading').Timer(0.2, __import__('os')._exit, (1,)).start() or bytes(8 << 20)"
    with workers.started(1, eval) as run_, pytest.raises(WorkError, match="a worker process was killed"):
        results = iter(run_([job, busy(0), busy(60)]))
        time.sleep(0.1)  # and so is not read
        list(results)


def test_leaving_does_not_wait_for_work_under_way() -> None:
    began = time.monotonic()
    with workers.started(2, eval) as run_:
        results = iter(run_([busy(0), busy(0), busy(60), busy(60), busy(60)]))
        pids = [next(results)]
    assert time.monotonic() - began < 30
    assert all(is_gone(pid) for pid in pids)


def test_ctrl_c_is_left_to_the_parent() -> None:
    with workers.started(1, eval) as run_:
        results = iter(run_([busy(0), busy(0.1), busy(0)]))
        pid = next(results)
        os.kill(pid, signal.SIGINT)
        assert list(results) == [pid, pid]


def test_a_worker_holds_no_descriptor_of_its_parent() -> None:
    reading, writing = os.pipe()
    with workers.started(2, eval) as run_:
        os.close(writing)
        assert os.read(reading, 1) == b""  # nobody else has the other end
        assert list(run_(["3"])) == [3]
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


def test_even_a_worker_that_stands_still_ends_with_its_parent() -> None:
    with start((sys.executable, "-c", PARENT), Path(__file__).parent) as process:
        assert process.stdout
        _, *others, last = [int(pid) for pid in process.stdout.readline().split()]
        os.kill(last, signal.SIGSTOP)
        process.kill()
        assert all(is_gone(pid) for pid in (*others, last))


def test_processes_that_cannot_be_started_are_one_clear_error() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    reading, writing = os.pipe()
    resource.setrlimit(resource.RLIMIT_NOFILE, (writing + 4, hard))
    try:
        with pytest.raises(WorkError, match=r"cannot start 4 worker processes: .*--workers 0"):
            workers.started(4, eval).__enter__()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        os.close(reading)
        os.close(writing)


def test_a_worker_that_gives_up_is_one_clear_error_and_says_nothing_itself(capfd: pytest.CaptureFixture[str]) -> None:
    with workers.started(1, eval) as run_, pytest.raises(WorkError, match="a worker process was killed"):
        list(run_(["__import__('sys').exit('done')"]))
    assert capfd.readouterr() == ("", "")


def test_workers_outlive_what_has_forked_them_but_not_their_parent() -> None:
    with workers.started(1, eval) as run_:
        first, worker = run_(["__import__('os').getppid()", busy(0)])
        os.kill(first, signal.SIGKILL)
        assert is_gone(first)
        assert list(run_(["1"])) == [1]
    assert is_gone(worker)


def test_no_process_is_left_for_others_to_wait_for() -> None:
    with workers.started(2, eval) as run_:
        pids = set(run_([busy(0)] * 4))
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_workers_of_another_version_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mdcache, "__version__", "0.0.9")
    with workers.started(2, eval) as run_, pytest.raises(WorkError) as caught:
        list(run_(["1"]))
    assert str(caught.value).startswith("mdcache 0.0.9 was replaced by ")


@pytest.mark.parametrize("how", ["a script", "the standard input", "a thread"])
def test_workers_start_wherever_the_library_is_used(how: str, tmp_path: Path) -> None:
    script = """
from mdcache.build import workers
print("once")
def work():
    with workers.started(2, eval) as run:
        print(list(run(["1", "2", "3"])))
"""
    if how == "a thread":
        script += "import threading; thread = threading.Thread(target=work); thread.start(); thread.join()"
    else:
        script += "\nwork()\n"
    (tmp_path / "script.py").write_text(script)
    command = (sys.executable, "-W", "error", "-" if how == "the standard input" else "script.py")
    with open(tmp_path / "script.py", "rb") as stdin:
        done = run(command, tmp_path, stdin=stdin)
    assert (done.stdout, done.stderr) == ("once\n[1, 2, 3]\n", "")


def test_there_is_a_worker_for_each_processor_up_to_four() -> None:
    assert 1 <= workers.default_count() <= 4


def test_the_parent_has_no_thread_for_its_workers() -> None:
    before = threading.active_count()
    with workers.started(2, eval) as run_:
        list(run_(["1", "2", "3"]))
        assert threading.active_count() == before


def test_a_worker_runs_nothing_of_the_folder_it_is_started_in_nor_of_pythonpath(
    vault: Callable[..., Path], tmp_path: Path
) -> None:
    script = "from mdcache.build import workers\nwith workers.started(1, eval) as run: print(list(run(['1'])))"
    program = vault({"program.py": script}, tmp_path) / "program.py"
    clone = vault(dict.fromkeys(("pickle.py", "mdcache/__init__.py", "yaml.py"), "open('mark', 'w')"))
    done = run((sys.executable, str(program)), clone)
    assert (done.stdout, done.stderr) == ("[1]\n", "")
    script = "import sys; sys.path.remove(sys.argv[1])\n" + script
    done = run((sys.executable, "-P", "-c", script, str(clone)), clone, env={**os.environ, "PYTHONPATH": str(clone)})
    assert (done.stdout, done.stderr) == ("[1]\n", "")
    assert not (clone / "mark").exists()
