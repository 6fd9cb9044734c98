"""A look at the files: what has changed since the stat cache was written. Nothing is written, and no parser loaded."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from mdcache.build import present
from mdcache.config.settings import Settings
from mdcache.errors import Damaged
from mdcache.files.compare import Change, Gone, Known, compare
from mdcache.files.content import NO_CLOCK
from mdcache.files.scan import scan
from mdcache.model import Entry, Problem, Stamp
from mdcache.paths import lies_within
from mdcache.store import meta
from mdcache.store.connections import Connection, scalar

NO_NODE = "code IN ('odd-name', 'unreadable')"
"""Problems with files that are no documents; spelled as in the index of them, or SQLite would not use it."""


class Plan(NamedTuple):
    """What a look at the files says: changes by path, and problems of files that are no documents.

    mark: the state of the cache it was compared with. whole: it was looked at to the end.
    """

    changes: tuple[Change, ...]
    problems: tuple[Problem, ...]
    mark: tuple[Any, ...]
    whole: bool

    def touched(self, within: frozenset[str] | None) -> frozenset[str] | None:
        """Return the paths that were looked at, with all documents that have changed; None for everything.

        A folder was looked at as one: only so is it known which names came and went, or are left out by now, in it.
        """
        return None if within is None else within.union(map(_path, self.changes))


def plan(db: Connection, settings: Settings, within: frozenset[str] | None = None, at_most: int | None = None) -> Plan:
    """within: as in Look. at_most: look no further than to so many changes."""
    mark = mark_of(db)
    problems: list[Problem] = []

    def entries() -> Iterator[Entry]:
        for found in scan(settings.tree(), within):
            if isinstance(found, Problem):
                problems.append(found)
            else:
                yield found

    changes = compare(entries(), _rows(_known(db, within)))
    found = tuple(islice(changes, at_most))
    return Plan(found, tuple(problems), mark, len(found) != at_most)


def _rows(rows: Iterable[Any]) -> Iterator[Known]:
    """SQLite trusts its NOT NULL when it reads: only damage brings a row without a path."""
    for path, size, mtime_ns, ctime_ns, inode, hash_ in rows:
        if path is None:
            raise Damaged("the cache is damaged (a row of files has no path): run mdcache rebuild")
        yield Known(path, Stamp(size, mtime_ns, ctime_ns, inode), hash_)


_STAMPED = ", ".join(f"files.{name}" for name in ("path", *Stamp._fields, "hash"))


def _known(db: Connection, within: frozenset[str] | None) -> Iterable[Any]:
    if within is None:
        return db.execute(f"SELECT {_STAMPED} FROM files ORDER BY path")
    # '0' comes after '/': from one to the other lies all that is below a folder.
    return db.execute(
        f"SELECT {_STAMPED} FROM json_each(?1) AS one CROSS JOIN files ON files.path = one.value"
        f" UNION SELECT {_STAMPED} FROM json_each(?1) AS one"
        " CROSS JOIN files ON files.path > one.value || '/' AND files.path < one.value || '0' ORDER BY 1",
        (json.dumps(sorted(within)),),
    )


def mark_of(db: Connection) -> tuple[Any, ...]:
    """Changes with every document that does."""
    return meta.read(db).generation_id, scalar(db, "SELECT max(seq) FROM history")


def is_current(db: Connection, settings: Settings, plan: Plan, within: frozenset[str] | None) -> bool:
    """Whether there is nothing to write: what was to be read is as unreadable, or as surely racy, as it was."""
    paths = {problem.path for problem in listed_problems(db, within)}
    return (
        all(_lasts(change, paths) for change in plan.changes)
        and not differences(db, settings, plan, within)
        and present.find(db, settings, within) == present.stored(db)
    )


def _lasts(change: Change, listed: set[str]) -> bool:
    """Whether a file is looked at each time: it cannot be read, or its stamps lie in the future."""
    if isinstance(change, Gone):
        return False
    entry = change.entry
    stamp = entry.stamp
    return entry.path in listed or (change.racy and max(stamp.mtime_ns or 0, stamp.ctime_ns) > time.time_ns())


def differences(
    db: Connection, settings: Settings, plan: Plan, within: frozenset[str] | None = None
) -> tuple[tuple[str, str], ...]:
    """(action, path) of what really differs, by path: suspects are read."""
    found = {problem.path: problem for problem in plan.problems}
    actions = {}
    for change in plan.changes:
        action, problem = _verdict(settings, change)
        if action:
            actions[_path(change)] = action
        if problem:
            found[problem.path] = problem
    listed = {problem.path: problem for problem in listed_problems(db, within)}
    for path in listed.keys() | found.keys():
        if listed.get(path) != found.get(path):
            actions.setdefault(path, "changed")
    return tuple((actions[path], path) for path in sorted(actions))


def _verdict(settings: Settings, change: Change) -> tuple[str | None, Problem | None]:
    """What became of a document (None: nothing), and why its file cannot be read."""
    if isinstance(change, Gone):
        return "removed", None
    found = next(settings.reader().contents((change.entry,), settings.size_limit, NO_CLOCK))
    if found is None or isinstance(found, Problem):
        return ("removed" if change.hash else None), found
    if change.hash is None:
        return "added", None
    return ("changed" if found[0].hash != change.hash else None), None


def listed_problems(db: Connection, within: frozenset[str] | None = None) -> list[Problem]:
    """Return the problems of files that are no document's row, of all or of those within these paths."""
    columns = ", ".join(f'"{name}"' for name in Problem._fields)
    problems = map(Problem._make, db.execute(f"SELECT {columns} FROM all_problems WHERE {NO_NODE}"))
    return [problem for problem in problems if within is None or lies_within(problem.path, within)]


def _path(change: Change) -> str:
    return change.path if isinstance(change, Gone) else change.entry.path
