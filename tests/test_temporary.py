"""The folder in which verify builds: nothing of it stays, however its process ends."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from caches import cache_of
from processes import MDCACHE, run

from mdcache.verifying import temporary

Vault = Callable[..., Path]

KILLED = """
import os, signal
from mdcache.verifying import temporary
with temporary.folder() as name:
    open(name + "/expected.db", "w").close()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def age(folder: Path) -> None:
    os.utime(folder, (0, 0))


def test_what_a_killed_process_has_left_is_removed_by_the_next(place: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED], check=False)
    (left,) = place.iterdir()
    assert (left / "expected.db").exists()
    age(left)
    with temporary.folder() as name:
        assert [str(one) for one in place.iterdir()] == [name]
    assert list(place.iterdir()) == []


def test_the_command_does_so(vault: Vault, place: Path) -> None:
    folder = vault({"a.md": "# A\n"})
    with cache_of(folder):
        pass
    subprocess.run([sys.executable, "-c", KILLED], check=False)
    age(next(place.iterdir()))
    assert run((*MDCACHE, "verify"), folder).returncode == 0
    assert list(place.iterdir()) == []


def test_the_folder_of_a_process_that_lives_stays_however_old_it_is(place: Path) -> None:
    with temporary.folder() as first:
        age(Path(first))
        with temporary.folder() as second:
            assert {str(one) for one in place.iterdir()} == {first, second}


@pytest.mark.parametrize("make", ["link", "file", "new", "fifo"])
def test_what_is_not_ours_to_remove_stays(place: Path, make: str, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/text").touch()
    other = place / "mdcache-verify-x"
    if make == "link":
        other.symlink_to(tmp_path / "mine")
    elif make == "file":
        other.touch()
    elif make == "fifo":
        os.mkfifo(other)
    else:
        other.mkdir()
    if make != "new":
        os.utime(other, (0, 0), follow_symlinks=False)
    with temporary.folder():
        assert os.path.lexists(other)
    assert (tmp_path / "mine/text").exists()
