"""kill -9 at every system call by which rebuild, sync and watch touch documents and cache."""

from torture import bench, strace, sweep
from torture.bench import Trial


def run(trial: Trial) -> None:
    """Between two such calls the files do not change, so these are all the moments there are."""
    if not strace.works():
        trial.lacks("all", "strace")
        return
    for subject in sweep.SUBJECTS:
        with trial.part(f"{subject.name}, kill -9") as part:
            swept = sweep.Sweep(trial, subject)
            swept.strike(part, swept.points(), trial.amount(3, None), lambda: sweep.KILL)


if __name__ == "__main__":
    bench.alone(run)
