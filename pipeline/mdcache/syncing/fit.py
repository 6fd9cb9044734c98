"""Whether the live cache fits: whether it can be brought up to date, or must be built again.

It fits when a rebuild under the settings in force would lay out the same tables in the same way: then only the rows of
changed documents differ. It does not when it was made of other documents, by other settings or by an older mdcache, and
when so much of it has been replaced that a new one searches better.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import mdcache
from mdcache.config.settings import Settings
from mdcache.errors import Damaged, UsageError, WorkError
from mdcache.store import cache, ddl, made, place
from mdcache.store.cache import Cache

# bm25's averages drift as sections are replaced: a delete never lowers a contentless table's totals. Past a tenth of
# the sections a new generation is built; for fewer than this the drift is not worth one.
_REFRESH_SECTIONS = 256
# Of more folders than these the rest is counted.
_FEW = 3
_LONGEST_NAME = 80
WORN = "more than a tenth of it has been replaced"


class Unfit(Exception):
    """The live cache must be built again; says why."""


@contextmanager
def opened(settings: Settings, patient: bool = False, to_write: bool = False) -> Iterator[Cache]:
    """Open the live cache to read from it, if it fits.

    Args:
        patient: take a cache that is worn, too.
        to_write: it is going to be written to, so refuse a published file.

    Raises:
        Unfit, Damaged: it must be built again.
        UsageError: the command line names other documents than it holds.
        WorkError: it is not ours to replace, was not made here, or by a newer mdcache.
    """
    if not place.judge(settings.database).exists:
        raise Unfit("there is no cache yet")
    with _own(settings) as live:
        if to_write and live.meta.published:
            raise WorkError(
                f"{live.path} is a published file, which is only read: mdcache rebuild --output replaces it"
            )
        _refuse_other_docs(live, settings)
        why = misfit(live, settings) or schema_misfit(live, settings)
        if why and not (patient and why == WORN):
            raise Unfit(why)
        yield live


def insist_on_own(settings: Settings) -> None:
    """Raise WorkError where there is a cache that was not made here."""
    if place.judge(settings.database).exists:
        with suppress(Damaged), _own(settings):
            pass


@contextmanager
def _own(settings: Settings) -> Iterator[Cache]:
    """Open the cache that there is. Raises WorkError when it was not made here."""
    # Of one that is damaged only the file is known: it need not say any more which generation it is.
    if not made.known(settings.database):
        raise _not_made_here(settings)
    with cache.opened(settings.database, settings.base) as live:
        if not live.made_here:
            raise _not_made_here(settings)
        yield live


def _not_made_here(settings: Settings) -> WorkError:
    return WorkError(
        f"{settings.database} was not made here: it is only read, until {settings.rebuild_command()} replaces it"
    )


def unfit(settings: Settings, patient: bool = False) -> str | None:
    """Return why the live cache, which is to be written to, must be built again; None when it fits.

    No connection to it may be open in this process, as its file is opened and closed here.

    Args:
        patient: a cache that is worn fits, too.

    Raises:
        UsageError: the command line names other documents than it holds.
        WorkError: it is not ours to replace, or was made by a newer mdcache.
    """
    try:
        with opened(settings, patient, to_write=True):
            return None
    except (Unfit, Damaged) as why:
        return str(why)


def _refuse_other_docs(live: Cache, settings: Settings) -> None:
    """Raise UsageError when the command line names other documents than a cache holds.

    Who names a part of them wants that looked at, more often than all else forgotten. Links that led to what it holds
    may be named, too, wherever they lead by now.
    """
    if not (settings.asked and settings.asked.docs) or set(settings.roots) == set(live.roots):
        return
    if settings.named and set(settings.named) == set(live.named):
        return
    raise UsageError(
        f"{live.path} holds the documents of {_listed(live.roots)}: name none to look at all of these,"
        f" or to make it a cache of {_listed(settings.asked.docs)}, run {settings.rebuild_command()}"
    )


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + more


def misfit(live: Cache, settings: Settings) -> str | None:
    """Return how an open cache differs from what the settings in force would make, or WORN; None when it fits.

    Raises:
        Damaged: it does not say what it holds.
        WorkError: it was made by a newer mdcache.
    """
    facts = live.meta
    if facts.mdcache and _version(facts.mdcache) > _version(mdcache.__version__):
        raise WorkError(
            f"{live.path} was made by mdcache {facts.mdcache}, which is newer:"
            " upgrade, or replace it with mdcache rebuild"
        )
    numbered = facts.generation is not None and facts.generation >= 1
    if not (facts.mdcache and facts.fingerprint and facts.sections is not None and numbered):
        raise Damaged(f"{live.path} does not say what it holds: run mdcache rebuild")
    if facts.source and facts.source != settings.source.facts(settings.base):
        return f"it holds the {', '.join(map(' '.join, facts.source.items()))} of {live.base}"
    # Not in the fingerprint: a folder may be moved together with its cache.
    if live.meta.base is not None and live.base != settings.base:
        return f"it holds the documents of {live.base}"
    if facts.fingerprint != settings.fingerprint():
        return "settings, schema or versions have changed"
    replaced = facts.replaced or 0
    if replaced >= _REFRESH_SECTIONS and replaced * 10 > facts.sections:
        return WORN
    return None


def schema_misfit(live: Cache, settings: Settings) -> str | None:
    """Return what an open cache that otherwise fits declares in another way than a rebuild would; None when it fits.

    The fingerprint is what it says of itself, and anyone may have added a trigger: what a cache declares is executed
    when it is written to.
    """
    odd = ddl.misfit(live.db, settings.schema.of(bool(live.meta.published)))
    return f"its schema is not that of this version and the settings ({odd[:_LONGEST_NAME]})" if odd else None


def _version(text: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d{1,9}", text)[:3]]
