from __future__ import annotations

import json
import os
import resource
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mdcache.errors import WorkError
from mdcache.store import record
from mdcache.store.record import MAX_PID


class Entry(NamedTuple):
    pid: int = 0
    name: str = ""
    ready: bool = False
    last: str | None = None
    more: dict[str, Any] | None = None


ENTRY = Entry(7, "ä", True, "then", {"x": 1})


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "x.db.lock")


def test_what_is_written_is_read_and_is_one_line_of_a_fixed_length(path: str) -> None:
    with closing(record.own(path, "lock", 0)) as file:
        assert file.before == b""
        assert file.write(512, ENTRY)
        assert file.write(512, ENTRY._replace(name=""))
    content = record.read(path, "lock")
    assert (len(content), content.count(b"\n"), content[-1:]) == (512, 1, b"\n")
    assert record.parsed(content, Entry()) == ENTRY._replace(name="")
    with closing(record.own(path, "lock", 0)) as file:
        assert file.before == content


def test_what_a_full_disk_does_not_take_is_told(path: str) -> None:
    with closing(record.own(path, "lock", 0)) as file:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
        try:
            assert not file.write(512, ENTRY)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_lock_is_held_until_it_is_closed_and_who_asks_reads_the_record(path: str) -> None:
    assert not record.is_locked(path)
    with closing(record.own(path, "lock", 0)) as file:
        file.write(512, ENTRY)
        assert record.is_locked(path)
        with pytest.raises(record.Taken) as caught:
            record.own(path, "lock", 0.05)
        assert record.parsed(caught.value.content, Entry()) == ENTRY
    assert not record.is_locked(path)


@pytest.mark.parametrize("content", [b"", b"\0" * 512, b'{"pid": 12, "na', b'{"pid": 7}'])
def test_a_record_that_a_crash_has_left_is_ours(path: str, content: bytes) -> None:
    Path(path).write_bytes(content)
    assert record.read(path, "lock") == content
    record.own(path, "lock", 0).close()


def test_a_file_of_another_program_is_not_touched(path: str) -> None:
    Path(path).write_text("precious")
    for ask in (lambda: record.read(path, "lock"), lambda: record.own(path, "lock", 0)):
        with pytest.raises(WorkError, match=r"x\.db\.lock is not a lock of mdcache: it stays untouched"):
            ask()
    assert Path(path).read_text() == "precious"
    assert not record.is_locked(path)


def test_a_link_is_not_followed(path: str, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b'{"pid": 7}')
    os.symlink(tmp_path / "elsewhere", path)
    assert record.read(path, "lock") == b""
    with pytest.raises(OSError):
        record.own(path, "lock", 0)


@pytest.mark.parametrize("missing", Entry._fields)
def test_a_field_that_is_missing_is_as_in_an_empty_record(missing: str) -> None:
    said = {name: value for name, value in ENTRY._asdict().items() if name != missing}
    expected = ENTRY._replace(**{missing: Entry._field_defaults[missing]})
    assert record.parsed(json.dumps({**said, "new": 1}).encode(), Entry()) == expected


@pytest.mark.parametrize(
    "wrong",
    [
        *({"pid": value} for value in (-1, MAX_PID + 1, "7", 7.0, True, None)),
        *({"name": 5}, {"name": None}, {"ready": 1}, {"last": 5}, {"more": "x"}, {"more": []}),
    ],
)
def test_a_record_with_one_field_that_makes_no_sense_is_empty(wrong: dict[str, Any]) -> None:
    assert record.parsed(json.dumps({**ENTRY._asdict(), **wrong}).encode(), Entry()) == Entry()


@pytest.mark.parametrize("content", [b"", b"[]", b"7", b'{"pid": ' + b"[" * 15_000, b'{"pid": "\xff"}'])
def test_what_is_no_record_is_an_empty_one(content: bytes) -> None:
    assert record.parsed(content, Entry()) == Entry()
