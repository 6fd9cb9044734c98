"""What the commands share: the options that each takes, and what is said of an error."""

from __future__ import annotations

import errno
import functools
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from mdcache.errors import Damaged, MdcacheError, UsageError, WorkError

# Each command imports what it needs: mdcache --version must not wait for SQLite and the parsers.
if TYPE_CHECKING:
    from mdcache.config.settings import Settings
    from mdcache.files.sources import Source

INTERRUPTED = 130
HELP = {"help_option_names": ["-h", "--help"]}
_F = TypeVar("_F", bound=Callable[..., Any])


class Common(NamedTuple):
    """The options that every command takes."""

    folder: str
    config: str | None
    database: str | None
    quiet: bool
    verbose: bool

    def settings(self, docs: tuple[str, ...] = (), source: Source | None = None) -> Settings:
        from mdcache.config.settings import Asked, load
        from mdcache.files.sources import DISK

        return load(Asked(self.folder, self.config, self.database, docs), os.environ, source or DISK)


COMMON = (
    click.option("-C", "folder", metavar="DIR", help="Work as if started in DIR."),
    click.option("--config", metavar="FILE", help="Settings file, instead of the one found by walking up."),
    click.option("--db", "database", metavar="PATH", help="The cache, instead of that of the settings."),
    click.option("--quiet", is_flag=True, help="No progress, no notes."),
    click.option("--verbose", is_flag=True, help="With tracebacks."),
)


def common(command: _F) -> _F:
    """Add the common options, before or after the command's name; the command gets them as its first argument."""

    @functools.wraps(command)
    def called(
        folder: str | None, config: str | None, database: str | None, quiet: bool, verbose: bool, **rest: Any
    ) -> Any:
        outer = _of_groups()
        asked = Common(
            _working_folder(folder or outer["folder"] or "."),
            config or outer["config"],
            database or outer["database"],
            quiet or outer["quiet"],
            verbose or outer["verbose"],
        )
        return command(asked, **rest)

    for option in reversed(COMMON):
        called = option(called)
    return called  # type: ignore[return-value]


def _working_folder(folder: str) -> str:
    """The folder as it was named. Raises UsageError when it counts from a working folder that was removed."""
    if not os.path.isabs(folder):
        try:
            os.getcwd()
        except OSError as error:
            raise UsageError(f"the working folder cannot be found ({error.strerror}): cd to another") from error
    return folder


def common_to(group: click.Group) -> click.Group:
    """Let a group take the common options for its commands; those of a command itself go first."""
    for option in reversed(COMMON):
        option(group)
    return group


def _of_groups() -> dict[str, Any]:
    """The options before the command's name; the nearest count."""
    found: dict[str, Any] = {}
    context = click.get_current_context().parent
    while context:
        found = {**context.params, **{name: value for name, value in found.items() if value}}
        context = context.parent
    return found


AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
# More fits into no clock of SQLite's, and nobody lives to see the end of it.
_LONGEST_WAIT_S = 1_000_000.0


def _seconds(_context: click.Context, _option: click.Parameter, value: float) -> float:
    if math.isnan(value):
        raise click.BadParameter("nan is no number of seconds")
    return min(value, _LONGEST_WAIT_S)


WAIT = click.option(
    "--wait",
    type=click.FloatRange(0),
    callback=_seconds,
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="For another writer.",
)
# More than there are of anything; much more would not fit into a statement of SQLite's.
_ALL = 1_000_000_000


def at_most(_context: click.Context, _option: click.Parameter, value: int | None) -> int | None:
    """For an option that says how many: a number out of all proportion means all."""
    return None if value is None else min(value, _ALL)


def with_remembered_roots(settings: Settings) -> Settings:
    """Without settings and without DOCS, the cache says what it was made of; a damaged one no longer can."""
    from mdcache.store.cache import opened

    if settings.roots or not os.path.exists(settings.database):
        return settings
    with suppress(Damaged), opened(settings.database, settings.base) as cache:
        return settings.with_roots(cache.base, cache.roots)
    return settings


def revision(folder: str, rev: str | None) -> Source | None:
    """The documents of a revision of the repository around a folder; None for those on disk."""
    from mdcache.files import git, sources

    return None if rev is None else sources.Trees(git.repository(folder)).revision(rev)


@contextmanager
def progress_bar(settings: Settings, quiet: bool, label: str = "rebuild") -> Iterator[Callable[[int], None]]:
    """A bar on stderr when that is a terminal; only then the files are counted first."""
    if quiet or not sys.stderr.isatty() or not settings.roots:
        yield lambda _: None
        return
    from mdcache.files.scan import scan

    total = sum(1 for _ in scan(settings.tree()))
    with click.progressbar(length=total, label=label, file=sys.stderr, show_pos=True) as bar:
        yield bar.update


def verdict(error: BaseException) -> tuple[str, int]:
    """What to say of an error, in one line, and the exit status it ends in."""
    if isinstance(error, MdcacheError):
        return str(error), error.status
    if isinstance(error, click.ClickException):
        return _in_one_line(error), UsageError.status
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return "interrupted: the cache is as it was", INTERRUPTED
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):  # click writes --help and --version
        return f"cannot write {error.filename or 'the output'}: {error.strerror}", WorkError.status
    return f"a bug in mdcache: {type(error).__name__}: {error}: --verbose shows where", WorkError.status


def _in_one_line(error: click.ClickException) -> str:
    """What click says of the command line, and where to read on."""
    said = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "mdcache"
    return f"{said[:1].lower()}{said[1:]}: see {command} --help"
