"""The command `mdcache watch`."""

from __future__ import annotations

import sys

import click

from mdcache.cli import show
from mdcache.cli.common import HELP, WAIT, Common, common
from mdcache.errors import UsageError


@click.command(context_settings=HELP)
@click.argument("docs", nargs=-1, type=click.Path())
@click.option("--detach", is_flag=True, help="In the background, with a log beside the cache.")
@click.option("--stop", is_flag=True, help="Stop the watcher of this cache.")
@click.option("--poll", is_flag=True, help="Compare all files every few seconds; do not ask the system for changes.")
@WAIT
@common
def watch(asked: Common, docs: tuple[str, ...], detach: bool, stop: bool, poll: bool, wait: float) -> None:
    """Sync, then keep the cache fresh until stopped."""
    if stop and (detach or poll):
        raise UsageError(f"--stop ends a watcher, {'--detach' if detach else '--poll'} starts one: name one of them")
    from mdcache.syncing import fit
    from mdcache.watching import daemon

    if stop:
        stopped = _stopped(asked, docs, wait)
        said = f"stopped process {stopped}" if stopped else "no watcher is running"
    elif detach:
        settings = asked.remembered(docs)
        fit.unfit(settings)  # what the watcher would refuse to begin with is refused here
        started = daemon.detach(settings, _watching(asked, docs, poll, wait))
        said = f"process {started} watches; its log is {settings.database}.log"
    else:

        def say(line: str) -> None:
            if not asked.quiet:
                show.note(daemon.stamp(line))

        anchored = asked.anchored()
        daemon.run(lambda: anchored.remembered(docs), wait, poll, say)
        return
    if not asked.quiet:
        show.out(show.line(said))


def _stopped(asked: Common, docs: tuple[str, ...], wait: float) -> int | None:
    """Stop the watcher, also beside settings that cannot be used: it goes on with those before."""
    from mdcache.watching import daemon

    try:
        database = asked.settings(docs).database
    except UsageError:
        if stopped := daemon.stop(asked.likely_database(), wait):
            return stopped
        raise
    return daemon.stop(database, wait)


def _watching(asked: Common, docs: tuple[str, ...], poll: bool, wait: float) -> list[str]:
    """The command line of a watcher in a process of its own, which must not import what lies in the working folder."""
    named = {"-C": asked.folder, "--config": asked.config, "--db": asked.database}
    options = [word for name, value in named.items() if value for word in (name, value)]
    flags = [
        name for name, given in (("--quiet", asked.quiet), ("--verbose", asked.verbose), ("--poll", poll)) if given
    ]
    return [sys.executable, "-P", "-m", "mdcache", "watch", *options, *flags, "--wait", str(wait), "--", *docs]
