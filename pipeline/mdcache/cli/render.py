"""Print what the commands give, for people; JSON is mostly the value's own as_dict (docs/json.md)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mdcache.cli import show
from mdcache.cli.formats import findings, rows
from mdcache.cli.formats.rows import Chosen, Form

if TYPE_CHECKING:
    from mdcache.checking.check import Finding
    from mdcache.checking.stats import Judged
    from mdcache.cli.formats.findings import Places
    from mdcache.doctor.checks import Check
    from mdcache.hooks.hook import Done
    from mdcache.model import Report
    from mdcache.read.feed import News
    from mdcache.read.graph import Around
    from mdcache.read.hydrate import Passage
    from mdcache.read.query import Answer
    from mdcache.read.search import Hit
    from mdcache.read.status import Status
    from mdcache.store.cache import Cache
    from mdcache.syncing.sync import Stale
    from mdcache.verifying.verify import Verdict


def report(done: Report) -> None:
    """Print what a rebuild has built, in one line."""
    parts = (
        show.count(done.documents, "document"),
        show.count(done.sections, "section"),
        f"{show.count(done.links, 'link')} ({done.unresolved:,} unresolved)",
        show.count(done.problems, "problem"),
        show.seconds(done.seconds),
    )
    show.out(show.line(f"{', '.join(parts)}: {done.database}"))


def hits(cache: Cache, found: list[Hit]) -> None:
    """Print the sections that were found: a line each in a pipe, numbered with their snippets at a terminal."""
    for number, hit in enumerate(found, 1):
        _hit(cache, number, hit)


def _hit(cache: Cache, number: int, hit: Hit) -> None:
    heading = hit.heading if hit.heading and hit.heading != hit.title else None
    name = show.line(f"{hit.title} › {heading}" if heading else hit.title)
    place = f"{show.path(hit.path)}:{hit.line}"
    text = _snippet(cache, hit)
    if not show.is_terminal():
        show.out(f"{place}: {name}: {text}")
        return
    show.out(f"{number}. {show.style(show.trimmed(name, show.width() - 5), bold=True)}")
    show.out(f"   {show.style(show.link(place, os.path.join(cache.base, hit.path)), fg='cyan')}")
    show.out(f"   {text}\n")


def _snippet(cache: Cache, hit: Hit) -> str:
    from mdcache.read.hydrate import MISSING, WITHHELD
    from mdcache.read.search import MARK_END, MARK_START

    if hit.state == WITHHELD:
        return "(the cache was not made here, and its texts are read only from within its folder: run mdcache rebuild)"
    if hit.marked is None:
        what = "is gone" if hit.state == MISSING else "has changed"
        return f"(the file {what} since the cache was made: run mdcache {'sync' if cache.made_here else 'rebuild'})"
    return show.marked(hit.marked, MARK_START, MARK_END)


def passage(found: Passage) -> None:
    """Print a text: the very bytes of the file in a pipe, cleaned at a terminal."""
    if show.is_terminal():
        show.out(show.clean(found.text).rstrip("\n"))
    else:
        show.write(found.data)


def links(found: Around) -> None:
    """Print the links of a document, a line each."""
    for name, neighbours in (("links to", found.outgoing), ("linked from", found.backlinks)):
        for one in neighbours:
            label = f" ({one.label})" if one.label else ""
            show.out(show.line(f"{name}  {one.id}  {one.type}  line {one.line}{label}"))
    for missing in found.unresolved:
        show.out(show.line(f"unresolved  {missing.target}  {missing.kind}  line {missing.line}"))
    for name, reached in (("reaches", found.reachable), ("reached from", found.reaching)):
        for far in reached:
            show.out(show.line(f"{name}  {far.id}  {show.count(far.distance, 'step')}"))


def answer(chosen: Chosen, found: Answer) -> None:
    """Print the rows of a query in the form that was asked for."""
    texts = rows.texts(chosen, found.columns, found.rows, show.look())
    if chosen.form in (Form.TABLE, Form.ANSWER):
        for text in texts:
            show.out(text)
    else:
        show.records(texts)


def problems(form: str, found: Sequence[Finding], places: Places) -> None:
    """Print what check found; form is text, json, github or sarif."""
    if form == "json":
        show.as_json(findings.json(found))
    elif form == "sarif":
        show.as_json(findings.sarif(found, places))
    elif form == "github":
        show.commands(findings.github(found, places))  # GitHub reads UTF-8, whatever the locale
    else:
        show.lines((findings.grouped if show.is_terminal() else findings.text)(found, places))


def _watcher(found: Status) -> str:
    watcher = found.watcher
    if not watcher:
        return "none"
    if watcher["alive"] is None:
        return str(watcher["elsewhere"])
    if not watcher["alive"]:
        return f"process {watcher['pid']} was killed: start it again with mdcache watch"
    waiting = f", {found.pending:,} paths to look at" if found.pending else ""
    degraded = f"; degraded: {watcher['degraded']}" if watcher["degraded"] else ""
    where = f", {watcher['elsewhere']}" if watcher["elsewhere"] else ""
    return f"process {watcher['pid']} since {watcher['since']}{where}, {watcher['method']}{waiting}{degraded}"


def status(found: Status) -> None:
    """Print how a cache fares, a fact a line."""
    current = "current" if found.schema_current else "not that of the settings in force: run mdcache sync"
    lines = (
        ("cache", f"{found.database} ({show.size(found.size_bytes)}, {show.size(found.wal_bytes)} in the log)"),
        ("generation", f"{found.generation}, built {found.built_at or 'without a clock'} by mdcache {found.mdcache}"),
        ("fingerprint", f"{found.fingerprint[:16]}… ({current})"),
        ("documents", f"{show.count(found.documents, 'document')}, {show.count(found.sections, 'section')}"),
        ("links", f"{show.count(found.links, 'link')} ({found.unresolved:,} unresolved)"),
        ("problems", f"{found.problems:,}"),
        ("folders", ", ".join(found.roots) or "elsewhere"),
        ("read as", ", ".join(map(_site, found.sites)) or "on GitHub"),
        ("made", "here" if found.made_here else "not here: it is only read, until mdcache rebuild replaces it"),
        ("watcher", _watcher(found)),
    )
    for name, value in lines:
        show.out(show.line(f"{name:<12} {value}"))


def _site(site: dict[str, str]) -> str:
    """Return which site it is: `mkdocs in docs (mkdocs.yml)`."""
    return f"{site['dialect']} in {site['folder'] or '.'} ({site['marker']})"


def judged(found: list[Judged], as_json: bool) -> None:
    """Print how many links are judged in each dialect, as a table or as JSON."""
    if as_json:
        show.as_json({"dialects": [one.as_dict() for one in found]})
        return
    for one in found:
        links = f"{one.links_judged:,} of {show.count(one.links, 'link')} ({_percent(one.links_judged, one.links)})"
        fragments = f"{one.fragments_judged:,} of {show.count(one.fragments, 'fragment')}"
        share = _percent(one.fragments_judged, one.fragments)
        show.out(
            show.line(f"{one.dialect:<12} {show.count(one.documents, 'document')}: {links}, {fragments} ({share})")
        )


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def synced(done: Report) -> None:
    """Print what a sync has changed, in one line."""
    if done.rebuilt:
        report(done)
        return
    parts = (
        f"{done.added:,} added, {done.changed:,} changed, {done.removed:,} removed, {done.unchanged:,} unchanged",
        show.seconds(done.seconds),
    )
    show.out(show.line(f"{', '.join(parts)}: {done.database}"))


def stale(found: Stale) -> None:
    """Print what sync would do: a line for each file, as git status --short has it."""
    if found.rebuild:
        show.out(show.line(f"rebuild  {found.rebuild}"))
    for action, path in found.changes:
        show.out(show.line(f"{action}  {path}"))


def stale_as_json(database: str, found: Stale | None) -> None:
    """Print what sync would do as the object of docs/json.md; found is None when it would do nothing."""
    lists: dict[str, list[str]] = {"added": [], "changed": [], "removed": []}
    for action, path in found.changes if found else ():
        lists[action].append(path)
    show.as_json({"database": database, "stale": bool(found), "rebuild": found.rebuild if found else None, **lists})


def news(found: News) -> None:
    """Print a line for each change, and the token to go on from in the last."""
    if found.restart:
        show.out(show.line(f"restart  {found.reason}: read the whole cache, then go on from here"))
    for change in found.changes:
        path = f"{change.old_path} -> {change.path}" if change.old_path else change.path
        show.out(show.line(f"{change.action}  {path}"))
    show.out(f"next  {found.next}")


def verdict(found: Verdict) -> None:
    """Print a line for each path that is not as it should be, or one that all are."""
    for name in ("missing", "stale", "extra"):
        for path in getattr(found, name):
            show.out(show.line(f"{name}  {path}"))
    for one in found.differs:
        show.out(show.line(f"differs  {one['path']}  {', '.join(one['tables'])}"))
    for what in found.integrity:
        show.out(show.line(f"unsound  {what}"))
    if found.ok:
        show.out(f"ok  {found.digest or 'the hash of every file'}")


def checks(found: tuple[Check, ...]) -> None:
    """Print a line for each check of doctor: how it stands, what was seen, what that means, and what to do."""
    colours = {"ok": "green", "warning": "yellow", "error": "red"}
    for one in found:
        fix = f"fix: {one.fix}" if one.fix else None
        said = "; ".join(filter(None, (one.saw, one.means, fix)))
        level = show.style(f"{one.level:<7}", fg=colours[one.level])
        show.out(f"{level}  {show.line(f'{one.check}: {said}')}")


def hooks(done: list[Done], as_json: bool, quiet: bool) -> None:
    """Print what became of each hook."""
    if as_json:
        show.as_json({"hooks": [one._asdict() for one in done]})
    elif not quiet:
        for one in done:
            calls = f", which calls {one.kept}" if one.kept and one.action != "left" else ""
            show.out(show.line(f"{one.action}  {one.path}{calls}"))
