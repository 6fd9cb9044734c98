"""Names of files as text: in UTF-8, whatever the locale; bytes that are none are surrogates, as Python has them.

The system knows names as bytes, a cache as text in UTF-8. Python decodes them as the locale says, nearly always as
UTF-8 too; then all functions here return what they get. A command that runs under another locale starts again in
Python's UTF-8 mode, which cannot be entered later, and all child processes are started in it. Only a program that uses
the library keeps its locale. What that reads is read in its own process, so text is turned into names and back there.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from mdcache.errors import WorkError

IS_UTF8 = sys.getfilesystemencoding() == "utf-8"
_OUTPUT = "mdcache_output"


def text_of(name: str) -> str:
    """Return a name, as Python has it here, as a cache knows it."""
    return name if IS_UTF8 else os.fsencode(name).decode("utf-8", "surrogateescape")


def name_of(text: str) -> str:
    """Return what a cache knows as the name of a file as Python must have it here, to find that file."""
    return text if IS_UTF8 else os.fsdecode(text.encode("utf-8", "surrogateescape"))


def insist_on_utf8() -> None:
    """Raise WorkError where names of files are decoded otherwise: every document would seem to be another."""
    if not IS_UTF8:
        raise WorkError(f"Python takes names of files for {sys.getfilesystemencoding()}: start it with -X utf8")


def start_again_in_utf8() -> None:
    """Replace this process by one in Python's UTF-8 mode; return where that is not needed or not to be had."""
    if IS_UTF8 or _OUTPUT in sys._xoptions:
        return
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    options = ("-X", "utf8", "-X", f"{_OUTPUT}={encoding}")
    with suppress(OSError, ValueError):  # no executable: Python is a part of another program
        os.execv(sys.executable, (sys.executable, *options, *_arguments()[1:]))


def _arguments() -> list[bytes]:
    """Return the command line that Python was started with: its bytes, which not every codec brings back."""
    try:
        with open("/proc/self/cmdline", "rb") as file:
            return file.read().split(b"\0")[:-1]
    except OSError:
        return list(map(os.fsencode, sys.orig_argv))


def output_encoding() -> str | None:
    """Return the encoding to print in, that of the locale, where this process was started again; else None."""
    found = sys._xoptions.get(_OUTPUT)
    return found if isinstance(found, str) else None
