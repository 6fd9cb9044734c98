"""The user's own rules: queries against the cache of the tree that is judged, whose rows are problems."""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from mdcache.config.policy import Rule
from mdcache.errors import UsageError
from mdcache.model import ERROR, Problem
from mdcache.store import authorizer, failures
from mdcache.store.connections import Connection, DriverWarning, SqliteError

TIME_LIMIT_S = 10.0
ROWS_LIMIT = 10_000
"""More rows than anybody would read: such a rule is wrong, and a cloned repository's may mean harm."""
# Of a longer path or message nobody would read the rest.
_LONGEST = 1000
_MEMORY_BYTES = 1 << 29
# How many steps of SQLite's machine pass between two looks at the clock: well under a millisecond.
_STEPS = 1_000
# One step can be a function that takes hours, as instr() of megabytes in megabytes does, and nothing interrupts it.
_GRACE_S = 2.0


def run(db: Connection, rules: Iterable[Rule], limit_s: float = TIME_LIMIT_S) -> list[Problem]:
    """The problems that the rules find. Raises UsageError with a rule's name when it does not run, or not in time.

    limit_s: how long each may run. One that cannot be interrupted ends this process, a little later, with its name.
    """
    found = []
    authorizer.set_authorizer(db, authorizer.reading_only)
    try:
        with _little_memory():
            for rule in rules:
                found += _run(db, rule, limit_s)
    finally:
        db.set_progress_handler(None, 0)
        authorizer.set_authorizer(db, None)
    return found


def _run(db: Connection, rule: Rule, limit_s: float) -> list[Problem]:
    deadline = time.monotonic() + limit_s
    db.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
    with _blaming(rule, limit_s, deadline), _watched(rule, limit_s):
        cursor = db.execute(rule.sql)
        columns = [column[0].lower() for column in cursor.description or ()]
        found = [_problem(rule, columns, row) for row in islice(_checked(rule, columns, cursor), ROWS_LIMIT + 1)]
    if len(found) > ROWS_LIMIT:
        raise UsageError(f"rule '{rule.name}': it finds more than {ROWS_LIMIT} problems")
    return found


@contextmanager
def _blaming(rule: Rule, limit_s: float, deadline: float) -> Iterator[None]:
    try:
        yield
    except MemoryError as error:
        raise UsageError(f"rule '{rule.name}': it needs more than {_MEMORY_BYTES >> 20} MB of memory") from error
    except (SqliteError, DriverWarning) as error:
        # SQLite is interrupted by our clock, or by Ctrl-C.
        if time.monotonic() > deadline:
            raise _too_long(rule, limit_s) from error
        raise failures.user_error(error, f"rule '{rule.name}' does not run") from error


def _too_long(rule: Rule, limit_s: float) -> UsageError:
    return UsageError(f"rule '{rule.name}': it ran longer than {limit_s:g} seconds")


@contextmanager
def _watched(rule: Rule, limit_s: float) -> Iterator[None]:
    watch = threading.Timer(limit_s + _GRACE_S, _end, (_too_long(rule, limit_s),))
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()
        watch.join()  # with another thread about, workers would be no forks


def _end(error: UsageError) -> None:
    os.write(2, f"mdcache: {error}\n".encode())
    os._exit(error.status)


@contextmanager
def _little_memory() -> Iterator[None]:
    """A query can make values of a gigabyte each. SQLite cannot be told not to; Linux can."""
    used = _used_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if used is None or soft != resource.RLIM_INFINITY:
        yield
        return
    resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _used_bytes() -> int | None:
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return None


def _checked(rule: Rule, columns: list[str], rows: Iterable[tuple[Any, ...]]) -> Iterable[tuple[Any, ...]]:
    lacking = {"path", "message"} - set(columns)
    if lacking:
        raise UsageError(f"rule '{rule.name}': its rows have no column {' and no column '.join(sorted(lacking))}")
    return rows


def _problem(rule: Rule, columns: list[str], row: tuple[Any, ...]) -> Problem:
    named = dict(zip(columns, row, strict=True))
    path, message = named["path"], named["message"]
    if not isinstance(path, str) or not path or not isinstance(message, str | int | float):
        raise UsageError(f"rule '{rule.name}': a row has no path or no message")
    place = _number(named.get("line")), _number(named.get("column"))
    return Problem(path[:_LONGEST], *place, rule.name, ERROR, str(message)[:_LONGEST])


def _number(value: Any) -> int:
    """A line or column; 1 when the query has none."""
    return value if isinstance(value, int) and value > 0 else 1
