"""A draft: the cache of a tree that nobody else will see, to be judged and thrown away.

It has no name, so nothing is left behind, whatever happens. Where the live cache fits, the draft begins as a copy of
it, and only what the tree has otherwise is parsed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from mdcache.build import layout
from mdcache.config.settings import Settings
from mdcache.errors import WorkError
from mdcache.files.content import NO_CLOCK
from mdcache.files.sources import differing
from mdcache.store import connections, failures
from mdcache.store.bounds import Exceeded
from mdcache.store.connections import Connection, scalar
from mdcache.syncing import fit, survey
from mdcache.syncing.update import Update

# Where more differs than this, and than a quarter of the documents, worker processes are done sooner.
_FEW = 512


@contextlib.contextmanager
def opened(settings: Settings) -> Iterator[Connection]:
    """The cache of what the settings' source holds. Raises MdcacheError when it cannot be made."""
    connections.check_version()
    with failures.speaking("a temporary file", bool(settings.schema.user)):
        db = _copy(settings) or _build(settings)
        with contextlib.closing(db):
            yield db


def turn(db: Connection, earlier: Settings, settings: Settings) -> None:
    """Turn a draft to another source; the settings differ in nothing else."""
    within = differing(earlier.source, settings.source, settings.base)
    _apply(db, settings, survey.plan(db, settings, within), within)


def _apply(db: Connection, settings: Settings, plan: survey.Plan, within: frozenset[str] | None = None) -> None:
    changes = Update(db, settings, NO_CLOCK)  # a draft is turned from tree to tree within the same moment
    for job in changes.jobs(plan.changes):
        changes.apply(layout.run(job))
    changes.settle_problems(plan.problems, within)
    changes.settle_present(plan.touched(within))


def _copy(settings: Settings) -> Connection | None:
    """From the live cache; None when that does not fit, or differs in so much that building is faster."""
    try:
        with fit.opened(settings, patient=True) as cache:
            few = max(_FEW, scalar(cache.db, "SELECT count(*) FROM nodes") // 4)
            plan = survey.plan(cache.db, settings, at_most=few)
            return _copied(cache.db, settings, plan) if plan.whole else None
    except (fit.Unfit, WorkError):
        return None


def _copied(live: Connection, settings: Settings, plan: survey.Plan) -> Connection:
    db = connections.open_draft()
    try:
        live.backup(db)
        db.execute("PRAGMA foreign_keys=ON")
        _apply(db, settings, plan)
    except Exceeded as error:
        db.close()
        raise fit.Unfit(str(error)) from error  # a build may take longer, as it has more to do
    except BaseException:
        db.close()
        raise
    return db


def _build(settings: Settings) -> Connection:
    from mdcache.build import build, workers  # here, not at the top: a copy must not wait for them

    found = build.documents(settings)
    with workers.started(found.workers, layout.run, layout.get_ready) as run:
        db = connections.open_draft()
        try:
            made = build.Build(db, settings, NO_CLOCK, texts=_asks_for_texts(settings))
            made.fill(run, found, lambda _: None)
            made.finish()
            made.look_around()
            db.execute("PRAGMA foreign_keys=ON")
        except BaseException:
            db.close()
            raise
    return db


def _asks_for_texts(settings: Settings) -> bool:
    """Whether anything that will be asked of the draft may look into the full-text index, half the work of a build."""
    asked = (*(rule.sql for rule in settings.policy.rules), *(script.text for script in settings.schema.user))
    return any("sections_fts" in sql.lower() for sql in asked)
