"""What systemd is told of a watcher."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import (
    MDCACHE,
    PATIENCE_S,
    mdcache,
    start,
)
from watching import FILES

from mdcache.watching import systemd


@pytest.fixture
def base(vault: Callable[..., Path]) -> Path:
    return vault(FILES)


@contextlib.contextmanager
def under_systemd(folder: Path, tmp_path: Path, docs: str) -> Iterator[tuple[socket.socket, subprocess.Popen[str]]]:
    """A watcher and the socket on which it is to tell how it fares."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE_S)
        environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        process = start((*MDCACHE, "watch", docs, "--db", "cache/x.db"), folder, env=environment)
        try:
            yield systemd, process
        finally:
            process.kill()
            process.communicate()


def test_systemd_is_told_when_it_is_ready_and_when_it_stops(base: Path, tmp_path: Path) -> None:
    with under_systemd(base, tmp_path, "docs") as (systemd, process):
        told = [systemd.recv(1000).decode() for _ in range(2)]
        assert told[0].startswith("STATUS=generation 1 built") and told[1] == "READY=1"
        process.terminate()
        assert systemd.recv(1000) == b"STOPPING=1"
        assert process.wait(PATIENCE_S) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a name is text")
def test_systemd_is_told_of_a_folder_whose_name_is_no_text(tmp_path: Path, vault: Callable[..., Path]) -> None:
    odd = vault({"docs/a.md": "# A\n"}, into=tmp_path / os.fsdecode(b"\xff"))
    assert mdcache(odd, "rebuild", "docs", "--db", "cache/x.db").returncode == 0
    cache = odd / "cache/x.db"
    cache.write_bytes(cache.read_bytes()[:100] + b"x" * 50_000)
    with under_systemd(odd, tmp_path, "docs") as (systemd, _):
        assert "\\udcff/cache/x.db is damaged" in systemd.recv(1000).decode()
        assert systemd.recv(1000) == b"READY=1"


def test_what_is_told_is_one_assignment_whatever_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        systemd.notify("STATUS=generation 2 built (/a\nMAINPID=1\x1b[2J\u2028READY=1): 1 added")
        assert listening.recv(1000).decode() == "STATUS=generation 2 built (/a MAINPID=1\ufffd[2J READY=1): 1 added"
