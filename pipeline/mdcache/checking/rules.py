"""The user's own rules: queries against the cache of the tree that is judged, whose rows are problems.

They run in a process of their own: SQLite may take hours for a single step of a query, as for instr() of megabytes in
megabytes, and nothing interrupts that; but a process can be killed, and its memory can be limited.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator, Sequence

from mdcache import child
from mdcache.checking.rule import too_long
from mdcache.config.policy import Rule
from mdcache.errors import UsageError, WorkError, doing
from mdcache.model import Problem
from mdcache.store import connections
from mdcache.store.connections import Connection

TIME_LIMIT_S = 4.0
TIME_LIMIT_OF_ALL_S = 30.0
PROBLEMS_LIMIT_OF_ALL = 20_000
# A query that can be interrupted says so itself, mostly no later than that.
_GRACE_S = 0.5


def run(
    db: Connection, rules: Sequence[Rule], limit_s: float = TIME_LIMIT_S, limit_of_all_s: float = TIME_LIMIT_OF_ALL_S
) -> list[Problem]:
    """Return the problems that the rules find in a cache, rule by rule.

    Args:
        db: the live cache, or a draft, which is copied.
        rules: without any, no process is started.
        limit_s: how many seconds each may run.
        limit_of_all_s: after how many seconds no other is begun.

    Raises:
        UsageError: with a rule's name, when it does not run, or not in time; when they find too much together.
        WorkError: when the process cannot be started, or was killed.
    """
    if not rules:
        return []
    found: list[Problem] = []
    with _runner(db) as runner:
        began = time.monotonic()
        for rule in rules:
            if time.monotonic() - began > limit_of_all_s:
                raise UsageError(f"rule '{rule.name}': those before it ran longer than {limit_of_all_s:g} seconds")
            found += _found(runner, rule, limit_s)
            if len(found) > PROBLEMS_LIMIT_OF_ALL:
                raise UsageError(f"the rules find more than {PROBLEMS_LIMIT_OF_ALL} problems together")
    return found


def _found(runner: child.Child, rule: Rule, limit_s: float) -> list[Problem]:
    runner.send((rule, limit_s))
    if not runner.answers_within(limit_s + _GRACE_S):
        raise too_long(rule, limit_s)
    found: list[Problem] | UsageError = runner.receive()
    if isinstance(found, UsageError):
        raise found
    return found


@contextlib.contextmanager
def _runner(db: Connection) -> Iterator[child.Child]:
    """Yield the process that runs rules, with the cache open in it."""
    with doing("start a process for the rules"):
        runner = child.start("mdcache.checking.rule")
    try:
        with runner:
            path = connections.file_of(db)
            if path:
                _open(runner, path)
            else:
                _copy(runner, db)
            yield runner
    except (EOFError, BrokenPipeError) as error:
        raise WorkError("the process that runs the rules was killed, perhaps for want of memory") from error


def _open(runner: child.Child, path: str) -> None:
    """Let the process open a cache. Raises WorkError when it cannot."""
    runner.send(path)
    error = runner.receive()
    if error:
        raise error


def _copy(runner: child.Child, draft: Connection) -> None:
    """Copy a draft into a file that has no name any more when anything is written: so nothing of it is left behind."""
    runner.make_sure()  # that it is ready: the file has its name for a moment only
    with doing("make a temporary file"):
        descriptor, path = tempfile.mkstemp(prefix="mdcache-")
        os.close(descriptor)
    try:
        copy = connections.open_copy(path)
        with contextlib.closing(copy):
            _open(runner, path)
            os.unlink(path)
            draft.backup(copy)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
