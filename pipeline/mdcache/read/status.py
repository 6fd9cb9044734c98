"""What is live: which generation, since when, of what, and whether the settings still fit it."""

from __future__ import annotations

from typing import Any, NamedTuple

from mdcache.dialects import Site
from mdcache.model import as_dict
from mdcache.read.hydrate import sites_in
from mdcache.store import connections, watchstate
from mdcache.store.cache import Cache, counts


class Status(NamedTuple):
    """The JSON of mdcache status. schema_current: the settings in force would make the same rows.

    made_here: if not, it is only read. sites: where they lie, the dialect in which their documents are read, and the
    file that tells so; all else is read as on GitHub, unless the settings say otherwise.

    watcher is None when none runs; one that was killed is shown with alive = false, and one that cannot be seen with
    alive = None. elsewhere says why it cannot be reached from here. pending is the number of paths
    that it knows of and has still to look at; checkpoint is what SQLite answered when the watcher could not fold back
    the write-ahead log completely.
    """

    database: str
    generation: int
    fingerprint: str
    schema_current: bool
    documents: int
    problems: int
    last_sync: str | None
    pending: int | None
    watcher: dict[str, Any] | None
    wal_bytes: int
    checkpoint: dict[str, Any] | None
    sections: int
    links: int
    unresolved: int
    built_at: str | None
    digest: str | None
    size_bytes: int
    base: str
    roots: tuple[str, ...]
    mdcache: str
    made_here: bool
    sites: tuple[dict[str, str], ...]

    def as_dict(self) -> dict[str, Any]:
        return as_dict(self)


def status(cache: Cache, fingerprint: str | None) -> Status:
    """Return the state of the cache. fingerprint is that of the settings in force, None when they name no documents."""
    meta, seen, sizes = cache.meta, watchstate.read(cache.path), connections.sizes(cache.path)
    state = seen.state if seen and seen.alive else None
    return Status(
        database=cache.path,
        generation=cache.generation,
        fingerprint=meta.fingerprint or "",
        schema_current=fingerprint is not None and fingerprint == meta.fingerprint,
        **counts(cache.db),
        last_sync=meta.last_sync,
        pending=state.pending if state else None,
        watcher=_watcher(seen) if seen else None,
        wal_bytes=sizes.log,
        checkpoint=state.checkpoint if state else None,
        built_at=meta.built_at,
        digest=meta.digest,
        size_bytes=sizes.file,
        base=cache.base,
        roots=cache.roots,
        mdcache=meta.mdcache or "",
        made_here=cache.made_here,
        sites=tuple(_shown(site) for site in sites_in(cache)),
    )


def _shown(site: Site) -> dict[str, str]:
    return {"folder": site.docs, "dialect": site.dialect.name, "marker": site.marker}


def _watcher(seen: watchstate.Seen) -> dict[str, Any]:
    state = seen.state._asdict()
    for elsewhere in ("pending", "checkpoint", "generation"):
        del state[elsewhere]
    return {**state, "alive": seen.alive, "elsewhere": seen.elsewhere}
