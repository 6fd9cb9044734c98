"""What mdcache remembers outside every folder of documents: small files in a folder that only its user writes to.

A clone, an archive or a shared folder brings whatever files it likes, so nothing that lies in or beside it can prove
where it comes from. The proof lies here. Nobody else may write to this folder, so it is looked at before it is used,
with lstat: a link, or a folder of somebody else, or one that group or others may write to, counts as none.

It is $MDCACHE_STATE where that is set. Else it is the platform's folder for state, and where there is no home, or none
that can be written to, as in a container, /var/tmp/mdcache-UID. What is read is looked for in both.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator

from mdcache.errors import UsageError, WorkError

_WITHOUT_HOME = "/var/tmp"
LONGEST = 65_536
"""Bytes of a file here: a longer one counts as empty."""
_TO_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def folders() -> tuple[str, ...]:
    """Return the folders that state is looked for in, the first one first; they need not exist."""
    named = os.environ.get("MDCACHE_STATE")
    if named:
        # Below a relative path anybody's clone could bring what is believed.
        return (os.path.normpath(named),) if os.path.isabs(named) else ()
    platform = _platform()
    return (*((platform,) if platform else ()), f"{_WITHOUT_HOME}/mdcache-{os.geteuid()}")


def _platform() -> str | None:
    """Return the platform's folder for our state; None where there is no home, or not one of this user's."""
    home = os.path.expanduser("~")
    if not os.path.isabs(home) or not os.path.isdir(home):
        return None
    if sys.platform == "darwin":
        above = os.path.join(home, "Library", "Application Support")
    else:
        above = os.environ.get("XDG_STATE_HOME", "")
        above = above if os.path.isabs(above) else os.path.join(home, ".local", "state")
    return None if _is_lent(above) else os.path.join(above, "mdcache")


def _is_lent(folder: str) -> bool:
    """Return whether root would write to the home of another user, as under sudo: that user could not use it then."""
    return os.geteuid() == 0 != os.lstat(_nearest(folder)).st_uid


def _nearest(folder: str) -> str:
    """Return a folder, or the first above it that is there."""
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    return folder


def _refusal(folder: str) -> str | None:
    """Return why a folder does not count; None when it does."""
    try:
        found = os.lstat(folder)
    except OSError as error:
        return f"{error.strerror}"
    if not stat.S_ISDIR(found.st_mode):
        return "it is no folder"
    if found.st_uid != os.geteuid():
        return f"it belongs to user {found.st_uid}"
    return "others may write to it" if found.st_mode & _OTHERS else None


def read(name: str) -> Iterator[bytes]:
    """Yield the content of the file with this name in each folder that holds one and counts.

    name: as "made/12": one folder at most, and a file.
    """
    for folder in folders():
        within = os.path.dirname(os.path.join(folder, name))
        if _refusal(folder) or _refusal(within):
            continue
        with contextlib.suppress(OSError):
            yield _content(os.path.join(folder, name))


def _content(path: str) -> bytes:
    """Return what a plain file holds, b'' for any other and one that is too long. Raises OSError."""
    descriptor = os.open(path, _TO_READ)
    try:
        found = os.fstat(descriptor)
        plain = stat.S_ISREG(found.st_mode) and found.st_size <= LONGEST
        return os.read(descriptor, LONGEST) if plain else b""
    finally:
        os.close(descriptor)


def update(name: str, change: Callable[[bytes], bytes]) -> str:
    """Replace a small file by what change makes of its content, b'' when there is none, and return its path.

    It is replaced as a whole, and is on the disk when this returns. Others who update it wait.

    Raises:
        WorkError: no folder can be written to.
        UsageError: MDCACHE_STATE is a relative path.
    """
    folder = writable()
    path = os.path.join(folder, name)
    try:
        _make(os.path.dirname(path))
        with _alone(folder):
            try:
                before = _content(path)
            except OSError:
                before = b""
            _replace(path, change(before))
    except OSError as error:
        raise WorkError(f"cannot write {path}: {error.strerror}: {REMEDY}") from error
    return path


REMEDY = "name a folder of your own with MDCACHE_STATE"
_UNWRITABLE = "it cannot be written to"


def writable() -> str:
    """Return the first folder that can be written to, made if need be. Raises as update does."""
    if not (wanted := folders()):
        raise UsageError(f"MDCACHE_STATE is {os.environ['MDCACHE_STATE']!r}: it must be an absolute path")
    refusals = []
    for folder in wanted:
        try:
            _make(folder)
            refusal = _refusal(folder)
        except OSError as error:
            refusal = f"{error.strerror}"
        if refusal is None and os.access(folder, os.W_OK | os.X_OK):
            return folder
        refusal = refusal or _UNWRITABLE
        refusals.append(f"{folder} ({refusal})")
    raise WorkError(f"no place to remember what is made here: {', '.join(refusals)}: {REMEDY}")


def unfit(within: str) -> str | None:
    """Return what keeps state from being read or written, and why; None where nothing does. Nothing is made for it.

    within: the name of a folder of the state folder's.
    """
    if not (wanted := folders()):
        return f"MDCACHE_STATE is {os.environ['MDCACHE_STATE']!r} (it must be an absolute path)"
    for folder in (wanted[0], os.path.join(wanted[0], within)):
        if os.path.lexists(folder) and (refusal := _refusal(folder)):
            return f"{folder} ({refusal})"
    return None if any(_takes(folder, within) for folder in wanted) else f"{wanted[0]} ({_UNWRITABLE})"


def _takes(folder: str, within: str) -> bool:
    """Return whether a folder, and one in it, can be written to or made, as far as that shows."""
    wanted = os.path.join(folder, within)
    above = _nearest(wanted)
    counts = not any(_refusal(one) for one in (folder, wanted) if os.path.lexists(one))
    return counts and os.path.isdir(above) and os.access(above, os.W_OK | os.X_OK)


def beside(path: str) -> list[str]:
    """Return the other files in the folder of one that update returned."""
    folder, own = os.path.split(path)
    with contextlib.suppress(OSError):
        return [os.path.join(folder, name) for name in os.listdir(folder) if name != own]
    return []


def content(path: str) -> bytes:
    """Return what a file that beside returned holds; b'' when it is gone, no plain file, or too long."""
    with contextlib.suppress(OSError):
        return _content(path)
    return b""


def forget(path: str, rest_s: float) -> None:
    """Remove a file that beside returned, unless it was written to within so many seconds. Others who update wait."""
    with contextlib.suppress(OSError), _alone(os.path.dirname(os.path.dirname(path))):
        if time.time() - os.lstat(path).st_mtime > rest_s:
            os.unlink(path)


def _make(folder: str) -> None:
    """Make a folder, and those above it, for this user alone, whatever umask says. Raises OSError."""
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        return
    except FileNotFoundError:
        _make(os.path.dirname(folder))
        # Once: in /proc there is no folder either after it was asked for.
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder, 0o700)


@contextlib.contextmanager
def _alone(folder: str) -> Iterator[None]:
    """Let nobody else update, as a context; where a file system knows no locks, what is written last holds."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: str, content: bytes) -> None:
    temporary = f"{path}.{os.getpid()}"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)  # of a process that was killed
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            if os.write(descriptor, content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
