"""The driver of small changes: compare the files with the stat cache, read what may have changed, apply what did.

Everything is parsed before a transaction begins. A transaction takes a batch of documents from one sound state to the
next: rows, full-text index, links, problems and history together, so a reader never sees half of it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from pipeline import database, ddl, digest, layout, lock, publish, rebuild, resolve, workers
from pipeline.cache import opened
from pipeline.compare import Gone, Known, Suspect, compare
from pipeline.content import Clock
from pipeline.database import Connection, scalar
from pipeline.errors import Damaged, UsageError
from pipeline.layout import Batch, Job
from pipeline.load import Loader
from pipeline.model import Entry, Problem
from pipeline.paths import lies_within
from pipeline.rebuild import Progress, Report
from pipeline.scan import scan
from pipeline.settings import Settings

# A transaction takes at most so many changes: short enough for whoever waits to write.
_CHANGES = 512
# From so many changes on, parsing is worth worker processes.
_MANY = 512
# bm25's averages drift as sections are replaced: a delete never lowers a contentless table's totals. Past a tenth of
# the sections a new generation is built; for fewer than this the drift is not worth one.
_REFRESH_SECTIONS = 256
WORN = "more than a tenth of it has been replaced"
_NO_NODE = ("odd-name", "unreadable")
_PARTS = ("sections", "claims", "names", "tags", "aliases", "properties", "tasks", "code_blocks", "anchors")


_Answer = TypeVar("_Answer")
# A log that is larger is folded back at once, whoever reads.
_LOG_BYTES = 4 << 20


class Options(NamedTuple):
    """How to sync. digest: compute it from the tables afterwards."""

    wait_s: float = lock.DEFAULT_WAIT_S
    digest: bool = False


class Look(NamedTuple):
    """Where to look for changes, and in whose name.

    within: these paths and all below them, relative to the base; None for everything. patient: more will follow, so
    neither is a worn cache a reason to stop nor a log one to truncate it.
    """

    command: str = "mdcache sync"
    wait_s: float = lock.DEFAULT_WAIT_S
    within: frozenset[str] | None = None
    patient: bool = False


class Plan(NamedTuple):
    """What a look at the files says: changes by path, and problems of files that are no documents."""

    changes: tuple[Suspect | Gone, ...]
    problems: tuple[Problem, ...]


class Tally(NamedTuple):
    """What was done."""

    added: int = 0
    changed: int = 0
    removed: int = 0

    def plus(self, other: Tally) -> Tally:
        return Tally(*(a + b for a, b in zip(self, other, strict=True)))


def sync(settings: Settings, options: Options, progress: Progress = lambda _: None) -> Report:
    """Bring the live cache up to date; build it anew where it does not fit. Raises MdcacheError, leaving it sound."""
    began = time.monotonic()
    database.check_version()
    if not settings.roots:
        raise UsageError("no documents named: mdcache sync DOCS, or mdcache init to write settings")
    why = unfit(settings)
    report = None
    if not why:
        look = Look(wait_s=options.wait_s)
        report = update(settings, look, lambda db, tally, _: _report(db, settings, tally, options), progress)
    if report is None:
        report = rebuild.rebuild(settings, rebuild.Options(wait_s=options.wait_s), progress)
    return report._replace(seconds=round(time.monotonic() - began, 3))


def unfit(settings: Settings) -> str | None:
    """Why the live cache must be built anew; None when it can be brought up to date."""
    if not publish.judge(settings.database).exists:
        return "there is no cache yet"
    try:
        with opened(settings.database, settings.base) as cache:
            if cache.meta.get("fingerprint") != settings.fingerprint():
                return "settings, schema or versions have changed"
            sections = int(cache.meta["sections"])
            replaced = int(cache.meta.get("replaced", 0))
    except (Damaged, KeyError, ValueError):
        return "the cache is damaged"
    return WORN if replaced >= _REFRESH_SECTIONS and replaced * 10 > sections else None


def stale(settings: Settings) -> str | None:
    """What sync would have to do, in words; None when nothing. Writes nothing."""
    why = unfit(settings)
    if why:
        return why
    with opened(settings.database, settings.base) as cache:
        plan = _plan(cache.db, settings)
        changes = [c for c in plan.changes if isinstance(c, Gone) or _differs(cache.db, settings, c)]
        listed = _listed_problems(cache.db)
        unread = {p.path for p in listed} - {p.path for p in plan.problems} - {_path(c) for c in plan.changes}
    if unread:
        changes.append(Gone(min(unread)))
    return f"{len(changes)} files differ, the first is {_path(changes[0])}" if changes else None


def _differs(db: Connection, settings: Settings, suspect: Suspect) -> bool:
    """Whether a file with other stamps has other bytes, too, or another reason not to be read."""
    batch = layout.run(_job(settings, Clock(0, 0, 0), (suspect.entry,), (0,), (suspect.hash,)))
    if batch.absent:
        return any(problem is None or problem not in _listed_problems(db) for _, problem in batch.absent)
    return batch.documents > 0


Finish = Callable[[Connection, Tally, publish.Checkpoint | None], _Answer]


def update(settings: Settings, look: Look, finish: Finish[_Answer], progress: Progress) -> _Answer | None:
    """Look, and where something may have changed look again under the lock and apply it. None: it must be rebuilt.

    The answer is that of finish, which gets the open cache, what was done and, if anything was, the checkpoint.
    """
    path = settings.database
    with opened(path, settings.base) as cache:
        plan = _plan(cache.db, settings, look.within)
        if not plan.changes and set(plan.problems) == set(_listed_problems(cache.db, look.within)):
            return finish(cache.db, Tally(), None)
    count = workers.default_count() if len(plan.changes) > _MANY else 0
    with (
        workers.started(count, layout.run) as run,
        lock.held(path, look.command, look.wait_s),
        database.speaking(path),
    ):
        if unfit(settings) not in ((None, WORN) if look.patient else (None,)):
            return None
        live = publish.open_live(publish.judge(path), look.wait_s)
        if live is None:
            return None
        with database.closing(live):
            changes = Update(live, settings, _clock(path))
            plan = _plan(live, settings, look.within)
            for batch in run(changes.jobs(plan.changes)):
                progress(batch.documents)
                changes.apply(batch)
            changes.settle_problems(plan.problems, look.within)
            return finish(live, changes.tally, _checkpoint(live, look.patient))


def _checkpoint(live: Connection, patient: bool) -> publish.Checkpoint:
    if patient:
        done = publish.checkpoint(live, "PASSIVE")
        if done.log * database.PAGE_SIZE <= _LOG_BYTES:
            return done
    return publish.checkpoint(live)


def _clock(path: str) -> Clock:
    """What the clock of the database's file system says: the stamp that the lock file gets just now."""
    name = lock.path_of(path)
    os.utime(name)
    found = os.stat(name)
    return Clock(found.st_dev, found.st_mtime_ns, time.time_ns())


def _plan(db: Connection, settings: Settings, within: frozenset[str] | None = None) -> Plan:
    problems: list[Problem] = []

    def entries() -> Iterator[Entry]:
        for found in scan(settings.tree(), within):
            if isinstance(found, Problem):
                problems.append(found)
            else:
                yield found

    known = (Known(*row) for row in _known(db, within))
    return Plan(tuple(compare(entries(), known)), tuple(problems))


def _known(db: Connection, within: frozenset[str] | None) -> Iterable[Any]:
    if within is None:
        return db.execute("SELECT * FROM files ORDER BY path")
    # '0' comes after '/': from one to the other lies all that is below a folder.
    return db.execute(
        "SELECT files.* FROM json_each(?1) AS w CROSS JOIN files ON files.path = w.value UNION SELECT files.* FROM"
        " json_each(?1) AS w CROSS JOIN files ON files.path > w.value || '/' AND files.path < w.value || '0' ORDER BY 1",
        (json.dumps(sorted(within)),),
    )


def _listed_problems(db: Connection, within: frozenset[str] | None = None) -> list[Problem]:
    rows = db.execute(
        'SELECT path, line, "column", code, severity, message FROM problems WHERE code IN (?, ?)', _NO_NODE
    )
    return [Problem(*row) for row in rows if within is None or lies_within(row[0], within)]


def _path(change: Suspect | Gone) -> str:
    return change.path if isinstance(change, Gone) else change.entry.path


def _job(
    settings: Settings,
    now: Clock,
    entries: tuple[Entry, ...],
    keys: tuple[int, ...],
    known: tuple[str | None, ...],
) -> Job:
    return Job(settings.base, settings.rules(), now, entries, keys, known)


class Update:
    """The live cache while changes are applied to it; only the holder of the writer lock makes one."""

    def __init__(self, db: Connection, settings: Settings, now: Clock) -> None:
        self._db, self._settings, self._clock = db, settings, now
        self._next_key = (scalar(db, "SELECT max(key) FROM nodes") or 0) + 1
        self._gone: list[list[str]] = []
        self._unread: list[Problem] = []
        self.tally = Tally()
        if settings.schema.user:
            names = ddl.builtin_names()
            database.set_authorizer(db, database.writing_with_user_triggers(names.tables, names.sources))

    def jobs(self, changes: Iterable[Suspect | Gone]) -> Iterator[Job]:
        """One job a transaction. What is gone is remembered for the transaction of the same turn."""
        rest = iter(changes)
        while turn := list(islice(rest, _CHANGES)):
            suspects = [change for change in turn if isinstance(change, Suspect)]
            self._gone.append([change.path for change in turn if isinstance(change, Gone)])
            # Ids are settled with the links; until then each is its own.
            entries = tuple(s.entry._replace(default_id="\x1a" + s.entry.path) for s in suspects)
            keys = tuple(self._key(entry.path) for entry in entries)
            yield _job(self._settings, self._clock, entries, keys, tuple(s.hash for s in suspects))

    def _key(self, path: str) -> int:
        key = scalar(self._db, "SELECT key FROM nodes WHERE path = ?", path)
        if key is None:
            key, self._next_key = self._next_key, self._next_key + 1
        return int(key)

    def apply(self, batch: Batch) -> None:
        """One transaction: the batch, and what is gone."""
        gone = [*self._gone.pop(0), *(path for path, _ in batch.absent)]
        self._unread += [problem for _, problem in batch.absent if problem]
        removed = self._rows_of("path", gone)
        if not (removed or any(batch.rows)):
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self.tally = self.tally.plus(self._apply(batch, removed))
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _apply(self, batch: Batch, removed: list[_Row]) -> Tally:
        db = self._db
        changed = self._rows_of("key", batch.written)
        before = self._names([row.key for row in (*removed, *changed)])
        replaced = self._take_out(batch, removed, changed)
        loader = Loader(db, scalar(db, "SELECT max(key) FROM sections") or 0)
        loader.add(batch)
        loader.flush()
        names = {name for name, *_ in before ^ self._names(batch.written)}
        resolve.resolve_changes(db, self._settings.rules(), names, batch.written)
        self._write_history(batch, removed, changed)
        if batch.written or removed:
            self._write_meta(replaced)
        return Tally(len(batch.written) - len(changed), len(changed), len(removed))

    def _rows_of(self, column: str, values: Iterable[Any]) -> list[_Row]:
        sql = f"SELECT key, id, path, hash FROM nodes WHERE {column} IN (SELECT value FROM json_each(?)) ORDER BY path"
        return [_Row(*row) for row in self._db.execute(sql, (json.dumps(list(values)),))]

    def _names(self, keys: Iterable[int]) -> set[tuple[Any, ...]]:
        """Under which names these documents are found, and which ids they claim."""
        sql = (
            "SELECT name, node, alias, 'name' FROM names WHERE node IN (SELECT value FROM json_each(?1))"
            " UNION ALL SELECT name, node, claim, 'claim' FROM claims WHERE node IN (SELECT value FROM json_each(?1))"
        )
        return set(self._db.execute(sql, (json.dumps(list(keys)),)))

    def _take_out(self, batch: Batch, removed: list[_Row], changed: list[_Row]) -> int:
        """Delete what was known of these documents, but for the rows of nodes that stay; returns how many sections."""
        db = self._db
        keys = json.dumps([row.key for row in changed])
        gone = json.dumps([row.key for row in removed])
        listed = "IN (SELECT value FROM json_each(?))"
        both = json.dumps([row.key for row in (*removed, *changed)])
        replaced = scalar(db, f"SELECT count(*) FROM sections WHERE node {listed}", both)
        for table in _PARTS:
            db.execute(f"DELETE FROM {table} WHERE node {listed}", (keys,))
        db.execute(f"DELETE FROM links WHERE source {listed}", (keys,))
        db.execute(f"DELETE FROM nodes WHERE key {listed}", (gone,))
        stamped = batch.stamped()
        paths = [row.path for row in (*removed, *changed)]
        db.execute(f"DELETE FROM problems WHERE path {listed}", (json.dumps(paths),))
        db.execute(f"DELETE FROM files WHERE path {listed}", (json.dumps([*paths, *stamped]),))
        return int(replaced)

    def _write_history(self, batch: Batch, removed: list[_Row], changed: list[_Row]) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        old = {row.key: row for row in changed}
        left = {row.hash: row for row in removed}
        rows: list[tuple[str | None, ...]] = []
        for new in self._rows_of("key", batch.written):
            if new.key in old:
                rows.append((at, "changed", new.id, new.path, old[new.key].hash, new.hash, None))
            elif new.hash in left:
                moved = left.pop(new.hash)
                rows.append((at, "renamed", new.id, new.path, moved.hash, new.hash, moved.path))
            else:
                rows.append((at, "added", new.id, new.path, None, new.hash, None))
        moved_away = {row[6] for row in rows}
        rows += [(at, "removed", r.id, r.path, r.hash, None, None) for r in removed if r.path not in moved_away]
        columns = "at, action, id, path, old_hash, new_hash, old_path"
        self._db.executemany(f"INSERT INTO history ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def _write_meta(self, replaced: int) -> None:
        db = self._db
        db.execute("DELETE FROM meta WHERE key = 'digest'")
        db.execute(
            "INSERT INTO meta (key, value) VALUES ('replaced', ?1)"
            " ON CONFLICT (key) DO UPDATE SET value = value + excluded.value",
            (str(replaced),),
        )
        facts = {
            "last_sync": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "documents": str(scalar(db, "SELECT count(*) FROM nodes")),
            "sections": str(scalar(db, "SELECT count(*) FROM sections")),
        }
        db.executemany("UPDATE meta SET value = ?2 WHERE key = ?1", list(facts.items()))

    def settle_problems(self, scanned: Iterable[Problem], within: frozenset[str] | None = None) -> None:
        """The files that are no documents, as they are now."""
        wanted, listed = {*scanned, *self._unread}, set(_listed_problems(self._db, within))
        if wanted == listed:
            return
        self._db.execute("BEGIN IMMEDIATE")
        paths = json.dumps([problem.path for problem in listed])
        sql = "DELETE FROM problems WHERE code IN (?, ?) AND path IN (SELECT value FROM json_each(?))"
        self._db.execute(sql, (*_NO_NODE, paths))
        problems = resolve.problem_writer(self._db)
        for problem in sorted(wanted):
            problems.add(problem)
        problems.flush()
        self._db.execute("COMMIT")


class _Row(NamedTuple):
    """What is needed of a node's row."""

    key: int
    id: str
    path: str
    hash: str


def _report(db: Connection, settings: Settings, tally: Tally, options: Options) -> Report:
    meta = dict(db.execute("SELECT key, value FROM meta"))
    documents = scalar(db, "SELECT count(*) FROM nodes")
    return Report(
        database=settings.database,
        generation=int(meta.get("generation", 0)),
        documents=documents,
        sections=scalar(db, "SELECT count(*) FROM sections"),
        links=scalar(db, "SELECT count(*) FROM links"),
        unresolved=scalar(db, "SELECT count(*) FROM links WHERE scope = 'document' AND target_node IS NULL"),
        problems=scalar(db, "SELECT count(*) FROM problems"),
        added=tally.added,
        changed=tally.changed,
        removed=tally.removed,
        unchanged=documents - tally.added - tally.changed,
        seconds=0.0,
        digest=meta.get("digest") or (digest.of_tables(db) if options.digest else None),
        fingerprint=meta.get("fingerprint", ""),
        rebuilt=False,
    )
