"""A reader in a process of its own that looks without a pause, until it is asked to end: all that it sees must be whole.

Documents are those of a generation or of several, each with as many parts as its title says.
"""

from __future__ import annotations

import contextlib
import random
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from processes import PATIENCE_S, start

from pipeline import database
from pipeline.database import Connection, scalar
from torture import ROOT

_PART = "[[d1]] [[d2]]\n\n## Part\n\nmarker\n\n"


def document(version: int, number: int) -> str:
    """What readers can tell to be whole: of its version come as many parts, links and tags."""
    count = version % 5 + 1
    tags = ", ".join(f"t{i}" for i in range(count))
    return f"---\ntags: [{tags}]\n---\n# Version {version} of {number}\n\n{_PART * count}"


def write(docs: Path, version: int, numbers: Iterator[int] | range) -> None:
    """d1 and d2 are always there."""
    docs.mkdir(exist_ok=True)
    for number in {1, 2, *numbers}:
        (docs / f"d{number}.md").write_text(document(version, number))


def half_applied(db: Connection) -> list[Any]:
    """Documents of which not all is there; and all there is that belongs to none."""
    rows = db.execute(
        "SELECT title, (SELECT count(*) FROM sections WHERE node = nodes.key) - 2,"
        " (SELECT count(*) FROM links WHERE source = nodes.key AND target_node IS NOT NULL) / 2,"
        " (SELECT count(*) FROM tags WHERE node = nodes.key),"
        " (SELECT count(*) FROM sections_fts JOIN sections ON sections.key = sections_fts.rowid"
        "   WHERE sections_fts MATCH 'marker' AND node = nodes.key)"
        " FROM nodes WHERE title LIKE 'Version%'"
    ).fetchall()
    return [row for row in rows if {*row[1:]} != {int(row[0].split()[1]) % 5 + 1}]


def look(db: Connection, chance: random.Random) -> None:
    db.execute("BEGIN")
    assert not half_applied(db)
    assert scalar(db, "SELECT count(*) FROM sections") == scalar(db, "SELECT count(*) FROM sections_fts_docsize")
    if chance.random() < 0.05:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.execute("COMMIT")


def main(path: str, seed: int) -> None:
    """Look through connections that are new, and through one that stays."""
    chance, going = random.Random(seed), True

    def end(*_: Any) -> None:
        nonlocal going
        going = False

    signal.signal(signal.SIGTERM, end)
    looks = 0
    with database.closing(database.open_reader(path)) as staying:
        while going or not looks:
            look(staying, chance)
            with database.closing(database.open_reader(path)) as fresh:
                look(fresh, chance)
            looks += 2
    print(looks)


@contextlib.contextmanager
def onlookers(path: str, count: int) -> Iterator[None]:
    """So many of them look at a cache meanwhile. What any of them has seen wrong is raised at the end."""
    command = (sys.executable, "-m", "torture.onlooker", path)
    processes = [start((*command, str(seed)), ROOT) for seed in range(count)]
    try:
        yield
        for process in processes:
            assert process.poll() is None, process.communicate()
            process.send_signal(signal.SIGTERM)
        for process in processes:
            out, err = process.communicate(timeout=PATIENCE_S)
            assert (process.returncode, err) == (0, "") and int(out) > 0, (out, err)
    finally:
        for process in processes:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
