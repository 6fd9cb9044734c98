"""Folders of documents by which readers can tell what they see from half of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import onlookers

from torture import scene

SETTINGS = 'docs = ["docs"]\n[watch]\ndebounce_ms = 10\n'


def laid_out(folder: Path, documents: int) -> Path:
    """So many documents of version 0, and their cache."""
    (folder / "cache").mkdir(parents=True)
    (folder / "docs").mkdir()
    (folder / "mdcache.toml").write_text(SETTINGS)
    write(folder, 0, range(documents))
    scene.rebuilt(folder)
    return folder


def write(folder: Path, version: int, numbers: Iterable[int]) -> None:
    """Make these documents, and the one to which all link, those of another version."""
    for number in {0, *numbers}:
        onlookers.save(folder / "docs" / f"v{number}.md", onlookers.document(version))
