"""A live cache that is damaged: readers give right answers or one line, writers bring it back, and say so.

SQLite has no sums of its pages, so that a flipped byte within a value is read as it stands: verify is what finds it.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from law import content
from processes import mdcache

from pipeline import cli

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
    """A folder with documents, the bytes of its cache, and what that holds."""

    folder: Path
    path: Path
    whole: bytes
    answers: dict[tuple[str, ...], tuple[int, str]]


@pytest.fixture(scope="module")
def scene(vault: Vault) -> Scene:
    folder = vault({**DOCUMENTS, "mdcache.toml": 'docs = ["."]\n'})
    done = mdcache(folder, "rebuild")
    assert done.returncode == 0, done
    path = folder / ".mdcache/cache.db"
    return Scene(folder, path, path.read_bytes(), {})


def put(scene: Scene, raw: bytes, log: bytes = b"") -> None:
    """Make these the bytes of the cache and its log."""
    for end in ("-wal", "-shm"):
        Path(f"{scene.path}{end}").unlink(missing_ok=True)
    scene.path.write_bytes(raw)
    if log:
        Path(f"{scene.path}-wal").write_bytes(log)


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
    """sync goes on or builds anew, and says so; rebuild makes it whole in any case."""
    damaged = scene.path.read_bytes()
    file = scene.folder / f"d{dice.randrange(12)}.md"
    before = file.read_bytes()
    file.write_bytes(before + b"\nmore\n")
    status, _, err = said(capsys, scene, "sync")
    if status:
        # Not known as ours any more, with its header gone: never overwritten without being asked.
        assert (status, "mdcache rebuild" in err or "newer" in err or "not a cache" in err) == (3, True), err
    elif "built anew" in err:
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


@pytest.mark.torture
def test_flipped_bytes_give_errors_or_are_found_and_are_brought_back_for_long(capsys: Capture, scene: Scene) -> None:
    flip(capsys, scene, range(1000, 1000 + int(os.environ.get("MDCACHE_FLIPS", "500"))))
