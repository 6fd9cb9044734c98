"""What a watcher does to a cache: orders, and how they are carried out.

Nothing else in this package opens a cache or writes to one. An order and what came of it are plain values.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from mdcache.build import rebuild
from mdcache.config.settings import Settings
from mdcache.errors import Damaged, MdcacheError
from mdcache.model import Tally
from mdcache.store import connections, failures, lock, made, meta, place, swap
from mdcache.store.connections import Connection
from mdcache.syncing import fit, sync

_COMMAND = "mdcache watch"


class What(Enum):
    """What is ordered."""

    PREPARE = "make sure that the database can be ours, and make its folder"
    LOOK = "bring the cache up to date with its files, or build it where it does not fit"
    REFRESH = "build the cache again if too much of it has been replaced"
    FOLD = "fold the log back into the cache"


class Order(NamedTuple):
    """What is to be done to the cache that the settings name.

    within: for LOOK, look at these paths and all below them, relative to the base; None is everything. wait_s: for
    LOOK, how long to wait for another writer.
    """

    settings: Settings
    what: What
    within: frozenset[str] | None = None
    wait_s: float = 0.0


class Done(NamedTuple):
    """What came of an order.

    checkpoint: what SQLite answered, None when there was none; rebuilt: why a new generation was built, None when it
    was not; unread: the documents that could not be read when they were looked at last.
    """

    tally: Tally = Tally()
    generation: int = 0
    checkpoint: swap.Checkpoint | None = None
    rebuilt: str | None = None
    unread: frozenset[str] = frozenset()


Progress = Callable[[int], None]


def carry_out(order: Order, progress: Progress) -> Done:
    """Carry out an order in this process, and return what came of it.

    No connection to the cache may be open in this process meanwhile, unless it is to the same copy of SQLite: files are
    opened and closed here.

    Args:
        progress: called between two transactions with a number of documents. It ends the work by raising
            KeyboardInterrupt; the cache is sound then.

    Raises:
        KeyboardInterrupt, sync.Interrupted: progress has ended it.
        MdcacheError: it could not be done; the cache is as it was.
    """
    match order.what:
        case What.PREPARE:
            fit.insist_on_own(order.settings)
            place.make_folder(order.settings.database)
            return Done()
        case What.LOOK:
            return _look(order, progress)
        case What.REFRESH:
            return _refresh(order.settings, progress)
        case What.FOLD:
            return Done(checkpoint=_fold(order.settings.database))


def _look(order: Order, progress: Progress) -> Done:
    look = sync.Look(_COMMAND, order.wait_s, order.within, patient=True)
    try:
        return sync.update(order.settings, look, _finish, progress)
    except (fit.Unfit, Damaged) as why:
        return _build(order.settings, str(why), order.wait_s, progress)


def _finish(db: Connection, tally: Tally, checkpoint: swap.Checkpoint | None) -> Done:
    return Done(tally, meta.read(db).generation or 0, checkpoint, unread=_unread(db))


def _unread(db: Connection) -> frozenset[str]:
    return frozenset(path for (path,) in db.execute("SELECT path FROM problems WHERE code = 'unreadable'"))


def _build(settings: Settings, why: str, wait_s: float, progress: Progress) -> Done:
    report = rebuild.rebuild(settings, rebuild.Options(wait_s), progress)
    tally = Tally(report.added, report.changed, report.removed)
    with failures.speaking(report.database), contextlib.closing(connections.open_reader(report.database)) as db:
        return Done(tally, report.generation, None, why, _unread(db))


def _refresh(settings: Settings, progress: Progress) -> Done:
    if fit.unfit(settings) != fit.WORN:
        return Done()
    return _build(settings, fit.WORN, 0.0, progress)


def _fold(path: str) -> swap.Checkpoint | None:
    """Return what came of it, as busy when somebody is in the way; None when there is nothing to fold."""
    try:
        if not (connections.sizes(path).log and made.known(path)):
            return None
        with lock.held(path, _COMMAND, 0.0), failures.speaking(path):
            live = swap.open_live(place.judge(path), 0.0)
            if live is None:
                return None
            with contextlib.closing(live):
                return swap.checkpoint(live)
    except MdcacheError:
        return swap.Checkpoint(True, -1, -1)
