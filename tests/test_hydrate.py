from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from caches import cache_of

from mdcache.errors import No, WorkError
from mdcache.read.hydrate import Passage, functions, passage, reader
from mdcache.store.cache import Cache, find_place

Vault = Callable[..., Path]

GUIDE = """---
title: Guide
---
Before. ^start

# Setup: the server

One.

## Linux

Two <a id="kernel"></a>.

### Debian

Three.

## Café

Four. ^four

# Setup: the server

Five.
"""


@pytest.fixture
def folder(vault: Vault) -> Path:
    return vault({"guide.md": GUIDE, "crlf.md": b"\xef\xbb\xbf# A\r\n\r\n\xff\x00\r\n# B\r\n"})


@pytest.fixture
def cache(folder: Path) -> Iterator[Cache]:
    with cache_of(folder) as cache:
        yield cache


def read(cache: Cache, wanted: str) -> Passage:
    return passage(cache, *find_place(cache, wanted, cache.base))


def text(cache: Cache, wanted: str) -> str:
    return read(cache, wanted).text


def test_a_document_is_read_as_it_is_byte_for_byte(cache: Cache, folder: Path) -> None:
    found = read(cache, "crlf")
    assert found.data == (folder / "crlf.md").read_bytes()
    assert (found.anchor, found.line, found.changed) == (None, 1, False)


def test_a_section_comes_with_its_deeper_headings(cache: Cache) -> None:
    assert text(cache, "guide#linux") == GUIDE[GUIDE.index("## Linux") : GUIDE.index("## Café")]
    assert text(cache, "guide#setup-the-server") == GUIDE[GUIDE.index("# Setup") : GUIDE.rindex("# Setup")]
    assert text(cache, "guide#debian") == GUIDE[GUIDE.index("### Debian") : GUIDE.index("## Café")]


@pytest.mark.parametrize(
    ("anchor", "heading", "line"),
    [
        ("linux", "linux", 10),
        ("Linux", "linux", 10),
        ("Setup: the server", "setup-the-server", 6),
        ("setup-the-server-1", "setup-the-server-1", 22),
        ("Setup: the server#Linux", "linux", 10),
        ("Cafe\u0301", "café", 18),
        ("^four", "café", 18),
        ("kernel", "linux", 10),
        ("^start", None, 4),
    ],
)
def test_an_anchor_is_a_slug_a_headings_text_a_block_or_an_id(
    cache: Cache, anchor: str, heading: str | None, line: int
) -> None:
    found = read(cache, f"guide#{anchor}")
    assert (found.anchor, found.line) == (heading, line)


def test_the_text_before_the_first_heading_ends_there(cache: Cache) -> None:
    assert text(cache, "guide#^start") == "Before. ^start\n\n"


def test_without_anything_after_the_mark_it_is_the_whole_document(cache: Cache) -> None:
    assert text(cache, "guide#") == GUIDE


def test_an_anchor_that_is_not_there_is_a_no_that_names_those_that_are(cache: Cache) -> None:
    with pytest.raises(No, match="no heading or anchor 'nothere': it has setup-the-server, linux"):
        read(cache, "guide#nothere")


def test_a_file_that_has_changed_is_read_as_it_is_now_and_said_to_be_so(cache: Cache, folder: Path) -> None:
    (folder / "guide.md").write_text("# New\n\n## Linux\n\nNow.\n")
    found = read(cache, "guide#linux")
    assert (found.data, found.line, found.changed) == (b"## Linux\n\nNow.\n", 3, True)


def test_a_file_that_is_gone_cannot_be_read(cache: Cache, folder: Path) -> None:
    (folder / "guide.md").unlink()
    with pytest.raises(WorkError, match=r"cannot read .*guide\.md: No such file or directory"):
        read(cache, "guide")


def test_nothing_outside_the_folders_is_read(cache: Cache, folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.md"
    secret.write_text("# Secret")
    (folder / "guide.md").unlink()
    (folder / "guide.md").symlink_to(secret)
    with pytest.raises(WorkError, match="cannot read"):
        read(cache, "guide")
    (folder / "crlf.md").unlink()
    (folder / "crlf.md").symlink_to(folder / "other.md")
    with pytest.raises(WorkError, match="cannot read"):
        read(cache, "crlf")


@pytest.mark.parametrize("path", ["../secret.md", "/etc/passwd", "a/../../secret.md", "guide.md\0"])
def test_a_path_that_leads_out_of_the_folders_is_not_read(cache: Cache, path: str) -> None:
    with pytest.raises(WorkError, match="does not lie in the documents' folders"):
        reader(cache)(path, "")


def test_no_folder_that_was_swapped_for_a_link_is_read_through(vault: Vault, tmp_path: Path) -> None:
    folder = vault({"docs/a.md": "# Here\n"})
    vault({"a.md": "# Secret\n"}, tmp_path)
    with cache_of(folder) as cache:
        (folder / "docs").rename(folder / "old")
        (folder / "docs").symlink_to(tmp_path)
        with pytest.raises(WorkError, match="cannot read"):
            read(cache, "docs/a")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_any_more_is_not_read(cache: Cache, folder: Path, make: Callable[[Path], None]) -> None:
    (folder / "guide.md").unlink()
    make(folder / "guide.md")
    with pytest.raises(WorkError, match=r"guide\.md"):
        read(cache, "guide")


def test_the_sections_of_a_document_are_all_of_it_but_the_front_matter(cache: Cache) -> None:
    sql = "SELECT sections.key FROM sections JOIN nodes ON nodes.key = node WHERE id = 'guide' ORDER BY ordinal"
    keys = [key for (key,) in cache.db.execute(sql)]
    section_text = functions(cache)["section_text"]
    assert "".join(section_text(key) or "" for key in keys) == GUIDE[GUIDE.index("Before") :]


def test_the_functions_of_sql_say_null_for_what_they_cannot_prove(cache: Cache, folder: Path) -> None:
    section_text, document_text = functions(cache).values()
    assert (section_text(10_000), document_text(10_000)) == (None, None)
    (folder / "guide.md").write_text("changed")
    (folder / "crlf.md").unlink()
    keys = [key for (key,) in cache.db.execute("SELECT key FROM nodes")]
    assert [document_text(key) for key in keys] == [None, None]
    assert section_text(1) is None


def test_bytes_that_are_not_utf8_are_replaced_in_sql(cache: Cache) -> None:
    key = cache.db.execute("SELECT key FROM nodes WHERE id = 'crlf'").fetchone()[0]
    assert functions(cache)["document_text"](key) == "\ufeff# A\r\n\r\n\ufffd\0\r\n# B\r\n"
