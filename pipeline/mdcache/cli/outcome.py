"""How an error ends a command: one line, and an exit status."""

from __future__ import annotations

import errno
from typing import NamedTuple

import click

from mdcache.errors import MdcacheError, UsageError, WorkError

INTERRUPTED = 130


class Outcome(NamedTuple):
    """What to say of an error, in one line ('' for nothing), and the exit status it ends in."""

    message: str
    status: int


def outcome(error: BaseException) -> Outcome:
    """Return what an error means to the user."""
    if isinstance(error, MdcacheError):
        return Outcome(str(error), error.status)
    if isinstance(error, click.ClickException):
        return Outcome(_in_one_line(error), UsageError.status)
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return Outcome("interrupted: the cache is as it was", INTERRUPTED)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):  # click writes --help and --version
        return Outcome(f"cannot write {error.filename or 'the output'}: {error.strerror}", WorkError.status)
    return Outcome(f"a bug in mdcache: {type(error).__name__}: {error}: --verbose shows where", WorkError.status)


def _in_one_line(error: click.ClickException) -> str:
    """Return click's message about the command line, and where to read on."""
    said = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "mdcache"
    return f"{said[:1].lower()}{said[1:]}: see {command} --help"
