"""Hostile trees: odd names, loops of links, FIFOs and sockets in place of documents, a soup of .gitignore files."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import test_patterns
from caches import settings_of
from hypothesis import strategies as st
from law import assert_law, synced

from mdcache.files.scan import scan
from mdcache.model import Entry, Problem
from mdcache.syncing import sync
from torture import bench
from torture.bench import Trial
from torture.examples import tried

_SECONDS = 20
_FOLDERS = (
    *(b"", b"a", b"b", b"a/b", b"-rf", b"a b", b"deep/" * 40, "é".encode(), "e\u0301".encode(), b".hidden", b"x.md"),
    b"\xff",
)
_NAMES = (
    *(b"a.md", b"b.md", b"A.MD", b".md", b"..md", b"a.md.md", b"README.md", b"a.markdown", b"x.txt", b"-rf.md"),
    *(b" .md", b"a\nb.md", b"a\tb.md", b"\x1b[31m.md", b"\x7f.md", b"*.md", b"[a].md", b"\\.md", b"'\".md"),
    *(b"$(id).md", b"%41.md", b"#.md", b"!.md", b"b\xe4d.md", b"\xed\xa0\x80.md", "é.md".encode()),
    *("e\u0301.md".encode(), "漢.md".encode(), "\u202emd.md".encode(), b"n" * 252 + b".md", b"x.md", b"cache.db"),
    b"mdcache.toml.md",
)
_TEXTS = ("", "# A\n\n[[b]] [x](b/a.md) [[é]]\n", "[y](../../etc/passwd) [z](/a.md) ![[*]]\n", "---\nid: a\n---\n")
_KINDS = (
    *("file", "file", "file", "file", "up", "self", "dangling", "link", "fifo", "socket", "folder", "sparse"),
    *("hard", "ignore", "gone"),
)

Deed = tuple[str, bytes, bytes, str, bytes]
_DEEDS = st.tuples(
    st.sampled_from(_KINDS),
    st.sampled_from(_FOLDERS),
    st.sampled_from(_NAMES),
    st.sampled_from(_TEXTS),
    test_patterns.FILE,
)


def run(trial: Trial) -> None:
    """What is there is scanned as git lists it, sync keeps the law, and nothing waits for ever."""
    with trial.part("scan, rebuild and sync of hostile trees") as part:
        part.unit = "trees"
        histories = st.lists(st.lists(_DEEDS, min_size=1, max_size=14), min_size=1, max_size=3)
        tried(trial, part, trial.amount(40, 1_500), _lived_through, histories)
    with trial.part("gitignore files, as git reads them") as part, tempfile.TemporaryDirectory() as name:
        part.unit = "files"
        repository = test_patterns.Repository(Path(name))

        def agrees(raw: bytes) -> None:
            assert repository.ignored_by_us(raw) == repository.ignored_by_git(raw)

        tried(trial, part, trial.amount(60, 10_000), agrees, test_patterns.FILE)


def _lived_through(history: list[list[Deed]]) -> None:
    with tempfile.TemporaryDirectory() as name, _no_longer_than(_SECONDS):
        base = Path(name)
        (base / "docs").mkdir()
        (base / "mdcache.toml").write_text('docs = ["docs"]\nsize_limit = 100000\n')
        (base / ".gitignore").write_text(".mdcache/\n")
        subprocess.run(("git", "init", "-q"), cwd=base, check=True)
        for deeds in history:
            for deed in deeds:
                with contextlib.suppress(OSError):  # a folder where a file is to be …
                    _do(os.fsencode(base / "docs"), *deed)
            live = settings_of(base)
            assert _scanned(live) == _listed_by_git(base)
            synced(live)
            assert sync.stale(live) is None
            assert_law(live)


def _do(docs: bytes, kind: str, folder: bytes, name: bytes, text: str, ignore: bytes) -> None:
    where = os.path.normpath(os.path.join(docs, folder))
    os.makedirs(where, exist_ok=True)
    path = os.path.join(where, name)
    if kind == "ignore":
        Path(os.fsdecode(where), ".gitignore").write_bytes(ignore)
        return
    if os.path.lexists(path) and kind != "file":
        os.rmdir(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
    if kind == "file" and (not os.path.lexists(path) or stat.S_ISREG(os.lstat(path).st_mode)):
        Path(os.fsdecode(path)).write_text(text)
    elif kind in ("up", "self", "dangling", "link"):
        os.symlink({"up": b"..", "self": name, "dangling": b"/nowhere", "link": b"a.md"}[kind], path)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
    elif kind == "folder":
        os.mkdir(path)
    elif kind == "sparse":
        with open(path, "wb") as file:
            file.truncate(3_000_000)
    elif kind == "hard":
        os.link(os.path.join(docs, b"a.md"), path)


def _scanned(live: Any) -> list[str]:
    """The documents, and those whose names are no text, as they are shown."""
    return sorted(found.path for found in scan(live.tree()) if isinstance(found, Entry | Problem))


def _listed_by_git(base: Path) -> list[str]:
    command = ("git", "ls-files", "-z", "-o", "--exclude-standard", "--", "docs")
    done = subprocess.run(command, cwd=base, capture_output=True, check=True)
    names = [name for name in done.stdout.split(b"\0") if name and _is_wanted(os.fsencode(base), name)]
    return sorted(name.decode("utf-8", "backslashreplace") for name in names)


def _is_wanted(base: bytes, name: bytes) -> bool:
    """A plain file with a document's extension, in no hidden folder."""
    hidden = any(part.startswith(b".") for part in name.split(b"/")[:-1])
    plain = stat.S_ISREG(os.lstat(os.path.join(base, name)).st_mode)
    return plain and not hidden and name.lower().endswith((b".md", b".markdown"))


@contextlib.contextmanager
def _no_longer_than(seconds: float) -> Iterator[None]:
    """Raises TimeoutError; to open a FIFO would wait for ever."""

    def ring(*_: Any) -> None:
        raise TimeoutError(f"longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


if __name__ == "__main__":
    bench.alone(run)
