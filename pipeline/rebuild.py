"""The driver of a whole generation: scan, parse, load and resolve into a build, then publish it."""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

import pipeline
from pipeline import compare, database, ddl, layout, lock, publish, resolve, stops, workers
from pipeline.content import Clock
from pipeline.database import Connection, SqliteError, scalar
from pipeline.digest import Digest
from pipeline.errors import UsageError, WorkError
from pipeline.layout import FILES, TABLES, Batch, Job
from pipeline.load import Loader
from pipeline.model import Entry, Problem
from pipeline.model import Report as Report
from pipeline.scan import Found, scan
from pipeline.settings import Settings

if TYPE_CHECKING:
    from concurrent.futures import Executor

# Batches end at either bound. Constants, so that the same documents give the same bytes whatever the machine.
_BATCH_FILES = 256
_BATCH_BYTES = 1 << 20
# A batch or less is parsed here: starting processes would take longer.
_FEW = 1

Progress = Callable[[int], None]
Run = Callable[[Iterable[Job]], Iterable[Batch]]


class Options(NamedTuple):
    """How to rebuild. output: a file to publish instead of the live cache, not in WAL mode.

    executor: documents are read and parsed in this one, by as many as workers says, not in processes of our own.
    """

    wait_s: float = lock.DEFAULT_WAIT_S
    workers: int | None = None
    output: str | None = None
    reproducible: bool = False
    executor: Executor | None = None


def rebuild(settings: Settings, options: Options, progress: Progress = lambda _: None) -> Report:
    """Build a fresh generation and swap it in. Raises MdcacheError, with the live cache as it was."""
    began = time.monotonic()
    database.check_version()
    if not settings.roots:
        raise UsageError("no documents named: mdcache rebuild DOCS, or mdcache init to write settings")
    path = os.path.realpath(options.output or settings.database)
    _refuse_odd_base(settings.base, path)
    publish.judge(path, bool(options.output))
    batches = _batches(scan(settings.tree()))
    first = list(islice(batches, _FEW + 1))
    with stops.until_too_late() as too_late, _parsing(options, len(first) <= _FEW) as run:
        publish.make_folder(path)
        with lock.held(path, "mdcache rebuild", options.wait_s) as held, database.speaking(path):
            target = publish.judge(path, bool(options.output))
            with publish.build_file(path) as build_name:
                made = _Build(settings, options, build_name)
                with contextlib.closing(made):
                    made.fill(run, chain(first, batches), progress)
                    report = made.publish(target, held, too_late)
    return report._replace(seconds=round(time.monotonic() - began, 3))


def _parsing(options: Options, few: bool) -> contextlib.AbstractContextManager[Run]:
    count = workers.default_count() if options.workers is None else options.workers
    if options.executor:
        return contextlib.nullcontext(workers.within(options.executor, count, layout.run))
    return workers.started(0 if few else count, layout.run)


def _refuse_odd_base(base: str, path: str) -> None:
    """The cache remembers the way from itself to its base, as text."""
    try:
        os.path.relpath(base, os.path.dirname(path)).encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{base} has a name that is not UTF-8: rename it, or keep the cache within it") from error


def _batches(found: Iterable[Found]) -> Iterator[tuple[int, tuple[Found, ...]]]:
    """(key of the first, entries) of each batch."""
    batch: list[Found] = []
    size, key = 0, 1
    for one in found:
        batch.append(one)
        size += one.size if isinstance(one, Entry) else 0
        if len(batch) >= _BATCH_FILES or size >= _BATCH_BYTES:
            yield key, tuple(batch)
            key += len(batch)
            batch, size = [], 0
    if batch:
        yield key, tuple(batch)


class _Build:
    """A generation while it is built; whoever makes one closes it."""

    def __init__(self, settings: Settings, options: Options, build_name: str) -> None:
        self._settings, self._options = settings, options
        self._name = build_name
        self._fingerprint = settings.fingerprint()
        self._digest = Digest()
        self._absent: list[str] = []
        self._problems: list[Problem] = []
        with self._speaking():
            self.db = self._open()
        self._loader = Loader(self.db)
        self._index: publish.IndexProof | None = None

    def close(self) -> None:
        if self._index:
            self._index.close()
        self.db.close()

    def _open(self) -> Connection:
        db = database.open_build(self._name)
        try:
            ddl.apply_tables(db, self._settings.schema)
        except BaseException:
            db.close()
            raise
        return db

    @contextlib.contextmanager
    def _speaking(self) -> Iterator[None]:
        """What fails is the build, or a trigger of the user's that fires while it is filled."""
        try:
            yield
        except SqliteError as error:
            if self._settings.schema.user and database.is_about_sql(error):
                raise database.user_error(error, "a trigger or view of the schema files fails") from error
            raise database.in_words(error, self._name) from error

    def _clock(self) -> Clock:
        """The build was written just now: its stamp is what the file system's clock says."""
        try:
            found = os.stat(self._name)
        except OSError as error:
            raise WorkError(f"cannot read {self._name}: {error.strerror}") from error
        return Clock(found.st_dev, found.st_mtime_ns, time.time_ns())

    def fill(self, run: Run, batches: Iterable[tuple[int, tuple[Found, ...]]], progress: Progress) -> None:
        """Parse and load everything, then resolve it."""
        rules, clock = self._settings.rules(), self._clock()

        def jobs() -> Iterator[Job]:
            for key, found in batches:
                self._problems.extend(one for one in found if isinstance(one, Problem))
                entries = tuple(one for one in found if isinstance(one, Entry))
                keys = tuple(range(key, key + len(entries)))
                yield Job(self._settings.base, rules, clock, entries, keys, (None,) * len(entries))

        with self._speaking():
            self.db.execute("BEGIN")
            self.db.execute(
                "INSERT INTO sections_fts (sections_fts, rank) VALUES ('automerge', 0), ('crisismerge', 64)"
            )
            for batch in run(jobs()):
                self._add(batch)
                progress(batch.documents)
            self._loader.flush()
            # Back to the defaults, which suit small changes.
            self.db.execute(
                "INSERT INTO sections_fts (sections_fts, rank) VALUES ('automerge', 4), ('crisismerge', 16)"
            )
            self.db.execute("COMMIT")
            self._index = publish.IndexProof(self._name)
            self._finish()

    def _add(self, batch: Batch) -> None:
        if self._options.reproducible:
            # Not deleted afterwards: what was deleted would still lie in the file's free pages.
            batch.rows[TABLES.index(FILES)].clear()
        self._loader.add(batch)
        self._digest.add(batch.digests)
        self._absent += [path for path, _ in batch.absent]
        self._problems += [problem for _, problem in batch.absent if problem]

    def _finish(self) -> None:
        db = self.db
        db.execute("BEGIN")
        problems = resolve.problem_writer(db)
        for problem in self._problems:
            problems.add(problem)
        problems.flush()
        ddl.apply_indexes(db, self._settings.schema)
        resolve.resolve_all(db, self._settings.rules(), self._absent)
        db.execute("COMMIT")

    def publish(self, target: publish.Target, held: lock.Lock, too_late: Callable[[], None]) -> Report:
        """Prove the build and swap it in; too_late is called before what cannot be undone."""
        with contextlib.ExitStack() as stack:
            live = None if self._options.output else publish.open_target(target, self._options.wait_s)
            if live:
                stack.callback(live.close)
            report = self._proven(target.path, live, held.record.published)
            too_late()
            if not live or not self._copied(live, target.path):
                self._replace(target.path)
            held.published(report.generation)
        return report

    def _copied(self, live: Connection, path: str) -> bool:
        """False when the live cache turns out too damaged for it; it is closed then."""
        try:
            publish.copy_into(self.db, live, path, self._options.wait_s)
        except SqliteError as error:
            if not database.is_damage(error):
                raise
            live.close()
            return False
        return True

    def _proven(self, path: str, live: Connection | None, published: int) -> Report:
        with self._speaking():
            report = self._report(path, live, published)
            self._write_meta(report)
            expected = publish.Expected(self._loader.documents, self._loader.sections, self._fingerprint)
            assert self._index
            publish.prove(self.db, self._name, expected, self._index)
        return report

    def _replace(self, path: str) -> None:
        with self._speaking():
            if self._options.output:
                self.db.close()
            else:
                publish.to_wal(self.db, self._name)
        publish.replace(self._name, path)

    def _report(self, path: str, live: Connection | None, published: int) -> Report:
        db, documents = self.db, self._loader.documents
        tally = compare.tally(_hashes_before(live), db.execute(_HASHES))
        return Report(
            database=path,
            generation=1 if self._options.reproducible else max(_generation(live), published) + 1,
            documents=documents,
            sections=self._loader.sections,
            links=scalar(db, "SELECT count(*) FROM links"),
            unresolved=scalar(db, "SELECT count(*) FROM links WHERE scope = 'document' AND target_node IS NULL"),
            problems=scalar(db, "SELECT count(*) FROM problems"),
            added=tally.added,
            changed=tally.changed,
            removed=tally.removed,
            unchanged=documents - tally.added - tally.changed,
            seconds=0.0,
            digest=self._digest.hexdigest(db),
            fingerprint=self._fingerprint,
            rebuilt=True,
        )

    def _write_meta(self, report: Report) -> None:
        settings = self._settings
        facts = {
            "format": str(database.FORMAT),
            "mdcache": pipeline.__version__,
            "generation": str(report.generation),
            "fingerprint": report.fingerprint,
            "digest": str(report.digest),
            "documents": str(report.documents),
            "sections": str(report.sections),
            "roots": json.dumps(settings.relative_roots()),
            "extensions": json.dumps(settings.extensions),
        }
        if not self._options.reproducible:
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            facts |= {
                "generation_id": uuid.uuid4().hex,
                "built_at": now,
                "last_sync": now,
                "base": os.path.relpath(settings.base, os.path.dirname(report.database)),
            }
        self.db.executemany("INSERT INTO meta (key, value) VALUES (?, ?)", sorted(facts.items()))


_HASHES = "SELECT path, hash FROM nodes ORDER BY path"


def _hashes_before(live: Connection | None) -> Iterator[tuple[str, str]]:
    """Of the generation that is replaced, as far as it can be read."""
    if live:
        with contextlib.suppress(SqliteError):
            yield from live.execute(_HASHES)


def _generation(live: Connection | None) -> int:
    """The number of the generation that is replaced; 0 when there is none, or when it cannot be read."""
    if live:
        with contextlib.suppress(SqliteError, ValueError):
            return int(scalar(live, "SELECT value FROM meta WHERE key = 'generation'") or 0)
    return 0
