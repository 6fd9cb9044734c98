"""Make sure that what mdcache remembers here does not come with a repository.

What lies in the state folder is believed. Where the home folder lies within a checkout, as in some CI jobs, who
changes the repository could bring it. A home folder that is a repository itself, of settings, say, is fine as long as
git tracks nothing in the state folder.
"""

from __future__ import annotations

import os

from mdcache import state
from mdcache.errors import UsageError, WorkError
from mdcache.files import git
from mdcache.paths import fold, lies_in, up

_REMEDY = "name a folder outside with MDCACHE_STATE"


def insist_on_own_state(folder: str) -> None:
    """Raise UsageError where a repository has put something into the state folder, or may have.

    Without a state folder, or a repository around it, git is not asked.

    Args:
        folder: the working folder. Where git cannot tell, as without git, a repository around both counts.
    """
    for place in filter(os.path.isdir, state.folders()):
        real = os.path.realpath(place)
        for top in (one for one in up(real) if os.path.lexists(os.path.join(one, ".git"))):
            _insist(place, real, top, folder)


def _insist(place: str, real: str, top: str, folder: str) -> None:
    try:
        tracks = _tracks(top, real)
    except WorkError as error:
        if lies_in(os.path.realpath(folder), top):
            raise UsageError(
                f"{place} is believed and lies in the repository {top}, but git cannot say whether it came"
                f" with that ({error}): {_REMEDY}"
            ) from error
        return
    if tracks:
        raise UsageError(
            f"{place} is believed, but holds files that the repository {top} tracks: {_REMEDY}, or untrack them"
        )


def _tracks(top: str, real: str) -> bool:
    """Return whether the repository that lies in a folder tracks a place below it, or anything in that.

    File systems may know no case. Raises WorkError when git cannot tell, as where it is not installed.
    """
    try:
        repository = git.repository(top)
    except UsageError:  # it is none, or none that git would check out
        return False
    tracked = git.run(repository, "ls-files", "-z").split(b"\0")[:-1]
    folder = fold(os.path.realpath(repository.top))
    return any(lies_in(os.path.join(folder, fold(os.fsdecode(path))), fold(real)) for path in tracked)
