"""Hostile documents: each is parsed within bounds of time and memory, and a cache of them keeps the law."""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path
from typing import Any

import test_parse
from caches import settings_of
from hypothesis import strategies as st
from law import assert_law, synced

from mdcache.model import Rules
from mdcache.parse.parse import content_of, parse
from mdcache.read import hydrate
from mdcache.store.cache import opened
from torture import bench, written
from torture.bench import Trial
from torture.examples import tried

# Bounds for a document: processor time and memory beyond what there was, with so much more for each of its bytes.
_SECONDS, _SECONDS_A_MB = 0.5, 5.0
_BYTES, _BYTES_A_BYTE = 24 << 20, 200

_LAWS: tuple[Any, ...] = (
    test_parse.test_any_bytes_are_a_document_whose_sections_tile_the_file,
    test_parse.test_bodies_are_the_bytes_of_their_sections,
    test_parse.test_a_heading_stands_in_the_line_where_its_section_starts,
    test_parse.test_what_lies_in_a_section_lies_in_its_lines,
    test_parse.test_links_come_in_the_order_of_the_text,
    test_parse.test_every_text_can_be_stored,
)


def run(trial: Trial) -> None:
    """Nothing that a document says makes parsing fail, or slow, or large."""
    with trial.part("parse, bounds of time and memory, laws of any bytes") as part:
        part.unit = "documents"
        tried(trial, part, trial.amount(300, 20_000), _parsed, written.DOCUMENTS)
    with trial.part("parse, one piece up to 1 MB long") as part:
        part.unit = "documents"
        tried(trial, part, trial.amount(40, 2_000), _bounded, written.LARGE)
    with trial.part("rebuild and sync of folders of them, read again") as part:
        part.unit = "folders"
        folders = st.lists(st.dictionaries(_NAMES, written.DOCUMENTS, max_size=4), min_size=2, max_size=3)
        tried(trial, part, trial.amount(15, 600), _kept, folders)


_NAMES = st.sampled_from(("a.md", "b.md", "Sub.md", "deep/b.md", "deep/word.md", "README.md", "é.md", "e\u0301.md"))


def _parsed(raw: bytes) -> None:
    _bounded(raw)
    for law in _LAWS:
        law.hypothesis.inner_test(raw)


def _bounded(raw: bytes) -> None:
    before, began = bench.memory("VmRSS"), time.process_time()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    parse("deep/a.md", content_of(raw), Rules())
    took, more = time.process_time() - began, bench.memory("VmHWM") - before
    assert took <= _SECONDS + _SECONDS_A_MB * len(raw) / 1e6, f"{took:.2f} s for {len(raw)} bytes"
    assert more <= _BYTES + _BYTES_A_BYTE * len(raw), f"{more / 1e6:.0f} MB for {len(raw)} bytes"


def _kept(folders: list[dict[str, bytes]]) -> None:
    """One state of a folder after the other: sync keeps the law, and each section can be read from its file."""
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        (base / "docs").mkdir()
        (base / "mdcache.toml").write_text('docs = ["docs"]\n')
        live = settings_of(base)
        for files in folders:
            for path, raw in files.items():
                (base / "docs" / path).parent.mkdir(exist_ok=True)
                (base / "docs" / path).write_bytes(raw)
            synced(live)
            assert_law(live)
            _read(live.database, live.base)
            if files:
                (base / "docs" / random.Random(len(files)).choice(sorted(files))).unlink()


def _read(path: str, base: str) -> None:
    with opened(path, base) as cache:
        section_text = hydrate.functions(cache)["section_text"]
        for (key,) in cache.db.execute("SELECT key FROM sections").fetchall():
            assert section_text(key) is not None


if __name__ == "__main__":
    bench.alone(run)
