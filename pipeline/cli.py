"""The command line: reads what is asked, calls one driver, shows the result, and ends with the right exit status."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeVar

import click

import pipeline
from pipeline.errors import MdcacheError, No, UsageError, WorkError

if TYPE_CHECKING:
    from pipeline.cache import Cache
    from pipeline.rebuild import Report
    from pipeline.search import Hit
    from pipeline.settings import Settings

_INTERRUPTED = 130
_HELP = {"help_option_names": ["-h", "--help"]}
# What starts with a minus and is no option is for the query: mdcache search cache -redis.
_TAKES_ANYTHING = {**_HELP, "ignore_unknown_options": True}
_F = TypeVar("_F", bound=Callable[..., Any])


class Common(NamedTuple):
    """The options that every command takes."""

    folder: str
    config: str | None
    database: str | None
    quiet: bool
    verbose: bool

    def settings(self, docs: tuple[str, ...] = ()) -> Settings:
        from pipeline.settings import Asked, load

        return load(Asked(self.folder, self.config, self.database, docs), os.environ)


_COMMON = (
    click.option("-C", "folder", metavar="DIR", help="Work as if started in DIR."),
    click.option("--config", metavar="FILE", help="Settings file, instead of the one found by walking up."),
    click.option("--db", "database", metavar="PATH", help="The cache, instead of that of the settings."),
    click.option("--quiet", is_flag=True, help="No progress, no notes."),
    click.option("--verbose", is_flag=True, help="With tracebacks."),
)


def common(command: _F) -> _F:
    """Add the common options; the command gets them as its first argument."""

    def called(
        folder: str | None, config: str | None, database: str | None, quiet: bool, verbose: bool, **rest: Any
    ) -> Any:
        outer = click.get_current_context().find_root().params
        asked = Common(
            folder or outer.get("folder") or ".",
            config or outer.get("config"),
            database or outer.get("database"),
            quiet or outer.get("quiet", False),
            verbose or outer.get("verbose", False),
        )
        return command(asked, **rest)

    called.__name__, called.__doc__ = command.__name__, command.__doc__
    called.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for option in reversed(_COMMON):
        called = option(called)
    return called  # type: ignore[return-value]


_as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
_wait = click.option(
    "--wait", type=click.FloatRange(0), default=10.0, show_default=True, metavar="SECONDS", help="For another writer."
)


@click.group(context_settings=_HELP)
@click.version_option(pipeline.__version__, prog_name="mdcache")
def cli(**_: Any) -> None:
    """Folders of markdown as a SQLite database that you can search, query and walk as a graph.

    The database is a cache: never migrated, never repaired, never backed up, only built again. The documents are
    never written to.
    """


for _option in reversed(_COMMON):
    _option(cli)


@cli.command(context_settings=_HELP)
@common
def init(asked: Common) -> None:
    """Write a commented mdcache.toml; an existing one is never touched."""
    from pipeline import show
    from pipeline.settings import FILE_NAME, TEMPLATE

    path = os.path.join(asked.folder, FILE_NAME)
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError as error:
        raise WorkError(f"{path} is already there: it stays as it is") from error
    except OSError as error:
        raise WorkError(f"cannot write {path}: {error.strerror}") from error
    if not asked.quiet:
        show.out(f"wrote {path}: edit it, then run mdcache rebuild")


@cli.command(context_settings=_HELP)
@click.argument("docs", nargs=-1, type=click.Path())
@_as_json
@_wait
@click.option(
    "--output", type=click.Path(), metavar="FILE", help="Publish to FILE instead; it needs no writable folder."
)
@click.option("--reproducible", is_flag=True, help="With --output: the same bytes for the same documents.")
@click.option("--workers", type=click.IntRange(0), metavar="N", help="Parsing processes; 0 parses in this one.")
@common
def rebuild(
    asked: Common,
    docs: tuple[str, ...],
    as_json: bool,
    wait: float,
    output: str | None,
    reproducible: bool,
    workers: int | None,
) -> None:
    """Build a fresh cache of the markdown below DOCS and swap it in under its readers."""
    from pipeline import show
    from pipeline.rebuild import Options
    from pipeline.rebuild import rebuild as build

    if reproducible and not output:
        raise UsageError("--reproducible goes with --output FILE")
    settings = _with_remembered_roots(asked.settings(docs))
    target = os.path.realpath(os.path.join(asked.folder, output)) if output else None
    with _progress(settings, asked.quiet) as progress:
        report = build(settings, Options(wait, workers, target, reproducible), progress)
    if as_json:
        show.as_json(report._asdict())
    elif not asked.quiet:
        show.out(_summary(report))


def _with_remembered_roots(settings: Settings) -> Settings:
    """Without settings and without DOCS, the cache says what it was made of."""
    from pipeline.cache import opened

    if settings.roots or not os.path.exists(settings.database):
        return settings
    with opened(settings.database, settings.base) as cache:
        return settings.with_roots(cache.base, cache.roots)


@contextmanager
def _progress(settings: Settings, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A bar on stderr when that is a terminal; only then the files are counted first."""
    if quiet or not sys.stderr.isatty() or not settings.roots:
        yield lambda _: None
        return
    from pipeline.scan import scan

    total = sum(1 for _ in scan(settings.tree()))
    with click.progressbar(length=total, label="rebuild", file=sys.stderr, show_pos=True) as bar:
        yield bar.update


def _summary(report: Report) -> str:
    from pipeline import show

    parts = (
        show.count(report.documents, "document"),
        show.count(report.sections, "section"),
        f"{show.count(report.links, 'link')} ({report.unresolved:,} unresolved)",
        show.count(report.problems, "problem"),
        show.seconds(report.seconds),
    )
    return f"{', '.join(parts)}: {report.database}"


@cli.command(context_settings=_TAKES_ANYTHING)
@click.argument("query", nargs=-1, required=True)
@_as_json
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, metavar="N", help="At most N results.")
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
    from pipeline import show
    from pipeline.search import MARK_END, MARK_START, Query
    from pipeline.search import search as find

    with _cache(asked) as cache:
        hits = find(cache, Query(" ".join(query), limit, path, tag, type_, all_, raw))
        if as_json:
            results = [hit._asdict() for hit in hits]
            for result in results:
                if result["snippet"] is not None:
                    result["snippet"] = result["snippet"].replace(MARK_START, "«").replace(MARK_END, "»")
            show.as_json({"results": results})
        else:
            for number, hit in enumerate(hits, 1):
                _show_hit(cache, number, hit)
    if not hits:
        raise No("" if as_json or asked.quiet else "nothing found")


def _show_hit(cache: Cache, number: int, hit: Hit) -> None:
    from pipeline import show
    from pipeline.search import MARK_END, MARK_START

    heading = hit.heading if hit.heading and hit.heading != hit.title else None
    name = show.line(f"{hit.title} › {heading}" if heading else hit.title)
    place = f"{show.line(hit.path)}:{hit.line}"
    if hit.snippet is None:
        text = f"(the file is {hit.state} since the cache was made: run mdcache rebuild)"
    else:
        text = show.marked(hit.snippet, MARK_START, MARK_END)
    if not show.is_terminal():
        show.out(f"{place}: {name}: {text}")
        return
    show.out(f"{number}. {show.style(show.trimmed(name, show.width() - 5), bold=True)}")
    show.out(f"   {show.style(show.link(place, os.path.join(cache.base, hit.path)), fg='cyan')}")
    show.out(f"   {text}\n")


@cli.command(context_settings=_HELP)
@click.argument("id_", metavar="ID[#ANCHOR]")
@_as_json
@common
def read(asked: Common, id_: str, as_json: bool) -> None:
    """Print a document, or a section with its deeper headings, from the file."""
    from pipeline import show
    from pipeline.cache import find_node
    from pipeline.hydrate import passage

    with _cache(asked) as cache:
        wanted, mark, anchor = id_.partition("#")
        found = passage(cache, find_node(cache, wanted), anchor if mark else None)
    if found.changed and not asked.quiet:
        show.note(f"mdcache: {found.node.path} has changed since the cache was made: this is the file as it is now")
    if as_json:
        show.as_json(
            {
                "id": found.node.id,
                "path": found.node.path,
                "title": found.node.title,
                "anchor": found.anchor,
                "line": found.line,
                "changed": found.changed,
                "text": found.text.decode("utf-8", "replace"),
            }
        )
    elif show.is_terminal():
        show.out(show.clean(found.text.decode("utf-8", "replace")).rstrip("\n"))
    else:
        click.echo(found.text, nl=False)


@cli.command(context_settings=_HELP)
@click.argument("id_", metavar="ID")
@_as_json
@click.option("--depth", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="Walk N links far.")
@common
def links(asked: Common, id_: str, as_json: bool, depth: int) -> None:
    """Show what a document links to, what links to it, and what it links to that is not there."""
    from pipeline import show
    from pipeline.cache import find_node
    from pipeline.graph import around

    with _cache(asked) as cache:
        node = find_node(cache, id_)
        found = around(cache, node, depth)
    if as_json:
        lists = {name: [one._asdict() for one in all_] for name, all_ in found._asdict().items()}
        show.as_json({"id": node.id, "path": node.path, "title": node.title, **lists})
        return
    for name, neighbours in (("links to", found.outgoing), ("linked from", found.backlinks)):
        for one in neighbours:
            label = f" ({one.label})" if one.label else ""
            show.out(show.line(f"{name}  {one.id}  {one.type}  line {one.line}{label}"))
    for missing in found.unresolved:
        show.out(show.line(f"unresolved  {missing.target}  {missing.kind}  line {missing.line}"))
    for name, reached in (("reaches", found.reachable), ("reached from", found.reaching)):
        for far in reached:
            show.out(show.line(f"{name}  {far.id}  {show.count(far.distance, 'step')}"))


@cli.command(context_settings=_HELP)
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
    from pipeline import show
    from pipeline.query import run

    attached = tuple(os.path.join(asked.folder, file) for file in attach)
    with _cache(asked) as cache:
        answer = run(cache, sql, attached)
        if form == "json":
            rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
            show.as_json({"columns": list(answer.columns), "rows": rows})
        elif form == "csv":
            show.comma_separated(answer.columns, answer.rows)
        else:
            show.table(answer.columns, answer.rows)


@cli.command(context_settings=_HELP)
@_as_json
@common
def status(asked: Common, as_json: bool) -> None:
    """Show what is live: generation, fingerprint, counts, freshness."""
    from pipeline import show
    from pipeline.cache import opened
    from pipeline.status import status as read_status

    settings = asked.settings()
    with opened(settings.database, settings.base) as cache:
        known = settings if settings.roots else settings.with_roots(cache.base, cache.roots)
        found = read_status(cache, known.fingerprint())
    if as_json:
        show.as_json(found._asdict())
        return
    current = "current" if found.schema_current else "not that of the settings in force: run mdcache rebuild"
    rows = (
        ("cache", f"{found.database} ({show.size(found.size_bytes)}, {show.size(found.wal_bytes)} in the log)"),
        ("generation", f"{found.generation}, built {found.built_at or 'without a clock'} by mdcache {found.mdcache}"),
        ("fingerprint", f"{found.fingerprint[:16]}… ({current})"),
        ("documents", f"{show.count(found.documents, 'document')}, {show.count(found.sections, 'section')}"),
        ("links", f"{show.count(found.links, 'link')} ({found.unresolved:,} unresolved)"),
        ("problems", f"{found.problems:,}"),
        ("folders", ", ".join(found.roots)),
    )
    for name, value in rows:
        show.out(show.line(f"{name:<12} {value}"))


@cli.command(context_settings=_HELP)
@_as_json
@click.option("--diff", is_flag=True, help="What differs in the live cache.")
@common
def schema(asked: Common, as_json: bool, diff: bool) -> None:
    """Print the DDL in force and its fingerprint."""
    from pipeline import ddl, show
    from pipeline.cache import opened

    settings = asked.settings()
    text = settings.schema.text()
    lines: list[str] = []
    if diff or not settings.roots:
        with opened(settings.database, settings.base) as cache:
            settings = settings if settings.roots else settings.with_roots(cache.base, cache.roots)
            lines = ddl.difference(cache.db, settings.schema) if diff else []
    fingerprint = settings.fingerprint()
    if as_json:
        show.as_json({"fingerprint": fingerprint, "ddl": text, **({"diff": lines} if diff else {})})
        return
    for one in lines if diff else [f"-- fingerprint {fingerprint}", "", *text.splitlines()]:
        show.out(show.clean(one))


@contextmanager
def _cache(asked: Common) -> Iterator[Cache]:
    from pipeline.cache import opened

    settings = asked.settings()
    with opened(settings.database, settings.base) as cache:
        yield cache


def main() -> NoReturn:
    """Run the command and exit: errors are one line, a traceback only comes with --verbose."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        cli.main(prog_name="mdcache", standalone_mode=False)
        sys.stdout.flush()
        status_ = 0
    except click.exceptions.Exit as error:
        status_ = error.exit_code
    except click.ClickException as error:
        error.show()
        status_ = UsageError.status
    except (click.Abort, KeyboardInterrupt):
        status_ = _say("interrupted: the cache is as it was", _INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has enough. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status_ = 0
    except MdcacheError as error:
        status_ = _say(str(error), error.status)
    except Exception as error:
        status_ = _say(f"a bug in mdcache: {type(error).__name__}: {error}: --verbose shows where", WorkError.status)
    sys.exit(status_)


def _say(message: str, status: int) -> int:
    from pipeline import show

    if "--verbose" in sys.argv and sys.exc_info()[1] is not None:
        import traceback

        traceback.print_exc()
    if message:
        show.note(f"mdcache: {message}")
    return status
