"""Ctrl-C and SIGTERM at every system call by which rebuild, sync and watch touch documents and cache."""

from torture import bench, strace, sweep
from torture.bench import Trial


def run(trial: Trial) -> None:
    """What exit status and message say of the cache is true, wherever the signal comes. Which one it is, is chance."""
    if not strace.works():
        trial.lacks("all", "strace")
        return
    for subject in sweep.SUBJECTS:
        with trial.part(f"{subject.name}, INT or TERM") as part:
            swept = sweep.Sweep(trial, subject)
            all_ = swept.points()
            swept.strike(part, all_, trial.amount(2, 300), lambda: f"signal={trial.chance.choice(('INT', 'TERM'))}")


if __name__ == "__main__":
    bench.alone(run)
