"""What a program did to the files of one folder, call by call, and what a disk may hold of it after a power cut.

A disk may keep any of the writes to a file that were not yet synced, and lose any. Changes of a folder (a file that is
made, renamed or removed) are kept in their order, as journaling file systems keep them, up to any one of them; which is
the last is as open as with writes, until the folder is synced.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from torture.strace import Run

_CALLS = "open,openat,creat,write,pwrite64,ftruncate,truncate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat"
# A call that another thread's output has cut in two is put together again by its thread.
_LINE = re.compile(r"(\d+) +(?:<\.\.\. (?P<resumed>\w+) resumed>)?(?P<said>.*)")
_UNFINISHED = " <unfinished ...>"
_CALL = re.compile(r"(\w+)\((.*)\)\s+= (-?\d+)")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_DESCRIPTOR = re.compile(r"^\d+<((?:\\x[0-9a-f]{2})*)>(\(deleted\))?")


class Made(NamedTuple):
    """A file that was not there before, or was."""

    name: str


class Written(NamedTuple):
    """Bytes at an offset of a file; None: at its end."""

    name: str
    at: int | None
    data: bytes


class Cut(NamedTuple):
    """A file that was given a length."""

    name: str
    length: int


class Renamed(NamedTuple):
    name: str
    to: str


class Removed(NamedTuple):
    name: str


class Synced(NamedTuple):
    """A file whose bytes are safe from now on; the empty name is the folder, and what was done to its names."""

    name: str


Deed = Made | Written | Cut | Renamed | Removed | Synced
Files = Mapping[str, bytes]
"""What a folder holds: the bytes of each file, by its name."""


def deeds(run: Run, base: Path, folder: Path) -> list[Deed]:
    """Return what a run in base does to the files of a folder in it, in order."""
    log = base.with_name(base.name + ".recorded")
    done = run(base, ("strace", "-f", "-y", "-xx", "-s", "99999999", "-e", f"trace={_CALLS}", "-o", str(log)))
    assert done.returncode == 0, done
    found = [deed for call, said in _calls(log) if (deed := _deed(call, said, str(folder)))]
    log.unlink()
    return found


def _calls(log: Path) -> Iterator[tuple[str, str]]:
    """Yield (call, arguments) of those that succeeded, in the order in which they ended."""
    begun: dict[str, str] = {}
    with log.open(encoding="ascii") as lines:
        for line in lines:
            parsed = _LINE.match(line.rstrip("\n"))
            if not parsed:
                continue
            thread, said = parsed[1], parsed["said"]
            if said.endswith(_UNFINISHED):
                begun[thread] = said.removesuffix(_UNFINISHED)
                continue
            if parsed["resumed"]:
                said = begun.pop(thread) + said
            called = _CALL.match(said)
            if called and int(called[3]) >= 0:
                yield called[1], called[2]


def _deed(call: str, said: str, folder: str) -> Deed | None:
    """Return what a call does to a file of the folder, None if it does nothing to any."""
    strings = [_bytes(text) for text in _STRING.findall(said)]
    descriptor = _DESCRIPTOR.match(said)
    if descriptor:
        if descriptor[2]:
            return None
        path = os.fsdecode(_bytes(descriptor[1]))
        if call in ("fsync", "fdatasync"):
            return Synced(_name(path, folder) or "") if path == folder or _name(path, folder) else None
        name = _name(path, folder)
        numbers = re.findall(r", (\d+)", said)
        if not name:
            return None
        if call in ("write", "pwrite64"):
            return Written(name, int(numbers[-1]) if call == "pwrite64" else None, strings[0])
        if call == "ftruncate":
            return Cut(name, int(numbers[-1]))
    names = [_name(os.path.abspath(os.fsdecode(text)), folder) for text in strings]
    if call.startswith("rename") and any(names):
        assert len(names) == 2 and all(names), said
        return Renamed(str(names[0]), str(names[1]))
    if not names or not names[0]:
        return None
    if call.startswith("unlink"):
        return Removed(names[0])
    return Made(names[0]) if call == "creat" or "O_CREAT" in said or "O_TRUNC" in said else None


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def _name(path: str, folder: str) -> str | None:
    return os.path.basename(path) if os.path.dirname(path) == folder else None


class _File:
    """A file, whatever its names: its length while the program ran, and the deeds that changed its bytes."""

    def __init__(self, data: bytes = b"") -> None:
        self._data, self._length = data, len(data)
        self._changes: list[tuple[int, int, bytes | None]] = []
        """(which deed, offset, bytes); without bytes the offset is the new length."""
        self._safe = 0

    def write(self, place: int, at: int | None, data: bytes) -> None:
        at = self._length if at is None else at
        self._changes.append((place, at, data))
        self._length = max(self._length, at + len(data))

    def cut(self, place: int, length: int) -> None:
        self._changes.append((place, length, None))
        self._length = length

    def sync(self) -> None:
        self._safe = len(self._changes)

    def unsafe(self) -> list[int]:
        return [place for place, _, _ in self._changes[self._safe :]]

    def bytes(self, lost: frozenset[int]) -> bytes:
        found = bytearray(self._data)
        for place, at, data in self._changes:
            if place in lost:
                continue
            found.extend(bytes(max(0, at - len(found))))
            found[at : at + len(data) if data is not None else None] = data or b""
        return bytes(found)


class Disk:
    """What a disk holds while a program runs, and after a power cut."""

    def __init__(self, before: Files) -> None:
        self._names = {name: _File(data) for name, data in before.items()}
        self._safe_names = dict(self._names)
        self._turns: list[dict[str, _File]] = []
        """What the folder held after each change of its names since it was synced."""
        self._files = list(self._names.values())
        self._place = 0

    def do(self, deed: Deed) -> None:
        """Take note of the next deed."""
        self._place += 1
        if isinstance(deed, Synced) and not deed.name:
            self._safe_names, self._turns = dict(self._names), []
        elif isinstance(deed, Made | Renamed | Removed):
            self._turn(deed)
        elif deed.name in self._names:
            file = self._names[deed.name]
            if isinstance(deed, Written):
                file.write(self._place, deed.at, deed.data)
            elif isinstance(deed, Cut):
                file.cut(self._place, deed.length)
            else:
                file.sync()

    def _turn(self, deed: Made | Renamed | Removed) -> None:
        if isinstance(deed, Made):
            if deed.name in self._names:
                return
            self._names[deed.name] = _File()
            self._files.append(self._names[deed.name])
        else:
            file = self._names.pop(deed.name)
            if isinstance(deed, Renamed):
                self._names[deed.to] = file
        self._turns.append(dict(self._names))

    def unsafe(self) -> list[int]:
        """Return the numbers of the deeds whose bytes a power cut may lose, in order."""
        return sorted(place for file in self._files for place in file.unsafe())

    def turns(self) -> int:
        """Return how many changes of names a power cut may lose."""
        return len(self._turns)

    def after_power_cut(self, lost: frozenset[int], turns: int) -> dict[str, bytes]:
        """Return the files when these deeds' bytes are lost, and all changes of names after so many of the last."""
        names = [self._safe_names, *self._turns][turns]
        return {name: file.bytes(lost) for name, file in names.items()}
