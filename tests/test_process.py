"""Who a process is: no other one is ever taken for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from processes import PATIENCE_S, freeze, needs, run, start

from mdcache import process
from mdcache.process import Process

OWN = process.current()
linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system says less of a process")
# A process that opens a file and says who it is.
HOLDER = """
import sys
from mdcache import process
file = open(sys.argv[1], "a") if sys.argv[1:] else None
print(process.current().pid, process.current().text(), flush=True)
sys.stdin.read()
"""


def holder(folder: Path, *names: str, before: tuple[str, ...] = ()) -> tuple[subprocess.Popen[str], Process]:
    started = start((*before, sys.executable, "-c", HOLDER, *names), folder, stdin=-1)
    assert started.stdout
    pid, _, text = started.stdout.readline().rstrip("\n").partition(" ")
    found = process.parsed(int(pid), text)
    assert found
    return started, found


def test_what_is_written_of_a_process_is_read_again() -> None:
    assert process.parsed(OWN.pid, OWN.text()) == OWN
    unknown = Process(7, "", "", "", 0, "a host of any name")
    assert process.parsed(7, unknown.text()) == unknown


@pytest.mark.parametrize("text", ["", "1", "1 2 3 x host", "1 2 3 -1 host", "1 2 3 \u0663 host", "1 2 3 4"])
def test_what_nobody_has_written_is_no_process(text: str) -> None:
    assert process.parsed(7, text) is None
    assert process.parsed(0, OWN.text()) is None


def test_this_process_runs_here() -> None:
    assert process.runs(OWN) and process.elsewhere(OWN) is None and process.is_within_reach(OWN)
    assert not process.is_halted(OWN) and not process.is_of_another_machine(OWN)


@linux
@pytest.mark.parametrize(
    ("other", "where"),
    [
        (OWN._replace(namespace="1"), "from another pid namespace (container)"),
        (OWN._replace(boot="x"), "from another machine"),
        (OWN._replace(boot="x", host="there"), "from another machine (there)"),
        (OWN._replace(boot="", host="there"), "from another machine (there)"),
    ],
)
def test_one_that_runs_elsewhere_is_known_for_it(other: Process, where: str) -> None:
    assert process.elsewhere(other) == where and not process.is_within_reach(other)


def test_one_of_another_user_is_out_of_reach_for_all_but_root() -> None:
    other = OWN._replace(user=OWN.user + 1)
    assert process.elsewhere(other) == (f"by another user ({process.user_name(other.user)})" if OWN.user else None)


@linux
def test_another_process_of_the_same_number_is_another(tmp_path: Path) -> None:
    started, found = holder(tmp_path)
    with started:
        assert process.runs(found)
        assert not process.runs(found._replace(start=str(int(found.start) - 1)))


@linux
def test_only_the_process_that_has_the_file_open_is_ended(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    held = (tmp_path / "file").stat()
    started, without = holder(tmp_path)
    with started:
        assert not process.terminate(without, held)
        assert started.poll() is None
        started.kill()
    started, found = holder(tmp_path, "file")
    with started:
        assert not process.terminate(found._replace(start=str(int(found.start) + 1)), held)
        assert started.poll() is None
        assert process.terminate(found, held)
        assert started.wait(PATIENCE_S) < 0
    assert process.terminate(found, held)  # one that has ended needs no signal


@linux
def test_one_that_stands_still_is_halted_and_a_zombie_runs_no_more(tmp_path: Path) -> None:
    started, found = holder(tmp_path)
    with started:
        freeze(started)
        assert process.is_halted(found) and process.runs(found)
        started.kill()
        os.waitid(os.P_PID, started.pid, os.WEXITED | os.WNOWAIT)
        assert not process.runs(found)
        assert not process.is_left_to_init(found)  # it is ours to wait for


@needs("unshare")
@linux
def test_the_same_number_in_a_namespace_of_its_own_is_another_process(tmp_path: Path) -> None:
    apart = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc")
    if run((*apart, "true"), tmp_path).returncode:
        pytest.skip("this system lets nobody make a namespace")
    started, found = holder(tmp_path, before=apart)
    with started:
        assert process.elsewhere(found) == "from another pid namespace (container)"
        started.kill()
