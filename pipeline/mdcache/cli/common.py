"""What the commands share: their options, and what they make of these."""

from __future__ import annotations

import functools
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from mdcache.cli import show
from mdcache.errors import UsageError

# Each command imports what it needs: mdcache --version must not wait for SQLite and the parsers.
if TYPE_CHECKING:
    from mdcache.config.remembered import Trust
    from mdcache.config.settings import Asked, Settings
    from mdcache.files.sources import Source
    from mdcache.store.cache import Cache
    from mdcache.trusted import Doubted

HELP = {"help_option_names": ["-h", "--help"]}
_F = TypeVar("_F", bound=Callable[..., Any])


class Common(NamedTuple):
    """The options that every command takes."""

    folder: str
    config: str | None
    database: str | None
    quiet: bool
    verbose: bool

    def settings(
        self, docs: tuple[str, ...] = (), source: Source | None = None, doubted: Doubted | None = None
    ) -> Settings:
        """Return the settings in force.

        Args:
            docs: folders named on the command line, in place of those of the settings.
            source: where documents come from; None for the disk.
            doubted: called for what is found and does not count by itself; None to raise for what was not allowed.
        """
        from mdcache import trusted
        from mdcache.config.settings import load
        from mdcache.files.sources import DISK

        return load(self.named(docs), os.environ, source or DISK, doubted or trusted.insist)

    def named(self, docs: tuple[str, ...] = ()) -> Asked:
        """Return what the command line names, for who looks for settings."""
        from mdcache.config.settings import Asked

        return Asked(self.folder, self.config, self.database, docs)

    def anchored(self) -> Common:
        """Return the same, with the working folder by the name that it has now, wherever it is moved later."""
        return self._replace(folder=os.path.join(os.getcwd(), self.folder).removesuffix("/."))

    def likely_database(self) -> str:
        """Return where the cache is, as far as settings that cannot be used still tell."""
        from mdcache.config import likely

        return likely.database(self.named(), os.environ)

    def remembered(
        self, docs: tuple[str, ...] = (), source: Source | None = None, trust: Trust | None = None
    ) -> Settings:
        """Return the settings in force, with the folders that the cache remembers where nothing names any.

        trust: which caches are believed; None for those that are near.
        """
        from mdcache.config.remembered import Trust, with_remembered_roots

        return with_remembered_roots(self.settings(docs, source), trust or Trust.NEAR)

    @contextmanager
    def cache(self) -> Iterator[Cache]:
        """Open the cache that the options and settings name, to read."""
        from mdcache.store.cache import opened

        settings = self.settings()
        with opened(settings.database, settings.base) as cache:
            yield cache


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
    """Return the folder as it was named. Raises UsageError when it counts from a working folder that was removed."""
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
    """Return the options given before the command's name; the nearest count."""
    found: dict[str, Any] = {}
    context = click.get_current_context().parent
    while context:
        found = {**context.params, **{name: value for name, value in found.items() if value}}
        context = context.parent
    return found


AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
# SQLite counts milliseconds in 31 bits: longer waits would overflow.
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
# More rows than any cache has, and within the integers that SQLite accepts.
_ALL = 1_000_000_000


def at_most(_context: click.Context, _option: click.Parameter, value: int | None) -> int | None:
    """Clamp a --limit to what SQLite accepts; None stays None."""
    return None if value is None else min(value, _ALL)


@contextmanager
def progress_bar(settings: Settings, quiet: bool, label: str = "rebuild") -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr when that is a terminal, and yield what moves it on.

    The files are counted first only when there is a bar.
    """
    if quiet or not sys.stderr.isatty() or not settings.roots:
        yield lambda _: None
        return
    from mdcache.files.scan import scan

    total = sum(1 for _ in scan(settings.tree()))
    with show.bar(total, label) as bar:
        yield bar.update
