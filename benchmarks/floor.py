"""The floor: what SQLite alone costs for the same documents. python benchmarks/floor.py DOCS [--db FILE]

Reads every document and inserts each whole text as one row into one contentless FTS5 table, in one transaction:
nothing is parsed, resolved, proven or made safe. Prints the wall and CPU seconds of that, without Python's start.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
else:
    # The SQLite that mdcache uses.
    try:
        sqlite3 = importlib.import_module("pysqlite3.dbapi2")
    except ImportError:
        import sqlite3

SQLITE_VERSION: str = sqlite3.sqlite_version
EXTENSIONS = (".md", ".markdown")
_DDL = """
PRAGMA page_size = 8192;
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -64000;
CREATE VIRTUAL TABLE texts USING fts5 (
    path, body, content = '', contentless_delete = 1, tokenize = 'porter unicode61 remove_diacritics 2'
);
BEGIN;
"""


def documents_below(folder: str) -> list[str]:
    """The paths of the documents below a folder, sorted; hidden files and folders and symbolic links are left out."""
    found = []
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (os.path.join(where, name) for name in names if name.endswith(EXTENSIONS) and not name.startswith("."))
        found += [path for path in paths if not os.path.islink(path)]
    return sorted(found)


def build(docs: str, database: str) -> int:
    """Index the documents; gives their number."""
    paths = documents_below(docs)
    db = sqlite3.connect(database, isolation_level=None)
    db.executescript(_DDL)
    db.executemany("INSERT INTO texts (rowid, path, body) VALUES (?, ?, ?)", _rows(paths))
    db.execute("COMMIT")
    db.close()
    return len(paths)


def _rows(paths: list[str]) -> Iterator[tuple[int, str, str]]:
    for number, path in enumerate(paths, 1):
        with open(path, "rb") as file:
            yield number, path, file.read().decode("utf-8", "replace")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("docs")
    parser.add_argument("--db", help="where to build; a temporary file by default")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wall, cpu = time.perf_counter(), time.process_time()
        documents = build(asked.docs, asked.db or os.path.join(folder, "floor.db"))
        spent = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    print(json.dumps({**spent, "documents": documents}))


if __name__ == "__main__":
    main()
