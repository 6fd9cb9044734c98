"""The driver of small changes: look at the files, and where something has changed take the lock and apply it.

A look costs little and takes no lock. Everything is parsed before a transaction begins.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from mdcache import stops
from mdcache.build import digest
from mdcache.config.settings import Settings
from mdcache.errors import Damaged, UsageError, WorkError
from mdcache.model import Report, Tally
from mdcache.store import connections, failures, lock, meta, place, sense, swap
from mdcache.store.bounds import Exceeded
from mdcache.store.cache import Cache, counts
from mdcache.store.connections import Connection, SqliteError
from mdcache.syncing import fit, survey
from mdcache.syncing.fit import Unfit

# What parses and builds is imported when it is needed: a sync that finds nothing must not wait for it.
if TYPE_CHECKING:
    from mdcache.build.build import Progress
    from mdcache.syncing.update import Update

# From so many changes on, parsing is worth worker processes.
_MANY = 512
# A log that is longer is folded back and cut at once, whoever reads.
_LOG_BYTES = 4 << 20


class Options(NamedTuple):
    """How to sync. digest: compute it from the tables afterwards."""

    wait_s: float = lock.DEFAULT_WAIT_S
    digest: bool = False


class Look(NamedTuple):
    """Where to look for changes, and in whose name.

    within: these paths and all below them, relative to the base; None for everything. patient: more will follow, so
    neither is a worn cache a reason to rebuild it nor a short log one to cut it.
    """

    command: str = "mdcache sync"
    wait_s: float = lock.DEFAULT_WAIT_S
    within: frozenset[str] | None = None
    patient: bool = False


class Stale(NamedTuple):
    """What sync would have to do. rebuild: why it would rebuild the cache; else the changes, by path."""

    rebuild: str | None
    changes: tuple[tuple[str, str], ...] = ()
    """(added, changed or removed; path). A file that cannot be read any more is removed, as in the cache."""


class Interrupted(WorkError):
    """Stopped between two transactions or within one: the cache is sound, and some of the changes are in."""

    status = 130


def sync(
    settings: Settings,
    options: Options,
    progress: Progress = lambda _: None,
    explain: Callable[[str], None] = lambda _: None,
) -> Report:
    """Bring the live cache up to date; rebuild it where it does not fit. Raises MdcacheError, leaving it sound.

    explain is told why the cache is rebuilt.
    """
    began = time.monotonic()
    connections.check_version()
    if not settings.roots:
        fit.insist_on_own(settings)  # it may be why there are none
        raise UsageError("no documents named: mdcache sync DOCS, or mdcache init to write settings")
    try:
        look = Look(wait_s=options.wait_s)
        report = update(settings, look, lambda db, tally, _: _report(db, settings, tally, options), progress)
    except (Unfit, Damaged) as why:
        explain(str(why))
        from mdcache.build import rebuild

        report = rebuild.rebuild(settings, rebuild.Options(wait_s=options.wait_s), progress)
    return report._replace(seconds=round(time.monotonic() - began, 3))


def stale(settings: Settings) -> Stale | None:
    """What sync would have to do; None when nothing. Reads what may have changed, writes nothing.

    A cache that is only worn holds what it should: the next sync rebuilds it, but it is not stale.
    """
    try:
        with fit.opened(settings, patient=True) as cache:
            changes = survey.differences(cache.db, settings, survey.plan(cache.db, settings))
            return Stale(None, changes) if changes else None
    except (Unfit, Damaged) as why:
        return Stale(str(why))


@contextmanager
def current(settings: Settings) -> Iterator[Cache]:
    """The live cache when it holds what the settings' source holds now. Raises Unfit or Damaged when it does not."""
    with fit.opened(settings, patient=True) as cache:
        plan = survey.plan(cache.db, settings, at_most=_MANY + 1)
        if not (plan.whole and survey.is_current(cache.db, settings, plan, None)):
            raise Unfit("it is not up to date")
        yield cache


# Bring it up to date


_Answer = TypeVar("_Answer")
Finish = Callable[[Connection, Tally, swap.Checkpoint | None], _Answer]


def update(settings: Settings, look: Look, finish: Finish[_Answer], progress: Progress) -> _Answer:
    """Look, and where something may have changed take the lock and apply it.

    The answer is that of finish: of the open cache, what was done and, if anything was written, the checkpoint. Raises
    Unfit or Damaged when the cache must be rebuilt.
    """
    with fit.opened(settings, look.patient, to_write=True) as cache:
        plan = survey.plan(cache.db, settings, look.within, _MANY + 1)
        if plan.whole and survey.is_current(cache.db, settings, plan, look.within):
            return finish(cache.db, Tally(), None)
    return _changed(settings, look, plan, finish, progress)


def _changed(settings: Settings, look: Look, plan: survey.Plan, finish: Finish[_Answer], progress: Progress) -> _Answer:
    """Take the lock, make sure of the plan, and apply it."""
    from mdcache.build import layout, workers
    from mdcache.syncing.update import Update, clock

    # Workers start before the lock and any connection.
    count = 0 if plan.whole else workers.default_count()
    path = settings.database
    with (
        stops.until_too_late() as too_late,
        workers.started(count, layout.run, layout.get_ready) as run,
        lock.held(path, look.command, look.wait_s),
        failures.speaking(path),
    ):
        # Another process may have replaced it meanwhile.
        if why := fit.unfit(settings, look.patient):
            raise Unfit(why)
        target = place.judge(path)
        place.remove(place.build_path(path))  # what a rebuild that was killed has left
        live = swap.open_live(target, look.wait_s)
        if live is None:
            raise Unfit("it is no live cache")
        with closing(live), sense.insisted_on(live, path):
            changes = Update(live, settings, clock(path))
            if not plan.whole or plan.mark != survey.mark_of(live):
                plan = survey.plan(live, settings, look.within)
            with _interruptible(changes):
                for batch in run(changes.jobs(plan.changes)):
                    progress(batch.documents)
                    changes.apply(batch)
                changes.settle_problems(plan.problems, look.within)
                changes.settle_present(plan.touched(look.within))
                too_late()
            return finish(live, changes.tally, _checkpoint(live, look.patient))


def _checkpoint(live: Connection, patient: bool) -> swap.Checkpoint:
    if patient:
        done = swap.checkpoint(live, "PASSIVE")
        if done.log * connections.PAGE_SIZE <= _LOG_BYTES:
            return done
    return swap.checkpoint(live)


@contextmanager
def _interruptible(update: Update) -> Iterator[None]:
    try:
        yield
    except Exceeded as error:
        raise Unfit(str(error)) from error  # a build may take longer, as it has more to do
    except (KeyboardInterrupt, SqliteError) as error:
        if failures.is_interrupt(error):
            if update.has_written:
                raise Interrupted(_what_is_in(update.tally)) from None
            raise KeyboardInterrupt from error
        if not failures.is_about_sql(error):
            raise
        # Perhaps a trigger that minds changes only: a build shows whether it can be lived with. Without any, our own
        # statements fail only on rows or a schema that we did not write.
        blamed = failures.USER_DDL_FAILS if update.has_user_triggers else "it is damaged"
        raise Unfit(f"{blamed} ({error})") from error


def _what_is_in(tally: Tally) -> str:
    some = f"{sum(tally)} changes are in, " if any(tally) else ""
    return f"interrupted: {some}the cache is sound, the next sync does the rest"


def _report(db: Connection, settings: Settings, tally: Tally, options: Options) -> Report:
    facts, held = meta.read(db), counts(db)
    return Report(
        database=settings.database,
        generation=facts.generation or 0,
        **held,
        **tally._asdict(),
        unchanged=held["documents"] - tally.added - tally.changed,
        seconds=0.0,
        digest=facts.digest or (digest.of_tables(db) if options.digest else None),
        fingerprint=facts.fingerprint or "",
        rebuilt=False,
    )
