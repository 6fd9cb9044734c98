"""Text as it may be printed: nothing in it that a terminal obeys, and no line that a CI system takes for a command.

Names, titles, messages and the text of exceptions come from documents, repositories and caches of others. What a
terminal obeys, or what turns or hides text on it, becomes U+FFFD. What a CI system would obey in the log of a job stays
readable, but is no command any more:

    ::error::x      GitHub: at the start of a line, also after blanks     \\::error::x
    ##[group]x      GitHub, Azure Pipelines: anywhere                     #\\#[group]x
    ##vso[task…]    Azure Pipelines: anywhere                             #\\#vso[task…]
    ##teamcity[…]   TeamCity: anywhere                                    #\\#teamcity[…]
    --- x  +++ x    Buildkite: at the start of a line, as ~~~ and ^^^     one blank before it

GitLab's, Travis's and Jenkins's hold control characters. A path at the start of a line gets `./`, which names the same
file.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable

# Of a flag such as Scotland's the letters are tags, which are otherwise invisible text.
_FLAG = "\U0001f3f4[\U000e0020-\U000e007e]{3,6}\U000e007f"
# Control characters; what turns the direction of writing; what is invisible and no script needs: joiners of ideographs
# (U+2060) and of mathematics, a BOM within text, annotations, tags. Persian, Indic scripts, Khmer and emoji need U+200B
# to U+200F.
_HIDING = "\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff"
_CONTROLS = re.compile(f"({_FLAG})|[\x00-\x08\x0b-\x1f\x7f-\x9f{_HIDING}]")
_SEPARATORS = re.compile("\r\n|[\u2028\u2029]")
_BREAKS = re.compile("[\t\n]+")
# The same for text that is to be read back exactly: with line separators, and with halves of characters.
_ENCODED = re.compile(f"({_FLAG})|[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{_HIDING}]")

# Colours may come first: Buildkite takes them away before it looks.
_COLOUR = r"\x1b\[[0-9;]*m"
_GITHUB = re.compile(rf"^((?:{_COLOUR}|[^\S\n])*)(?=::[A-Za-z-])", re.MULTILINE)
# A rule of a table is no header worth a group: nothing but dashes follows.
_BUILDKITE = re.compile(
    rf"^(?=(?:{_COLOUR})*(?:(?:---|\+\+\+|~~~)[^\S\n][^\n]*[^\s+=~|:-]|\^\^\^[^\S\n]+\+\+\+))", re.MULTILINE
)
_ANYWHERE = re.compile(r"##(?=(?:vso|teamcity)?\[)", re.IGNORECASE)
_PATH = re.compile(r"\s*(?:::|##|---|\+\+\+|~~~|\^\^\^)")


def clean(text: str) -> str:
    """Return text without control characters and what turns or hides text; breaks, all as line feeds, and tabs stay."""
    if text.isprintable():  # then there is none of it: told in a tenth of the time, and so is nearly every line
        return text
    return _CONTROLS.sub(_replaced, _SEPARATORS.sub("\n", text))


def _replaced(found: re.Match[str]) -> str:
    return found[1] or "\ufffd"


def line(text: str) -> str:
    """Return clean text in one line."""
    return text if text.isprintable() else _BREAKS.sub(" ", clean(text))


def harmless(text: str) -> str:
    """Return text in which no line is, and none holds, a command of a CI system."""
    text = _ANYWHERE.sub(r"#\\#", text) if "##" in text else text
    text = _GITHUB.sub(r"\1\\", text) if "::" in text else text
    return _BUILDKITE.sub(" ", text)


def said(text: str) -> str:
    """Return text as one line that may be printed as it is."""
    return harmless(line(text))


def path(name: str) -> str:
    """Return a relative path to begin a line with; one that looks like a command begins with ./"""
    name = line(name)
    return f"./{name}" if _PATH.match(name) else name


def escaped(text: str, escape: Callable[[str], str]) -> str:
    """Return text with each character changed that may not be printed; what reads it back restores it.

    escape gets such a character, or the # that a command of a CI system begins with.
    """
    if not text.isprintable():
        text = _ENCODED.sub(lambda found: found[1] or escape(found[0]), text)
    return _ANYWHERE.sub(lambda _: escape("#") + "#", text) if "##" in text else text


class Stream(io.TextIOWrapper):
    """A text stream of which every line may be printed, whatever is written to it.

    It stands in the place of sys.stderr, so that it gets all that a process may say: tracebacks, warnings, the
    interpreter's last words. A line is held back until it is whole, or is flushed.
    """

    _held, _has_begun = "", False
    _beneath: io.TextIOWrapper | None = None

    @classmethod
    def over(cls, stream: io.TextIOWrapper) -> Stream:
        """Return a stream that writes where another one does, as that does."""
        made = cls(stream.buffer, encoding=stream.encoding, errors=stream.errors, line_buffering=True)
        made._beneath = stream  # when nobody holds it any more, it closes the buffer that both have
        return made

    def write(self, text: str) -> int:
        *whole, self._held = (self._held + text).split("\n")
        for one in whole:
            self._put(one)
            super().write("\n")
            self._has_begun = False
        return len(text)

    def flush(self) -> None:
        if self._held:
            self._put(self._held)
            self._held, self._has_begun = "", True
        super().flush()

    def _put(self, text: str) -> None:
        text = clean(text).replace("\n", " ")
        # What follows a part that was flushed is not at the start of its line.
        super().write(harmless(f"x{text}")[1:] if self._has_begun else harmless(text))


def guard() -> None:
    """Let all that this process writes to sys.stderr from now on be harmless; sys.__stderr__ stays as it is."""
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = Stream.over(sys.stderr)
