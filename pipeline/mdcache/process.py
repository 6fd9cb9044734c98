"""Who a process is, so that no other one is ever taken for it, and the one way to end it.

A number alone names no process: another may have it by now, and in each pid namespace (a container has one of its own)
the same number is another process. Linux tells what makes a number unique: the namespace, the start of the system, and
when the process began. Where there is no /proc, host and number must do: such systems have no pid namespaces.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pwd
import signal
import socket
from collections.abc import Iterator
from typing import NamedTuple

_LONGEST_HOST = 64


class Process(NamedTuple):
    """A process, as a record names it.

    start: when it began, in ticks since the system's start; namespace: that of its process id; boot: of the system's
    start; '' where the system does not say. user: the number of the user it runs as; host: the name of its host.
    """

    pid: int
    start: str
    namespace: str
    boot: str
    user: int
    host: str

    def text(self) -> str:
        """Return all but the number, for a record that has that; parsed() reads it."""
        return " ".join((self.start or "-", self.namespace or "-", self.boot or "-", str(self.user), self.host))


def current() -> Process:
    """Return this process."""
    return _current(os.getpid())


@functools.lru_cache(maxsize=1)
def _current(pid: int) -> Process:
    host = "".join(one for one in socket.gethostname() if one.isascii() and one.isprintable())[:_LONGEST_HOST]
    return Process(pid, _start("self"), _namespace(), _boot(), os.geteuid(), host)


def parsed(pid: int, text: str) -> Process | None:
    """Return the process of this number that text describes; None when it makes no sense, as that of a record without.

    One that text() has not written is none.
    """
    words = text.split(" ", 4)
    if len(words) < 5 or not (words[3].isascii() and words[3].isdigit() and pid > 0):
        return None
    start, namespace, boot = ("" if word == "-" else word for word in words[:3])
    return Process(pid, start, namespace, boot, int(words[3]), words[4])


def elsewhere(process: Process) -> str | None:
    """Return where a process runs that cannot be reached from here, for a sentence; None for one that can."""
    own = current()
    if process.boot != own.boot or (not own.boot and process.host != own.host):
        return f"from another machine ({process.host})" if process.host != own.host else "from another machine"
    if process.namespace != own.namespace:
        return "from another pid namespace (container)"
    if os.geteuid() not in (0, process.user):
        return f"by another user ({user_name(process.user)})"
    return None


def is_within_reach(process: Process) -> bool:
    """Return whether a process has its number here, too, also another user's."""
    own = current()
    return (process.boot, process.namespace) == (own.boot, own.namespace) and bool(own.boot or process.host == own.host)


def is_of_another_machine(process: Process) -> bool:
    """Return whether a process ran on another machine, as far as boots and names tell: a system may start again."""
    own = current()
    return process.boot != own.boot and process.host != own.host


def user_name(user: int) -> str:
    """Return the name of a user; the number where there is no name."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def runs(process: Process) -> bool:
    """Return whether a process that can be reached from here runs. It is never taken for another of its number."""
    if process.start and (name := _entry(process.pid)):
        return _start(name) == process.start
    return exists(process.pid)


def exists(pid: int) -> bool:
    """Return whether a process has this number here."""
    try:
        os.kill(pid, 0) if pid > 0 else None
    except ProcessLookupError:
        return False
    except OSError:
        pass  # somebody else's
    return pid > 0


def is_halted(process: Process) -> bool:
    """Return whether a process is stopped, as by ^Z."""
    return runs(process) and _stat(_entry(process.pid) or "")[:1] in (["T"], ["t"])


def is_left_to_init(process: Process) -> bool:
    """Return whether a process has ended, and init, which takes such in, has still to free its number."""
    return _stat(_entry(process.pid) or "")[:2] == ["Z", "1"]


def terminate(process: Process, held: os.stat_result) -> bool:
    """Send SIGTERM to a process that has a file open; return whether it was sent: to none that may be another one.

    A process that has ended needs none, so that counts as sent.

    Args:
        process: the one that can be reached from here.
        held: what stat says of the file, whose lock it holds. Somebody else may have written the record that names
            the process, and mean another one of ours.

    Raises:
        OSError: it may not be sent.
    """
    with contextlib.ExitStack() as stack, contextlib.suppress(ProcessLookupError):
        handle = _handle(process.pid)
        if handle is not None:  # from here on the number cannot become another process's
            stack.callback(os.close, handle)
        if not runs(process):
            return not exists(process.pid)
        if process.start and not _holds(_entry(process.pid), held):
            return False
        if handle is None:
            os.kill(process.pid, signal.SIGTERM)
        else:
            signal.pidfd_send_signal(handle, signal.SIGTERM)
    return True


def holder_of_removed(path: str) -> int | None:
    """Return the number of another process that has the file open which was removed from path, as far as that shows."""
    for name in _listed("/proc"):
        if name.isdigit() and int(name) != os.getpid() and f"{path} (deleted)" in _opened(name):
            return int(name)
    return None


def _opened(name: str) -> Iterator[str]:
    """Yield what a process has open, as Linux calls it: nothing of another user's."""
    for descriptor in _listed(f"/proc/{name}/fd"):
        with contextlib.suppress(OSError):  # closed meanwhile
            yield os.readlink(f"/proc/{name}/fd/{descriptor}")


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _handle(pid: int) -> int | None:
    """Return a descriptor that stands for a process; None where the system has none. Raises ProcessLookupError."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        raise
    except (AttributeError, OSError):
        return None


def _holds(name: str | None, held: os.stat_result) -> bool:
    """Return whether a process has a file open; where that may not be seen, whether both are of the same user."""
    if not name:
        return False
    try:
        for descriptor in os.listdir(f"/proc/{name}/fd"):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                if os.path.samestat(os.stat(f"/proc/{name}/fd/{descriptor}"), held):
                    return True
    except PermissionError:
        return os.stat(f"/proc/{name}").st_uid == held.st_uid
    except OSError:
        pass
    return False


# What the system says


def _namespace() -> str:
    try:
        return str(os.stat("/proc/self/ns/pid").st_ino)
    except OSError:
        return ""


def _boot() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except (OSError, ValueError):
        return ""


def _start(name: str) -> str:
    """Return when a process began: field 22 of its stat, see proc(5); '' when it has ended."""
    fields = _stat(name)
    return fields[19] if len(fields) > 19 and fields[0] != "Z" else ""


def _stat(name: str) -> list[str]:
    """Return the fields after the name, which may hold spaces and brackets."""
    try:
        with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(") ")[2].split()
    except OSError:
        return []


def _entry(pid: int) -> str | None:
    """Return the name in /proc of the process that has this number here; None when it has ended, or is not in there.

    A /proc that was mounted in another namespace has the numbers of that; a descriptor of a process tells them.
    """
    try:
        if os.readlink("/proc/self") == str(os.getpid()):
            return str(pid)
        handle = os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None
    try:
        with open(f"/proc/self/fdinfo/{handle}", encoding="ascii") as file:
            number = next((line[4:].strip() for line in file if line.startswith("Pid:")), "")
    except OSError:
        return None
    finally:
        os.close(handle)
    return number if number.isdigit() and number != "0" else None
