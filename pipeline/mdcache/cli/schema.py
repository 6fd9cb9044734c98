"""The command `mdcache schema`."""

from __future__ import annotations

import click

from mdcache.cli import show
from mdcache.cli.common import AS_JSON, HELP, Common, common

# A unified diff begins with lines that name its two sides.
_HEADS = 2


@click.command(context_settings=HELP)
@AS_JSON
@click.option("--diff", is_flag=True, help="What differs in the live cache, as a unified diff.")
@common
def schema(asked: Common, as_json: bool, diff: bool) -> None:
    """Print the DDL in force and its fingerprint."""
    from mdcache.store import ddl
    from mdcache.store.cache import opened

    settings = asked.remembered()
    fingerprint = settings.fingerprint() if settings.roots else None
    text = settings.schema.text()
    lines: list[str] = []
    if diff:
        with opened(settings.database, settings.base) as cache:
            lines = ddl.difference(cache.db, settings.schema.of(bool(cache.meta.published)))
    if as_json:
        show.as_json({"fingerprint": fingerprint, "ddl": text, **({"diff": lines} if diff else {})})
        return
    heads = lines[:_HEADS] if diff else [f"-- fingerprint {fingerprint or 'unknown: no settings, no cache'}", ""]
    for one in heads:
        show.ours(one)
    for one in lines[_HEADS:] if diff else text.splitlines():
        show.out(one)
