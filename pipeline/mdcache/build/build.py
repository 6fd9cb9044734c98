"""A build: an empty database, filled with all documents that a scan finds. What becomes of it, its driver decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import NamedTuple

from mdcache.build import present, problems, resolve, workers
from mdcache.build.columns import FILES
from mdcache.build.digest import Digest
from mdcache.build.layout import Batch, Job
from mdcache.build.load import Loader
from mdcache.config.settings import Settings
from mdcache.files.content import Clock
from mdcache.files.scan import Found, scan
from mdcache.model import Entry, Problem
from mdcache.store import ddl
from mdcache.store.connections import Connection

# Batches end at either bound. Constants, so that the same documents give the same bytes whatever the machine.
_BATCH_FILES = 256
_BATCH_BYTES = 1 << 20
# A batch or less is parsed here: starting processes would take longer.
_FEW = 1

Progress = Callable[[int], None]
Run = Callable[[Iterable[Job]], Iterable[Batch]]


class _Some(NamedTuple):
    """A batch of what was found; key is that of its first document."""

    key: int
    found: tuple[Found, ...]


class Documents(NamedTuple):
    """All that a scan finds, in batches; workers is how many processes they are worth."""

    batches: Iterable[_Some]
    workers: int


def documents(settings: Settings, wanted: int | None = None) -> Documents:
    """Begin the scan. wanted: so many workers, if there is work for more than one process; None: as many as pay."""
    batches = _batches(scan(settings.tree()))
    first = list(islice(batches, _FEW + 1))
    count = workers.default_count() if wanted is None else wanted
    return Documents(chain(first, batches), count if len(first) > _FEW else 0)


def _batches(found: Iterable[Found]) -> Iterator[_Some]:
    batch: list[Found] = []
    size, key = 0, 1
    for one in found:
        batch.append(one)
        size += one.stamp.size if isinstance(one, Entry) else 0
        if len(batch) >= _BATCH_FILES or size >= _BATCH_BYTES:
            yield _Some(key, tuple(batch))
            key += len(batch)
            batch, size = [], 0
    if batch:
        yield _Some(key, tuple(batch))


class Build:
    """An empty database while it is filled.

    bound: what the user's triggers and indexes may cost; to be entered by whatever else writes into it or reads them.
    now: what the clock said before any file was read. stamped: whether the stat cache is filled. texts: whether the
    full-text index is. published: whether it will only be read.
    """

    def __init__(
        self,
        db: Connection,
        settings: Settings,
        now: Clock,
        stamped: bool = True,
        texts: bool = True,
        published: bool = False,
    ) -> None:
        self._db, self._settings, self._clock, self._stamped, self._texts = db, settings, now, stamped, texts
        self._absent: list[str] = []
        self._problems: list[Problem] = []
        ddl.apply_tables(db, settings.schema.of(published))
        self.bound = ddl.bound(db, settings.schema)
        self._loader = Loader(db)
        self.digest = Digest()

    @property
    def documents(self) -> int:
        return self._loader.documents

    @property
    def sections(self) -> int:
        return self._loader.sections

    def fill(self, run: Run, found: Documents, progress: Progress) -> None:
        """Parse and load everything; the full-text index is then complete."""
        db = self._db
        db.execute("BEGIN")
        db.execute("INSERT INTO sections_fts (sections_fts, rank) VALUES ('automerge', 0), ('crisismerge', 64)")
        for batch in run(self._jobs(found.batches)):
            self._add(batch)
            progress(batch.documents)
        with self.bound.running():
            self._loader.flush()
        # From now on small merges with small changes. A crisis, at 16 segments unless told otherwise, would merge all
        # that was just written at the first change: 1.3 s of holding the lock for 46 MB of documents.
        db.execute("INSERT INTO sections_fts (sections_fts, rank) VALUES ('automerge', 4), ('crisismerge', 1024)")
        db.execute("COMMIT")

    def _jobs(self, batches: Iterable[_Some]) -> Iterator[Job]:
        reader, rules = self._settings.reader(), self._settings.rules()
        for key, found in batches:
            self._problems.extend(one for one in found if isinstance(one, Problem))
            entries = tuple(one for one in found if isinstance(one, Entry))
            keys = tuple(range(key, key + len(entries)))
            yield Job(reader, rules, self._clock, entries, keys, (None,) * len(entries), self._texts)

    def _add(self, batch: Batch) -> None:
        if not self._stamped:
            # Not deleted afterwards: what was deleted would still lie in the file's free pages.
            batch.drop(FILES)
        self.bound.allow(batch.documents, batch.text_bytes)
        with self.bound.running():
            self._loader.add(batch)
        self.digest.add(batch.digests)
        self._absent += [path for path, _ in batch.absent]
        self._problems += [problem for _, problem in batch.absent if problem]

    def finish(self) -> None:
        """Make the indexes and resolve everything."""
        db = self._db
        with self.bound.running():
            db.execute("BEGIN")
            problems.write(db, self._problems)
            ddl.apply_indexes(db, self._settings.schema)
            resolve.resolve_all(db, self._settings.rules(), self._absent)
            db.execute("COMMIT")

    def look_around(self) -> None:
        """Look where links lead that lead to no document: a fact of the run, which a reproducible build leaves out."""
        found = present.find(self._db, self._settings)
        with self.bound.running():
            self._db.execute("BEGIN")
            present.write(self._db, frozenset(), found)
            self._db.execute("COMMIT")
