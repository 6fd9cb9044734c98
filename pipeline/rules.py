"""The user's own rules: queries against the cache of the tree that is judged, whose rows are problems."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from pipeline import database
from pipeline.database import Connection, DriverWarning, SqliteError
from pipeline.errors import UsageError
from pipeline.model import ERROR, Problem
from pipeline.policy import Rule

TIME_LIMIT_S = 10.0
ROWS_LIMIT = 10_000
"""More rows than anybody would read: such a rule is wrong, and a cloned repository's may mean harm."""
# How many steps of SQLite's machine pass between two looks at the clock: well under a millisecond.
_STEPS = 10_000


def run(db: Connection, rules: Iterable[Rule]) -> list[Problem]:
    """The problems that the rules find. Raises UsageError with a rule's name when it does not run, or not in time."""
    found = []
    database.set_authorizer(db, database.reading_only)
    try:
        for rule in rules:
            found += _run(db, rule)
    finally:
        db.set_progress_handler(None, 0)
        database.set_authorizer(db, None)
    return found


def _run(db: Connection, rule: Rule) -> list[Problem]:
    deadline = time.monotonic() + TIME_LIMIT_S
    db.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
    with _blaming(rule, deadline):
        cursor = db.execute(rule.sql)
        rows = list(islice(cursor, ROWS_LIMIT + 1))
    if len(rows) > ROWS_LIMIT:
        raise UsageError(f"rule '{rule.name}': it finds more than {ROWS_LIMIT} problems")
    return list(_problems(rule, [column[0].lower() for column in cursor.description or ()], rows))


@contextmanager
def _blaming(rule: Rule, deadline: float) -> Iterator[None]:
    try:
        yield
    except (SqliteError, DriverWarning) as error:
        # SQLite is interrupted by our clock, or by Ctrl-C.
        if time.monotonic() > deadline:
            raise UsageError(f"rule '{rule.name}': it ran longer than {TIME_LIMIT_S:g} seconds") from error
        raise database.user_error(error, f"rule '{rule.name}' does not run") from error


def _problems(rule: Rule, columns: list[str], rows: list[tuple[Any, ...]]) -> Iterator[Problem]:
    lacking = {"path", "message"} - set(columns)
    if lacking:
        raise UsageError(f"rule '{rule.name}': its rows have no column {' and no column '.join(sorted(lacking))}")
    for row in rows:
        named = dict(zip(columns, row, strict=True))
        path, message = named["path"], named["message"]
        if not isinstance(path, str) or not path or message is None:
            raise UsageError(f"rule '{rule.name}': a row has no path or no message")
        yield Problem(path, _number(named.get("line")), _number(named.get("column")), rule.name, ERROR, str(message))


def _number(value: Any) -> int:
    """A line or column; 1 when the query has none."""
    return value if isinstance(value, int) and value > 0 else 1
