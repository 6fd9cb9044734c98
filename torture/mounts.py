"""File systems of the bench's own, which nobody else sees and which are gone with it. Linux only."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_NEW_MOUNTS, _NEW_USER = 0x00020000, 0x10000000


def private() -> bool:
    """Give this process mounts of its own, once; False where that is not allowed."""
    if sys.platform != "linux":
        return False
    uid, gid = os.getuid(), os.getgid()
    if ctypes.CDLL(None).unshare(_NEW_MOUNTS | (_NEW_USER if uid else 0)):
        return False
    if uid:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            Path("/proc/self", name).write_text(text)
    return _ok("mount", "--make-rprivate", "/")


@contextlib.contextmanager
def tmpfs(folder: Path, size: str) -> Iterator[Path]:
    """A disk in memory, of this size."""
    folder.mkdir(exist_ok=True)
    subprocess.run(("mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder), check=True)
    try:
        yield folder
    finally:
        subprocess.run(("umount", "--lazy", folder), check=True)


@contextlib.contextmanager
def whole_seconds(folder: Path) -> Iterator[Path | None]:
    """An ext4 with inodes of 128 bytes, which have no room for parts of a second; None where it may not be mounted."""
    image = folder.with_name(folder.name + ".image")
    with image.open("wb") as file:
        file.truncate(64 << 20)
    folder.mkdir()
    made = _ok("mkfs.ext4", "-q", "-I", "128", str(image)) and _ok("mount", "-o", "loop", str(image), str(folder))
    try:
        yield folder if made else None
    finally:
        if made:
            subprocess.run(("umount", "--lazy", folder), check=True)


def _ok(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False
