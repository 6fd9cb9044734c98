"""The files as they lie on disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mdcache.errors import WorkError
from mdcache.files.sources import DISK

Vault = Callable[..., Path]


def test_on_disk_only_plain_files_have_texts(vault: Vault) -> None:
    folder = vault({"a.md": "text", "b/": ""})
    (folder / "link.md").symlink_to("a.md")
    os.mkfifo(folder / "pipe.md")
    names = [str(folder / name) for name in ("a.md", "b", "link.md", "pipe.md", "gone.md")]
    assert list(DISK.texts(names)) == [b"text", None, None, None, None]
    assert list(DISK.texts(names[:1], 2)) == [b"te"]


def test_a_document_is_read_whole_by_its_path(vault: Vault) -> None:
    folder = vault({"docs/a.md": "text"})
    assert DISK.reader(str(folder)).whole("docs/a.md") == b"text"


def test_a_document_that_is_gone_is_named_with_what_to_do(vault: Vault) -> None:
    folder = vault({})
    with pytest.raises(WorkError, match=f"cannot read {folder}/gone.md: No such file or directory: run mdcache sync"):
        DISK.reader(str(folder)).whole("gone.md")
