"""The command line: reads what is asked, calls one driver, shows the result, and ends with the right exit status."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn

import click

import mdcache
from mdcache import stops
from mdcache.cli import show
from mdcache.cli.common import (
    AS_JSON,
    HELP,
    WAIT,
    Common,
    at_most,
    common,
    common_to,
    progress_bar,
    revision,
    verdict,
    with_remembered_roots,
)
from mdcache.cli.hookcommands import hook
from mdcache.cli.trustcommands import doctor, verify
from mdcache.errors import No, UsageError, WorkError

# Each command imports what it needs: mdcache --version must not wait for SQLite and the parsers.
if TYPE_CHECKING:
    from mdcache.config.settings import Settings
    from mdcache.store.cache import Cache


class _Words(click.Command):
    """A command whose words may begin with a minus: `search cache -redis`. Long options are still options."""

    _GUARD = "\0"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        options = [one for one in self.get_params(ctx) if isinstance(one, click.Option)]
        known = {name for one in options for name in (*one.opts, *one.secondary_opts)}
        valued = {name for one in options if not one.is_flag for name in one.opts}
        guarded, before = [], ""
        for arg in args:
            is_word = arg.startswith("-") and not arg.startswith("--") and arg not in known and before not in valued
            guarded.append(self._GUARD + arg if is_word else arg)
            before = arg
        return super().parse_args(ctx, guarded)

    @classmethod
    def joined(cls, words: tuple[str, ...]) -> str:
        return " ".join(word.removeprefix(cls._GUARD) for word in words)


@common_to
@click.group(context_settings=HELP)
@click.version_option(mdcache.__version__, prog_name="mdcache")
def cli(**_: Any) -> None:
    """Folders of markdown as a SQLite database that you can search, query and walk as a graph.

    The database is a cache: never migrated, never repaired, never backed up, only built again. The documents are
    never written to.
    """


for _command in (hook, verify, doctor):
    cli.add_command(_command)


@cli.command(context_settings=HELP)
@common
def init(asked: Common) -> None:
    """Write a commented mdcache.toml; an existing one is never touched."""
    from mdcache.config.settings import FILE_NAME, TEMPLATE

    path = os.path.join(asked.folder, asked.config or FILE_NAME)
    try:
        with open(path, "x", encoding="utf-8") as file, _removing(path):
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


@contextmanager
def _removing(path: str) -> Iterator[None]:
    """A file that cannot be written whole is none: else the next one would be refused for what the first has left."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            os.unlink(path)
        raise


@cli.command(context_settings=HELP)
@click.argument("docs", nargs=-1, type=click.Path())
@AS_JSON
@WAIT
@click.option(
    "--output", type=click.Path(), metavar="FILE", help="Publish to FILE instead; it needs no writable folder."
)
@click.option("--rev", metavar="REV", help="With --output or --db: build what a revision of git's holds.")
@click.option("--reproducible", is_flag=True, help="With --output: the same bytes for the same documents.")
@click.option("--workers", type=click.IntRange(0), metavar="N", help="Parsing processes; 0 parses in this one.")
@common
def rebuild(
    asked: Common,
    docs: tuple[str, ...],
    as_json: bool,
    wait: float,
    output: str | None,
    rev: str | None,
    reproducible: bool,
    workers: int | None,
) -> None:
    """Build a fresh cache of the markdown below DOCS and swap it in under its readers."""
    from mdcache.build.rebuild import Options
    from mdcache.build.rebuild import rebuild as build
    from mdcache.cli import render
    from mdcache.config.settings import refuse_outside

    if reproducible and output is None:
        raise UsageError("--reproducible goes with --output FILE")
    if rev is not None and output is None and not asked.database:
        raise UsageError("--rev goes with --output FILE or --db PATH: the cache is that of the files as they lie there")
    settings = with_remembered_roots(asked.settings(docs, revision(asked.folder, rev)))
    refuse_outside(settings)
    target = None if output is None else os.path.realpath(os.path.join(asked.folder, output))
    with stops.until_too_late():
        with progress_bar(settings, asked.quiet) as progress:
            report = build(settings, Options(wait, workers, target, reproducible), progress)
        if as_json:
            show.as_json(report._asdict())
        elif not asked.quiet:
            render.report(report)


@cli.command(cls=_Words, context_settings=HELP)
@click.argument("query", nargs=-1, required=True)
@AS_JSON
@click.option(
    "--limit",
    type=click.IntRange(1),
    callback=at_most,
    default=10,
    show_default=True,
    metavar="N",
    help="At most N results.",
)
@click.option("--path", metavar="GLOB", help="Only documents whose path matches: 'guides/*'.")
@click.option("--tag", metavar="TAG", help="Only documents with this tag.")
@click.option("--type", "type_", metavar="TYPE", help="Only documents of this type.")
@click.option("--all", "all_", is_flag=True, help="Every section of a document, not only its best.")
@click.option("--raw", is_flag=True, help="QUERY is an FTS5 expression.")
@common
def search(
    asked: Common,
    query: tuple[str, ...],
    as_json: bool,
    limit: int,
    path: str | None,
    tag: str | None,
    type_: str | None,
    all_: bool,
    raw: bool,
) -> None:
    """Find sections: words, "a phrase", prefix*, -without. Nothing you type is a syntax error."""
    from mdcache.cli import render
    from mdcache.read.search import Query
    from mdcache.read.search import search as find

    with _cache(asked) as cache:
        hits = find(cache, Query(_Words.joined(query), limit, path, tag, type_, all_, raw))
        if as_json:
            render.hits_as_json(hits)
        else:
            render.hits(cache, hits)
    if not hits:
        raise No("" if as_json or asked.quiet else "nothing found")


@cli.command(context_settings=HELP)
@click.argument("id_", metavar="ID[#ANCHOR]")
@AS_JSON
@common
def read(asked: Common, id_: str, as_json: bool) -> None:
    """Print a document, or a section with its deeper headings, from the file."""
    from mdcache.cli import render
    from mdcache.read.hydrate import passage
    from mdcache.store.cache import find_place

    with _cache(asked) as cache:
        found = passage(cache, *find_place(cache, id_, asked.folder))
    if found.changed and not asked.quiet:
        show.note(f"mdcache: {found.node.path} has changed since the cache was made: this is the file as it is now")
    if as_json:
        render.passage_as_json(found)
    else:
        render.passage(found)


@cli.command(context_settings=HELP)
@click.argument("id_", metavar="ID")
@AS_JSON
@click.option("--depth", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="Walk N links far.")
@common
def links(asked: Common, id_: str, as_json: bool, depth: int) -> None:
    """Show what a document links to, what links to it, and what it links to that is not there."""
    from mdcache.cli import render
    from mdcache.read.graph import around
    from mdcache.store.cache import find_node

    with _cache(asked) as cache:
        node = find_node(cache, id_, asked.folder)
        found = around(cache, node, depth)
    if as_json:
        render.links_as_json(node, found)
    else:
        render.links(found)


@cli.command(context_settings=HELP)
@click.argument("sql")
@click.option("--table", "form", flag_value="table", default=True, help="An aligned table (the default).")
@click.option("--csv", "form", flag_value="csv", help="CSV with a header.")
@click.option("--json", "form", flag_value="json", help="One JSON object: columns and rows.")
@click.option(
    "--attach", multiple=True, type=click.Path(), metavar="FILE", help="Join another database, under its file's name."
)
@common
def query(asked: Common, sql: str, form: str, attach: tuple[str, ...]) -> None:
    """Run one read-only SQL statement; section_text(key) and document_text(key) read the files."""
    from mdcache.cli import render
    from mdcache.read.query import run

    attached = tuple(os.path.join(asked.folder, file) for file in attach)
    with _cache(asked) as cache:
        render.answer(form, run(cache, sql, attached))


@cli.command(context_settings=HELP)
@AS_JSON
@common
def status(asked: Common, as_json: bool) -> None:
    """Show what is live: generation, fingerprint, counts, freshness."""
    from mdcache.cli import render
    from mdcache.read.status import status as read_status
    from mdcache.store.cache import opened

    settings = asked.settings()
    with opened(settings.database, settings.base) as cache:
        known = settings if settings.roots else settings.with_roots(cache.base, cache.roots)
        found = read_status(cache, known.fingerprint())
    if as_json:
        show.as_json(found._asdict())
    else:
        render.status(found)


@cli.command(context_settings=HELP)
@AS_JSON
@click.option("--diff", is_flag=True, help="What differs in the live cache, as a unified diff.")
@common
def schema(asked: Common, as_json: bool, diff: bool) -> None:
    """Print the DDL in force and its fingerprint."""
    from mdcache.store import ddl
    from mdcache.store.cache import opened

    settings = with_remembered_roots(asked.settings())
    fingerprint = settings.fingerprint() if settings.roots else None
    text = settings.schema.text()
    lines: list[str] = []
    if diff:
        with opened(settings.database, settings.base) as cache:
            lines = ddl.difference(cache.db, settings.schema)
    if as_json:
        show.as_json({"fingerprint": fingerprint, "ddl": text, **({"diff": lines} if diff else {})})
        return
    head = [f"-- fingerprint {fingerprint or 'unknown: no settings, no cache'}", ""]
    for one in lines if diff else [*head, *text.splitlines()]:
        show.out(show.clean(one))


@cli.command(context_settings=HELP)
@click.argument("docs", nargs=-1, type=click.Path())
@AS_JSON
@WAIT
@click.option("--check", is_flag=True, help="Only tell what differs; exit status 1 when anything does.")
@click.option("--digest", is_flag=True, help="Compute the digest of what is cached now.")
@common
def sync(asked: Common, docs: tuple[str, ...], as_json: bool, wait: float, check: bool, digest: bool) -> None:
    """Bring the cache up to date with the markdown below DOCS; build it anew where it does not fit any more."""
    from mdcache.cli import render
    from mdcache.syncing import sync as driver

    def explain(why: str) -> None:
        if not asked.quiet:
            show.note(f"mdcache: built anew: {why}")

    settings = with_remembered_roots(asked.settings(docs))
    if check:
        _check_sync(settings, as_json, asked.quiet)
        return
    with stops.until_too_late():
        with progress_bar(settings, asked.quiet) as progress:
            report = driver.sync(settings, driver.Options(wait, digest), progress, explain)
        if as_json:
            show.as_json(report._asdict())
        elif not asked.quiet:
            render.synced(report)


def _check_sync(settings: Settings, as_json: bool, quiet: bool) -> None:
    from mdcache.cli import render
    from mdcache.syncing import sync as driver

    found = driver.stale(settings)
    if as_json:
        render.stale_as_json(settings.database, found)
    elif found and not quiet:
        render.stale(found)
    if found:
        raise No("")


@cli.command(context_settings=HELP)
@click.argument("paths", nargs=-1, type=click.Path())
@click.option("--staged", is_flag=True, help="Judge what git is about to commit, and what it breaks elsewhere.")
@click.option("--rev", metavar="REV", help="Judge a revision.")
@click.option("--against", metavar="REV", help="Only what has changed since REV, and what that breaks elsewhere.")
@click.option("--strict", is_flag=True, help="Warnings too end in exit status 1.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github", "sarif"]),
    default="text",
    metavar="FORMAT",
    help="text (for people and editors, the default), json, github (annotations) or sarif.",
)
@click.option("--json", "form", flag_value="json", help="One JSON object.")
@click.option("--explain", metavar="CODE", help="Say what a problem's code means, and what to do.")
@common
def check(
    asked: Common,
    paths: tuple[str, ...],
    staged: bool,
    rev: str | None,
    against: str | None,
    strict: bool,
    form: str,
    explain: str | None,
) -> None:
    """Find what is wrong in documents: all, or those at and below PATHS. Nothing is written."""
    from mdcache import codes
    from mdcache.checking import check as driver
    from mdcache.cli import formats
    from mdcache.model import ERROR

    if explain:
        show.out(codes.page(explain).rstrip())
        return
    if staged and rev is not None:
        raise UsageError("--staged and --rev do not go together")
    request = driver.request(
        driver.Asked(asked.folder, staged, rev, against, paths),
        lambda source: with_remembered_roots(asked.settings((), source)),
    )
    found = driver.check(request)
    formats.show_as(form, found, formats.Places(request.settings.base, asked.folder))
    if form == "text" and not asked.quiet and (found or sys.stderr.isatty()):
        show.note(f"mdcache: {formats.summary(found)}")
    if any(strict or finding.problem.severity == ERROR for finding in found):
        raise No("")


@cli.command(context_settings=HELP)
@AS_JSON
@click.option("--since", metavar="TOKEN", help="Only what came after: the 'next' of the last time, or 'now'.")
@click.option("--follow", is_flag=True, help="Wait for more, until stopped.")
@click.option("--limit", type=click.IntRange(0), callback=at_most, metavar="N", help="At most N changes.")
@common
def changes(asked: Common, as_json: bool, since: str | None, follow: bool, limit: int | None) -> None:
    """List what happened to the documents since the cache was built, and the token to go on from."""
    from mdcache.cli import render
    from mdcache.read import feed

    shown = render.news_as_json if as_json else render.news
    if not follow:
        with _cache(asked) as cache:
            found = feed.news(cache, since, limit)
        shown(found)
        if found.restart:
            raise No("")
        return
    if limit is not None:
        raise UsageError("--limit does not go with --follow")
    settings = asked.settings()
    # To be stopped is how following ends: no failure.
    with suppress(KeyboardInterrupt):
        for found in feed.follow(settings.database, settings.base, since):
            with stops.held_back():
                shown(found)
                sys.stdout.flush()


@cli.command(context_settings=HELP)
@click.argument("docs", nargs=-1, type=click.Path())
@click.option("--detach", "how", flag_value="detach", help="In the background, with a log beside the cache.")
@click.option("--stop", "how", flag_value="stop", help="Stop the watcher of this cache.")
@click.option("--poll", is_flag=True, help="Compare all files every few seconds; do not ask the system for changes.")
@WAIT
@common
def watch(asked: Common, docs: tuple[str, ...], how: str | None, poll: bool, wait: float) -> None:
    """Sync, then keep the cache fresh until stopped."""
    from mdcache.watching import watch as driver

    if how == "stop":
        stopped = driver.stop(asked.settings(docs).database, wait)
        said = f"stopped process {stopped}" if stopped else "no watcher is running"
    elif how == "detach":
        settings = with_remembered_roots(asked.settings(docs))
        started = driver.detach(settings, _watching(asked, docs, poll, wait))
        said = f"process {started} watches; its log is {settings.database}.log"
    else:

        def say(line: str) -> None:
            if not asked.quiet:
                show.note(driver.stamp(line))

        driver.watch(lambda: with_remembered_roots(asked.settings(docs)), driver.Options(wait, poll), say)
        return
    if not asked.quiet:
        show.out(show.line(said))


def _watching(asked: Common, docs: tuple[str, ...], poll: bool, wait: float) -> list[str]:
    """The command line of a watcher in a process of its own, which must not import what lies in the working folder."""
    named = {"-C": asked.folder, "--config": asked.config, "--db": asked.database}
    options = [word for name, value in named.items() if value for word in (name, value)]
    flags = [
        name for name, given in (("--quiet", asked.quiet), ("--verbose", asked.verbose), ("--poll", poll)) if given
    ]
    return [sys.executable, "-P", "-m", "mdcache", "watch", *options, *flags, "--wait", str(wait), "--", *docs]


@contextmanager
def _cache(asked: Common) -> Iterator[Cache]:
    from mdcache.store.cache import opened

    settings = asked.settings()
    with opened(settings.database, settings.base) as cache:
        yield cache


def main() -> NoReturn:
    """Run the command and exit: errors are one line, a traceback only comes with --verbose."""
    _open_streams()
    stops.listen()
    status_ = run(sys.argv[1:])
    stops.ignore()
    sys.exit(status_)


def _open_streams() -> None:
    """A stream that was closed before we started leads nowhere, or the next file we open would take its number."""
    while (spare := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(spare)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def run(arguments: list[str]) -> int:
    """Run the command, and say what went wrong; gives the exit status."""
    try:
        cli.main(arguments, prog_name="mdcache", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return UsageError.status
    except show.Enough:
        # Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (Exception, KeyboardInterrupt) as error:
        if "--verbose" in arguments:
            traceback.print_exception(error)
        message, status_ = verdict(error)
        if message:
            show.note(f"mdcache: {message}")
        return status_
    return 0
