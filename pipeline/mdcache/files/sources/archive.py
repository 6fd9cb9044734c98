"""The source that is a zip archive: its members are the documents, and nothing is unpacked to disk.

An archive may come from anybody. Names lead nowhere, as no file is opened by one. What a member says of its size is
judged before a byte of it is inflated, and then held to; so no archive takes more memory than its documents may have.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from mdcache.errors import UsageError, WorkError
from mdcache.files import content
from mdcache.files.content import Clock
from mdcache.files.sources.source import IGNORE_LIMIT, Folders, Item, Read, Stored, folders
from mdcache.model import ERROR, Content, Entry, Problem, Stamp
from mdcache.names import name_of
from mdcache.paths import lies_in

if TYPE_CHECKING:
    from zipfile import ZipInfo  # who reads no archive must not wait for it

_LARGEST = 1_000_000_000
"""Bytes of a member, however large a document may be."""
# Texts are compressed to a third, logs to a twentieth. What is compressed further is made to take a reader's time.
_RATIO = 200
_SMALL = 1 << 20
_STORED, _DEFLATED = 0, 8
# Paths on disk are no longer, and hardly one is as deep. A name may have 65,535 bytes, and each folder in it is kept
# with its whole path: twenty thousand folders in one name would be a gigabyte.
_LONGEST, _DEEPEST = 4096, 200
_ENCRYPTED = 1


class Archive:
    """The members of a zip archive; of two with one path the later counts, as when the archive is unpacked.

    Their names are those they would have if the archive were a folder: /a/docs.zip/guide.md.
    """

    keeps_stamps = False  # all that is known of a member without inflating it, its maker may choose

    def __init__(self, name: str) -> None:
        """Read the directory of the archive at an absolute path. Raises WorkError when it is none."""
        self._name = name
        with _opened(name) as (_, members):
            self._folders = folders(name, ((path, info, _is_plain(info)) for path, info in members.items()))

    def facts(self, base: str) -> Mapping[str, str]:
        return {"archive": os.path.relpath(self._name, base)}

    def refuse_outside(self, roots: Iterable[str]) -> None:
        for root in roots:
            if not lies_in(root, self._name):
                raise UsageError(f"{root} does not lie in the archive {self._name}")

    def listing(self, folder: str) -> Sequence[Item]:
        return tuple(self._folders.get(folder, {}).values())

    def kept_by_git(self, base: str) -> Folders:  # noqa: ARG002
        return {}

    def entry(self, item: Item, path: str, id_: str) -> Entry | Problem:
        assert isinstance(item, Stored)
        if item.what.orig_filename != _path_of(item.what):
            limits = f"longer than {_LONGEST:,} bytes or deeper than {_DEEPEST} folders"
            wrong = limits if _is_long(item.what.orig_filename) else "no path within it"
            return Problem(path, 1, 1, "odd-name", ERROR, f"its name in the archive is {wrong}: rename it")
        return Entry(path, id_, _stamp_of(item.what))

    def ignore_file(self, name: str) -> bytes | None:
        try:
            return self._text(name, IGNORE_LIMIT)
        except ValueError as error:
            raise OSError(errno.EIO, str(error), name) from error

    def texts(self, names: Sequence[str], at_most: int = -1) -> Iterator[bytes | None]:
        for name in names:
            try:
                yield self._text(name, _LARGEST if at_most < 0 else at_most)
            except ValueError:
                yield None

    def _text(self, name: str, at_most: int) -> bytes | None:
        item = self._folders.get(os.path.dirname(name), {}).get(os.path.basename(name))
        if item is None or not item.is_file():
            return None
        with _opened(self._name) as (file, _):
            return _inflated(file, item.what, at_most)

    def resolved(self, name: str) -> str:
        return os.path.realpath(name)

    def came_later(self, name: str) -> bool:  # noqa: ARG002
        return False

    def reader(self, base: str) -> ArchiveReader:
        return ArchiveReader(base, self._name)


class ArchiveReader(NamedTuple):
    """Reads members of the archive with this absolute name."""

    base: str
    name: str

    @classmethod
    def of(cls, base: str, archive: str) -> ArchiveReader:
        """Return the reader of an archive at a path relative to the base. Raises WorkError when it lies elsewhere."""
        name = os.path.normpath(os.path.join(base, name_of(archive)))
        if "\0" in name or not lies_in(name, base):
            raise WorkError(f"the archive {name!r} does not lie in {base}")
        return cls(base, name)

    def contents(self, entries: Sequence[Entry], size_limit: int, clock: Clock) -> Iterator[Read]:  # noqa: ARG002
        with _opened(self.name) as (file, members):
            for entry in entries:
                info = members.get(self._within(entry.path))
                yield _content(file, info, entry.path, size_limit) if info else None

    def whole(self, path: str) -> bytes:
        with _opened(self.name) as (file, members):
            info = members.get(self._within(path))
            if info is None:
                raise WorkError(f"the archive {self.name} has no {path} any more")
            try:
                return _inflated(file, info, _LARGEST)
            except ValueError as error:
                raise WorkError(f"cannot read {path} of the archive {self.name}: {error}") from error

    def _within(self, path: str) -> str:
        return os.path.relpath(os.path.join(self.base, path), self.name)


def _content(file: BinaryIO, info: ZipInfo, path: str, size_limit: int) -> Read:
    try:
        data = _inflated(file, info, size_limit)
    except ValueError as error:
        return Problem(path, 1, 1, "unreadable", ERROR, f"cannot be read: {error}")
    return Content(data, hashlib.sha256(data).hexdigest(), len(data)), _stamp_of(info)


def _stamp_of(info: ZipInfo) -> Stamp:
    """Return what tells a member from another state of it: its size and its checksum."""
    return Stamp(info.file_size, 0, info.CRC, 0)


# The file


@contextmanager
def _opened(name: str) -> Iterator[tuple[BinaryIO, Mapping[str, ZipInfo]]]:
    """Open the archive at an absolute path without symbolic links; yields it, and its files by path.

    Raises WorkError when it is not there, or no zip archive.
    """
    try:
        descriptor, found = content.opened(name)
    except OSError as error:
        raise WorkError(f"cannot read {name}: {error.strerror}") from error
    with open(descriptor, "rb") as file:
        yield file, _files(name, content.stamp_of(found))


@lru_cache(maxsize=1)
def _files(name: str, _: Stamp) -> Mapping[str, ZipInfo]:
    """Return the files in the directory of an archive. Remembered while the archive's own stamp is the same."""
    from zipfile import ZipFile

    try:
        with open(content.opened(name)[0], "rb") as file, ZipFile(file) as archive:
            return {_path_of(info): info for info in archive.infolist() if info.orig_filename[-1:] != "/"}
    except Exception as error:  # of many kinds, for whatever may be wrong in it
        raise WorkError(f"{name} is no zip archive that can be read: {error}") from error


def _path_of(info: ZipInfo) -> str:
    """Return the path of a member: its name, or where that is no path within the archive, its name as one component.

    Of a name that is too long it is the beginning and the end, with what tells it from others like it between.
    """
    name = info.orig_filename
    if _is_long(name):
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        return f"{_as_component(name[:100])}…{digest}…{_as_component(name[-100:])}"
    if "\\" in name or "\0" in name or not {"", ".", ".."}.isdisjoint(name.split("/")):
        return _as_component(name)
    return name


def _is_long(name: str) -> bool:
    return name.count("/") > _DEEPEST or len(name.encode()) > _LONGEST


def _as_component(name: str) -> str:
    return "".join(f"\\x{ord(char):02x}" if char in "/\\\0" else char for char in name)


def _is_plain(info: ZipInfo) -> bool:
    mode = info.external_attr >> 16
    return not stat.S_IFMT(mode) or stat.S_ISREG(mode)


def _inflated(file: BinaryIO, info: ZipInfo, at_most: int) -> bytes:
    """Return what a member holds.

    Raises ValueError, which says why, when it has more than at_most bytes, or is none that can be read.
    """
    if info.flag_bits & _ENCRYPTED:
        raise ValueError("it is encrypted")
    if info.compress_type not in (_STORED, _DEFLATED):
        raise ValueError("it is neither stored nor deflated")
    if info.file_size > at_most:
        raise ValueError(f"it is longer than {at_most} bytes")
    if info.file_size > max(_SMALL, _RATIO * info.compress_size):
        raise ValueError(f"it is compressed to less than a {_RATIO}th of its size")
    try:
        data = _unpacked(file, info)
    except (OSError, zlib.error) as error:
        raise ValueError("it is damaged") from error
    if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
        raise ValueError("it is damaged")
    return data


def _unpacked(file: BinaryIO, info: ZipInfo) -> bytes:
    """Return what stands where a member says, at most one byte more than it says. Raises OSError and zlib.error."""
    file.seek(info.header_offset)
    header = file.read(30)
    # Before the bytes stand a header of fixed length, the name and extra fields. Deflate adds a few bytes at most.
    file.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), os.SEEK_CUR)
    raw = file.read(min(info.compress_size, 2 * info.file_size + 1024))
    if info.compress_type == _STORED:
        return raw
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(raw, info.file_size + 1)
