"""Plain git hooks: before a commit or a merge they judge what it would bring, afterwards they keep the cache fresh.

What stands where a hook is to be written keeps its bytes and its mode under another name; ours calls it first, and
uninstall puts it back. A hook of ours ends in a checksum of itself, so that one that was edited or replaced is known.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from shlex import quote
from typing import NamedTuple

from mdcache.config.settings import Settings
from mdcache.errors import UsageError, WorkError, doing
from mdcache.files.git import Repository, repository
from mdcache.paths import lies_in
from mdcache.store import place, watchstate

CHECKS = ("pre-commit", "pre-merge-commit")
# A rebase replays commits one after the other; only post-rewrite tells that it has ended.
SYNCS = ("post-checkout", "post-merge", "post-commit", "post-rewrite")
HOOKS = (*CHECKS, *SYNCS)
KEPT = ".before-mdcache"
_SIGNATURE = "# mdcache hook "
# No hook of ours is longer.
_LONGEST = 1 << 16
# Nobody waits long for git because somebody else writes to the cache.
_WAIT_S = 2.0


class Where(NamedTuple):
    """Which documents the hooks are about. folder: where mdcache is to run, relative to the top, '' for the top itself.

    options: of the command line, with values.
    """

    folder: str
    options: tuple[str, ...] = ()


class Done(NamedTuple):
    """What became of one hook; kept is the file of the hook that stood there before, None when there is none.

    written, rewritten, unchanged; removed, restored, absent; or left, for that it is not ours (any more).
    """

    hook: str
    action: str
    path: str
    kept: str | None


class _Found(NamedTuple):
    """What stands where a hook goes: absent, ours, edited (was ours), other, or moved (ours, by another tool).

    path: the hook's, or where it was moved to; content: of a hook of ours, None for any other; kept: the file of what
    stood there before, if there is one.
    """

    hook: str
    path: str
    kind: str
    content: bytes | None
    kept: str | None


def where(repository: Repository, settings: Settings, folder: str, config: str | None, database: str | None) -> Where:
    """From where the hooks find these settings, in each work tree of the repository."""
    top = os.path.realpath(repository.top)
    if settings.file and not config:
        home = os.path.realpath(os.path.dirname(settings.file))
    else:
        home = os.path.realpath(folder) if settings.roots or config or database else top
    inside = home if lies_in(home, top) else top
    named = {"--config": settings.file if config else None, "--db": settings.database if database else None}
    options = [word for name, path in named.items() if path for word in (name, _from(inside, top, path))]
    return Where("" if inside == top else os.path.relpath(inside, top), tuple(options))


def _from(folder: str, top: str, path: str) -> str:
    path = os.path.realpath(path)
    return os.path.relpath(path, folder) if lies_in(path, top) else path


def program(called: str, interpreter: str) -> str:
    """The command that runs now, absolute; without one its name, to be looked for on the PATH."""
    beside = os.path.join(os.path.dirname(interpreter), "mdcache")
    for one in (shutil.which(called) or "", beside):
        if os.path.basename(one) == "mdcache" and os.access(one, os.X_OK):
            return os.path.abspath(one)
    return "mdcache"


# Install and uninstall


def install(repository: Repository, where: Where, program: str, path: str | None = None) -> list[Done]:
    """Write all hooks, or none. Return what became of each.

    Args:
        repository: where to write them.
        where: which documents they are about.
        program: the command that they run.
        path: the PYTHONPATH that it needs, None for none.

    Raises:
        WorkError, UsageError: a hook that stands there would be lost, or they cannot be written.
    """
    folder = _folder(repository)
    texts = [script(hook, where, program, path) for hook in HOOKS]
    with doing(f"write the hooks in {folder}"):
        found = [_find(folder, hook) for hook in HOOKS]
        for one in found:
            _refuse_to_lose(one)
        place.make_folders(folder)
        return [_install(one, text.encode(errors="surrogateescape")) for one, text in zip(found, texts, strict=True)]


def _install(found: _Found, content: bytes) -> Done:
    done = Done(found.hook, "written", found.path, found.kept)
    if found.content == content:
        return done._replace(action="unchanged")
    with _beside(found, content) as ours:
        if found.kind == "other":
            done = done._replace(kept=found.path + KEPT)
            os.rename(found.path, found.path + KEPT)
        os.replace(ours, found.path)
    return done._replace(action="rewritten") if found.content else done


def uninstall(repository: Repository) -> list[Done]:
    """Take our hooks away, and put back what stood there before."""
    folder = _folder(repository)
    with doing(f"write the hooks in {folder}"):
        return [_uninstall(_find(folder, hook)) for hook in HOOKS]


def _uninstall(found: _Found) -> Done:
    done = Done(found.hook, "left", found.path, found.kept)
    if found.kind in ("other", "edited", "moved"):
        return done
    if found.kept:
        os.replace(found.kept, found.path)
        return done._replace(action="restored", kept=None)
    if found.kind == "absent":
        return done._replace(action="absent")
    os.unlink(found.path)
    return done._replace(action="removed")


class Standing(NamedTuple):
    """A hook of ours, or the place of one. idle: why git does not run it, None when it does; fix: what helps."""

    path: str
    idle: str | None
    fix: str | None


def standing(repository: Repository) -> list[Standing]:
    """How the hooks stand, once they were installed; empty when they never were. Raises WorkError."""
    folder = repository.hooks_folder()
    with doing(f"write the hooks in {folder}"):
        found = [_find(folder, hook) for hook in HOOKS]
    if not any(one.kind in ("ours", "edited", "moved") or one.kept for one in found):
        return []
    return [Standing(one.path, *_idle(one)) for one in found if one.kind != "moved"]


def _idle(found: _Found) -> tuple[str | None, str | None]:
    again = "mdcache hook install"
    if found.kind == "absent":
        return "is gone", again
    if found.kind == "edited":
        return "was edited since mdcache wrote it", f"move it away, then {again}"
    if found.kind == "other":
        return "is not the hook of mdcache", f"remove {quote(found.kept)}, then {again}" if found.kept else again
    return (None, None) if os.access(found.path, os.X_OK) else ("is not executable", f"chmod +x {quote(found.path)}")


def _folder(repository: Repository) -> str:
    """Where git looks for hooks; refused where they would be others', too."""
    folder = repository.hooks_folder()
    real = os.path.realpath(folder)
    own = (repository.common_dir, *((repository.top,) if repository.owns_its_top() else ()))
    if not any(lies_in(real, os.path.realpath(one)) for one in own):
        raise UsageError(
            f"the hooks lie outside the repository, in {real} (core.hooksPath?), where they serve others, too:"
            " call mdcache check --staged from the pre-commit there"
        )
    if os.path.basename(real) == "_" and os.path.exists(os.path.join(real, "h")):
        raise UsageError(
            f"the hooks in {real} are husky's, which rewrites them: add mdcache check --staged to .husky/pre-commit,"
            " and mdcache hook sync to .husky/post-checkout and its like"
        )
    return folder


def _refuse_to_lose(found: _Found) -> None:
    if found.kind == "edited":
        raise WorkError(f"{found.path} was edited since mdcache wrote it: move it away, or undo the change")
    if found.kind == "other" and found.kept:
        raise WorkError(
            f"{found.path} has replaced the hook of mdcache, and {found.kept} is kept from before: remove one of them"
        )
    if found.kind == "other" and _asks_its_name(found.path):
        raise WorkError(
            f"{found.path} asks by which name it was called, so it cannot be called by another: call"
            f" mdcache {'check --staged' if found.hook in CHECKS else 'hook sync'} from it"
        )


# Dispatchers: one file under many names, that runs what its name says.
_NAME_OF_ITSELF = re.compile(rb"basename[^\n]*(\$0|\$\{0|PROGRAM_NAME|argv\[0\])|\$\{0##")


def _asks_its_name(path: str) -> bool:
    if not os.path.isfile(path):
        return False  # a FIFO would hold us up
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return bool(_NAME_OF_ITSELF.search(file.read(_LONGEST)))
    return False


def _find(folder: str, hook: str) -> _Found:
    path = os.path.join(folder, hook)
    kept = path + KEPT if os.path.lexists(path + KEPT) else None
    content = _content(path)
    if content is not None and _is_signed(content):
        return _Found(hook, path, "ours", content, kept)
    for moved in _siblings(folder, hook):
        if _is_signed(elsewhere := _content(moved) or b""):
            return _Found(hook, moved, "moved", elsewhere, kept)
    if content is not None:
        return _Found(hook, path, "edited", content, kept)
    return _Found(hook, path, "other" if os.path.lexists(path) else "absent", None, kept)


def _siblings(folder: str, hook: str) -> list[str]:
    """`pre-commit.legacy` and its like: what tools make of a hook that stands in their way."""
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return [os.path.join(folder, name) for name in names if name.startswith(hook + ".") and name != hook + KEPT]


def _content(path: str) -> bytes | None:
    """What a hook of ours says; None for anything else."""
    if os.path.islink(path) or not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        content = file.read(_LONGEST)
    return content if _SIGNATURE.encode() in content else None


@contextlib.contextmanager
def _beside(found: _Found, content: bytes) -> Iterator[str]:
    """A new file to be moved where the hook goes; executable as far as umask lets it, but nobody else writes to it."""
    beside = os.path.join(os.path.dirname(found.path), f".mdcache-{found.hook}-{os.getpid()}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o755)
        with open(descriptor, "wb") as file:
            file.write(content)
        yield beside
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)


# The scripts


def script(hook: str, where: Where, program: str, path: str | None = None) -> str:
    """Return the hook's text, in POSIX sh."""
    folder = ("-C", where.folder) if where.folder else ()
    values = {
        "hook": hook,
        "kept": hook + KEPT,
        "program": quote(program),
        "path": "unset PYTHONPATH" if path is None else f"export PYTHONPATH={quote(path)}",
        "there": f"[ -d {quote(where.folder)} ] || exit $status\n" if where.folder else "",
        "options": " ".join(map(quote, (*folder, *where.options))),
    }
    text = _HEAD.format_map(values) + (_CHECK if hook in CHECKS else _SYNC).format_map(values)
    return f"{text}{_SIGNATURE}{_checksum(text.encode(errors='surrogateescape'))}\n"


# Another tool may have moved this file, or have copied what was kept to where this file was.
_HEAD = """\
#!/bin/sh
# Written by `mdcache hook install`, taken away by `mdcache hook uninstall`.
here=${{0%/*}}
kept=$here/{kept}
mdcache={program}
[ -x "$mdcache" ] || mdcache=mdcache
status=0
if [ -f "$kept" ] && [ -x "$kept" ] && ! cmp -s "$kept" "$here/{hook}"; then
    "$kept" "$@" || status=$?
fi
# mdcache imports nothing that lies in the working folder, or elsewhere in its own place.
{path}
export PYTHONSAFEPATH=1
"""
_CHECK = """\
[ $status = 0 ] || exit $status
{there}"$mdcache" {options} check --staged || status=$?
if [ $status = 126 ] || [ $status = 127 ]; then
    echo "mdcache is gone: install it, or remove $0; git commit --no-verify does without it" >&2
fi
exit $status
"""
# One line at most, whatever becomes of it.
_SYNC = """\
{there}"$mdcache" {options} hook sync {hook} "$@" </dev/null 2>&1 | tail -n 1 >&2
exit $status
"""


def _is_signed(content: bytes) -> bool:
    text, _, checksum = content.rpartition(_SIGNATURE.encode())
    return checksum == _checksum(text).encode() + b"\n"


def _checksum(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


# What the hooks after a change do


def sync(settings: Callable[[], Settings], folder: str, after: Sequence[str], environment: Mapping[str, str]) -> None:
    """Bring the cache up to date, if there is one and nobody watches, and no rebase is on its way.

    after: the hook and its arguments, as git gives them. Raises MdcacheError.
    """
    rewrite = after[1] if len(after) > 1 and after[0] == "post-rewrite" else None
    rewrite = rewrite or environment.get("PRE_COMMIT_REWRITE_COMMAND")
    # An amended commit has been through post-commit.
    if rewrite == "amend" or (rewrite is None and repository(folder).is_rebasing()):
        return
    found = settings()
    if not os.path.exists(found.database) or _is_watched(found.database):
        return
    from mdcache.syncing import sync as driver

    driver.sync(found, driver.Options(_WAIT_S))


def _is_watched(database: str) -> bool:
    seen = watchstate.read(database)
    return seen is not None and bool(seen.alive)
