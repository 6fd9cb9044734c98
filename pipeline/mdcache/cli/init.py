"""The command `mdcache init`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click

from mdcache.cli import show
from mdcache.cli.common import HELP, Common, common
from mdcache.errors import UsageError, WorkError


@click.command(context_settings=HELP)
@common
def init(asked: Common) -> None:
    """Write a commented mdcache.toml; an existing one is never touched."""
    from mdcache.config.file import FILE_NAME
    from mdcache.config.template import TEMPLATE

    path = os.path.join(asked.folder, asked.config or FILE_NAME)
    try:
        with open(path, "x", encoding="utf-8", opener=_open_for_us) as file, _removing(path):
            file.write(TEMPLATE)
            file.flush()
    except FileExistsError as error:
        raise WorkError(f"{path} is already there: it stays as it is") from error
    except FileNotFoundError as error:
        raise UsageError(f"no such folder: {os.path.dirname(path)}") from error
    except OSError as error:
        raise WorkError(f"cannot write {path}: {error.strerror}") from error
    if not asked.quiet:
        show.out(show.line(f"wrote {path}: edit it, then run mdcache rebuild"))
        for site in asked._replace(config=os.path.abspath(path)).settings().sites():
            show.out(show.line(f"{site.docs or '.'} is read as {site.dialect.title} reads it ({site.marker})"))


def _open_for_us(path: str, flags: int) -> int:
    """Make a file that at most its group may write to: settings are believed by their owner."""
    return os.open(path, flags, 0o664)


@contextmanager
def _removing(path: str) -> Iterator[None]:
    """Remove a file that could not be written whole; the next try would be refused because of what is left of it."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            os.unlink(path)
        raise
