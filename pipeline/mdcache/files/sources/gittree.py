"""The sources that are trees of git: its index, and what a revision holds.

Git's objects are read in bulk and nothing is checked out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from typing import NamedTuple

from mdcache.errors import MdcacheError, UsageError, WorkError
from mdcache.files import content, git
from mdcache.files.content import Clock
from mdcache.files.git import Blob, Repository, Staged
from mdcache.files.sources.disk import DISK
from mdcache.files.sources.source import IGNORE_LIMIT, Folders, Item, Read, Source, Stored, folders
from mdcache.model import ERROR, LARGEST, Content, Entry, Problem, Stamp
from mdcache.names import name_of, text_of
from mdcache.paths import lies_in

# Of a symbolic link, in bytes: no disk has a longer one.
_LONGEST_LINK = 4096


class GitTree:
    """What git's index or a revision holds. Around the repository, where the base holds more, it is the disk.

    blobs: what it holds; those that a partial clone lacks because a sparse checkout leaves them out are there, but no
    documents. on_disk: what the index knows of the files in the work tree, by path. The entry of a file that is as it
    was added carries the file's stamp, so that a cache of the work tree need not read it. sizes: those of the objects
    that are there. commit: the id of the revision; None for the index. is_past: another tree is judged against it, so
    it has what it holds, and nothing that came later.
    """

    keeps_stamps = False

    def __init__(
        self,
        repository: Repository,
        blobs: Iterable[Blob],
        on_disk: Mapping[str, Staged],
        sizes: Mapping[str, int],
        commit: str | None = None,
        is_past: bool = False,
    ) -> None:
        self._is_past = is_past
        self.commit, self.repository, self._on_disk, self._sizes = commit, repository, on_disk, sizes
        self.blobs, self._top = tuple(blobs), repository.top
        self._folders = folders(self._top, ((blob.path, blob, self._is_plain(blob)) for blob in self.blobs))

    def _is_plain(self, blob: Blob) -> bool:
        staged = self._on_disk.get(blob.path)
        return blob.mode in git.PLAIN and not (staged and staged.is_left_out and blob.id not in self._sizes)

    def facts(self, base: str) -> Mapping[str, str]:  # noqa: ARG002
        return {"commit": self.commit} if self.commit else {}

    def refuse_outside(self, roots: Iterable[str]) -> None:
        for root in roots:
            if not self._holds(root):
                raise UsageError(f"{root} does not lie in the repository {self._top}")

    def reader(self, base: str) -> GitReader:
        return GitReader(base, self.repository, self.commit)

    def listing(self, folder: str) -> Sequence[Item]:
        """Return what lies in a folder. Git knows no empty folders: one that is not there is empty."""
        if not self._holds(folder):
            return DISK.listing(folder)
        return tuple(self._folders.get(folder, {}).values())

    def kept_by_git(self, base: str) -> Folders:  # noqa: ARG002
        return {}  # it lists all of the repository

    def entry(self, item: Item, path: str, id_: str) -> Entry:
        if not isinstance(item, Stored):
            return DISK.entry(item, path, id_)
        blob: Blob = item.what
        if blob.id not in self._sizes:
            raise git.lacks(self.repository, self.commit)
        size = self._sizes[blob.id]
        staged = self._on_disk.get(blob.path)
        if staged and staged.stamp and staged.blob.id == blob.id:
            with suppress(OSError):  # removed
                stamp = content.stamp_of(os.stat(item.path, follow_symlinks=False))
                # Of another size than its object: git translates it (line ends, encodings, large files).
                if stamp.size == size and git.cut(stamp) == staged.stamp:
                    return Entry(path, id_, stamp, blob.id)
        return Entry(path, id_, Stamp(size, 0, 0, 0), blob.id)

    def ignore_file(self, name: str) -> bytes | None:
        return self._ignore_files.get(name) if self._holds(name) else DISK.ignore_file(name)

    @cached_property
    def _ignore_files(self) -> dict[str, bytes | None]:
        """Return all .gitignore files, by name, read at once: a process for each would take long."""
        names = [os.path.join(folder, ".gitignore") for folder, items in self._folders.items() if ".gitignore" in items]
        return dict(zip(names, self.texts(names, IGNORE_LIMIT + 1), strict=True))

    def texts(self, names: Sequence[str], at_most: int = -1) -> Iterator[bytes | None]:
        def take(read: git.Read, size: int) -> bytes:
            return read(size if at_most < 0 else min(size, at_most))

        ids = [self._id_of(name) for name in names]
        if not self._sizes.keys() >= {id_ for id_ in ids if id_}:
            raise git.lacks(self.repository, self.commit)
        found = git.contents(self.repository, [id_ for id_ in ids if id_], take)
        for name, id_ in zip(names, ids, strict=True):
            if id_ or self._holds(name):
                yield next(found) if id_ else None
            else:
                yield from DISK.texts((name,), at_most)

    def resolved(self, name: str) -> str:
        """Return where a name leads: one that the tree holds to itself, a link in it to a file, or further down."""
        item = self._item(name)
        if name in self._folders or (item and item.is_file()):
            return name
        target = self._target(item) if item else name
        leads_down = lies_in(target, os.path.dirname(name)) and target in self._folders
        return target if leads_down or self._id_of(target) else os.path.realpath(name)

    def _target(self, link: Stored[Blob]) -> str:
        if link.what.mode != git.LINK:
            return link.path
        (read,) = git.contents(self.repository, (link.what.id,), lambda read, size: read(min(size, _LONGEST_LINK)))
        return os.path.normpath(os.path.join(os.path.dirname(link.path), os.fsdecode(read)))

    def came_later(self, name: str) -> bool:
        """Return whether a file is new since: one that git tracks. Who keeps a file to himself has it at all times."""
        is_tracked = not self._on_disk or os.path.relpath(name, self._top) in self._on_disk
        return self._is_past and self._holds(name) and (is_tracked or self._item(name) is not None)

    def _holds(self, name: str) -> bool:
        return lies_in(name, self._top)

    def _item(self, name: str) -> Stored[Blob] | None:
        return self._folders.get(os.path.dirname(name), {}).get(os.path.basename(name))

    def _id_of(self, name: str) -> str | None:
        item = self._item(name)
        return item.what.id if item and item.is_file() else None


def differing(before: Source, after: Source, base: str) -> frozenset[str] | None:
    """Return the paths of what differs between two sources, relative to a base; None for whatever may differ."""
    if not (isinstance(before, GitTree) and isinstance(after, GitTree) and before.repository == after.repository):
        return None
    paths = {blob.path for blob in {*before.blobs} ^ {*after.blobs}}
    if any(path.rpartition("/")[2] == ".gitignore" for path in paths):
        return None
    prefix = os.path.join(base, "")
    names = (os.path.join(after.repository.top, path) for path in paths)
    return frozenset(text_of(name.removeprefix(prefix)) for name in names if name.startswith(prefix))


class Trees:
    """The trees of a repository. They share what git says of its work tree and its objects."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self._sizes: dict[str, int] = {}

    @classmethod
    def around(cls, folder: str) -> Trees:
        """Return the trees of the repository that a folder lies in.

        Raises UsageError when it lies in none, or in one that speaks for folders above its own.
        """
        found = git.repository(folder)
        git.insist_on_own_folder(found, folder)
        return cls(found)

    @cached_property
    def _on_disk(self) -> dict[str, Staged]:
        return {staged.blob.path: staged for staged in git.staged(self.repository)}

    def index(self) -> GitTree:
        """Return what the next commit holds. Raises WorkError while a merge has conflicts."""
        return self._tree([staged.blob for staged in self._on_disk.values()], self._on_disk)

    def revision(self, name: str, *, is_past: bool = False) -> GitTree:
        """Return what a revision holds. Raises UsageError when there is none of this name."""
        found = self.find(name, is_past=is_past)
        if found is None:
            raise UsageError(f"{self.repository.top} has no revision {name!r}")
        return found

    def find(self, name: str, *, is_past: bool = False) -> GitTree | None:
        """Return what a revision holds; None when there is none of this name.

        is_past: another tree is judged against it.
        """
        commit = git.commit_of(self.repository, name)
        if commit is None:
            return None
        try:
            on_disk = self._on_disk
        except WorkError:
            on_disk = {}  # a merge has conflicts, which is none of a revision's business
        return self._tree(git.committed(self.repository, commit), on_disk, commit, is_past)

    def _tree(
        self, blobs: Sequence[Blob], on_disk: Mapping[str, Staged], commit: str | None = None, is_past: bool = False
    ) -> GitTree:
        ids = {blob.id for blob in blobs if blob.mode in git.PLAIN}
        self._sizes |= git.sizes(self.repository, sorted(ids - self._sizes.keys()))
        return GitTree(self.repository, blobs, on_disk, self._sizes, commit, is_past)


class GitReader(NamedTuple):
    """Reads objects of a repository; entries without one, from beside the repository, are read from the disk.

    So are those that carry the stamp of a file: it holds the same bytes, and is read sooner.

    commit: the revision whose documents are asked for by path; None for those of the index.
    """

    base: str
    repository: Repository
    commit: str | None

    @classmethod
    def of(cls, base: str, commit: str) -> GitReader:
        """Return the reader of a commit, by its id, in the repository around a base. Raises MdcacheError."""
        if not re.fullmatch("[0-9a-f]{40,64}", commit):  # what a cache says that anybody may have made
            raise WorkError(f"{commit!r} is no commit's id")
        return cls(base, git.repository(base), commit)

    def contents(self, entries: Sequence[Entry], size_limit: int, clock: Clock) -> Iterator[Read]:
        take = partial(_taken, size_limit)
        objects = [entry.blob for entry in entries if entry.blob and _is_object(entry)]
        blobs = git.contents(self.repository, objects, take)
        for entry in entries:
            if _is_object(entry):
                yield next(blobs)
                continue
            if entry.stamp.size > LARGEST:
                yield Problem(entry.path, 1, 1, "unreadable", ERROR, f"cannot be read: {content.TOO_LARGE}")
                continue
            found = content.read(self.base, entry.path, size_limit, clock)
            if entry.blob is None:
                yield found
            elif found and not isinstance(found, Problem) and found[1].ctime_ns == entry.stamp.ctime_ns:
                yield found[0], _racy(found[0].size)
            else:  # changed since git was asked
                yield from git.contents(self.repository, (entry.blob,), take)

    def whole(self, path: str) -> bytes:
        try:
            return git.file_of(self.repository, self.commit or "", os.path.join(self.base, name_of(path)))
        except MdcacheError as error:
            raise WorkError(f"cannot read {path} of the revision {self.commit}: {error}") from error


def _is_object(entry: Entry) -> bool:
    """Return whether an entry is read from git: it is no file as it lies on the disk, and not too large."""
    return bool(entry.blob) and not entry.stamp.inode and entry.stamp.size <= LARGEST


def _taken(size_limit: int, read: git.Read, size: int) -> tuple[Content, Stamp]:
    """Return an object's content, with a stamp that is racy: it is no file's."""
    return content.taken(read, size, size_limit), _racy(size)


def _racy(size: int) -> Stamp:
    return Stamp(size, None, 0, 0)
