"""The driver of small changes: compare the files with the stat cache, read what may have changed, apply what did.

Everything is parsed before a transaction begins. A transaction takes a batch of documents from one sound state to the
next: rows, full-text index, links, problems and history together, so a reader never sees half of it.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import pipeline
from pipeline import content, database, ddl, digest, layout, lock, publish, rebuild, resolve, workers
from pipeline.cache import Cache, opened
from pipeline.compare import Gone, Known, Suspect, compare
from pipeline.content import Clock
from pipeline.database import Connection, SqliteError, scalar
from pipeline.errors import Damaged, UsageError, WorkError
from pipeline.layout import FILES, NODES, TABLES, Batch, Job, Table
from pipeline.load import Loader
from pipeline.model import Entry, Problem
from pipeline.paths import lies_within
from pipeline.rebuild import Progress, Report
from pipeline.scan import scan
from pipeline.settings import Settings

Change = Suspect | Gone

# A transaction takes at most so many changes and bytes: short enough for whoever waits to write, and bounded in memory.
_CHANGES = 512
_BYTES = 4 << 20
# From so many changes on, parsing is worth worker processes.
_MANY = 512
# bm25's averages drift as sections are replaced: a delete never lowers a contentless table's totals. Past a tenth of
# the sections a new generation is built; for fewer than this the drift is not worth one.
_REFRESH_SECTIONS = 256
WORN = "more than a tenth of it has been replaced"
# A log that is longer is folded back and cut at once, whoever reads.
_LOG_BYTES = 4 << 20
_NO_NODE = ("odd-name", "unreadable")
_PARTS = ("sections", "claims", "names", "tags", "aliases", "properties", "tasks", "code_blocks", "anchors")


class Options(NamedTuple):
    """How to sync. digest: compute it from the tables afterwards."""

    wait_s: float = lock.DEFAULT_WAIT_S
    digest: bool = False


class Look(NamedTuple):
    """Where to look for changes, and in whose name.

    within: these paths and all below them, relative to the base; None for everything. patient: more will follow, so
    neither is a worn cache a reason to build it anew nor a short log one to cut it.
    """

    command: str = "mdcache sync"
    wait_s: float = lock.DEFAULT_WAIT_S
    within: frozenset[str] | None = None
    patient: bool = False


class Tally(NamedTuple):
    """What was done."""

    added: int = 0
    changed: int = 0
    removed: int = 0

    def plus(self, other: Tally) -> Tally:
        return Tally(*(a + b for a, b in zip(self, other, strict=True)))


class Stale(NamedTuple):
    """What sync would have to do. rebuild: why it would build the cache anew; else the changes, by path."""

    rebuild: str | None
    changes: tuple[tuple[str, str], ...] = ()
    """(added, changed or removed; path). A file that cannot be read any more is removed, as in the cache."""


class Interrupted(WorkError):
    """Stopped between two transactions or within one: the cache is sound, and some of the changes are in."""

    status = 130


class Unfit(Exception):
    """The live cache must be built anew; says why."""


def sync(
    settings: Settings,
    options: Options,
    progress: Progress = lambda _: None,
    explain: Callable[[str], None] = lambda _: None,
) -> Report:
    """Bring the live cache up to date; build it anew where it does not fit. Raises MdcacheError, leaving it sound.

    explain is told why the cache is built anew.
    """
    began = time.monotonic()
    database.check_version()
    if not settings.roots:
        raise UsageError("no documents named: mdcache sync DOCS, or mdcache init to write settings")
    try:
        look = Look(wait_s=options.wait_s)
        report = update(settings, look, lambda db, tally, _: _report(db, settings, tally, options), progress)
    except (Unfit, Damaged) as why:
        explain(str(why))
        report = rebuild.rebuild(settings, rebuild.Options(wait_s=options.wait_s), progress)
    return report._replace(seconds=round(time.monotonic() - began, 3))


def stale(settings: Settings) -> Stale | None:
    """What sync would have to do; None when nothing. Reads what may have changed, writes nothing."""
    try:
        with _fit(settings) as cache:
            changes = _differences(cache.db, settings, _plan(cache.db, settings))
            return Stale(None, changes) if changes else None
    except (Unfit, Damaged) as why:
        return Stale(str(why))


# Does the cache fit?


def unfit(settings: Settings) -> str | None:
    """Why the live cache must be built anew; None when it can be brought up to date.

    Raises WorkError for what is not ours to replace, and for what a newer mdcache made. No connection to the cache may
    be open in this process.
    """
    try:
        with _fit(settings):
            return None
    except (Unfit, Damaged) as why:
        return str(why)


@contextmanager
def _fit(settings: Settings, patient: bool = False) -> Iterator[Cache]:
    """The live cache, to read from. Raises Unfit or Damaged when it must be built anew."""
    if not publish.judge(settings.database).exists:
        raise Unfit("there is no cache yet")
    with opened(settings.database, settings.base) as cache:
        try:
            why = _misfit(cache, settings)
        except (KeyError, ValueError) as error:
            raise Damaged(f"{cache.path} does not say what it holds") from error
        if why and not (patient and why == WORN):
            raise Unfit(why)
        yield cache


def _misfit(cache: Cache, settings: Settings) -> str | None:
    made_by = cache.meta["mdcache"]
    if _version(made_by) > _version(pipeline.__version__):
        raise WorkError(
            f"{cache.path} was made by mdcache {made_by}, which is newer: upgrade, or replace it with mdcache rebuild"
        )
    # Not in the fingerprint: a folder may be moved together with its cache.
    if cache.base != settings.base:
        return f"it holds the documents of {cache.base}"
    if cache.meta["fingerprint"] != settings.fingerprint():
        return "settings, schema or versions have changed"
    replaced = int(cache.meta.get("replaced", 0))
    if replaced >= _REFRESH_SECTIONS and replaced * 10 > int(cache.meta["sections"]):
        return WORN
    return None


def _version(text: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", text)[:3]]


# What has changed?


class Plan(NamedTuple):
    """What a look at the files says: changes by path, and problems of files that are no documents.

    mark: the state of the cache it was compared with. whole: it was looked at to the end.
    """

    changes: tuple[Change, ...]
    problems: tuple[Problem, ...]
    mark: tuple[Any, ...]
    whole: bool


def _plan(db: Connection, settings: Settings, within: frozenset[str] | None = None, at_most: int | None = None) -> Plan:
    """within: as in Look. at_most: look no further than to so many changes."""
    mark = _mark(db)
    problems: list[Problem] = []

    def entries() -> Iterator[Entry]:
        for found in scan(settings.tree(), within):
            if isinstance(found, Problem):
                problems.append(found)
            else:
                yield found

    changes = compare(entries(), map(Known._make, _known(db, within)))
    found = tuple(islice(changes, at_most))
    return Plan(found, tuple(problems), mark, len(found) != at_most)


def _known(db: Connection, within: frozenset[str] | None) -> Iterable[Any]:
    if within is None:
        return db.execute("SELECT * FROM files ORDER BY path")
    # '0' comes after '/': from one to the other lies all that is below a folder.
    return db.execute(
        "SELECT files.* FROM json_each(?1) AS one CROSS JOIN files ON files.path = one.value"
        " UNION SELECT files.* FROM json_each(?1) AS one"
        " CROSS JOIN files ON files.path > one.value || '/' AND files.path < one.value || '0' ORDER BY 1",
        (json.dumps(sorted(within)),),
    )


def _mark(db: Connection) -> tuple[Any, ...]:
    """Changes with every document that does."""
    generation = scalar(db, "SELECT value FROM meta WHERE key = 'generation_id'")
    return generation, scalar(db, "SELECT max(seq) FROM history")


def _is_current(db: Connection, settings: Settings, plan: Plan, within: frozenset[str] | None) -> bool:
    """Whether there is nothing to write: what was to be read is as unreadable, or as surely racy, as it was."""
    paths = {problem.path for problem in _listed_problems(db, within)}
    return all(_lasts(change, paths) for change in plan.changes) and not _differences(db, settings, plan, within)


def _lasts(change: Change, listed: set[str]) -> bool:
    """Whether a file is looked at each time: it cannot be read, or its stamps lie in the future."""
    if isinstance(change, Gone):
        return False
    entry = change.entry
    return entry.path in listed or (change.racy and max(entry.mtime_ns, entry.ctime_ns) > time.time_ns())


def _differences(
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
    listed = {problem.path: problem for problem in _listed_problems(db, within)}
    for path in listed.keys() | found.keys():
        if listed.get(path) != found.get(path):
            actions.setdefault(path, "changed")
    return tuple((actions[path], path) for path in sorted(actions))


def _verdict(settings: Settings, change: Change) -> tuple[str | None, Problem | None]:
    """What became of a document (None: nothing), and why its file cannot be read."""
    if isinstance(change, Gone):
        return "removed", None
    found = content.read(settings.base, change.entry.path, settings.size_limit, Clock(0, 0, 0))
    if found is None or isinstance(found, Problem):
        return ("removed" if change.hash else None), found
    if change.hash is None:
        return "added", None
    return ("changed" if found[0].hash != change.hash else None), None


def _listed_problems(db: Connection, within: frozenset[str] | None = None) -> list[Problem]:
    rows = db.execute(
        'SELECT path, line, "column", code, severity, message FROM problems WHERE code IN (?, ?)', _NO_NODE
    )
    return [Problem(*row) for row in rows if within is None or lies_within(row[0], within)]


def _path(change: Change) -> str:
    return change.path if isinstance(change, Gone) else change.entry.path


# Bring it up to date


_Answer = TypeVar("_Answer")
Finish = Callable[[Connection, Tally, publish.Checkpoint | None], _Answer]


def update(settings: Settings, look: Look, finish: Finish[_Answer], progress: Progress) -> _Answer:
    """Look, and where something may have changed take the lock and apply it.

    The answer is that of finish: of the open cache, what was done and, if anything was written, the checkpoint. Raises
    Unfit or Damaged when the cache must be built anew.
    """
    with _fit(settings, look.patient) as cache:
        plan = _plan(cache.db, settings, look.within, _MANY + 1)
        if plan.whole and _is_current(cache.db, settings, plan, look.within):
            return finish(cache.db, Tally(), None)
    # Before the lock and any connection.
    count = 0 if plan.whole else workers.default_count()
    path = settings.database
    with (
        workers.started(count, layout.run) as run,
        lock.held(path, look.command, look.wait_s),
        database.speaking(path),
    ):
        with _fit(settings, look.patient):
            pass
        live = publish.open_live(publish.judge(path), look.wait_s)
        if live is None:
            raise Unfit("it is no live cache")
        with database.closing(live):
            changes = Update(live, settings, clock(path))
            if not plan.whole or plan.mark != _mark(live):
                plan = _plan(live, settings, look.within)
            with _interruptible(changes):
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


@contextmanager
def _interruptible(update: Update) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if not any(update.tally):
            raise
        raise Interrupted(
            f"interrupted: {sum(update.tally)} changes are in, the cache is sound, the next sync does the rest"
        ) from None
    except SqliteError as error:
        # Perhaps a trigger that minds changes only: a build shows whether it can be lived with.
        if update.has_user_triggers and database.is_about_sql(error):
            raise Unfit(f"a trigger or view of the schema files fails ({error})") from error
        raise


def clock(path: str) -> Clock:
    """What the clock of the database's file system says: the stamp that the lock file gets just now."""
    name = lock.path_of(path)
    os.utime(name)
    found = os.stat(name)
    return Clock(found.st_dev, found.st_mtime_ns, time.time_ns())


class Update:
    """The live cache while changes are applied to it; only the holder of the writer lock makes one."""

    def __init__(self, db: Connection, settings: Settings, now: Clock) -> None:
        self._db, self._settings, self._clock = db, settings, now
        self._next_key = (scalar(db, "SELECT max(key) FROM nodes") or 0) + 1
        self._gone: deque[list[str]] = deque()
        self._left: dict[str, list[_Row]] = {}
        self._unread: list[Problem] = []
        self.tally = Tally()
        self.has_user_triggers = bool(settings.schema.user)
        if self.has_user_triggers:
            names = ddl.builtin_names()
            database.set_authorizer(db, database.writing_with_user_triggers(names.tables, names.sources))

    def jobs(self, changes: Iterable[Change]) -> Iterator[Job]:
        """One job a transaction. What is gone is remembered for the transaction of the same turn.

        Files come before what is gone, which may have been renamed to one of them: see apply.
        """
        ordered = sorted(changes, key=lambda change: isinstance(change, Gone))
        self._left, self._unread = {}, []
        for row in self._rows_of("path", (change.path for change in ordered if isinstance(change, Gone))):
            self._left.setdefault(row.hash, []).append(row)
        for turn in _turns(ordered):
            suspects = [change for change in turn if isinstance(change, Suspect)]
            self._gone.append([change.path for change in turn if isinstance(change, Gone)])
            yield self._job(suspects)

    def _job(self, suspects: list[Suspect]) -> Job:
        keys, entries = [], []
        for suspect in suspects:
            key, id_ = self._key_and_id(suspect.entry.path)
            keys.append(key)
            entries.append(suspect.entry._replace(default_id=id_))
        settings, known = self._settings, tuple(suspect.hash for suspect in suspects)
        return Job(settings.base, settings.rules(), self._clock, tuple(entries), tuple(keys), known)

    def _key_and_id(self, path: str) -> tuple[int, str]:
        """Ids are settled with the links: until then a document keeps its own, or has one that no other can have."""
        row = self._db.execute("SELECT key, id FROM nodes WHERE path = ?", (path,)).fetchone()
        if row:
            return int(row[0]), str(row[1])
        self._next_key += 1
        return self._next_key - 1, "\x1a" + path

    def apply(self, batch: Batch) -> None:
        """One transaction: the batch, what is gone, and what was renamed into the batch."""
        gone = [*self._gone.popleft(), *(path for path, _ in batch.absent)]
        unread = [problem for _, problem in batch.absent if problem]
        self._unread += unread
        changed = self._rows_of("key", batch.written)
        moved = self._moved(batch, changed)
        removed = self._rows_of("path", {*gone, *moved.values()})
        if not (removed or batch.written or unread or self._settles(batch)):
            return
        with self._transaction():
            tally = self._apply(batch, removed, changed, moved, unread)
        self.tally = self.tally.plus(tally)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _moved(self, batch: Batch, changed: list[_Row]) -> dict[str, str]:
        """The old path of new documents that have the bytes of one that is gone, by preference under the same name."""
        known = {row.key for row in changed}
        moved = {}
        for key, path, hash_ in _columns(batch, NODES, "key", "path", "hash"):
            rows = self._left.get(hash_)
            if rows and key not in known:
                name = posixpath.basename(path)
                row = next((row for row in rows if posixpath.basename(row.path) == name), rows[0])
                rows.remove(row)
                moved[path] = row.path
        return moved

    def _apply(
        self, batch: Batch, removed: list[_Row], changed: list[_Row], moved: Mapping[str, str], unread: list[Problem]
    ) -> Tally:
        db = self._db
        before = self._names([row.key for row in (*removed, *changed)])
        bereft = self._pointing_at(removed)
        replaced = self._take_out(batch, removed, changed)
        loader = Loader(db, scalar(db, "SELECT max(key) FROM sections") or 0)
        loader.add(batch)
        loader.flush()
        names = {name for name, *_ in before ^ self._names(batch.written)}
        resolve.resolve_changes(db, self._settings.rules(), names, batch.written, bereft)
        self._list(unread)
        self._write_history(batch, removed, changed, moved)
        tally = Tally(len(batch.written) - len(changed), len(changed), len(removed))
        if any(tally):
            self._write_meta(tally.added - tally.removed, loader.sections, replaced)
        return tally

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

    def _pointing_at(self, removed: list[_Row]) -> set[int]:
        """The documents with links to these."""
        sql = "SELECT DISTINCT source FROM links WHERE target_node IN (SELECT value FROM json_each(?))"
        rows = self._db.execute(sql, (json.dumps([row.key for row in removed]),))
        return {source for (source,) in rows} - {row.key for row in removed}

    def _settles(self, batch: Batch) -> bool:
        """Whether a stamp of a file whose bytes are as before is not what is known of it."""
        stamps = set(_columns(batch, FILES, *FILES.columns))
        paths = json.dumps([stamp[0] for stamp in stamps])
        sql = f"SELECT {', '.join(FILES.columns)} FROM files WHERE path IN (SELECT value FROM json_each(?))"
        return not stamps <= set(self._db.execute(sql, (paths,)))

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
        named = [path for (path,) in _columns(batch, NODES, "path")] + [path for path, _ in batch.absent]
        stamped = [path for (path,) in _columns(batch, FILES, "path")]
        left = [row.path for row in removed]
        db.execute(f"DELETE FROM problems WHERE path {listed}", (json.dumps([*named, *left]),))
        db.execute(f"DELETE FROM files WHERE path {listed}", (json.dumps([*stamped, *left]),))
        return int(replaced)

    def _write_history(self, batch: Batch, removed: list[_Row], changed: list[_Row], moved: Mapping[str, str]) -> None:
        at = _now()
        old = {row.key: row for row in changed}
        rows: list[tuple[str | None, ...]] = []
        for new in self._rows_of("key", batch.written):
            if new.key in old:
                rows.append((at, "changed", new.id, new.path, old[new.key].hash, new.hash, None))
            elif new.path in moved:
                rows.append((at, "renamed", new.id, new.path, new.hash, new.hash, moved[new.path]))
            else:
                rows.append((at, "added", new.id, new.path, None, new.hash, None))
        moved_away = set(moved.values())
        rows += [(at, "removed", r.id, r.path, r.hash, None, None) for r in removed if r.path not in moved_away]
        columns = "at, action, id, path, old_hash, new_hash, old_path"
        self._db.executemany(f"INSERT INTO history ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def _write_meta(self, documents: int, sections: int, replaced: int) -> None:
        """documents: how many more; sections: how many came, and replaced: how many of the old ones left."""
        db = self._db
        db.execute("DELETE FROM meta WHERE key = 'digest'")
        db.execute("INSERT INTO meta (key, value) VALUES ('replaced', '0') ON CONFLICT DO NOTHING")
        # Not counted: that would read every row of the cache for each change.
        facts = (("documents", documents), ("sections", sections - replaced), ("replaced", replaced))
        db.executemany("UPDATE meta SET value = value + ?2 WHERE key = ?1", facts)
        db.execute("UPDATE meta SET value = ? WHERE key = 'last_sync'", (_now(),))

    def settle_problems(self, scanned: Iterable[Problem], within: frozenset[str] | None = None) -> None:
        """The files that are no documents, as they are now; scanned: those that a scan within these paths shows."""
        wanted, listed = {*scanned, *self._unread}, set(_listed_problems(self._db, within))
        if wanted == listed:
            return
        with self._transaction():
            codes = ", ".join("?" * len(_NO_NODE))
            gone = [(problem.path, *_NO_NODE) for problem in listed - wanted]
            self._db.executemany(f"DELETE FROM problems WHERE path = ? AND code IN ({codes})", gone)
            self._list(sorted(wanted - listed))

    def _list(self, problems: Iterable[Problem]) -> None:
        writer = resolve.problem_writer(self._db)
        for problem in problems:
            writer.add(problem)
        writer.flush()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _turns(changes: list[Change]) -> Iterator[list[Change]]:
    """As many changes as a transaction takes."""
    turn: list[Change] = []
    size = 0
    for change in changes:
        turn.append(change)
        size += change.entry.size if isinstance(change, Suspect) else 0
        if len(turn) >= _CHANGES or size >= _BYTES:
            yield turn
            turn, size = [], 0
    if turn:
        yield turn


def _columns(batch: Batch, table: Table, *names: str) -> Iterator[tuple[Any, ...]]:
    """Some columns of the rows for a table."""
    rows, width = batch.rows[TABLES.index(table)], len(table.columns)
    return zip(*(rows[table.columns.index(name) :: width] for name in names), strict=True)


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
