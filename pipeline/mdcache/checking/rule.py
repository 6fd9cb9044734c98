"""What runs in the process for rules: it opens a cache, then runs a rule at a time. See rules, its parent's side."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from mdcache import child
from mdcache.config.policy import Rule
from mdcache.errors import MdcacheError, UsageError
from mdcache.model import ERROR, Problem
from mdcache.store import authorizer, connections, failures
from mdcache.store.connections import Connection, DriverWarning, SqliteError

ROWS_LIMIT = 10_000
"""More rows than anybody would read: such a rule is wrong, and a cloned repository's may mean harm."""
# Of a longer path or message nobody would read the rest.
_LONGEST = 1000
# With what the process that waits for it has, a rule stays below half a gigabyte.
_MEMORY_BYTES = 384 << 20
# How many steps of SQLite's machine pass between two looks at the clock: well under a millisecond.
_STEPS = 1_000


def main() -> None:
    """Open the cache that the parent names, then run its rules, until it closes its pipe, or dies."""
    incoming, outgoing = child.begun()
    arriving = child.arrivals(incoming)
    try:
        with failures.speaking(path := next(arriving)):
            db = connections.open_reader(path)
    except MdcacheError as error:
        child.send(outgoing, error)
        return
    child.send(outgoing, None)
    _limit_memory()
    db.set_authorizer(authorizer.reading_only)
    for rule, limit_s in arriving:
        child.send(outgoing, _outcome(db, rule, limit_s))


def _outcome(db: Connection, rule: Rule, limit_s: float) -> list[Problem] | UsageError:
    try:
        return _run(db, rule, limit_s)
    except UsageError as error:
        return error


def _limit_memory() -> None:
    """A query can make values of a gigabyte each. SQLite cannot be told not to; Linux can."""
    used = _used_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if used is not None and soft == resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY_BYTES, hard))


def _run(db: Connection, rule: Rule, limit_s: float) -> list[Problem]:
    deadline = time.monotonic() + limit_s
    db.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
    with _blaming(rule, limit_s, deadline):
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
        if time.monotonic() > deadline:
            raise too_long(rule, limit_s) from error
        raise failures.user_error(error, f"rule '{rule.name}' does not run") from error


def too_long(rule: Rule, limit_s: float) -> UsageError:
    """Return what is said of a rule that was ended."""
    return UsageError(f"rule '{rule.name}': it ran longer than {limit_s:g} seconds")


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
