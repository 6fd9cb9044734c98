"""A live cache and another one, in the part of a build that is published over it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from mdcache.build import rebuild
from mdcache.config import settings
from mdcache.model import Report
from mdcache.store import connections
from mdcache.store.connections import Connection, scalar

Vault = Callable[..., Path]
LIVE, OTHER = "live.db", "other.db"


def build(folder: Path, name: str, **options: object) -> Report:
    asked = settings.load(settings.Asked(str(folder), database=name, docs=(".",)), {})
    return rebuild.rebuild(asked, rebuild.Options(workers=0, **options))  # type: ignore[arg-type]


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[tuple[Connection, Connection]]:
    """The other cache, in the part of the build, and the live one."""
    with (
        contextlib.closing(connections.open_live(str(folder / OTHER))) as build_,
        contextlib.closing(connections.open_live(str(folder / LIVE))) as live,
    ):
        yield build_, live


def matches(db: Connection, word: str) -> int:
    return int(scalar(db, "SELECT count(*) FROM sections_fts WHERE sections_fts MATCH ?", word))


def pair_in(vault: Vault) -> Path:
    """Make a folder with a live cache of one document, and another cache of two."""
    made = vault({"a.md": "# One\n\nfirst"})
    build(made, LIVE)
    vault({"a.md": "# Two\n\nsecond [b](b.md)", "b.md": "# B\n\nsecond"}, into=made)
    build(made, OTHER)
    return made
