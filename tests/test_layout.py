"""Documents laid out as rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mdcache.build import layout
from mdcache.build.columns import TABLES
from mdcache.build.layout import Batch, Job
from mdcache.files.content import Clock
from mdcache.files.sources import DISK
from mdcache.model import Entry, Rules, Stamp

Vault = Callable[..., Path]
LATER = Clock(0, 1 << 62, 1 << 62)


def entry(path: str) -> Entry:
    return Entry(path, path.removesuffix(".md"), Stamp(0, 0, 0, 0))


def laid_out(folder: Path, *paths: str, first_key: int = 1, size_limit: int = 10_000_000) -> Batch:
    rules, keys = Rules(size_limit=size_limit), tuple(range(first_key, first_key + len(paths)))
    return layout.run(Job(DISK.reader(str(folder)), rules, LATER, tuple(map(entry, paths)), keys, (None,) * len(paths)))


def rows(batch: Batch, table: str) -> list[dict[str, Any]]:
    """The rows of a table, by the names of its columns."""
    for one, flat in zip(TABLES, batch.rows, strict=True):
        if one.name == table:
            names, width = [column.name for column in one.written], len(one.written)
            return [dict(zip(names, flat[at : at + width], strict=True)) for at in range(0, len(flat), width)]
    raise KeyError(table)


def column(batch: Batch, table: str, name: str) -> list[Any]:
    return [row[name] for row in rows(batch, table)]


def test_every_list_holds_whole_rows(vault: Vault, fixtures: Path) -> None:
    files = {file.name: file.read_bytes() for file in fixtures.glob("*/*.md")}
    batch = laid_out(vault(files), *sorted(files))
    for table, flat in zip(TABLES, batch.rows, strict=True):
        assert len(flat) % len(table.written) == 0, table.name
        assert flat, f"no document fills {table.name}"


def test_nodes_are_numbered_from_the_first_key_and_sections_from_nought(vault: Vault) -> None:
    folder = vault({"a.md": "# A\n", "b.md": "x", "c.md": "# C\n- [ ] t\n"})
    batch = laid_out(folder, "a.md", "b.md", "c.md", first_key=7)
    assert column(batch, "nodes", "key") == [7, 8, 9]
    assert column(batch, "sections", "key") == [0, 1, 2, 3, 4]
    assert column(batch, "sections", "ordinal") == [0, 1, 0, 0, 1]
    assert column(batch, "tasks", "section") == [4]
    assert (batch.documents, batch.sections, len(batch.digests)) == (3, 5, 96)


def test_a_file_that_is_gone_leaves_a_gap_in_the_keys(vault: Vault) -> None:
    batch = laid_out(vault({"a.md": "a", "c.md": "c"}), "a.md", "b.md", "c.md")
    assert column(batch, "nodes", "key") == [1, 3]
    assert batch.written == (1, 3)
    assert batch.absent == (("b.md", None),)


def test_a_file_that_still_has_its_known_hash_is_only_stamped(vault: Vault) -> None:
    folder, hashes = vault({"a.md": "a", "b.md": "b"}), (hashlib.sha256(b"a").hexdigest(), "other")
    batch = layout.run(Job(DISK.reader(str(folder)), Rules(), LATER, (entry("a.md"), entry("b.md")), (1, 2), hashes))
    assert column(batch, "files", "path") == ["a.md", "b.md"]
    assert batch.written == (2,)
    assert column(batch, "nodes", "path") == ["b.md"]


def test_what_is_indexed_is_segmented_and_what_is_shown_is_not(vault: Vault) -> None:
    text = "---\ntitle: 設計\ntags: [検索]\naliases: [別名]\nsummary: 要約\n---\n前文\n# 概要\n本文\n"
    first, second = rows(laid_out(vault({"a.md": text}), "a.md"), "sections")
    assert (first["title"], first["tags"], first["words"]) == ("設\x1f計", "検\x1f索", None)
    assert first["body"] == "前\x1f文\x1f\n\n\x1f別\x1f名\x1f\n\x1f要\x1f約"
    assert (second["heading"], second["words"], second["body"]) == (
        "概要",
        "概\x1f要",
        "# \x1f概\x1f要\x1f\n\x1f本\x1f文\x1f\n",
    )


def test_ordinals_of_links_count_through_the_document(vault: Vault) -> None:
    text = "---\nup: '[[P]]'\n---\n[a](b.md)\n# H\n[[c]] http://d\n"
    found = rows(laid_out(vault({"a.md": text}), "a.md"), "links")
    assert [(row["ordinal"], row["section"], row["kind"]) for row in found] == [
        *((0, 0, "property"), (1, 0, "markdown"), (2, 1, "wikilink"), (3, 1, "url"))
    ]


def test_files_keep_the_stamp_and_the_hash(vault: Vault) -> None:
    folder = vault({"a.md": "text"})
    (row,) = rows(laid_out(folder, "a.md"), "files")
    found = (folder / "a.md").stat()
    assert row == {
        "path": "a.md",
        "size": 4,
        "mtime_ns": found.st_mtime_ns,
        "ctime_ns": found.st_ctime_ns,
        "inode": found.st_ino,
        "hash": hashlib.sha256(b"text").hexdigest(),
    }


def test_a_document_over_the_limit_has_one_section_without_words(vault: Vault) -> None:
    folder = vault({"a.md": "---\ntitle: T\n---\n# H\n" + "x" * 100})
    (section,) = rows(laid_out(folder, "a.md", size_limit=50), "sections")
    assert (section["start"], section["end"], section["body"]) == (17, 121, "")


def test_the_same_documents_give_the_same_rows_however_they_are_batched(vault: Vault, fixtures: Path) -> None:
    files = {file.name: file.read_bytes() for file in fixtures.glob("*/*.md")}
    folder, paths = vault(files), sorted(files)
    whole = laid_out(folder, *paths)
    parts = [laid_out(folder, path, first_key=key) for key, path in enumerate(paths, 1)]
    assert whole.digests == b"".join(part.digests for part in parts)
    assert rows(whole, "nodes") == [row for part in parts for row in rows(part, "nodes")]


@pytest.mark.parametrize(
    "change",
    [
        ("# A", "# B"),
        ("- [ ]", "- [x]"),
        ("b.md", "c.md"),
        ("[b]", "[c]"),
        ("#tag", "#tog"),
        ("python", "perl"),
        ("^block", "^black"),
        ("id: x", "id: y"),
        ("One", "Two"),
        ("text", "TEXT"),
    ],
)
def test_every_change_of_what_a_document_says_changes_its_digest(vault: Vault, change: tuple[str, str]) -> None:
    text = "---\nid: x\naliases: [One]\n---\n# A\n- [ ] do [b](b.md) #tag\n```python\n```\ntext ^block\n"
    batches = [laid_out(vault({"a.md": content}), "a.md") for content in (text, text.replace(*change))]
    assert text != text.replace(*change)
    assert batches[0].digests != batches[1].digests


def test_aliases_and_summary_are_found_with_section_nought(vault: Vault) -> None:
    text = "---\naliases: [Other, Name]\ndescription: In short\n---\nbody\n"
    assert column(laid_out(vault({"a.md": text}), "a.md"), "sections", "body") == ["body\n\nOther\nName\nIn short"]


def test_a_title_and_tags_are_with_every_section_unless_they_would_outweigh_the_document(vault: Vault) -> None:
    tags = " ".join(f"#t{number}" for number in range(2000))
    folder = vault({"few.md": f"# Few\n{tags}\n## A\n", "many.md": f"# Many\n{tags}\n" + "## A\n" * 2000})
    few, many = (laid_out(folder, path) for path in ("few.md", "many.md"))
    assert column(few, "sections", "title") == ["Few"] * 3
    assert len(set(column(few, "sections", "tags"))) == 1
    assert column(many, "sections", "title") == ["Many"] + [""] * 2001
    assert [len(words.split()) for words in column(many, "sections", "tags") if words] == [2000]
