"""One root for everything that can go wrong, each kind with the exit status it ends in.

The library raises; only the command line exits. A message is one line: what happened, to which path, what to do.
"""

import contextlib
from collections.abc import Iterator


class MdcacheError(Exception):
    """Something a user can understand and act on."""

    status = 3


class No(MdcacheError):
    """The answer is 'no': no such id, nothing found, something is wrong in the documents."""

    status = 1


class UsageError(MdcacheError):
    """The command line, the settings or the user's SQL are wrong."""

    status = 2


class WorkError(MdcacheError):
    """The work could not be done; the live database is as it was."""

    status = 3


class Unlisted(WorkError):
    """A folder of documents cannot be listed: what lies below it is not known."""


class Damaged(WorkError):
    """The live database cannot be read: not a database any more, truncated, or pages that make no sense."""


@contextlib.contextmanager
def doing(what: str) -> Iterator[None]:
    """Turn an OSError into a WorkError that says what was refused: `cannot lock /a/x.db.lock: Permission denied`."""
    try:
        yield
    except OSError as error:
        raise WorkError(f"cannot {what}: {error.strerror}") from error
