"""A live cache that is damaged: readers give right answers or one line, writers bring it back, and say so.

SQLite has no sums of its pages, so that a flipped byte within a value is read as it stands: verify is what finds it.
"""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from law import content
from processes import mdcache
from watching import watched

from mdcache.cli import main as cli
from mdcache.store import connections, made
from mdcache.verifying.verify import verify

Vault = Callable[..., Path]
Capture = pytest.CaptureFixture[str]

TEXT = """---
tags: [t{0}]
aliases: [Name {0}]
---
# D{0}

[[d{1}]] [[gone]]

## Part

some words and more {0} words

- [ ] do

```sh
x
```

text ^b{0}
"""
DOCUMENTS = {f"d{number}.md": TEXT.format(number, (number + 1) % 12) * (1 + number % 3) for number in range(12)}
READERS = (
    ("status",),
    ("search", "words"),
    ("search", "--all", "--tag", "t3", "some"),
    ("read", "d3"),
    ("read", "d4#part"),
    ("links", "d5"),
    ("links", "d5", "--depth", "3"),
    ("query", "SELECT * FROM nodes ORDER BY path"),
    ("query", "SELECT path, document_text(key) FROM nodes"),
    ("changes",),
    ("schema", "--diff"),
    ("sync", "--check"),
    ("doctor",),
    ("verify", "--quick"),
)


class Scene(NamedTuple):
    """A folder with documents, and the bytes of its cache."""

    folder: Path
    path: Path
    whole: bytes


@pytest.fixture
def scene(vault: Vault) -> Scene:
    folder = vault({**DOCUMENTS, "mdcache.toml": 'docs = ["."]\n'})
    done = mdcache(folder, "rebuild")
    assert done.returncode == 0, done
    path = folder / ".mdcache/cache.db"
    return Scene(folder, path, path.read_bytes())


def put(scene: Scene, raw: bytes, log: bytes = b"") -> None:
    """Make these the bytes of the cache and its log."""
    for end in ("-wal", "-shm"):
        Path(f"{scene.path}{end}").unlink(missing_ok=True)
    scene.path.write_bytes(raw)
    if log:
        beside = Path(f"{scene.path}-wal")
        beside.touch(0o600)
        made.mark_log(str(scene.path))  # it is the cache's own, as a writer makes it
        beside.write_bytes(log)


def said(capsys: Capture, scene: Scene, *arguments: str) -> tuple[int, str, str]:
    """Exit status, stdout and stderr; no traceback, no bug."""
    capsys.readouterr()
    status = cli.run(["-C", str(scene.folder), *arguments])
    out, err = capsys.readouterr()
    assert "bug in mdcache" not in err, (arguments, err)
    assert all(line.startswith("mdcache: ") for line in err.splitlines()), (arguments, err)
    return status, out, err


def judged(capsys: Capture, scene: Scene) -> bool:
    """Ask every reader; whether verify finds the cache sound, and then all it holds is as it was."""
    answers = {reader: said(capsys, scene, *reader) for reader in READERS}
    for reader, (status, _, err) in answers.items():
        # A query may make text that is no UTF-8 itself, so that it gets the blame.
        assert status in (0, 1, 3) or (reader[0], "decode" in err) == ("query", True), (reader, status, err)
    status, _, _ = said(capsys, scene, "verify")
    assert status in (0, 1, 3)
    return status == 0


def flipped(whole: bytes, dice: random.Random) -> bytes:
    """One byte, some bytes, or a whole page."""
    raw = bytearray(whole)
    kind = dice.randrange(4)
    for _ in range((1, 3, 30, 1)[kind]):
        at = dice.randrange(len(raw))
        if kind == 3:
            at -= at % 8192
            raw[at : at + 8192] = dice.randbytes(8192)
        else:
            raw[at] ^= 1 << dice.randrange(8)
    return bytes(raw)


def flip(capsys: Capture, scene: Scene, seeds: range) -> None:
    put(scene, scene.whole)
    sound = content(str(scene.path))
    found = 0
    for seed in seeds:
        put(scene, flipped(scene.whole, random.Random(seed)))
        try:
            if judged(capsys, scene):
                assert content(str(scene.path)) == sound
            else:
                found += 1
            brought_back(capsys, scene, random.Random(seed))
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
    assert found or len(seeds) < 10


def brought_back(capsys: Capture, scene: Scene, dice: random.Random) -> None:
    """sync goes on or rebuilds, and says so; rebuild makes it whole in any case."""
    damaged = scene.path.read_bytes()
    file = scene.folder / f"d{dice.randrange(12)}.md"
    before = file.read_bytes()
    file.write_bytes(before + b"\nmore\n")
    status, _, err = said(capsys, scene, "sync")
    if status:
        # Not known as ours any more, with its header gone: never overwritten without being asked.
        assert (status, "mdcache rebuild" in err or "newer" in err or "not a cache" in err) == (3, True), err
    elif "rebuilt" in err:
        assert said(capsys, scene, "verify")[0] == 0
    file.write_bytes(before)
    put(scene, damaged)
    status, _, err = said(capsys, scene, "rebuild")
    if status:
        assert (status, "not a cache" in err) == (3, True), err
    else:
        assert said(capsys, scene, "verify")[0] == 0


def test_flipped_bytes_give_errors_or_are_found_and_are_brought_back(capsys: Capture, scene: Scene) -> None:
    flip(capsys, scene, range(12))


def truncated(whole: bytes, dice: random.Random) -> bytes:
    """Cut anywhere, or at the end of a page."""
    size = dice.randrange(1, len(whole))
    return whole[: size // 8192 * 8192 if dice.randrange(2) else size]


def cut(capsys: Capture, scene: Scene, seeds: Iterable[int]) -> None:
    for seed in seeds:
        dice = random.Random(seed)
        raw = truncated(scene.whole, dice)
        put(scene, raw)
        # To SQLite the end of a page that is cut short is zeros: if it was, nothing is lost.
        assert judged(capsys, scene) == (raw.ljust(len(scene.whole), b"\0") == scene.whole), f"seed {seed}"
        brought_back(capsys, scene, dice)


def test_a_truncated_cache_is_found_and_brought_back(capsys: Capture, scene: Scene) -> None:
    cut(capsys, scene, (*range(5), 1031))


def logged(capsys: Capture, scene: Scene) -> bytes:
    """The log of a change that was not folded back yet: somebody reads."""
    put(scene, scene.whole)
    with closing(connections.open_reader(str(scene.path))) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM nodes").fetchone() == (12,)
        (scene.folder / "d1.md").write_text(TEXT.format("logged", 2))
        assert said(capsys, scene, "sync")[0] == 0
        return Path(f"{scene.path}-wal").read_bytes()


def spoil_the_log(capsys: Capture, scene: Scene, seeds: range) -> None:
    """SQLite takes a log up to the last transaction whose sums are right: the cache is the old one, or the new."""
    log = logged(capsys, scene)
    contents = []
    for raw in (b"", log):
        put(scene, scene.whole, raw)
        contents.append(content(str(scene.path)))
    assert contents[0] != contents[1]
    for seed in seeds:
        dice = random.Random(seed)
        garbage = (dice.randbytes(dice.randrange(1, 50_000)), flipped(log, dice), truncated(log, dice))[seed % 3]
        put(scene, scene.whole, garbage)
        judged(capsys, scene)
        assert content(str(scene.path)) in contents, f"seed {seed}"
        assert said(capsys, scene, "sync")[0] == 0
        assert said(capsys, scene, "verify")[0] == 0, f"seed {seed}"


def test_garbage_in_the_log_loses_no_more_than_what_stood_there(capsys: Capture, scene: Scene) -> None:
    spoil_the_log(capsys, scene, range(6))


def without_pages(path: str) -> None:
    """Overwrite all but the first page of a cache that is in use, as a failing disk would."""
    with open(path, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(8192)
        file.write(b"\xa5" * (size - 8192))


def test_sync_builds_a_damaged_cache_anew_and_says_so(capsys: Capture, scene: Scene) -> None:
    put(scene, scene.whole)
    without_pages(str(scene.path))
    status, _, err = said(capsys, scene, "sync")
    assert status == 0
    assert "rebuilt" in err
    assert "is damaged" in err
    assert said(capsys, scene, "verify")[0] == 0


def test_readers_say_in_one_line_that_it_is_damaged_and_what_to_do(capsys: Capture, scene: Scene) -> None:
    put(scene, scene.whole)
    without_pages(str(scene.path))
    for reader in (("search", "words"), ("read", "d3"), ("links", "d5"), ("query", "SELECT * FROM nodes")):
        status, out, err = said(capsys, scene, *reader)
        assert (status, out, err.count("\n")) == (3, "", 1)
        assert "is damaged" in err
        assert "run mdcache rebuild" in err


def test_a_watcher_builds_a_damaged_cache_anew_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for number in range(12):
        (tmp_path / f"docs/d{number}.md").write_text(TEXT.format(number, 3))
    with watched(tmp_path) as watcher:
        watcher.until(lambda: Path(watcher.database).stat().st_size > 8192)
        without_pages(watcher.database)
        (watcher.docs / "new.md").write_text("# New\n")
        watcher.until(lambda: "is damaged" in watcher.said())
        watcher.until_titled("New")
        watcher.keeps_the_law()
        assert verify(watcher.settings(watcher.database)).ok


@pytest.mark.torture
def test_cut_and_spoilt_caches_are_brought_back_for_long(capsys: Capture, scene: Scene) -> None:
    cut(capsys, scene, range(1000, 1200))
    spoil_the_log(capsys, scene, range(1000, 1300))


@pytest.mark.torture
def test_flipped_bytes_give_errors_or_are_found_and_are_brought_back_for_long(capsys: Capture, scene: Scene) -> None:
    flip(capsys, scene, range(1000, 1000 + int(os.environ.get("MDCACHE_FLIPS", "500"))))


@pytest.mark.parametrize(
    ("text", "spoilt"),
    [
        (b"CREATE TABLE nodes", b"CREATE TABL\xff nodes"),
        (b"tablenodes", b"tablenod\xffs"),
        (b"tablemeta", b"tablem\xffta"),
    ],
)
def test_a_schema_that_is_no_text_is_damage_and_brought_back(
    capsys: Capture, scene: Scene, text: bytes, spoilt: bytes
) -> None:
    assert text in scene.whole
    for command in ("sync", "rebuild"):
        put(scene, scene.whole.replace(text, spoilt))
        status, _, err = said(capsys, scene, "search", "word")
        assert (status, "is damaged" in err) == (3, True)
        assert said(capsys, scene, command)[0] == 0
        assert said(capsys, scene, "verify")[0] == 0


# What came with a clone


def journal(names: Path) -> bytes:
    """A rollback journal that changes nothing, of a transaction over several databases that this file would tell of."""
    magic, name = bytes.fromhex("d9d505f920a163d7"), os.fsencode(names)
    head = magic + struct.pack(">IIIII", 0, 1, 36, 4096, 8192)
    page = 0x40000000 // 8192 + 1
    return head.ljust(4096, b"\0") + struct.pack(f">I{len(name)}sII", page, name, len(name), sum(name)) + magic


@pytest.mark.parametrize("writer", ["sync", "rebuild"])
def test_a_journal_beside_the_cache_is_not_played_back(capsys: Capture, scene: Scene, writer: str) -> None:
    victim = scene.folder / "d3.md"
    put(scene, scene.whole)
    Path(f"{scene.path}-journal").write_bytes(journal(victim))
    assert all(said(capsys, scene, *reader)[0] in (0, 1, 3) for reader in READERS)
    assert "journal beside it" in said(capsys, scene, "search", "words")[2]
    assert said(capsys, scene, writer)[0] == 0
    assert victim.exists()
    assert not Path(f"{scene.path}-journal").exists()
    assert said(capsys, scene, "verify")[0] == 0
