"""Hostile places: whatever came along with a folder, commands end in time, small, and harm and tell nothing."""

from __future__ import annotations

import glob
import os
import random
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from torture import bench, judge, stranger
from torture.bench import Part, Trial
from torture.judge import Ended, Listing
from torture.kinds import Kind, beside, caches, documents, names, patterns, repositories, schemas, settings
from torture.kinds.open import OPEN

FAMILIES = {
    "documents": documents.KINDS,
    "settings": settings.KINDS,
    "patterns": patterns.KINDS,
    "schemas and rules": schemas.KINDS,
    "repositories": repositories.KINDS,
    "names and trees": names.KINDS,
    "caches": caches.KINDS,
    "beside caches": beside.KINDS,
}
_MDCACHE = (sys.executable, "-P", "-m", "mdcache")
# A command that ends sooner is not stopped in its midst.
_LONG_S = 1.0
# A short round tries so many kinds of a family. A full one tries all, with so many commands beside the first.
_SHORT, _OTHERS = 12, 2


def run(trial: Trial) -> None:
    """Nothing that a stranger has put into a folder makes a command slow, large, talkative or dangerous."""
    for family, kinds in FAMILIES.items():
        named = [kind for kind in kinds if trial.only in f"{family}: {kind.name}"]
        if named:
            with trial.part(family) as part:
                part.unit = "commands"
                for kind in _some(trial, named):
                    _tried(trial, part, kind)


def _some(trial: Trial, kinds: Sequence[Kind]) -> Sequence[Kind]:
    """Return the kinds to try: all, or in a short round some of those that hold."""
    if not trial.short:
        return kinds
    drawn = sorted(kinds, key=lambda kind: random.Random(f"{trial.seed} {kind.name}").random())
    return [kind for kind in drawn[:_SHORT] if kind.name not in OPEN]


def _tried(trial: Trial, part: Part, kind: Kind) -> None:
    slow = judge.slowness()
    first, *others = kind.commands
    for command in (first, *trial.chance.sample(others, min(trial.amount(0, _OTHERS), len(others)))):
        words = tuple(shlex.split(command)) if isinstance(command, str) else command
        with part.point(f"{kind.name}: {shlex.join(words)}"):
            ended = _held(trial, kind, words, slow)
            for stop in (signal.SIGINT, signal.SIGTERM) if ended.seconds > _LONG_S * slow else ():
                part.faults += 1
                _held(trial, kind, words, slow, stop)


def _held(trial: Trial, kind: Kind, words: Sequence[str], slow: float, stop: signal.Signals | None = None) -> Ended:
    """Run a command on a new place of this kind; what is wrong with it is an error. One that is late is tried again."""
    wrong, ended = _judged(trial, kind, words, slow, stop)
    if ended.stopped:
        wrong, ended = _judged(trial, kind, words, max(slow, judge.slowness()), stop)
    assert not wrong, "\n  ".join((f"after {stop.name}:" if stop else "", *wrong, f"stderr: {ended.err[-300:]!r}"))
    return ended


def _judged(
    trial: Trial, kind: Kind, words: Sequence[str], slow: float, stop: signal.Signals | None
) -> tuple[list[str], Ended]:
    place = stranger.place(trial.folder / "place")
    temporary = trial.folder / "temporary"
    try:
        kind.make(place)
        before = _there(place, kind)
        ended = judge.run((*_MDCACHE, *words), place.folder / kind.at, temporary, slow, stop)
        statuses = {*kind.statuses, 130, 143, -signal.SIGINT, -signal.SIGTERM} if stop else kind.statuses
        return [*judge.faults(ended, place, statuses), *_left(before, _there(place, kind), temporary, ended)], ended
    finally:
        stranger.cleared(place.parent)


def _there(place: stranger.Place, kind: Kind) -> Listing:
    """Return all that a command on a kind of place must leave as it is."""
    own = os.path.normpath(f"clone/{glob.escape(kind.at)}/.mdcache")
    kept = judge.listing(place.folder / ".mdcache") if kind.must_not else {}
    return {
        **judge.listing(place.parent, (own, *kind.may_change)),
        **{f".mdcache/{path}": seen for path, seen in kept.items() if path in kind.must_not},
    }


def _left(before: Listing, after: Listing, temporary: Path, ended: Ended) -> Iterator[str]:
    """Yield what a command has changed that was to stay, and what it has left behind."""
    if changed := judge.changed(before, after):
        yield f"changes {', '.join(map(repr, changed[:5]))}"
    if not ended.stopped and (left := [file.name for file in temporary.iterdir()]):
        yield f"leaves {left} in the folder for temporary files"
    stranger.cleared(temporary)


if __name__ == "__main__":
    bench.alone(run)
