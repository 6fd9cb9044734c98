"""Child processes that run this very package: a fresh interpreter, with nothing of the parent's but its pipes.

A child is neither forked nor spawned by multiprocessing, so it may be started from a thread, a REPL or a script without
a `__main__` guard: nothing of the caller's program runs in it.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterable
from typing import IO, Any, NamedTuple

# The package's folder goes first while the package itself is found, and last for what it needs: so a checkout that was
# found through PYTHONPATH is found again, and nothing that lies beside the package shadows the standard library.
_BOOT = """\
import sys
root, module = sys.argv[1:3]
sys.path.insert(0, root)
import mdcache
sys.path.append(sys.path.pop(0))
from importlib import import_module
import_module(module).main()
"""
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Child(NamedTuple):
    """A child as its parent sees it: it reads what is written to stdin, and its answers come out of stdout.

    Nobody else has an end of these pipes: when one side dies, the other sees its pipe end at once.
    """

    process: subprocess.Popen[bytes]
    stdin: IO[bytes]
    stdout: IO[bytes]

    def stop(self) -> None:
        """Kill the child, wait until it has ended, and close its pipes."""
        self.process.kill()
        self.process.wait()
        self.stdout.close()
        with contextlib.suppress(OSError):  # what was still to be sent reaches nobody
            self.stdin.close()


class Ends(NamedTuple):
    """A worker's ends of its two pipes, as numbers of descriptors."""

    jobs: int
    results: int


def start(module: str, inherited: Iterable[int] = ()) -> Child:
    """Start a process that runs `main()` of a module of this package.

    It looks for modules neither in the working folder nor in PYTHONPATH, where documents of others may lie, and it has
    a process group of its own: Ctrl-C is left to the parent, which decides what becomes of its children.

    Args:
        module: its full name.
        inherited: descriptors that the child gets, under the same numbers, beside its pipes; no others.

    Raises:
        OSError: when it cannot be started.
    """
    utf8 = f"utf8={sys.flags.utf8_mode}"  # names of files must mean the same there
    process = subprocess.Popen(
        (sys.executable or "", "-P", "-X", utf8, "-c", _BOOT, _ROOT, module),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        pass_fds=tuple(inherited),
        process_group=0,
    )
    assert process.stdin
    assert process.stdout
    return Child(process, process.stdin, process.stdout)


def begun() -> tuple[IO[bytes], IO[bytes]]:
    """Return the pipes from and to the parent, in a child that begins; what is printed goes to stderr from now on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the parent may have held signals back when it started us
    incoming, outgoing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return os.fdopen(incoming, "rb"), os.fdopen(outgoing, "wb")


def send(stream: IO[bytes], value: Any) -> None:
    """Send one value down a pipe. Raises OSError when nobody reads there any more."""
    pickle.dump(value, stream, pickle.HIGHEST_PROTOCOL)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Return the next value from a pipe. Raises EOFError when the other side has closed it, or died."""
    try:
        return pickle.load(stream)
    except pickle.UnpicklingError as error:
        raise EOFError("the value was cut off") from error
