"""One declaration of each table's columns: a new column is written in three places, and everything follows."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from processes import run

import mdcache
from mdcache.build import columns
from mdcache.store import connections, ddl

ROOT = Path(__file__).parent.parent
# The number of letters of a task: where the table is made, declared, and filled.
PLACES = {
    "schema/20-sections.sql": (
        "text    TEXT NOT NULL           -- as written, in one line\n",
        "text    TEXT NOT NULL,          -- as written, in one line\n    letters INTEGER NOT NULL\n",
    ),
    "build/columns.py": (
        '_values("line", "done", "text"))',
        '_values("line", "done", "text", "letters"))',
    ),
    "model.py": (
        '"""A checkbox of a task list; done is 1 or 0."""\n',
        '"""A checkbox of a task list; done is 1 or 0."""\n\n'
        "    @property\n    def letters(self) -> int:\n        return len(self.text) + EXTRA\n",
    ),
}


@pytest.fixture
def copy(tmp_path: Path) -> Callable[..., Any]:
    """Run the commands of a copy of the package that has one column more."""
    package = tmp_path / "lib/mdcache"
    shutil.copytree(Path(mdcache.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "schema", package / "schema")
    for place, (before, after) in PLACES.items():
        text = (package / place).read_text(encoding="utf-8")
        assert text.count(before) == 1, place
        (package / place).write_text(text.replace(before, after), encoding="utf-8")
    (tmp_path / "docs").mkdir()

    def command(*arguments: str, extra: int = 0, status: int = 0) -> Any:
        model = package / "model.py"
        model.write_text(model.read_text(encoding="utf-8").split("EXTRA =")[0] + f"EXTRA = {extra}\n", encoding="utf-8")
        environment = {**os.environ, "PYTHONPATH": str(package.parent), "PYTHONDONTWRITEBYTECODE": "1"}
        done = run((sys.executable, "-m", "mdcache", *arguments, "--json"), tmp_path, env=environment)
        assert done.returncode == status, done
        return json.loads(done.stdout)

    return command


def test_a_new_column_is_written_in_three_places(copy: Callable[..., Any], tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    (docs / "a.md").write_text("- [ ] four\n")
    (docs / "b.md").write_text("- [x] three\n")
    first = copy("rebuild", "docs")
    assert copy("query", "SELECT text, letters FROM tasks ORDER BY text")["rows"] == [
        {"text": "four", "letters": 4},
        {"text": "three", "letters": 5},
    ]
    (docs / "a.md").write_text("- [ ] seventeen\n")
    assert copy("sync", "--digest")["changed"] == 1
    assert copy("query", "SELECT letters FROM tasks ORDER BY letters")["rows"] == [{"letters": 5}, {"letters": 9}]
    assert copy("verify")["ok"]
    (docs / "a.md").write_text("- [ ] four\n")
    assert copy("rebuild", "docs")["digest"] == first["digest"]
    assert copy("rebuild", "docs", extra=1)["digest"] != first["digest"]  # it is of the digest
    found = copy("verify", extra=2, status=1)  # and of verify's comparison
    assert "tasks" in json.dumps(found)


def test_every_column_of_a_table_is_declared() -> None:
    with contextlib.closing(connections.open_memory()) as db:
        ddl.apply_tables(db, ddl.schema())
        for table in columns.TABLES:
            made = {row[1] for row in db.execute(f"PRAGMA table_info({table.name})")}
            assert made - {"key"} <= {column.name for column in table.columns}, table.name
