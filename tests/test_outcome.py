"""What an error says, and the exit status it ends in."""

from __future__ import annotations

import errno

import click
import pytest

from mdcache.cli.main import cli
from mdcache.cli.outcome import Outcome, outcome
from mdcache.errors import Damaged, No, UsageError, WorkError


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (No("nothing found"), Outcome("nothing found", 1)),
        (No(""), Outcome("", 1)),
        (UsageError("no such folder: x"), Outcome("no such folder: x", 2)),
        (WorkError("no cache"), Outcome("no cache", 3)),
        (Damaged("damaged"), Outcome("damaged", 3)),
        (KeyboardInterrupt(), Outcome("interrupted: the cache is as it was", 130)),
        (click.Abort(), Outcome("interrupted: the cache is as it was", 130)),
        (OSError(errno.ENOSPC, "no space", "out"), Outcome("cannot write out: no space", 3)),
        (ValueError("odd"), Outcome("a bug in mdcache: ValueError: odd: --verbose shows where", 3)),
        (PermissionError(errno.EACCES, "denied"), Outcome(f"a bug in mdcache: PermissionError: [Errno {errno.EACCES}] "
         "denied: --verbose shows where", 3)),
    ],
    ids=str,
)  # fmt: skip
def test_an_error_has_a_line_and_a_status(error: BaseException, expected: Outcome) -> None:
    assert outcome(error) == expected


def test_what_click_says_is_one_line_that_tells_where_to_read_on() -> None:
    context = click.Context(cli, info_name="mdcache")
    assert outcome(click.UsageError("No such\n option.", context)) == Outcome("no such option: see mdcache --help", 2)
    assert outcome(click.UsageError("Odd.")) == Outcome("odd: see mdcache --help", 2)
