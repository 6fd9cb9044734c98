"""Scripts without spaces, set apart, so that a phrase finds any substring."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdcache.parse.segment import SEPARATOR, joined, segment
from mdcache.store import connections
from mdcache.store.connections import Connection


@pytest.fixture(scope="module")
def index() -> Iterator[Connection]:
    with closing(connections.open_memory()) as db:
        db.execute("CREATE VIRTUAL TABLE t USING fts5 (x, tokenize='porter unicode61 remove_diacritics 2')")
        yield db


def finds(index: Connection, text: str, phrase: str) -> bool:
    index.execute("DELETE FROM t")
    index.execute("INSERT INTO t VALUES (?)", (segment(text),))
    quoted = segment(phrase).replace('"', '""')
    return bool(connections.scalar(index, "SELECT count(*) FROM t WHERE t MATCH ?", f'"{quoted}"'))


@pytest.mark.parametrize("text", ["", "plain words", "Größe — “naïve” été", "Привет, мир", "مرحبا", "שלום", "😀"])
def test_text_of_scripts_with_spaces_stays_as_it_is(text: str) -> None:
    assert segment(text) is text


@pytest.mark.parametrize(
    ("text", "segmented"),
    [
        ("漢字", "漢|字"),
        ("用SQLite做", "用|SQLite|做"),
        ("「かな」", "「|か|な|」"),
        ("한국어 제목", "한|국|어| |제|목"),
        ("ภาษา", "ภ|า|ษ|า"),
        ("か\u3099", "が"),
    ],
)
def test_each_character_is_set_apart(text: str, segmented: str) -> None:
    assert segment(text) == segmented.replace("|", SEPARATOR)


SCRIPTS = [
    "漢字検索の設計",
    "カタカナとひらがな",
    "한국어형태소",
    "ພາສາລາວ",
    "ភាសាខ្មែរ",
    "မြန်မာစာ",
    "ภาษาไทย",
    "㐀㐁𠀀𠀁",
]


@pytest.mark.parametrize("text", SCRIPTS)
def test_every_substring_is_found(index: Connection, text: str) -> None:
    for start in range(len(text)):
        for end in range(start + 1, len(text) + 1):
            part = text[start:end]
            if any(unicodedata.category(c)[0] == "L" for c in part):  # marks alone are no tokens
                assert finds(index, f"before {text}, after", part), part


def test_words_beside_such_characters_are_found_whole(index: Connection) -> None:
    assert finds(index, "用SQLite做全文", "sqlite")
    assert finds(index, "用SQLite做全文", "SQLite做")
    assert not finds(index, "用SQLite做全文", "文全")


@given(
    st.text(
        st.one_of(st.characters(exclude_categories=["Cs"], exclude_characters=SEPARATOR), st.sampled_from("漢か한ก"))
    )
)
def test_a_snippet_reads_as_the_text(text: str) -> None:
    assert unicodedata.normalize("NFC", joined(segment(text))) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("text", ["漢" + "\u0301\u0316" * 100_000, "\u0e48\u0e38" * 100_000, "か\u3099" * 100_000])
def test_a_long_row_of_marks_takes_no_time(text: str) -> None:
    began = time.process_time()
    segment(text)
    assert time.process_time() - began < 2  # normalised at once, it took minutes
