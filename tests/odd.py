"""Names that lead to no plain file: what may lie where a program looks for one."""

from __future__ import annotations

import os
import socket
from pathlib import Path

ODD = ("fifo", "folder", "socket", "link", "dangling", "device")


def put(kind: str, path: Path) -> None:
    """Put something that is no plain file in the place of a path."""
    path.unlink(missing_ok=True)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            # The name of a socket must be short.
            descriptor = os.open(path.parent, os.O_RDONLY)
            try:
                bound.bind(f"/proc/self/fd/{descriptor}/{path.name}")
            finally:
                os.close(descriptor)
    elif kind == "link":
        target = path.parent / "target"
        target.write_text("precious")
        path.symlink_to(target)
    else:
        path.symlink_to("/dev/zero" if kind == "device" else "/nowhere/at/all")
