"""Child processes that run this very package: a fresh interpreter, with nothing of the parent's but its pipes.

A child is neither forked nor spawned by multiprocessing, so it may be started from a thread, a REPL or a script without
a `__main__` guard: nothing of the caller's program runs in it.
"""

from __future__ import annotations

import math
import os
import pickle
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from io import FileIO
from queue import SimpleQueue
from typing import Any, NamedTuple

import mdcache
from mdcache import imports, printed, stops
from mdcache.errors import WorkError

# The package's folder goes first while the package itself is found, and behind the interpreter's own for what it needs,
# as do the folders that PYTHONPATH names: so what was found through PYTHONPATH is found again, and nothing that lies
# there shadows the standard library, or a dependency that is installed.
_BOOT = """\
import sys
module, root, *named = sys.argv[1:]
sys.path.insert(0, root)
import mdcache
sys.path.pop(0)
sys.path += [root, *named]
from importlib import import_module
import_module(module).main()
"""

_LENGTH = struct.Struct("!Q")


class Child:
    """A child as its parent sees it: it reads what is sent, and answers. Used as a context, it is killed at the end.

    Nobody else has an end of its pipes: when one side dies, the other sees its pipe end at once.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert isinstance(process.stdin, FileIO)
        assert isinstance(process.stdout, FileIO)
        self._process, self.stdin, self.stdout = process, process.stdin, process.stdout
        self.pid = process.pid
        self._is_ours = False

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def send(self, value: Any) -> None:
        """Send a value, which is pickled. Raises OSError when the child is gone."""
        send(self.stdin, value)

    def receive(self) -> Any:
        """Return the next answer. Raises EOFError when the child is gone, WorkError when it is of another version."""
        self.make_sure()
        return receive(self.stdout)

    def make_sure(self) -> None:
        """Read what a child says first, before it has understood anything of ours: its version.

        Raises:
            WorkError: when that is not ours, as after an upgrade of what runs.
        """
        if self._is_ours:
            return
        version, self._is_ours = receive(self.stdout), True
        if version != mdcache.__version__:
            raise WorkError(f"mdcache {mdcache.__version__} was replaced by {version} while it ran: start it again")

    def answers_within(self, seconds: float) -> bool:
        """Wait for an answer, or for the child's end, for so many seconds; return whether there is one to receive."""
        poll = select.poll()
        poll.register(self.stdout, select.POLLIN)
        return bool(poll.poll(math.ceil(seconds * 1000)))

    def ask_to_end(self) -> None:
        """Send SIGTERM, which a child may take as it likes."""
        self._process.terminate()

    def has_ended_within(self, seconds: float) -> bool:
        """Wait for the child to end, and throw away what it still says; return whether it has ended in time."""
        deadline = time.monotonic() + seconds
        while self.answers_within(max(deadline - time.monotonic(), 0)):
            if not os.read(self.stdout.fileno(), 1 << 16):
                return True
        return False

    def stop(self) -> None:
        """Kill the child, wait until it has ended, and close its pipes."""
        stops.leave_alone(self.pid)
        self._process.kill()
        self._process.wait()
        self.stdout.close()
        self.stdin.close()


class Ends(NamedTuple):
    """A worker's ends of its two pipes, as numbers of descriptors."""

    jobs: int
    results: int


def start(module: str, inherited: Iterable[int] = ()) -> Child:
    """Start a process that runs `main()` of a module of this package.

    It imports nothing from the working folder, where documents of others may lie, and from PYTHONPATH only what is
    nowhere else. It has a process group of its own: Ctrl-C is left to the parent, which decides what becomes of its
    children.

    Args:
        module: its full name.
        inherited: descriptors that the child gets, under the same numbers, beside its pipes; no others.

    Raises:
        OSError: when it cannot be started.
    """
    process = subprocess.Popen(
        # A cache knows names of files in UTF-8, whatever the locale says of them.
        (sys.executable or "", "-P", "-X", "utf8", "-c", _BOOT, module, imports.ROOT, *imports.named()),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        env=imports.without_variable(),
        pass_fds=tuple(inherited),
        process_group=0,
    )
    stops.take_along(process.pid)
    return Child(process)


def begun() -> tuple[FileIO, FileIO]:
    """Begin a child: say our version, and return the pipes from and to the parent.

    What is printed goes to stderr from now on, and SIGINT is ignored.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the parent may have held signals back when it started us
    incoming, outgoing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    printed.guard()
    sys.stdout = sys.stderr
    reading, writing = FileIO(incoming, "r"), FileIO(outgoing, "w")
    send(writing, mdcache.__version__)
    return reading, writing


def send(stream: FileIO, value: Any) -> None:
    """Send one value down a pipe: its length, and itself pickled. Raises OSError when nobody reads there any more."""
    pickled = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    _write(stream, _LENGTH.pack(len(pickled)))
    _write(stream, pickled)


def receive(stream: FileIO) -> Any:
    """Return the next value from a pipe. Raises EOFError when the other side has closed it, or died."""
    (length,) = _LENGTH.unpack(_read(stream, _LENGTH.size))
    return pickle.loads(_read(stream, length))


def _write(stream: FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[stream.write(rest) :]


def _read(stream: FileIO, length: int) -> bytearray:
    """Read exactly so many bytes and none of the next value: whether there is one, the system must still know."""
    data = bytearray(length)
    rest = memoryview(data)
    while rest:
        count = stream.readinto(rest)
        if not count:
            raise EOFError("the other side has closed its pipe")
        rest = rest[count:]
    return data


def arrivals(stream: FileIO) -> Iterator[Any]:
    """Yield the values that the parent sends. When it closes its pipe, or dies, this process ends at once.

    They are received in a thread, so the end is seen in the middle of work, even of a query that takes hours.
    """
    inbox: SimpleQueue[Any] = SimpleQueue()
    for_ever(lambda: inbox.put(receive(stream)))
    while True:
        yield inbox.get()


def for_ever(step: Callable[[], None]) -> None:
    """Repeat a step in a thread; when it fails, the parent is gone, and this process ends."""

    def run() -> None:
        try:
            while True:
                step()
        finally:
            os._exit(1)

    threading.Thread(target=run, daemon=True).start()
