"""The entry point: parses the command line, runs the command, and exits with its status."""

from __future__ import annotations

import gc
import io
import os
import sys
from typing import Any, NoReturn

import click

import mdcache
from mdcache import names, printed, stops
from mdcache.cli import show
from mdcache.cli.common import HELP, common_to
from mdcache.cli.outcome import outcome
from mdcache.cli.registry import Registry
from mdcache.errors import UsageError


@common_to
@click.group(commands=Registry(), context_settings=HELP)
@click.version_option(mdcache.__version__, prog_name="mdcache")
def cli(**_: Any) -> None:
    """Folders of markdown as a SQLite database that you can search, query and walk as a graph.

    The database is a cache: never migrated, never repaired, never backed up, only built again. The documents are
    never written to.
    """


# Objects made and not yet gone before the garbage collector looks: values that a command makes are hardly ever in
# cycles, and to look for those every 700 values is a tenth of its work.
_CYCLES_AFTER = 50_000


def main() -> NoReturn:
    """Run the command and exit: errors are one line, a traceback only comes with --verbose."""
    gc.set_threshold(_CYCLES_AFTER)
    _open_streams()
    stops.listen()
    status = run(sys.argv[1:])
    stops.ignore()
    sys.exit(status)


def _open_streams() -> None:
    """Lead streams that were closed before we started nowhere; else the next file we open would take such a number.

    What they cannot encode is escaped. They have the encoding of the locale, also where this process was started again
    in UTF-8 mode.
    """
    while (spare := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(spare)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=names.output_encoding(), errors="backslashreplace")
    printed.guard()


def _give_up_stdout() -> None:
    """Lead what is left to print nowhere: nobody takes it, and Python would try once more when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run(arguments: list[str]) -> int:
    """Run the command, say what went wrong in one line on stderr, and return the exit status."""
    try:
        cli.main(arguments, prog_name="mdcache", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        show.usage(error)
        return UsageError.status
    except show.Enough:
        _give_up_stdout()
    except (Exception, KeyboardInterrupt) as error:
        if isinstance(error, KeyboardInterrupt):
            _give_up_stdout()
        if "--verbose" in arguments:
            show.trace(error)
        message, status = outcome(error)
        if message:
            show.note(f"mdcache: {message}")
        return status
    return 0
