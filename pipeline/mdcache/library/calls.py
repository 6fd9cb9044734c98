"""What writes or judges, as a program calls it: each call runs in a child process of its own.

A process that has two copies of SQLite, ours and that of the module sqlite3, must not write a cache: when one
copy closes the file, the system drops the locks of the other, and another process may write at the same time. A child
has one copy, whatever its parent has imported, and signals, limits and threads of its own.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, Union

from mdcache import child
from mdcache.errors import MdcacheError, WorkError, doing
from mdcache.model import Report
from mdcache.names import name_of, text_of

if TYPE_CHECKING:
    from mdcache.checking.check import Finding
    from mdcache.config.settings import Settings
    from mdcache.verifying.verify import Verdict
    from mdcache.watching.loop import Batch

Where: TypeAlias = Union[str, os.PathLike[str], "Settings"]
"""A folder, or settings."""
WAIT_S = 10.0
"""How many seconds a writer waits for another one, unless told otherwise."""
# A child that is asked to end gives up what it does and removes what it has begun; one that does not is killed.
_ENDING_S = 10.0
# How often a watcher's caller looks whether it is to end.
_POLL_S = 0.2

Progress = Callable[[int], None]


class Stop(Protocol):
    """What asks a watcher to end: a threading.Event, or whatever else knows."""

    def is_set(self) -> bool: ...


class Call(NamedTuple):
    """What the child is asked to do; where is a folder or settings."""

    name: str
    where: str | Settings
    options: dict[str, Any]


class Said(NamedTuple):
    """How many more documents have been done."""

    documents: int


class Yielded(NamedTuple):
    """One of several values, before the call is done."""

    value: Any


class Returned(NamedTuple):
    """What the call returns."""

    value: Any


class Raised(NamedTuple):
    """What the call raises."""

    error: BaseException


def rebuild(
    where: Where = ".",
    *,
    wait: float = WAIT_S,
    workers: int | None = None,
    output: str | os.PathLike[str] | None = None,
    reproducible: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Build a fresh cache and swap it in under its readers; return what it holds.

    Args:
        where: a folder, whose settings are found as a command that is started there finds them, or settings. Without
            any, the documents are those below the folder.
        wait: for another writer, in seconds.
        workers: how many processes parse; None for as many as pay.
        output: a file to publish instead of the live cache.
        reproducible: with output, the same bytes for the same documents.
        progress: called with the number of documents that were added since it was called last.

    Raises:
        UsageError: something is wrong with the settings.
        WorkError: it could not be done; the live cache is as it was.
    """
    target = None if output is None else os.path.abspath(output)
    report: Report = _call(
        "rebuild", where, progress, wait_s=wait, workers=workers, output=target, reproducible=reproducible
    )
    return _named(report)


def sync(where: Where = ".", *, wait: float = WAIT_S, digest: bool = False, progress: Progress | None = None) -> Report:
    """Bring the cache up to date with its files, or build it where it does not fit; return what was done.

    Args:
        where: as for rebuild.
        wait: for another writer, in seconds.
        digest: compute the digest of what is cached now.
        progress: called with the number of documents that were looked at since it was called last.

    Raises:
        UsageError: something is wrong with the settings.
        WorkError: it could not be done; the cache is sound.
    """
    report: Report = _call("sync", where, progress, wait_s=wait, digest=digest)
    return _named(report)


def check(
    where: Where = ".",
    *,
    paths: tuple[str, ...] = (),
    staged: bool = False,
    rev: str | None = None,
    against: str | None = None,
) -> list[Finding]:
    """Return what is wrong in the documents, sorted by place. Nothing is written.

    Args:
        where: as for rebuild.
        paths: report only documents at and below these, relative to the folder.
        staged: judge what git is about to commit, and what it breaks elsewhere.
        rev: judge a revision.
        against: report only what has changed since this revision, and what that breaks elsewhere.

    Raises:
        UsageError: something is wrong with the settings or a rule in them, with a path or a revision.
        WorkError: it could not be done.
    """
    found: list[Finding] = _call("check", where, None, paths=tuple(paths), staged=staged, rev=rev, against=against)
    return found


def verify(where: Where = ".", *, quick: bool = False, progress: Progress | None = None) -> Verdict:
    """Read everything again and compare; return whether the cache holds what its files say. Changes nothing.

    Args:
        where: as for rebuild.
        quick: only compare the hashes of the files.
        progress: called with the number of documents that were read since it was called last.

    Raises:
        UsageError: something is wrong with the settings.
        WorkError: there is no cache, or it could not be done.
    """
    verdict: Verdict = _call("verify", where, progress, quick=quick)
    return verdict


def watch(
    where: Where = ".", *, stop: Stop | None = None, wait: float = WAIT_S, poll: bool = False
) -> Generator[Batch, None, None]:
    """Keep the cache fresh: yield a batch for the first look, and one for each later look that changed something.

    Args:
        where: as for rebuild.
        stop: ends it at the next place where that is safe; looked at several times a second. A generator that is closed
            ends too.
        wait: for another writer, at the start, in seconds.
        poll: compare all files every few seconds, and do not ask the system for changes.

    Raises:
        UsageError: something is wrong with the settings.
        WorkError: it cannot be started. Later failures are tried again.
    """
    with _serving(Call("watch", _plain(where), {"wait_s": wait, "poll": poll})) as serving:
        is_asked = False
        while True:
            if not is_asked and stop and stop.is_set():
                serving.send(None)
                is_asked = True
            if serving.answers_within(_POLL_S):
                match serving.receive():
                    case Yielded(batch):
                        yield batch
                    case Raised(error):
                        raise error
                    case _:
                        return


def _call(name: str, where: Where, progress: Progress | None, **options: Any) -> Any:
    with _serving(Call(name, _plain(where), options)) as serving:
        while True:
            match serving.receive():
                case Said(documents):
                    if progress:
                        progress(documents)
                case Raised(error):
                    raise error
                case Returned(value):
                    return value


def _named(report: Report) -> Report:
    """Return a report with the name of the cache as this process has it."""
    return report._replace(database=name_of(report.database))


def _plain(where: Where) -> str | Settings:
    """Return what the child understands: it runs in UTF-8 mode, whatever the locale of this process."""
    if isinstance(where, str | os.PathLike):
        return text_of(os.fspath(where))
    return where._replace(
        file=where.file and text_of(where.file),
        base=text_of(where.base),
        roots=tuple(map(text_of, where.roots)),
        named=tuple(map(text_of, where.named)),
        database=text_of(where.database),
    )


@contextlib.contextmanager
def _serving(call: Call) -> Iterator[child.Child]:
    """Start the child with its call. Whatever happens here, it has ended when this has."""
    with doing("start a process for the cache"):
        serving = child.start("mdcache.library.childside")
    with serving:
        try:
            serving.send(call)
            yield serving
        except (EOFError, BrokenPipeError) as error:
            raise WorkError("the process that works on the cache was killed: the cache is sound, try again") from error
        except MdcacheError:
            raise
        except BaseException:
            serving.ask_to_end()
            serving.has_ended_within(_ENDING_S)
            raise
