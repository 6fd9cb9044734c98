"""Readers beside changes: real processes that read all the time see no error and no half-applied batch."""

from __future__ import annotations

import contextlib
import random
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from processes import PATIENCE_S, start

from mdcache.store import connections
from mdcache.store.connections import Connection

TEXT = "---\ntags: [{tags}]\n---\n# Version {version}\n\n" + "[[partner]] [[v0]]\n\n"
PART = "## Part\n\n[[partner]] [[v0]]\n\nmarker\n\n- [ ] task\n\n"
DOCUMENTS = 12

# What no snapshot may show, whatever has happened: each is a query without rows.
NEVER = {
    "a document without sections": "SELECT path FROM nodes WHERE key NOT IN (SELECT node FROM sections)",
    "parts without their document": (
        "SELECT 'sections', key FROM sections WHERE node NOT IN (SELECT key FROM nodes)"
        " UNION ALL SELECT 'links', key FROM links WHERE source NOT IN (SELECT key FROM nodes)"
        " UNION ALL SELECT 'links to', key FROM links"
        "   WHERE target_node IS NOT NULL AND target_node NOT IN (SELECT key FROM nodes)"
        " UNION ALL SELECT 'tags', node FROM tags WHERE node NOT IN (SELECT key FROM nodes)"
    ),
    "a link that does not know what is there": (
        "SELECT target FROM links WHERE target = 'partner'"
        " AND (target_node IS NULL) = EXISTS (SELECT 1 FROM nodes WHERE path = 'docs/partner.md')"
    ),
    "an index of something else": (
        "SELECT count(*) FROM sections HAVING count(*) <> (SELECT count(*) FROM sections_fts_docsize)"
    ),
    "counts of something else": (
        "SELECT key, value FROM meta WHERE key IN ('documents', 'sections') AND CAST(value AS INTEGER) <>"
        " CASE key WHEN 'documents' THEN (SELECT count(*) FROM nodes) ELSE (SELECT count(*) FROM sections) END"
    ),
    "a document with parts of another version": (
        "SELECT * FROM (SELECT path, CAST(substr(title, 9) AS INTEGER) % 5 + 1 AS wanted,"
        " (SELECT count(*) FROM sections WHERE node = nodes.key) - 2 AS sections,"
        " (SELECT count(*) FROM links WHERE source = nodes.key) / 2 - 1 AS links,"
        " (SELECT count(*) FROM tags WHERE node = nodes.key) AS tags,"
        " (SELECT count(*) FROM tasks WHERE node = nodes.key) AS tasks,"
        " (SELECT count(*) FROM sections_fts JOIN sections ON sections.key = sections_fts.rowid"
        "   WHERE sections_fts MATCH 'marker' AND node = nodes.key) AS indexed"
        " FROM nodes WHERE path GLOB 'docs/v*')"
        " WHERE wanted <> sections OR wanted <> links OR wanted <> tags OR wanted <> tasks OR wanted <> indexed"
    ),
}


def wrongs(db: Connection) -> list[Any]:
    """What one snapshot shows that it may not."""
    db.execute("BEGIN")
    found = [(what, row) for what, sql in NEVER.items() for row in db.execute(sql).fetchmany(3)]
    db.execute("COMMIT")
    return found


def read(path: str, anew: bool) -> None:
    """A reader's whole life: until its stdin is closed. Says how often it has read."""
    times = 0
    with contextlib.ExitStack() as stack:
        while not select.select([sys.stdin], [], [], 0)[0]:
            if anew or not times:
                stack.close()
                db = stack.enter_context(contextlib.closing(connections.open_reader(path)))
            found = wrongs(db)
            assert not found, found
            times += 1
            if times == 1:
                print("reading", flush=True)
    print(times)


@contextlib.contextmanager
def readers(path: str) -> Iterator[None]:
    """One that keeps its connection, and one that opens it anew each time; both must have read, and found nothing."""
    scripts = (f"import onlookers; onlookers.read({path!r}, {anew})" for anew in (True, False))
    commands = [(sys.executable, "-c", script) for script in scripts]
    processes = [start(command, Path(__file__).parent, stdin=subprocess.PIPE) for command in commands]
    try:
        assert [process.stdout and process.stdout.readline() for process in processes] == ["reading\n"] * 2
        yield
    finally:
        said = [process.communicate(timeout=PATIENCE_S) for process in processes]
    assert [err for _, err in said] == ["", ""]
    assert all(int(out) > 1 for out, _ in said), said


def save(file: Path, text: str) -> None:
    """As editors do it: the file is the old one or the new one, never half of it."""
    temporary = file.with_name("~" + file.name.removesuffix(".md"))
    temporary.write_text(text)
    temporary.replace(file)


def document(version: int) -> str:
    """What readers can tell to be whole: of a version come as many parts, links, tags and tasks."""
    count = version % 5 + 1
    tags = ", ".join(f"t{number}" for number in range(count))
    return TEXT.format(tags=tags, version=version) + PART * count


def stir(docs: Path, version: int, chance: random.Random) -> None:
    """Many documents change at once; another comes and goes, to which they all link; some are renamed."""
    for number in chance.sample(range(DOCUMENTS), chance.randint(1, DOCUMENTS)):
        save(docs / f"v{number}.md", document(version))
    partner = docs / "partner.md"
    if version % 3 == 0:
        partner.unlink(missing_ok=True)
    elif version % 3 == 1:
        save(partner, "# Partner\n")
    if version % 7 == 0:
        with contextlib.suppress(FileNotFoundError):
            (docs / f"v{chance.randrange(DOCUMENTS)}.md").rename(docs / f"v{DOCUMENTS + version % 4}.md")
