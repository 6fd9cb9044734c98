"""Prove that a cache holds what its files say: everything is read, parsed and resolved once more, and compared.

What the cache must be is built by rebuild itself, in a temporary folder. Nothing is locked and nothing is changed, so
files and cache may change meanwhile: what was found counts only if it is found again, the very same.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from operator import itemgetter
from typing import Any, NamedTuple

from mdcache.build import digest, rebuild
from mdcache.build.build import Progress, documents
from mdcache.config.settings import Settings
from mdcache.errors import Damaged
from mdcache.files.content import NO_CLOCK
from mdcache.merge import merged
from mdcache.model import Entry, Problem, as_dict
from mdcache.store import connections, ddl, meta, watchstate
from mdcache.store.cache import Cache, opened
from mdcache.store.connections import Connection, scalar
from mdcache.syncing import fit, sync
from mdcache.verifying import logical, temporary

MISSING, STALE, EXTRA, DIFFERS, UNSOUND = "missing", "stale", "extra", "differs", "unsound"
# A watcher that runs is given so long to bring the cache up to date before each look.
_PATIENCE_S = 5.0
_PAUSE_S = 0.1
_LOOKS = 3


class Verdict(NamedTuple):
    """The JSON of mdcache verify. digest is that of the tables as they are; None when they were not all read.

    Paths of documents that the cache lacks, whose file has changed since, that it should not have; integrity: what is
    wrong with the cache as a whole; differs: documents whose file is as it was, with the tables that are wrong.
    """

    ok: bool
    digest: str | None
    missing: tuple[str, ...]
    stale: tuple[str, ...]
    extra: tuple[str, ...]
    integrity: tuple[str, ...]
    differs: tuple[dict[str, Any], ...]

    def as_dict(self) -> dict[str, Any]:
        return as_dict(self)


class _Finding(NamedTuple):
    """kind: MISSING, STALE, EXTRA, DIFFERS (in a table) or UNSOUND (without a path; what says why).

    seen tells one state of both sides from another.
    """

    kind: str
    path: str
    what: str = ""
    seen: int = 0


class _Look(NamedTuple):
    digest: str | None
    found: frozenset[_Finding]


def verify(settings: Settings, quick: bool = False, progress: Progress = lambda _: None) -> Verdict:
    """Return how the cache compares with the files; quick: only each file's bytes with the hash that is known of it.

    Raises WorkError when there is no cache, or when the files or the room to build in are not to be had.
    """
    look, found = _Look(None, frozenset()), None
    for _ in range(_LOOKS):
        _settle(settings)
        look = _look(settings, quick, progress)
        again = found is not None
        found = look.found if found is None else found & look.found
        if not found or (again and found == look.found):
            break
    return _verdict(look.digest, found or frozenset())


def _verdict(digest_: str | None, found: frozenset[_Finding]) -> Verdict:
    def paths(kind: str) -> tuple[str, ...]:
        return tuple(sorted(one.path for one in found if one.kind == kind))

    tables: dict[str, list[str]] = {}
    for one in sorted(one for one in found if one.kind == DIFFERS):
        tables.setdefault(one.path, []).append(one.what)
    unsound = tuple(sorted(one.what for one in found if one.kind == UNSOUND))
    differs = tuple({"path": path, "tables": list(dict.fromkeys(names))} for path, names in tables.items())
    return Verdict(not found, digest_, paths(MISSING), paths(STALE), paths(EXTRA), unsound, differs)


def _settle(settings: Settings) -> None:
    """Wait until a watcher that is alive has caught up."""
    deadline = time.monotonic() + _PATIENCE_S
    while (seen := watchstate.read(settings.database)) and seen.alive and time.monotonic() < deadline:
        if sync.stale(settings) is None:
            return
        time.sleep(_PAUSE_S)


def _look(settings: Settings, quick: bool, progress: Progress) -> _Look:
    try:
        with opened(settings.database, settings.base, limit_s=None) as cache:
            why = fit.misfit(cache, settings)
            if why and why != fit.WORN:
                return _Look(None, frozenset((_unsound(f"{why}: run mdcache sync"),)))
            if quick:
                return _Look(None, frozenset(_hashes(cache, settings, progress)))
            unsound = frozenset(map(_unsound, _unsoundness(cache, settings)))
        return _Look(None, unsound) if unsound else _against_a_build(settings, progress)
    except Damaged as damage:
        return _Look(None, frozenset((_unsound(str(damage)),)))


def _unsound(what: str) -> _Finding:
    return _Finding(UNSOUND, "", what)


def _unsoundness(cache: Cache, settings: Settings) -> Iterator[str]:
    """Yield what is wrong with the file itself, whatever the documents say."""
    db = cache.db
    yield from (said for (said,) in db.execute("PRAGMA integrity_check") if said != "ok")
    for table, _, parent, _ in db.execute("PRAGMA foreign_key_check"):
        yield f"{table} has a row without its {parent}"
    live, wanted = ddl.objects(db), ddl.declared(settings.schema.of(bool(cache.meta.published)))
    for name in sorted(live.keys() | wanted.keys()):
        if live.get(name) != wanted.get(name):
            what = "missing" if name not in live else "altered" if name in wanted else "not of the schema in force"
            yield f"the {name} is {what}: see mdcache schema --diff"


# Against the files, by their hashes


def _hashes(cache: Cache, settings: Settings, progress: Progress) -> Iterator[_Finding]:
    """Yield findings from (path, hash) of both sides, which come by path."""
    known = cache.db.execute(
        "SELECT path, nodes.hash, coalesce(files.hash, nodes.hash)"
        " FROM nodes LEFT JOIN files USING (path) ORDER BY path"
    )
    for path, row, file in merged(known, _files(settings, progress), itemgetter(0)):
        if row is None:
            yield _Finding(MISSING, path, seen=hash(file))
        elif file is None:
            yield _Finding(EXTRA, path, seen=hash(row))
        elif {*row[1:]} != {*file[1:]}:
            yield _Finding(STALE, path, seen=hash((row, file)))


def _files(settings: Settings, progress: Progress) -> Iterator[tuple[str, ...]]:
    """Yield (path, hash) of every document."""
    for batch in documents(settings).batches:
        entries = tuple(one for one in batch.found if isinstance(one, Entry))
        read = settings.reader().contents(entries, settings.size_limit, NO_CLOCK)
        for entry, found in zip(entries, read, strict=True):
            if found is not None and not isinstance(found, Problem):
                yield entry.path, found[0].hash
        progress(len(entries))


# Against a build


def _against_a_build(settings: Settings, progress: Progress) -> _Look:
    with (
        _built(settings, progress) as name,
        closing(connections.open_reader(name)) as fresh,
        opened(settings.database, settings.base, limit_s=None) as cache,
    ):
        return _compared(cache, fresh, settings.source.keeps_stamps)


@contextmanager
def _built(settings: Settings, progress: Progress) -> Iterator[str]:
    """Yield what rebuild makes of the files as they are now, in a temporary place."""
    with temporary.folder() as folder:
        name = os.path.join(folder, "expected.db")
        rebuild.rebuild(settings, rebuild.Options(output=name, passing=True), progress)
        yield name


def _compared(cache: Cache, fresh: Connection, stamped: bool) -> _Look:
    """Return findings from one snapshot of the cache, which a reader may always have."""
    for db in (cache.db, fresh):
        db.execute("PRAGMA query_only=OFF")  # temporary tables; the files are open to be read only
    cache.db.execute("BEGIN")
    # The stat cache of a reproducible cache is empty, and so is that of a source whose stamps are not kept.
    differences = logical.differences(cache.db, fresh, with_files=stamped and cache.meta.generation_id is not None)
    found = frozenset((*map(_finding, differences), *map(_unsound, _wrong_facts(cache.db, fresh))))
    computed = digest.of_tables(cache.db)
    return _Look(computed, found or frozenset(map(_unsound, _wrong_digest(cache.db, fresh, computed))))


def _finding(one: logical.Difference) -> _Finding:
    seen = hash((one.left, one.right))
    if one.path is None:
        return _unsound("the full-text index has terms of sections that there are not")
    if one.table != logical.NODES:
        return _Finding(DIFFERS, one.path, one.table, seen)
    if one.left is None or one.right is None:
        return _Finding(MISSING if one.left is None else EXTRA, one.path, seen=seen)
    if one.left[0][0] != one.right[0][0]:
        return _Finding(STALE, one.path, seen=seen)
    return _Finding(DIFFERS, one.path, one.table, seen)


def _wrong_facts(live: Connection, fresh: Connection) -> Iterator[str]:
    """Yield what is wrong in what the cache says of itself."""
    known, wanted = (meta.rows(db) for db in (live, fresh))
    wanted |= {
        "documents": str(scalar(live, "SELECT count(*) FROM nodes")),
        "sections": str(scalar(live, "SELECT count(*) FROM sections")),
    }
    for key in meta.DECIDED:
        if known.get(key) != wanted[key]:
            yield f"meta says {key} {known.get(key)}, not {wanted[key]}"
    tuning = "SELECT k, v FROM sections_fts_config ORDER BY k"
    if live.execute(tuning).fetchall() != fresh.execute(tuning).fetchall():
        yield "the full-text index weighs its columns otherwise"


def _wrong_digest(live: Connection, fresh: Connection, computed: str) -> Iterator[str]:
    """Yield a wrong digest where no table differs: the build's digest was computed where documents are parsed."""
    stored, wanted = (meta.read(db).digest for db in (live, fresh))
    if stored not in (None, computed):
        yield f"meta says digest {stored}, not {computed}"
    if computed != wanted:
        yield f"the digest is {computed}, not {wanted}"
