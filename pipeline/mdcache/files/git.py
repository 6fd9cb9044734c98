"""The one module that runs git: where a repository lies, and what it holds.

Whatever the configuration and the environment say, git never asks, never fetches, and writes to nothing: not even the
index is refreshed. A hook's environment (GIT_DIR, GIT_INDEX_FILE, ...) holds for the repository that the hook runs in,
and for no other.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import resource
import select
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from mdcache.errors import UsageError, WorkError
from mdcache.model import LARGEST, Stamp
from mdcache.paths import lies_in, up

if TYPE_CHECKING:
    import subprocess

# What tells git where a repository lies; in hooks git sets some of them, relative to its top.
_PLACES = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_SHALLOW_FILE",
)
# A repository's configuration may name programs: for watching files, and for fetching what a partial clone lacks. And
# among the files of a clone may lie a bare repository, with a configuration of its own (safe.bareRepository: git 2.38).
_NO_PROGRAM = ("core.fsmonitor=false", "safe.bareRepository=explicit")
# What a commit holds, and which came before it, stands in the objects, whose names are their hashes. Whatever else lies
# in a repository may say otherwise: refs/replace, info/grafts, a commit-graph. The configuration may ask for the first
# against the environment (until git 2.42), so both are told.
_BY_OBJECTS = ("core.useReplaceRefs=false", "core.commitGraph=false")
_SAFE = tuple(word for setting in (*_NO_PROGRAM, *_BY_OBJECTS) for word in ("-c", setting))
_OPTIONS = ("--no-pager", "--no-optional-locks", "--literal-pathspecs", *_SAFE)
_ALWAYS = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": f"{os.devnull}/none",  # git gives advice about each such file that there is
}


class Repository(NamedTuple):
    """A repository with a work tree; all paths are absolute.

    top: the work tree. git_dir: what belongs to this work tree alone. common_dir: what all work trees of the
    repository share. index_file: the index that the environment names, None for git's own choice.
    """

    top: str
    git_dir: str
    common_dir: str
    index_file: str | None = None

    def hooks_folder(self) -> str:
        """Return the folder where git looks for hooks: core.hooksPath, else the one that all work trees share."""
        said = run(self, "rev-parse", "--git-path", "hooks")
        return os.path.join(self.top, os.fsdecode(said.removesuffix(b"\n")))

    def owns_its_top(self) -> bool:
        """Return whether git finds the repository from its top: its configuration may call any folder its work tree."""
        try:
            return _around(self.top).git_dir == self.git_dir
        except UsageError:
            return False

    def keeps_to(self, folder: str) -> bool:
        """Return whether all that git reads objects from lies in a folder: no .git, link or list leads elsewhere."""
        objects = os.path.join(self.common_dir, "objects")
        try:
            inside = all(lies_in(os.path.realpath(one), folder) for one in (self.git_dir, self.common_dir, objects))
            listed = [one for place in (objects, os.path.join(objects, "pack")) for one in os.scandir(place)]
        except OSError:
            return False
        borrows = os.path.lexists(os.path.join(objects, "info", "alternates"))
        return inside and not borrows and not any(one.is_symlink() for one in listed)

    def is_rebasing(self) -> bool:
        """Return whether commits are being replayed. A rebase that only moves the branch forward replays none."""
        merge, apply = (os.path.join(self.git_dir, name) for name in ("rebase-merge", "rebase-apply"))
        waiting = _size(os.path.join(merge, "git-rebase-todo")) > 0
        return os.path.isdir(apply) or waiting or os.path.exists(os.path.join(merge, "msgnum"))


class Failed(WorkError):
    """git ended with an error; the message is its own."""


def repository(folder: str) -> Repository:
    """Return the repository whose work tree holds a folder.

    Where a bare repository lies among the files of a work tree, that is files of the work tree like any others.

    Raises UsageError when there is none, when it is bare, when its configuration names another work tree, and when git
    does not trust it; WorkError without git.
    """
    named = _named_by_environment()
    mine = named if named and _holds(named.top, folder) else None
    try:
        found = _around(folder)
    except UsageError:
        if mine:
            return mine
        raise
    if _is_named_by_environment(found):
        return found._replace(index_file=_index_of_environment(found.top))
    return mine if mine and _holds(found.top, mine.top) else found


def insist_on_own_folder(repository: Repository, folder: str) -> None:
    """Raise UsageError where the configuration of a repository that was found calls a folder above it its work tree.

    Who names a repository in the environment may mean that.
    """
    is_named = any(name in os.environ for name in ("GIT_DIR", "GIT_WORK_TREE"))
    if not is_named and not _holds(_with_git(folder), repository.top):
        raise UsageError(
            f"{repository.git_dir} calls {repository.top} its work tree, which is more than the folder it lies in"
        )


def run(repository: Repository, *arguments: str, input: bytes = b"") -> bytes:
    """Run a git command at the top of the work tree; return what it prints. Raises Failed with what git says."""
    return _run(command(repository, *arguments), repository.top, environment(repository), input)


def command(repository: Repository, *arguments: str) -> list[str]:
    """Return the command line that runs git in a repository, without looking for it again."""
    return ["git", *_OPTIONS, f"--git-dir={repository.git_dir}", f"--work-tree={repository.top}", *arguments]


def environment(repository: Repository) -> dict[str, str]:
    """Return the environment in which git is run in a repository."""
    index = {"GIT_INDEX_FILE": repository.index_file} if repository.index_file else {}
    return {**_elsewhere(), **index}


def _elsewhere() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _PLACES} | _ALWAYS


def _named_by_environment() -> Repository | None:
    """Return the repository of the hook that we run in, found as git would find it from here; None outside hooks."""
    if not any(name in os.environ for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")):
        return None
    try:
        found = _look(os.curdir, {**os.environ, **_ALWAYS})
    except UsageError:
        return None
    return found._replace(index_file=_index_of_environment(found.top))


def _index_of_environment(top: str) -> str | None:
    """Return the index that a hook's environment names, which it does from the top of the work tree."""
    index = os.environ.get("GIT_INDEX_FILE")
    return os.path.join(top, index) if index else None


def _is_named_by_environment(found: Repository) -> bool:
    """Return whether a hook's environment names the repository found, and no work tree of its own.

    With GIT_DIR alone git takes the working folder for the top of the work tree. So it is in a hook, until that goes
    into a folder below; and where GIT_DIR is relative, git finds nothing from there at all.
    """
    git_dir = os.environ.get("GIT_DIR")
    if not git_dir or "GIT_WORK_TREE" in os.environ or not _holds(found.top, os.curdir):
        return False
    return os.path.realpath(os.path.join(found.top, git_dir)) == os.path.realpath(found.git_dir)


# Paths may hold line breaks; git repeats an option that it does not know on a line of its own.
_BETWEEN = "--mdcache-between"


# How long git may look for a repository, in seconds: of what an archive has put into .git it may wait for ever.
_LOOK_S = 3.0


def _look(folder: str, environment: Mapping[str, str]) -> Repository:
    """Return the repository that git finds from a folder under an environment. Raises UsageError."""
    asked = ("--absolute-git-dir", _BETWEEN, "--path-format=absolute", "--git-common-dir", _BETWEEN, "--show-toplevel")
    if not os.path.isdir(folder):
        raise UsageError(f"no such folder: {folder}")
    try:
        said = _run(["git", *_OPTIONS, "rev-parse", *asked], folder, environment, limit_s=_LOOK_S)
    except _Silent as error:
        raise UsageError(str(error)) from error
    except Failed as error:
        raise UsageError(_refusal(folder, str(error))) from error
    git_dir, common_dir, top = map(os.fsdecode, said.removesuffix(b"\n").split(f"\n{_BETWEEN}\n".encode()))
    return Repository(top, git_dir, common_dir)


def _around(folder: str) -> Repository:
    """Return the repository whose work tree holds a folder, whatever the environment names. Raises UsageError."""
    start = _with_git(folder)
    _refuse_odd(os.path.join(start, ".git"))
    found = _look(start, _elsewhere())
    if _holds(found.git_dir, folder):
        raise UsageError(_refusal(folder, _BARE))
    if not _holds(found.top, folder):
        raise UsageError(f"{os.path.abspath(folder)} is not in {found.top}, the work tree that {found.git_dir} names")
    if lender := _lender(found):
        raise UsageError(f"{start}/.git leads to the repository of {lender}: git worktree add makes one of its own")
    for one in {found.git_dir, found.common_dir}:
        _refuse_odd_within(one)
    return found


def _lender(found: Repository) -> str | None:
    """Return the other work tree whose own repository was found, by a .git that leads there; None for our own."""
    above, name = os.path.split(found.git_dir)
    if name != ".git" or os.path.realpath(above) == os.path.realpath(found.top):
        return None
    try:
        return above if os.path.realpath(_look(above, _elsewhere()).top) == os.path.realpath(above) else None
    except UsageError:
        return None


def _with_git(folder: str) -> str:
    """Return the nearest folder with a .git in it, walking up; without one the folder itself, for git to judge.

    From there git cannot come by a bare repository on its way, also an older one that knows no safe.bareRepository.
    """
    return next((one for one in up(os.path.realpath(folder)) if os.path.lexists(os.path.join(one, ".git"))), folder)


# What git reads whenever it looks for a repository, and the index. An archive may hold FIFOs in their place.
_READ = ("HEAD", "commondir", "config", "config.worktree", "index", "packed-refs", "shallow")
# Where it reads whatever lies there, and in refs what lies below. Where objects lie one by one, there are too many.
_FOLDERS = ("", "objects/info", "objects/pack", "refs")
_MOST_REFS = 10_000


def _refuse_odd(git_dir: str) -> None:
    """Raise UsageError where git would wait for ever: for a FIFO in place of a file, or behind a link there."""
    for name in (git_dir, *(os.path.join(git_dir, one) for one in _READ)):
        with contextlib.suppress(OSError):
            mode = os.stat(name).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise UsageError(f"{name} {_ODD}")


def _refuse_odd_within(folder: str) -> None:
    """Raise UsageError for a FIFO or a device wherever git looks into its folder. A socket there is git's own."""
    left = [os.path.join(folder, name) if name else folder for name in _FOLDERS]
    refs, seen = os.path.join(folder, "refs"), 0
    while left and seen < _MOST_REFS:
        here = left.pop()
        with contextlib.suppress(OSError), os.scandir(here) as entries:
            for entry in entries:
                seen += 1
                if entry.is_dir():
                    left += [entry.path] if lies_in(here, refs) and not entry.is_symlink() else []
                elif not entry.is_file() and _waits(entry):
                    raise UsageError(f"{entry.path} {_ODD}")


def _waits(entry: os.DirEntry[str]) -> bool:
    """Return whether reading a file may never end; not of one that a broken link names."""
    try:
        mode = entry.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISBLK(mode)


_ODD = "is no plain file: git would wait for it, remove it"
_BARE = "must be run in a work tree"
_TRUST = "git config --global --add safe.directory"


def _refusal(folder: str, said: str) -> str:
    shown = os.path.abspath(folder)
    if _BARE in said or "cannot use bare repository" in said:
        return f"{shown} has no work tree: a bare repository, or the inside of .git"
    if "dubious ownership" in said:
        top = said.partition(" at '")[2].removesuffix("'") or shown
        return f"git does not trust {top}, which belongs to somebody else: {_TRUST} {quote(top)}"
    return f"{shown} is not in a git repository" if "not a git repository" in said else f"{shown}: git says: {said}"


# git answers within seconds. What makes it wait for ever (a FIFO among its files), or grow, was made to harm.
_PATIENCE_S = 60
_MEMORY_BYTES = 1 << 29


def _run(
    command: list[str], folder: str, environment: Mapping[str, str], input: bytes = b"", limit_s: float | None = None
) -> bytes:
    import subprocess

    with _running(command, folder, environment, with_errors=True) as process:
        try:
            answer, errors = process.communicate(input, timeout=limit_s or _PATIENCE_S)
        except subprocess.TimeoutExpired as error:
            raise _Silent(folder, limit_s or _PATIENCE_S) from error
    if process.returncode:
        raise Failed(_reason(errors) or f"git {command[-1]} ended with {process.returncode}")
    return answer


def _reason(errors: bytes) -> str:
    """Return why git has ended: what it calls fatal, else its first line, warnings last. '' when it says nothing.

    Before that may stand warnings, hints, and what GIT_TRACE asks for.
    """
    lines = errors.decode("utf-8", "replace").strip().splitlines()
    ranked = sorted(lines, key=lambda line: (not line.startswith("fatal: "), line.startswith("warning: ")))
    return next(iter(ranked), "").removeprefix("fatal: ")


class _Silent(Failed):
    """git does not answer."""

    def __init__(self, folder: str, limit_s: float) -> None:
        super().__init__(
            f"git has said nothing in {folder} for {limit_s:g} seconds: is a FIFO in place of a file of its own?"
        )


@contextlib.contextmanager
def _running(
    command: list[str], folder: str, environment: Mapping[str, str], *, with_errors: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """Yield git, started, with pipes to it; it is ended with the block, however that ends."""
    import subprocess  # here, not at the top: commands that need no git must not wait for it

    pipe = subprocess.PIPE
    errors = pipe if with_errors else subprocess.DEVNULL
    try:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdin=pipe, stdout=pipe, stderr=errors)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and os.path.isdir(folder):
            raise WorkError("git is not installed, or not on the PATH") from error
        raise WorkError(f"git cannot be run in {folder}: {error.strerror}") from error
    with process:
        try:
            _limit_memory(process.pid)
            yield process
        finally:
            process.kill()


def _limit_memory(pid: int) -> None:
    """Limit what git may allocate; what it maps of its files does not count. Only Linux can."""
    if hasattr(resource, "prlimit"):
        with contextlib.suppress(OSError, ValueError):  # it has ended, or has less already
            resource.prlimit(pid, resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))


class _Patient(io.RawIOBase):
    """What a process writes, for those who wait a while for it, and not for ever."""

    def __init__(self, descriptor: int, folder: str) -> None:
        super().__init__()
        self._descriptor, self._folder = descriptor, folder
        self._ready = select.poll()
        self._ready.register(descriptor, select.POLLIN)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._ready.poll(_PATIENCE_S * 1000):
            raise _Silent(self._folder, _PATIENCE_S)
        return os.readv(self._descriptor, [buffer])


def _answers(process: subprocess.Popen[bytes], folder: str) -> io.BufferedReader:
    assert process.stdout
    return io.BufferedReader(_Patient(process.stdout.fileno(), folder), _CHUNK)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _holds(folder: str, path: str) -> bool:
    folder, path = os.path.realpath(folder), os.path.realpath(path)
    return os.path.commonpath((folder, path)) == folder


# What it holds

PLAIN = frozenset((0o100644, 0o100755))
"""The modes of plain files; others are symbolic links and repositories within."""
LINK = 0o120000
_REPOSITORY = 0o160000
# What is written to git before anything is read from it must fit into a pipe: 64 KB, or 16 KB on macOS. An id has 40
# characters, or 64.
_AT_ONCE = 240
_CHUNK = 1 << 20

_Answer = TypeVar("_Answer")
Read = Callable[[int], bytes]
"""read(n) returns at most n further bytes, b'' at the end."""


class Blob(NamedTuple):
    """A file, symbolic link or repository within, as a tree of git's holds it; path is relative to the top."""

    path: str
    mode: int
    id: str


class Staged(NamedTuple):
    """What the index holds. stamp: that of the file it was made of, cut; None when git would have to look again.

    is_left_out: a sparse checkout leaves it out of the work tree.
    """

    blob: Blob
    stamp: Stamp | None
    is_left_out: bool


_BITS = (1 << 32) - 1


def cut(stamp: Stamp) -> Stamp:
    """Return a stamp as git keeps it: with 32 bits of the size and of the inode."""
    return stamp._replace(size=stamp.size & _BITS, inode=stamp.inode & _BITS)


# An entry of the index, with flags for files that are only intended to be added, or not to be compared.
_STAGED = re.compile(
    rb"(?P<mode>\d+) (?P<id>[0-9a-f]+) (?P<stage>\d)\t(?P<path>[^\0]+)\0"
    rb"  ctime: (?P<ctime>\d+:\d+)\n  mtime: (?P<mtime>\d+:\d+)\n  dev: \d+\tino: (?P<inode>\d+)\n"
    rb"  uid: \d+\tgid: \d+\n  size: (?P<size>\d+)\tflags: (?P<flags>[0-9a-f]+)\n"
)
_INTENT_TO_ADD = 1 << 29
_SKIP_WORKTREE = 1 << 30


def staged(repository: Repository) -> tuple[Staged, ...]:
    """Return what the next commit holds. Raises WorkError while a merge has conflicts.

    git's own comparison with the disk would run the filters that the repository's configuration names, so git is asked
    for its stamps instead. git does not promise their form: raises WorkError when it is not the one that is known.
    """
    said = run(repository, "ls-files", "--stage", "--debug", "-z")
    written_ns = _index_mtime_ns(repository)
    found, end = [], 0
    for match in _STAGED.finditer(said):
        if match.start() != end or match["stage"] != b"0":
            break
        end, flags = match.end(), int(match["flags"], 16)
        if not flags & _INTENT_TO_ADD:
            blob = Blob(os.fsdecode(match["path"]), int(match["mode"], 8), match["id"].decode())
            mtime_ns, ctime_ns = _ns(match["mtime"]), _ns(match["ctime"])
            stamp = Stamp(int(match["size"]), mtime_ns, ctime_ns, int(match["inode"]))
            # As git does: a file that was written to in the moment of the index may have been written to after it.
            is_known = not flags and mtime_ns < written_ns
            found.append(Staged(blob, stamp if is_known else None, bool(flags & _SKIP_WORKTREE)))
    if end == len(said):
        return tuple(found)
    if run(repository, "ls-files", "--unmerged", "-z"):
        raise WorkError(f"{repository.top} has unmerged files: settle the conflicts and git add them first")
    raise WorkError(f"cannot understand what git ls-files --debug says of {repository.top}: is git newer than mdcache?")


def kept(repository: Repository) -> tuple[Blob, ...]:
    """Return what the index has and the work tree need not: repositories within, and what a sparse checkout leaves out.

    A repository within may not have been cloned. What is marked skip-worktree is named by the letter S.
    """
    found = []
    for line in run(repository, "ls-files", "--stage", "-t", "-z").split(b"\0")[:-1]:
        about, _, path = line.partition(b"\t")
        letter, mode, id_, _ = about.split(b" ")
        if letter == b"S" or int(mode, 8) == _REPOSITORY:
            found.append(Blob(os.fsdecode(path), int(mode, 8), id_.decode()))
    return tuple(found)


def _index_mtime_ns(repository: Repository) -> int:
    try:
        return os.stat(repository.index_file or os.path.join(repository.git_dir, "index")).st_mtime_ns
    except OSError:
        return 0


def _ns(seconds: bytes) -> int:
    whole, _, rest = seconds.partition(b":")
    return int(whole) * 1_000_000_000 + int(rest)


# A tree names another of its size in 30 bytes, and that one the next: ten of ten entries hold 10,000,000,000 files.
_MOST_ENTRIES, _MOST_BYTES = 1_000_000, 300_000_000
# A path on a disk has 4,096 bytes.
_LONGEST_ENTRY = 65_536
# Of so many more than a few must differ.
_MANY, _ALIKE = 100_000, 20
_ELSEWHERE = re.compile(rb"/\.{0,2}/")


def committed(repository: Repository, commit: str) -> tuple[Blob, ...]:
    """Return what a commit holds.

    Raises WorkError when a partial clone lacks its trees, when it holds no end, and when a name in one leads elsewhere:
    git makes none, but a program that sends objects may.
    """
    found: list[Blob] = []
    ids: dict[str, str] = {}
    asked = command(repository, "ls-tree", "-r", "-t", "-z", "--full-tree", commit)
    with _running(asked, repository.top, environment(repository)) as process:
        for count, line in enumerate(_entries(process, repository.top), 1):
            about, _, path = line.partition(b"\t")
            mode, kind, id_ = about.decode().split(" ")
            if _ELSEWHERE.search(b"/%b/" % path):
                raise WorkError(
                    f"{commit} holds a name that leads elsewhere: {os.fsdecode(path)!r} (git fsck says more)"
                )
            if kind != "tree":
                found.append(Blob(os.fsdecode(path), int(mode, 8), ids.setdefault(id_, id_)))
            if count > _MOST_ENTRIES:
                raise WorkError(f"{commit} of {repository.top} holds more than {_MOST_ENTRIES:,} files and folders")
            if count % _MANY == 0 and len(ids) * _ALIKE < count:
                raise WorkError(f"{commit} of {repository.top} holds the same few files in {count:,} places, or more")
        if process.wait():
            raise lacks(repository, commit)
    return tuple(found)


def _entries(process: subprocess.Popen[bytes], top: str) -> Iterator[bytes]:
    """Yield what git writes with a NUL after each. Raises WorkError when it is too much."""
    answers, rest, length = _answers(process, top), b"", 0
    while piece := answers.read1(_CHUNK):
        length += len(piece)
        if length > _MOST_BYTES:
            raise WorkError(f"git says more than {_MOST_BYTES // 1_000_000} MB of what a revision of {top} holds")
        *whole, rest = (rest + piece).split(b"\0")
        if len(rest) > _LONGEST_ENTRY:  # no disk has such a name, and each piece would copy it again
            raise WorkError(f"a revision of {top} holds a name of more than {_LONGEST_ENTRY:,} bytes")
        yield from whole


def commit_of(repository: Repository, revision: str) -> str | None:
    """Return the id of the commit that a revision names; None when it names none."""
    try:
        said = run(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}")
    except _Silent:
        raise
    except Failed:
        return None
    return said.decode().strip()


def file_of(repository: Repository, commit: str, name: str) -> bytes:
    """Return what a commit holds under an absolute name. Raises WorkError when it holds no such file, or a huge one."""
    asked = command(repository, "cat-file", "blob", f"{commit}:{os.path.relpath(name, repository.top)}")
    with _running(asked, repository.top, environment(repository), with_errors=True) as process:
        text = _answers(process, repository.top).read(LARGEST + 1)
        if len(text) > LARGEST:
            raise Failed(f"it is longer than {LARGEST // 1_000_000} MB")
        _, errors = process.communicate()
    if process.returncode:
        raise Failed(_reason(errors))
    return text


def lacks(repository: Repository, commit: str | None) -> WorkError:
    """Return the error of a partial clone that lacks what a commit holds (None: the index), with what brings it.

    git itself would fetch objects one by one as they are read; to compare trees it fetches all at once.
    """
    compared = "$(git hash-object -t tree /dev/null)"
    wanted = f"{compared} {commit}" if commit else f"--cached {compared}"
    return WorkError(
        f"{repository.top} lacks files of {commit or 'the index'}, as a partial clone does:"
        f" git diff --shortstat {wanted} fetches them all at once (if the clone is damaged, git fsck says so)"
    )


def sizes(repository: Repository, ids: Sequence[str]) -> dict[str, int]:
    """Return the size of each object in bytes; those that a partial clone lacks are left out."""
    if not ids:
        return {}
    asked = "\n".join([*ids, ""]).encode()
    batch = "--batch-check=%(objectname) %(objectsize)"
    try:
        said = run(repository, "cat-file", batch, input=asked)
    except _Silent:
        raise
    except Failed:  # a git before 2.45 wants to fetch what is missing, which we forbid: ask for all that is there
        said = run(repository, "cat-file", "--batch-all-objects", "--unordered", batch)
    wanted = frozenset(ids)
    found = (line.split(" ") for line in said.decode().splitlines())
    return {id_: int(size) for id_, size in found if id_ in wanted and size != "missing"}


def contents(repository: Repository, ids: Sequence[str], take: Callable[[Read, int], _Answer]) -> Iterator[_Answer]:
    """Yield take(read, size) for each object, in their order; read(n) returns at most n further bytes of it."""
    for start in range(0, len(ids), _AT_ONCE):
        yield from _contents(repository, ids[start : start + _AT_ONCE], take)


# To end git and start it again takes as long as to read so much more than is wanted.
_PASSED_OVER = 1 << 23


def _contents(repository: Repository, ids: Sequence[str], take: Callable[[Read, int], _Answer]) -> Iterator[_Answer]:
    at = 0
    while at < len(ids):
        with _running(command(repository, "cat-file", "--batch"), repository.top, environment(repository)) as process:
            assert process.stdin
            answers = _answers(process, repository.top)
            with contextlib.suppress(BrokenPipeError), process.stdin:  # it has ended: what it lacks is said below
                process.stdin.write("\n".join([*ids[at:], ""]).encode())
            left = 0
            while at < len(ids) and left <= _PASSED_OVER:
                about = answers.readline().split()
                if len(about) != 3:
                    raise WorkError(f"{repository.top} lacks the object {ids[at]}: is it damaged? git fsck says so")
                size = int(about[2])
                rest = _Left(answers.read, size)
                at += 1
                yield take(rest.read, size)
                left = rest.left
                if left <= _PASSED_OVER:
                    while rest.read(_CHUNK):
                        pass
                    answers.read(1)


class _Left:
    """Reads what is left of an object, but not beyond its end."""

    def __init__(self, read: Read, size: int) -> None:
        self._read, self.left = read, size

    def read(self, count: int) -> bytes:
        data = self._read(min(count, self.left)) if self.left else b""
        self.left -= len(data)
        return data
