"""The driver of a whole generation: scan, parse, load and resolve into a build, then publish it."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Callable, Iterator
from typing import NamedTuple

import mdcache
from mdcache import state, stops, times
from mdcache.build import layout, workers
from mdcache.build.build import Build, Documents, Progress, Run, documents
from mdcache.config.settings import Settings
from mdcache.dialects import Sites
from mdcache.errors import Damaged, UsageError, WorkError, doing
from mdcache.files import compare
from mdcache.files.content import Clock
from mdcache.model import Report
from mdcache.names import text_of
from mdcache.store import cache, connections, failures, foreign, lock, made, meta, place, proof, swap
from mdcache.store.connections import Connection, SqliteError
from mdcache.store.meta import Meta

# Documents may be for their owner's eyes only, and so is the cache of them; whoever shares it says so with chmod, and
# later generations keep that. What is published is for others to read, as far as umask lets them. Nobody else may write
# to it: it would not count as made here, and who may replace it need not.
_PRIVATE = 0o600
_PUBLIC = 0o644


class Options(NamedTuple):
    """How to rebuild.

    output: a file to publish instead of the live cache, not in WAL mode. passing: it is soon removed again, so nothing
    remembers that it was made here.
    """

    wait_s: float = lock.DEFAULT_WAIT_S
    workers: int | None = None
    output: str | None = None
    reproducible: bool = False
    passing: bool = False

    @property
    def is_remembered(self) -> bool:
        return not (self.reproducible or self.passing)


def rebuild(settings: Settings, options: Options, progress: Progress = lambda _: None) -> Report:
    """Build a fresh generation and swap it in. Raises MdcacheError, with the live cache as it was."""
    began = time.monotonic()
    connections.check_version()
    if not settings.roots:
        raise UsageError("no documents named: mdcache rebuild DOCS, or mdcache init to write settings")
    if options.reproducible and not options.output:  # it would be a live cache that nobody can know again
        raise UsageError("--reproducible goes with --output FILE")
    path = os.path.realpath(options.output or settings.database)
    _refuse_odd_base(settings.base, path)
    place.judge(path, bool(options.output))
    if options.is_remembered:
        state.writable()  # before all the work
    found = documents(settings, options.workers)
    with stops.until_too_late() as too_late, workers.started(found.workers, layout.run, layout.get_ready) as run:
        place.make_folder(path)
        with lock.held(path, "mdcache rebuild", options.wait_s) as held, failures.speaking(path):
            target = place.judge(path, bool(options.output))
            with place.build_file(path, _PUBLIC if options.output else _PRIVATE) as build_name:
                made = _Generation(settings, options, build_name)
                with contextlib.closing(made):
                    made.fill(run, found, progress)
                    report = made.publish(target, held, too_late)
    return report._replace(seconds=round(time.monotonic() - began, 3))


def _refuse_odd_base(base: str, path: str) -> None:
    """The cache remembers the way from itself to its base, as text."""
    try:
        os.path.relpath(base, os.path.dirname(path)).encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{base} has a name that is not UTF-8: rename it, or keep the cache within it") from error


class _Generation:
    """A generation while it is made; whoever makes one closes it."""

    def __init__(self, settings: Settings, options: Options, build_name: str) -> None:
        self._settings, self._options = settings, options
        self._name = build_name
        self._fingerprint = settings.fingerprint()
        self._id = None if options.reproducible else uuid.uuid4().hex
        self._index: proof.IndexProof | None = None
        with self._speaking():
            self.db = connections.open_build(build_name)
            try:
                stamped = settings.source.keeps_stamps and not options.reproducible
                self._build = Build(self.db, settings, self._clock(), stamped, published=bool(options.output))
            except BaseException:
                self.db.close()
                raise

    def close(self) -> None:
        if self._index:
            self._index.close()
        self.db.close()

    def _speaking(self) -> contextlib.AbstractContextManager[None]:
        """What fails is the build, or a trigger of the user's that fires while it is filled."""
        return failures.speaking(self._name, bool(self._settings.schema.user))

    def _clock(self) -> Clock:
        """The build was written just now: its stamp is what the file system's clock says."""
        with doing(f"read {self._name}"):
            found = os.stat(self._name)
        return Clock(found.st_dev, found.st_mtime_ns, time.time_ns())

    def fill(self, run: Run, found: Documents, progress: Progress) -> None:
        """Parse and load everything, then resolve it, beside the proof of the index."""
        with self._speaking():
            self._build.fill(run, found, progress)
            self._index = proof.IndexProof(self._name)
            self._build.finish()
            if not self._options.reproducible:
                self._build.look_around()

    def publish(self, target: place.Target, held: lock.Lock, too_late: Callable[[], None]) -> Report:
        """Prove the build and swap it in; too_late is called before what cannot be undone."""
        with contextlib.ExitStack() as stack:
            live = None if self._options.output else swap.open_target(target, self._options.wait_s)
            if live:
                stack.callback(live.close)
            before = _Before.of(live, target.path)
            report = self._proven(before, held.record.published)
            too_late()
            if not live or not self._copied(live, before):
                self._replace(target.path)
            held.published(report.generation)
        return report

    def _copied(self, live: Connection, before: _Before) -> bool:
        """False when the live cache turns out too damaged for it; it is closed then."""
        self._remember(before.path, before.path, before.facts.generation_id if before.made_here else None)
        try:
            swap.copy_into(self.db, live, before.path, self._options.wait_s)
        except SqliteError as error:
            if not failures.is_damage(error):
                raise
            live.close()
            return False
        return True

    def _proven(self, before: _Before, published: int) -> Report:
        with self._speaking():
            report = self._report(before, published)
            expected = proof.Expected(self._build.documents, self._build.sections, self._fingerprint)
            assert self._index
            with self._build.bound.running():
                meta.write(self.db, self._facts(report))
                proof.prove(self.db, self._name, expected, self._index)
        return report

    def _replace(self, path: str) -> None:
        with self._speaking():
            if self._options.output:
                self.db.close()
            else:
                swap.to_wal(self.db, self._name)
        self._remember(self._name, path)
        swap.replace(self._name, path)

    def _remember(self, file: str, path: str, before: str | None = None) -> None:
        """Remember that what will be seen at path was made here, and so was before, which stays if this fails."""
        if self._id and not self._options.passing:
            with doing(f"look at {file}"):
                ids = [one for one in (before, self._id) if one]
                made.remember(file, path, ids, is_final=bool(self._options.output))

    def _report(self, before: _Before, published: int) -> Report:
        db, counts = self.db, cache.counts(self.db)
        tally = compare.tally(before.hashes(), db.execute(_HASHES))
        return Report(
            database=before.path,
            generation=1 if self._options.reproducible else max(before.facts.generation or 0, published) + 1,
            **counts,
            **tally._asdict(),
            unchanged=counts["documents"] - tally.added - tally.changed,
            seconds=0.0,
            digest=self._build.digest.hexdigest(db),
            fingerprint=self._fingerprint,
            rebuilt=True,
        )

    def _facts(self, report: Report) -> Meta:
        settings = self._settings
        facts = Meta(
            format=connections.FORMAT,
            mdcache=mdcache.__version__,
            generation=report.generation,
            fingerprint=report.fingerprint,
            digest=report.digest,
            documents=report.documents,
            sections=report.sections,
            roots=tuple(settings.relative_roots()),
            extensions=settings.rules().extensions,
            sites=_remembered(settings.sites()),
            source=settings.source.facts(settings.base),
            published=1 if self._options.output else None,
        )
        if self._options.reproducible:
            return facts
        now, folder = times.now(), os.path.dirname(report.database)
        base = os.path.relpath(settings.base, folder)
        named = tuple(text_of(os.path.relpath(name, folder)) for name in settings.named) or None
        return facts._replace(base=base, named=named, generation_id=self._id, built_at=now, last_sync=now)


def _remembered(sites: Sites) -> tuple[str, ...]:
    if not sites:
        return ()
    from mdcache.dialects.facets import remembered  # here, not at the top: it brings all dialects

    return tuple(map(remembered, sites))


class _Before(NamedTuple):
    """The generation that is replaced, as far as it can be read. db: None when nothing of it can, or there is none."""

    db: Connection | None
    path: str
    facts: Meta
    made_here: bool

    @classmethod
    def of(cls, live: Connection | None, path: str) -> _Before:
        # ValueError: the driver chokes where SQLite quotes a schema that is no text.
        with contextlib.suppress(SqliteError, ValueError, Damaged):
            if live:
                with connections.loading(live):  # nothing was read of it yet if it seemed to be damaged
                    foreign.insist_on_schema(live, path)
                facts = meta.read(live)
                return cls(live, path, facts, facts.generation_id in made.known(path))
        return cls(None, path, Meta(), False)

    def hashes(self) -> Iterator[tuple[str, str]]:
        """Yield (path, hash) of its documents, by path."""
        if self.db:
            bound = contextlib.nullcontext() if self.made_here else foreign.bounded(self.db, self.path)
            with contextlib.suppress(SqliteError, ValueError, WorkError), bound:
                for path, hash_ in self.db.execute(_HASHES):
                    if isinstance(path, str) and isinstance(hash_, str):  # SQLite checks types only when it writes
                        yield path, hash_


_HASHES = "SELECT path, hash FROM nodes ORDER BY path"
