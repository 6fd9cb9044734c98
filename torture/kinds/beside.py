"""What lies beside a cache or in its place: FIFOs, links, devices, garbage. And zip archives."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from functools import partial

from torture.kinds import CHECKS, ODD, READS, Kind, put
from torture.stranger import Place

_COMMANDS = (
    READS[0],
    "sync",
    "rebuild",
    "check",
    "status",
    "verify",
    "doctor",
    "sync --check",
    "changes",
    "watch --stop",
    "query 'SELECT 1'",
    "hook sync post-commit",
    "rebuild --db .mdcache/cache.db",
)
_NAMES = (
    "cache.db",
    *(
        f"cache.db{end}"
        for end in ("-journal", "-wal", "-shm", ".lock", ".watch", ".log", ".fresh", ".fresh-journal", ".fresh-wal")
    ),
    ".gitignore",
)


def _made(name: str, what: str, place: Place) -> None:
    """The cache was made here; then something came."""
    place.documents()
    place.rebuilt()
    _takes(name, what, place)


def _came(name: str, what: str, place: Place) -> None:
    place.documents()
    place.cloned()
    _takes(name, what, place)


def _fresh(name: str, what: str, place: Place) -> None:
    """There is no cache yet."""
    place.documents()
    _takes(name, what, place)


def _takes(name: str, what: str, place: Place) -> None:
    if (place.folder / ".mdcache" / name).is_dir():
        raise IsADirectoryError(name)
    put(place, f".mdcache/{name}", what)


def _folder_is(what: str, place: Place) -> None:
    place.documents()
    put(place, ".mdcache", what)


def _folder_leads(where: str, place: Place) -> None:
    place.documents()
    (place.folder / ".mdcache").symlink_to(where)


def _attached(end: str, what: str, place: Place) -> None:
    place.documents()
    place.rebuilt()
    place.cloned_beside("other.db")
    put(place, f"other.db{end}", what)


def _garbage_journal(name: str, content: bytes, place: Place) -> None:
    place.documents()
    place.rebuilt()
    place.write(f".mdcache/{name}", content)


_JOURNALS = {
    "a journal that names another": (
        "cache.db-journal",
        b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
        + b"\0" * 504
        + b"../outside/secret.md"
        + struct.pack(">II", 20, 1)
        + b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7",
    ),
    "a journal of pages without end": (
        "cache.db-journal",
        b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7\xff\xff\xff\xff" + b"\1" * 900_000,
    ),
    "a log of another database": (
        "cache.db-wal",
        struct.pack(">IIIIIIII", 0x377F0682, 3007000, 4096, 0, 1, 2, 3, 4) + b"\1" * 900_000,
    ),
    "a log of huge pages": (
        "cache.db-wal",
        struct.pack(">IIIIIIII", 0x377F0682, 3007000, 65536, 0, 0, 0, 0, 0) + b"\0" * 900_000,
    ),
    "an index of the log that is wrong": ("cache.db-shm", b"\xff" * 32_768 * 10),
}


# Archives


def _zip(entries: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return made.getvalue()


def _bomb() -> bytes:
    """Return an archive of one document, a gigabyte of one letter."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file, file.open("a.md", "w") as document:
        for _ in range(100):
            document.write(b"x" * 9_000_000)
    return made.getvalue()


def _archive(made: Callable[[], bytes], place: Place) -> None:
    place.documents()
    place.write("docs.zip", made())


def _archive_is(what: str, place: Place) -> None:
    place.documents()
    put(place, "docs.zip", what)


def _many(count: int) -> bytes:
    return _zip({f"{number}.md": b"[a](gone.md)\n" for number in range(count)})


_TEXT = b"# X\n\n[gone](gone.md)\n"
_ARCHIVES = {
    "a document of a gigabyte": _bomb,
    "names that lead up": lambda: _zip({"../outside/x.md": _TEXT, "/etc/x.md": _TEXT, "a\\..\\b.md": _TEXT, "../../../../tmp/x.md": _TEXT}),
    "names that command": lambda: _zip({"x\n::stop-commands::y.md": _TEXT, "::stop-commands::x.md": _TEXT, "\x1b[2J.md": _TEXT, "##vso[task.complete].md": _TEXT}),
    "8,000 documents": lambda: _many(8_000),
    "a name of 60 kB": lambda: _zip({"a" * 60_000 + ".md": _TEXT}),
    "deep folders": lambda: _zip({"d/" * 20_000 + "a.md": _TEXT}),
    "settings": lambda: _zip({"mdcache.toml": b".".join([b"a"] * 30_000) + b" = 1", "a.md": _TEXT}),
    "patterns": lambda: _zip({".gitignore": b"*a" * 90_000, "a" * 240 + ".md": _TEXT}),
    "a false count": lambda: _zip({"a.md": _TEXT})[:-12] + b"\xff\xff\xff\xff" + b"\0" * 8,
    "half of it": lambda: _zip({"a.md": _TEXT * 1_000})[:200],
    "a false size": lambda: _zip({"a.md": b"x" * 100_000}).replace(struct.pack("<I", 100_000), struct.pack("<I", 16)),
    "a comment that is an archive": lambda: _zip({"a.md": _TEXT}) + _zip({"b.md": _TEXT}),
    "no archive": lambda: b"PK\3\4" + b"\0" * 1_000,
    "zeros": lambda: b"\0" * 1_000_000,
    "ends without a beginning": lambda: b"PK\5\6" * 200_000,
}  # fmt: skip
_PUBLISH = ("rebuild docs.zip --output published.db",)

KINDS = (
    *(Kind(f"{name} is a {what}, the cache made here", partial(_made, name, what), _COMMANDS) for name in _NAMES[1:] for what in ODD),
    *(Kind(f"{name} is a {what}, the cache from elsewhere", partial(_came, name, what), _COMMANDS) for name in _NAMES[1:4] for what in ("fifo", "zero", "garbage")),
    *(Kind(f"{name} is a {what}, without a cache", partial(_fresh, name, what), _COMMANDS) for name in _NAMES for what in ODD),
    *(Kind(f".mdcache is a {what}", partial(_folder_is, what), _COMMANDS) for what in ODD),
    *(Kind(f".mdcache leads to {where}", partial(_folder_leads, where), _COMMANDS) for where in ("../outside", ".git", "/dev", "/proc/self", ".", "..")),
    *(Kind(f"an attached file's {end} is a {what}", partial(_attached, end, what), ("query --attach other.db 'SELECT 1'", "search words --db other.db", "status --db other.db"), may_change=("clone/other.db-*",)) for end in ("-journal", "-wal", "-shm") for what in ("fifo", "zero", "link", "device")),
    *(Kind(f"beside the cache {name}", partial(_garbage_journal, file, content), (*_COMMANDS, *CHECKS)) for name, (file, content) in _JOURNALS.items()),
    *(Kind(f"an archive of {name}", partial(_archive, made), _PUBLISH, may_change=("clone/published.db*",)) for name, made in _ARCHIVES.items()),
    *(Kind(f"an archive that is a {what}", partial(_archive_is, what), _PUBLISH, may_change=("clone/published.db*",)) for what in ODD),
)  # fmt: skip
