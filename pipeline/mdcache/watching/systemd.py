"""What systemd is told about a service: sd_notify(3), without a library for it."""

from __future__ import annotations

import contextlib
import os
import socket


def notify(message: str) -> None:
    """Send a message such as READY=1 to systemd; do nothing where it does not listen."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    name = "\0" + address[1:] if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect(name)
        channel.send(message.encode("utf-8", "backslashreplace"))
