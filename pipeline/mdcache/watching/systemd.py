"""What systemd is told about a service: sd_notify(3), without a library for it."""

from __future__ import annotations

import contextlib
import os
import socket

from mdcache.printed import line


def notify(message: str) -> None:
    """Send one assignment such as READY=1 to systemd; do nothing where it does not listen.

    Each further line would be one more, such as MAINPID=1, and what is told names files of others: so it is one line.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    name = "\0" + address[1:] if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect(name)
        channel.send(line(message).encode("utf-8", "backslashreplace"))
