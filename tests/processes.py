"""Real processes for the tests: mdcache as users start it, and what becomes of those that are killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

PATIENCE_S = 60
MDCACHE = (sys.executable, "-m", "mdcache")
# Root reads and writes whatever the permissions say, unless it gives that up.
UNPRIVILEGED = () if os.getuid() else ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


# The limits on what one user may observe, in a user namespace of its own: nobody else feels them.
WATCHES, INSTANCES = "/proc/sys/user/max_inotify_watches", "/proc/sys/user/max_inotify_instances"


def limited(name: str, value: int) -> tuple[str, ...]:
    """The words before a command that give it a limit of its own."""
    return ("unshare", "--user", "--map-root-user", "sh", "-c", f'echo {value} > {name} && exec "$@"', "sh")


def limit(pid: int, name: str, value: int) -> None:
    """Change the limit of a process that has been given one of its own."""
    enter = ("nsenter", "--target", str(pid), "--user", "--preserve-credentials")
    subprocess.run((*enter, "sh", "-c", f"echo {value} > {name}"), check=True)


def may_limit() -> bool:
    """Whether this system has user namespaces, and lets us make one."""
    try:
        return run((*limited(WATCHES, 100), "true"), Path("/")).returncode == 0
    except FileNotFoundError:
        return False


def needs(program: str) -> pytest.MarkDecorator:
    """Return a mark that skips a test where this program is missing.

    Where CI is set nothing is skipped: .ci/run installs the programs, and a test without its program fails there.
    """
    missing = not shutil.which(program) and not os.environ.get("CI")
    return pytest.mark.skipif(missing, reason=f"{program} is not installed")


def start(command: Sequence[str], folder: Path, **options: Any) -> subprocess.Popen[str]:
    """Start a program in a folder, its output in pipes."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    return subprocess.Popen(command, cwd=folder, **{**pipes, **options})


def run(command: Sequence[str], folder: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, and make sure that it comes to one."""
    process = start(command, folder, **options)
    try:
        out, err = process.communicate(timeout=PATIENCE_S)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def mdcache(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run mdcache in a folder."""
    return run((*MDCACHE, *arguments), folder, **options)


def git(folder: Path, *arguments: str, check: bool = True, input: str | None = None) -> str:
    """Run git in a folder; what it prints."""
    command = ["git", "-c", "init.defaultBranch=main", *arguments]
    done = subprocess.run(command, cwd=folder, input=input, check=check, capture_output=True, encoding="utf-8")
    return done.stdout


def press_ctrl_c() -> None:
    """Send SIGINT to the thread that calls.

    Sent to the process, it would go to any thread that does not hold it back, and a worker of pytest-xdist has others.
    """
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)


def descendants(pid: int) -> list[int]:
    """The processes that this one has started and that still run, and theirs."""
    listed = subprocess.run(("ps", "-A", "-o", "pid=,ppid="), check=True, capture_output=True, encoding="ascii").stdout
    parents = {int(child): int(parent) for child, parent in map(str.split, listed.splitlines())}
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def freeze(process: subprocess.Popen[str]) -> None:
    """Let a process stand still, and wait until it does."""
    process.send_signal(signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)


def is_gone(pid: int) -> bool:
    """Whether a process ends soon; one that nobody has waited for yet has ended, too."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        state = subprocess.run(("ps", "-o", "state=", "-p", str(pid)), capture_output=True, encoding="ascii").stdout
        if state.strip()[:1] in ("", "Z"):
            return True
        time.sleep(0.01)
    return False


def one_line(done: subprocess.CompletedProcess[str], status: int) -> str:
    """The one line of an error that ended in this exit status."""
    assert done.returncode == status, done
    assert done.stdout == "", done
    assert done.stderr.startswith("mdcache: "), done
    assert done.stderr.count("\n") == 1, done
    return done.stderr
