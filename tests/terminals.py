"""A pseudo-terminal for the tests: what mdcache does where a person looks on."""

from __future__ import annotations

import os
import subprocess
import termios
from pathlib import Path

from processes import MDCACHE, PATIENCE_S


def at_terminal(folder: Path, *arguments: str, columns: int = 80, **environment: str) -> tuple[int, str]:
    """Run mdcache in a folder at a terminal of its own; gives the exit status and all that the terminal got."""
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    environment = {**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, "TERM": "xterm", **environment}
    try:
        process = subprocess.Popen(
            (*MDCACHE, *arguments), cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
        )
    finally:
        os.close(theirs)
    try:
        text = _read(ours)
        return process.wait(PATIENCE_S), text.decode().replace("\r\n", "\n")
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _read(terminal: int) -> bytes:
    """Everything until the last process has closed its side; Linux then says EIO."""
    pieces = []
    try:
        while piece := os.read(terminal, 65536):
            pieces.append(piece)
    except OSError:
        pass
    return b"".join(pieces)
