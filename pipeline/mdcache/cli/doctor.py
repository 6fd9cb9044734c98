"""The command `mdcache doctor`."""

from __future__ import annotations

from contextlib import suppress

import click

from mdcache.cli import show
from mdcache.cli.common import AS_JSON, HELP, Common, common
from mdcache.errors import No, UsageError, WorkError


@click.command(context_settings=HELP)
@AS_JSON
@common
def doctor(asked: Common, as_json: bool) -> None:
    """Find what is wrong with the setup: what was seen, what it means, the one fix."""
    from mdcache.cli import render
    from mdcache.config.remembered import with_remembered_roots
    from mdcache.doctor.doctor import diagnose, healthy, without_settings

    try:
        settings = asked.settings()
        with suppress(WorkError):  # what is wrong with the cache is for the checks to say
            settings = with_remembered_roots(settings)
        checks = diagnose(settings)
    except UsageError as error:
        checks = without_settings(str(error))
    if as_json:
        show.as_json({"ok": healthy(checks), "checks": [check._asdict() for check in checks]})
    elif not asked.quiet:
        render.checks(checks)
    if not healthy(checks):
        raise No("")
