"""Names of files and folders that say something to a terminal, to CI systems, to options, to SQL; and odd trees."""

from __future__ import annotations

import os
from functools import partial

from torture.kinds import CHECKS, OF_GIT, Kind
from torture.stranger import Place

_BROKEN = "# X\n\n[gone](gone.md) [[nowhere]]\n"
_NAMES = {
    "a newline and a command": "x\n::stop-commands::y",
    "a carriage return and a command": "x\r::stop-commands::y",
    "a newline and an annotation": "x\n::error file=a.md,line=1::owned",
    "a newline and a command of Azure": "x\n##vso[task.setvariable variable=a]b",
    "a newline and a group": "x\n##[group]y",
    "a newline and spaces": "x\n   ::stop-commands::y",
    "a command": "::stop-commands::x",
    "an annotation": "::error::x",
    "a command of Azure": "##vso[task.complete result=Failed]x",
    "a command of old runners": "##[set-env name=A;]x",
    "a command of TeamCity": "##teamcity[buildStop comment='x']",
    "spaces and a command": "  ::stop-commands::x",
    "a tab and a command": "\t::stop-commands::x",
    "a byte order mark and a command": "\ufeff::stop-commands::x",
    "a space without width and a command": "\u200b::stop-commands::x",
    "a wide space and a command": "\u3000::stop-commands::x",
    "a NEL and a command": "x\x85::stop-commands::y",
    "a line separator and a command": "x\u2028::stop-commands::y",
    "a form feed and a command": "x\f::stop-commands::y",
    "escape sequences": "\x1b]0;owned\x07\x1b[2Jx",
    "a CSI of one byte": "\udc9b2Jx",
    "a CSI": "\x9b2Jx",
    "a hyperlink": "\x1b]8;;http:x\x07y\x1b]8;;\x07",
    "a backspace": "secret\x08\x08\x08\x08\x08\x08public",
    "marks of direction": "\u202egpj.\u2066x",
    "broken bytes": "\udcff\udcfe\udcc0\udc80",
    "half a letter": "x\udce2\udc80",
    "an option": "--output=x",
    "a short option": "-rf",
    "a format": "%s%n%d%0A::stop-commands::x",
    "a placeholder": "{0}{x.__class__}",
    "SQL": "'; DROP TABLE nodes; --",
    "a pattern": "[a-z]*?{x,y}!#",
    "quotes": "\"'`$(touch canary)`;|&",
    "backslashes": "..\\..\\outside\\secret",
    "dots": "...",
    "spaces at the end": "x ",
    "a colon and a number": "x.md:1:1: broken-link owned",
    "a name of 255 bytes": "é" * 126,
    "accents": "e" + "\u0301" * 120,
    "nothing to see": "\u200b\u200c\u2060\ufeff",
    "a device of Windows": "con",
    "tags in HTML": "<script>alert(1)</script>".replace("/", "\u2044"),
}


def _files(name: str, place: Place) -> None:
    place.write(f"{name}.md", _BROKEN)
    place.write("other.md", f"[[{name}]] [a](<{name}>) [b](<{name}.md#gone>)\n")


def _folders(name: str, place: Place) -> None:
    for number in range(2):
        place.write(f"{name}/{number}.md", _BROKEN)
    place.git("init", "--quiet")


def _staged(name: str, place: Place) -> None:
    place.documents()
    place.committed()
    _files(name, place)
    place.git("add", "--all")


def _stands_in(name: str, place: Place) -> None:
    """The working folder itself has such a name."""
    place.documents()
    place.write(f"{name}/mdcache.toml", "docs = ['.']\nunknown = 1\n")
    place.write(f"{name}/a.md", _BROKEN)


_TEXT = (
    *CHECKS,
    "check --format sarif",
    "rebuild --verbose",
    "sync --verbose",
    "search x --verbose",
    "status",
    "sync --check",
    "doctor",
    "verify",
)


def _kinds(name: str, written: str) -> tuple[Kind, ...]:
    return (
        Kind(
            f"a document's name: {name}",
            partial(_files, written),
            (*_TEXT, "links other", "query 'SELECT * FROM links'", "changes"),
        ),
        Kind(f"a folder's name: {name}", partial(_folders, written), _TEXT),
        Kind(
            f"a staged document's name: {name}",
            partial(_staged, written),
            (*OF_GIT, "check --staged --format github", "check --staged --json"),
        ),
    )


def _standing(name: str, written: str) -> Kind:
    return Kind(
        f"the working folder's name: {name}",
        partial(_stands_in, written),
        ("status", "rebuild", "check", "watch --stop", "search x", "hook install", "check --staged"),
        at=written,
    )


def _deep(place: Place) -> None:
    """Folders so deep that no path leads to the end."""
    place.documents()
    at = os.open(place.folder, os.O_RDONLY)
    for _ in range(1_500):
        os.mkdir("d" * 100, dir_fd=at)
        below = os.open("d" * 100, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(os.open("a.md", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)


def _wide(place: Place) -> None:
    for number in range(30_000):
        place.write(f"{number}.txt", "")
    place.documents()


def _looping(place: Place) -> None:
    place.documents()
    for number in range(200):
        (place.folder / f"l{number}").symlink_to(".")
        place.write(f"d{number}/a.md", "[a](../l1/l2/l3/l4/l5/a.md) [[l1/l2/a]]\n")
        (place.folder / f"d{number}/up").symlink_to("..")


def _leading_out(place: Place) -> None:
    """Links to the user's own folder, wherever a reader may go."""
    place.documents()
    place.write("mdcache.toml", "docs = ['docs', 'leads']\n")
    place.write("docs/a.md", "[a](../leads/secret.md) [[leads/secret]] [b](leads/secret.md#x)\n")
    (place.folder / "leads").symlink_to(place.outside)
    (place.folder / "docs/leads").symlink_to(place.outside)
    (place.folder / "docs/secret.md").symlink_to(place.outside / "secret.md")
    os.link(place.outside / "secret.md", place.parent / "another")


def _python(place: Place) -> None:
    """Modules in the working folder that Python would find before its own."""
    place.documents()
    for name in (
        "click",
        "sqlite3",
        "json",
        "tomllib",
        "yaml",
        "sitecustomize",
        "usercustomize",
        "pysqlite3",
        "markdown_it",
        "subprocess",
    ):
        place.write(f"{name}.py", f"open({str(place.canary)!r}, 'w').close()\n")
    place.write("mdcache/__init__.py", f"open({str(place.canary)!r}, 'w').close()\n")
    place.write("pyvenv.cfg", "home = .\n")
    place.write("x.pth", f"import os; open({str(place.canary)!r}, 'w')\n")
    place.planted("git")
    place.planted("sqlite3")


KINDS = (
    *(kind for name, written in _NAMES.items() for kind in _kinds(name, written)),
    *(_standing(name, _NAMES[name]) for name in ("a newline and a command", "a command", "escape sequences", "broken bytes", "an option", "a NEL and a command", "spaces and a command", "a format", "marks of direction")),
    Kind("folders 1,500 deep", _deep, _TEXT),
    Kind("30,000 other files", _wide, _TEXT),
    Kind("links that loop", _looping, _TEXT),
    Kind("links that lead out", _leading_out, (*_TEXT, "search quokka*", "query 'SELECT document_text(key) FROM nodes'")),
    Kind("modules of Python among the documents", _python, (*_TEXT, *OF_GIT)),
)  # fmt: skip
