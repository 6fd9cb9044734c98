"""A disk that is full (ENOSPC), broken (EIO) or slow (EINTR), at every system call that can fail so."""

import re
from functools import partial

from torture import bench, strace, sweep
from torture.bench import Trial

# Each error, where it may strike, what it may strike there, and at how many points it does in a full round (None: all).
_ERRORS = (
    ("ENOSPC", "./cache", strace.WRITES, None),
    ("EIO", "./", strace.FALLIBLE, None),
    ("EINTR", "./", strace.SLOW, 100),
)


def run(trial: Trial) -> None:
    """One failure each, then the disk is well again."""
    if not strace.works():
        trial.lacks("all", "strace")
        return
    for subject in sweep.SUBJECTS:
        swept = sweep.Sweep(trial, subject)
        all_ = swept.points()
        for error, where, calls, most in _ERRORS:
            with trial.part(f"{subject.name}, {error}") as part:
                some = [point for point in all_ if _is_among(point, where, calls)]
                swept.strike(part, some, trial.amount(1, most), partial(str, f"error={error}"))


def _is_among(point: strace.Point, where: str, calls: re.Pattern[str]) -> bool:
    return where in point.line and bool(calls.fullmatch(point.call))


if __name__ == "__main__":
    bench.alone(run)
