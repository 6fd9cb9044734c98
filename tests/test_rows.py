"""How rows look: as sqlite-utils writes them, but where we say otherwise."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
import subprocess
import sys
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdcache.cli.formats.rows import Chosen, Columns, Form, Rows, texts
from mdcache.cli.show import Look

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
CELLS = st.none() | st.integers() | st.floats(allow_nan=False) | TEXT


def written(form: Form, columns: Columns, rows: Rows, table: str = "simple", look: Look = Look()) -> str:  # noqa: B008
    return "".join(f"{text}\n" for text in texts(Chosen(form, table), columns, rows, look))


@given(rows=st.lists(st.tuples(CELLS, CELLS)))
@pytest.mark.parametrize(("form", "dialect"), [(Form.CSV, "excel"), (Form.TSV, "excel-tab")])
def test_csv_and_tsv_come_back_as_they_were(form: Form, dialect: str, rows: list[tuple[object, object]]) -> None:
    expected = [["a", "b"], *([("" if cell is None else str(cell)) for cell in row] for row in rows)]
    text = written(form, ["a", "b"], rows)
    assert list(csv.reader(io.StringIO(text, newline=""), dialect)) == expected


def test_a_lone_carriage_return_is_quoted() -> None:
    assert written(Form.CSV, ["a"], [("x\ry",), ("tab\t",), (None,)]) == 'a\n"x\ry"\ntab\t\n""\n'
    assert written(Form.TSV, ["a"], [("x\ry",), ("tab\t",), ("a,b",)]) == 'a\n"x\ry"\n"tab\t"\na,b\n'


def test_a_table_has_a_cell_in_a_line_and_nothing_for_null() -> None:
    text = written(Form.TABLE, ["id", "odd\x1b"], [(1, None), ("two\nlines", b"\x00\xff")])
    assert text.splitlines() == ["id         odd\ufffd", "---------  ------", "1", "two lines  00ff"]


@pytest.mark.parametrize("table", ["github", "pipe"])
def test_a_bar_in_a_cell_begins_no_other(table: str) -> None:
    lines = written(Form.TABLE, ["a|b"], [("c|d",)], table).splitlines()
    assert [line.replace("\\|", "").count("|") for line in lines] == [2, 2, 2]


@given(rows=st.lists(st.tuples(CELLS, CELLS)))
def test_json_comes_back_as_it_was(rows: list[tuple[Any, Any]]) -> None:
    finite = [[None if cell in (float("inf"), float("-inf")) else cell for cell in row] for row in rows]
    objects = [dict(zip("ab", row, strict=True)) for row in finite]
    for look in (Look(), Look(ascii_only=True), Look(indent=2)):
        assert json.loads(written(Form.OBJECTS, "ab", rows, look=look)) == objects
        assert json.loads(written(Form.ARRAYS, "ab", rows, look=look)) == finite
        assert json.loads(written(Form.ANSWER, "ab", rows, look=look)) == {"columns": ["a", "b"], "rows": objects}
        assert [json.loads(line) for line in written(Form.NL, "ab", rows, look=look).splitlines()] == objects
        assert [json.loads(line) for line in written(Form.NL_ARRAYS, "ab", rows, look=look).splitlines()] == finite


@pytest.mark.parametrize("form", Form)
def test_nothing_but_a_list_or_an_object_says_that_there_is_nothing(form: Form) -> None:
    answer = '{"columns": [], "rows": []}\n'
    assert written(form, [], []) == {Form.ARRAYS: "[]\n", Form.OBJECTS: "[]\n", Form.ANSWER: answer}.get(form, "")


@pytest.mark.parametrize("form", [form for form in Form if form not in (Form.TABLE, Form.ANSWER)])
def test_rows_without_end_are_written_as_they_come(form: Form) -> None:
    some = islice(texts(Chosen(form), ["a"], zip(count(7)), Look()), 3)
    assert re.findall(r"\d", "".join(some))[:2] == ["7", "8"]


# Beside sqlite-utils


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of somebody else's, with values that are hard to write."""
    path = tmp_path_factory.mktemp("other") / "other.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE t (name, text)")
    rows = [("a", 'say "hi"'), ("é中😀", "two, or\tthree"), (None, ""), (b"\x00\xff", "x" * 30)]
    db.executemany("INSERT INTO t VALUES (?, ?)", rows)
    db.commit()
    db.close()
    return path


def beside(path: Path, *options: str, where: str = "true") -> str:
    command = (sys.executable, "-m", "sqlite_utils", "query", str(path), f"SELECT * FROM t WHERE {where}", *options)
    return subprocess.run(command, capture_output=True, check=True).stdout.decode()


def ours(path: Path, chosen: Chosen, where: str = "true") -> str:
    with sqlite3.connect(path) as db:
        cursor = db.execute(f"SELECT * FROM t WHERE {where}")
        text = "".join(f"{text}\n" for text in texts(chosen, [c[0] for c in cursor.description], cursor, Look()))
    db.close()
    return text


@pytest.mark.parametrize(
    ("form", "options"),
    [
        (Form.OBJECTS, ()),
        (Form.ARRAYS, ("--arrays",)),
        (Form.NL, ("--nl",)),
        (Form.NL_ARRAYS, ("--nl", "--arrays")),
    ],
)
def test_json_is_that_of_sqlite_utils(other: Path, form: Form, options: tuple[str, ...]) -> None:
    assert ours(other, Chosen(form)) == beside(other, *options)


@pytest.mark.parametrize(("form", "option"), [(Form.CSV, "--csv"), (Form.TSV, "--tsv")])
def test_csv_and_tsv_are_those_of_sqlite_utils(other: Path, form: Form, option: str) -> None:
    no_blobs = "typeof(name) <> 'blob'"
    assert ours(other, Chosen(form), no_blobs) == beside(other, option, where=no_blobs).replace("\r\n", "\n")


@pytest.mark.parametrize("table", ["simple", "github", "html", "latex", "rst", "psql", "fancy_grid", "mediawiki"])
def test_tables_are_those_of_sqlite_utils(other: Path, table: str) -> None:
    plain = "name = 'a'"
    assert ours(other, Chosen(Form.TABLE, table), plain) == beside(other, "--fmt", table, where=plain)


def test_sqlite_utils_takes_what_we_write(other: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken.db"
    command = (sys.executable, "-m", "sqlite_utils", "insert", str(taken), "t", "-", "--nl")
    subprocess.run(command, input=ours(other, Chosen(Form.NL)).encode(), check=True)
    with sqlite3.connect(taken) as db:
        assert db.execute("SELECT name, text FROM t").fetchall() == [
            ("a", 'say "hi"'),
            ("é中😀", "two, or\tthree"),
            (None, ""),
            (b"\x00\xff", "x" * 30),
        ]
    db.close()
