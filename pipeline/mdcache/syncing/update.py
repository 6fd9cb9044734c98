"""Changes applied to the live cache, a transaction at a time, each from one sound state to the next.

Rows, full-text index, links, problems and history change together, so a reader never sees half of a document.
"""

from __future__ import annotations

import json
import os
import posixpath
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from mdcache import stops, times
from mdcache.build import columns, present, problems, resolve
from mdcache.build.columns import FILES, NODES, PARTS
from mdcache.build.layout import Batch, Job
from mdcache.build.load import Loader
from mdcache.config.settings import Settings
from mdcache.errors import doing
from mdcache.files.compare import Change, Gone, Suspect
from mdcache.files.content import Clock
from mdcache.model import Problem, Tally
from mdcache.store import authorizer, ddl, lock, meta
from mdcache.store.connections import Connection, scalar
from mdcache.syncing.survey import NO_NODE, listed_problems

# A transaction takes at most so many changes and bytes: short enough for whoever waits to write, and bounded in memory.
_CHANGES = 512
_BYTES = 4 << 20


def clock(path: str) -> Clock:
    """What the clock of the database's file system says: the stamp that the lock file gets just now.

    Raises WorkError.
    """
    name = lock.path_of(path)
    with doing(f"stamp {name}"):
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
        self.has_written = False
        self.has_user_triggers = bool(settings.schema.user)
        self._bound = ddl.bound(db, settings.schema)
        if self.has_user_triggers:
            names = ddl.builtin_names()
            db.set_authorizer(authorizer.writing_with_user_triggers(names.tables, names.sources))

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
        entries = tuple(suspect.entry for suspect in suspects)
        keys = tuple(self._key(entry.path) for entry in entries)
        settings, known = self._settings, tuple(suspect.hash for suspect in suspects)
        return Job(settings.reader(), settings.rules(), self._clock, entries, keys, known)

    def _key(self, path: str) -> int:
        key = scalar(self._db, "SELECT key FROM nodes WHERE path = ?", path)
        if key is None:
            key, self._next_key = self._next_key, self._next_key + 1
        return int(key)

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
        self._bound.allow(batch.documents, batch.text_bytes)
        with self._transaction() as done:
            done.append(self._apply(batch, removed, changed, moved, unread))

    @contextmanager
    def _transaction(self) -> Iterator[list[Tally]]:
        """Yields where to put what was done."""
        done: list[Tally] = []
        self._db.execute("BEGIN IMMEDIATE")
        try:
            with self._bound.running():
                yield done
            with stops.held_back():  # whoever stops it is told what is in
                self._db.execute("COMMIT")
                self.has_written = True
                for tally in done:
                    self.tally = self.tally.plus(tally)
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _moved(self, batch: Batch, changed: list[_Row]) -> dict[str, str]:
        """The old path of new documents that have the bytes of one that is gone, by preference under the same name."""
        known = {row.key for row in changed}
        moved = {}
        for key, path, hash_ in batch.columns(NODES, "key", "path", "hash"):
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
        _keep_ids(batch, changed)
        loader = Loader(db, scalar(db, "SELECT max(key) FROM sections") or 0)
        loader.add(batch, at_once=True)
        names = {name for name, *_ in before ^ self._names(batch.written)}
        resolve.resolve_changes(db, self._settings.rules(), names, batch.written, bereft)
        problems.write(db, unread)
        self._write_history(batch, removed, changed, moved)
        tally = Tally(len(batch.written) - len(changed), len(changed), len(removed))
        if any(tally):
            meta.advance(self._db, tally.added - tally.removed, loader.sections - replaced, replaced)
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
        stamps = set(batch.columns(FILES, *(column.name for column in FILES.written)))
        paths = json.dumps([path for (path,) in batch.columns(FILES, "path")])
        sql = f"SELECT {columns.names(FILES.written)} FROM files WHERE path IN (SELECT value FROM json_each(?))"
        return not stamps <= set(self._db.execute(sql, (paths,)))

    def _take_out(self, batch: Batch, removed: list[_Row], changed: list[_Row]) -> int:
        """Delete what was known of these documents, but for the rows of nodes that stay; returns how many sections."""
        db = self._db
        keys = json.dumps([row.key for row in changed])
        gone = json.dumps([row.key for row in removed])
        listed = "IN (SELECT value FROM json_each(?))"
        both = json.dumps([row.key for row in (*removed, *changed)])
        replaced = scalar(db, f"SELECT count(*) FROM sections WHERE node {listed}", both)
        for table in PARTS:
            db.execute(f"DELETE FROM {table.name} WHERE {table.owner} {listed}", (keys,))
        db.execute(f"DELETE FROM present WHERE node {listed}", (keys,))
        db.execute(f"DELETE FROM nodes WHERE key {listed}", (gone,))
        named = [path for (path,) in batch.columns(NODES, "path")] + [path for path, _ in batch.absent]
        stamped = [path for (path,) in batch.columns(FILES, "path")]
        left = [row.path for row in removed]
        db.execute(f"DELETE FROM all_problems WHERE path {listed}", (json.dumps([*named, *left]),))
        db.execute(f"DELETE FROM files WHERE path {listed}", (json.dumps([*stamped, *left]),))
        return int(replaced)

    def _write_history(self, batch: Batch, removed: list[_Row], changed: list[_Row], moved: Mapping[str, str]) -> None:
        at = times.now()
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

    def settle_problems(self, scanned: Iterable[Problem], within: frozenset[str] | None = None) -> None:
        """The files that are no documents, as they are now; scanned: those that a scan within these paths shows."""
        wanted, listed = {*scanned, *self._unread}, set(listed_problems(self._db, within))
        if wanted == listed:
            return
        with self._transaction():
            gone = [(problem.path,) for problem in listed - wanted]
            self._db.executemany(f"DELETE FROM all_problems WHERE path = ? AND {NO_NODE}", gone)
            problems.write(self._db, sorted(wanted - listed))

    def settle_present(self, within: frozenset[str] | None = None) -> None:
        """Look where links lead that lead to no document; within as for settle_problems. After all else is applied."""
        before, after = present.stored(self._db), present.find(self._db, self._settings, within)
        if before != after:
            with self._transaction():
                present.write(self._db, before, after)


def _turns(changes: list[Change]) -> Iterator[list[Change]]:
    """As many changes as a transaction takes."""
    turn: list[Change] = []
    size = 0
    for change in changes:
        turn.append(change)
        size += change.entry.stamp.size if isinstance(change, Suspect) else 0
        if len(turn) >= _CHANGES or size >= _BYTES:
            yield turn
            turn, size = [], 0
    if turn:
        yield turn


def _keep_ids(batch: Batch, changed: list[_Row]) -> None:
    """Ids are settled with the links: until then a document keeps its own, or has one that no other can have.

    Only now: when the batch was parsed, others before it may not have been applied, and have passed on their ids.
    """
    ids = {row.key: row.id for row in changed}
    batch.put(NODES, "id", [ids.get(key, "\x1a" + path) for key, path in batch.columns(NODES, "key", "path")])


class _Row(NamedTuple):
    """What is needed of a node's row."""

    key: int
    id: str
    path: str
    hash: str
