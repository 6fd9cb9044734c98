"""When a watcher does what: pure values and functions of times.

A schedule holds, for everything a watcher does, when that is next to be done. The loop asks which act is due, carries
it out, and takes the schedule that follows from what came of it. Clocks and files are the loop's business; all times
here are seconds of one monotonic clock, so that a test can go through an hour in a moment.

Of all that is due the act that has been due longest comes first. As an act's next time is always later than the moment
it was carried out, others that wait overtake it: nothing waits forever, however busy the files are.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import NamedTuple

NEVER = math.inf

# How often to look at what announces itself to nobody: settings, the roots themselves, the cache. Half as often when
# nothing has been written for a while: waking up is most of what an idle watcher costs.
_LOOK_S, _LOOK_AT_REST_S = 0.5, 1.0
_REST_S = 60.0
# A settings file that is being written is looked at again no sooner than this, whatever the debounce.
_GLANCE_S = 0.05
# A change is in the cache after this time, even if files never come to rest: a multiple of the debounce, which would
# mean nothing under a lower cap, and never less than two seconds.
_AT_MOST, _AT_MOST_S = 10, 2.0
# What can wait for better times waits until nothing has happened for this long; what somebody was in the way of,
# longer.
_IDLE_S, _BUSY_S = 1.0, 10.0
# Comparing everything waits for the hints to be followed first, but no longer than this.
_PATIENCE_S = 10.0
# After a failure wait this long, doubling up to the second, until it is tried again.
_RETRY_S, _RETRY_MAX_S = 0.5, 60.0
# Comparing everything over and over, and looking around, take at most this part of the time each.
_SHARE = 1 / 20


class Act(Enum):
    """What a watcher does; of two acts due at the same time the one that is listed first comes first."""

    LOOK_AROUND = "look at what announces itself to nobody: settings, roots, the cache, the observer"
    OBSERVE = "try again to observe, where only polling was possible"
    FOLLOW = "look at the files that hints name"
    DOUBT = "observe again and compare everything, after folders have moved"
    RECONCILE = "compare everything, whatever was announced"
    RETRY = "look again at what could not be looked at"
    POLL = "compare everything, where nothing can be observed"
    TIDY = "do what is better done when nothing happens"


class Pace(NamedTuple):
    """How fast a watcher goes, in seconds.

    quiet_s: how long files must have been quiet before they are looked at; reconcile_s: how often everything is
    compared; poll_s: how often when nothing is observed; observes: whether to observe at all.
    """

    quiet_s: float
    reconcile_s: float
    poll_s: float
    observes: bool = True

    @property
    def at_most_s(self) -> float:
        """How long a change waits at most for quiet."""
        return max(_AT_MOST * self.quiet_s, _AT_MOST_S)


class Hints(NamedTuple):
    """When the first and the last of the hints came that have not been followed."""

    first: float
    last: float


class Facts(NamedTuple):
    """What the loop knows and the schedule does not.

    hints: None when all are followed; observing: whether an observer is there; left: whether something could not be
    looked at and is to be tried again.
    """

    hints: Hints | None = None
    observing: bool = True
    left: bool = False


class Schedule(NamedTuple):
    """When each act is to be done next; rest_at: from when on nothing has been written for a while."""

    pace: Pace
    look_at: float
    rest_at: float
    observe_at: float
    reconcile_at: float
    compare_at: float
    retry_at: float
    retry_s: float = _RETRY_S
    doubt_at: float = NEVER
    tidy_at: float = NEVER

    # What is due

    def when(self, act: Act, facts: Facts) -> float:
        """Return when an act is to be done, given the facts; NEVER when it is not."""
        patience_s = _PATIENCE_S if facts.hints else 0.0
        match act:
            case Act.LOOK_AROUND:
                return self.look_at
            case Act.OBSERVE:
                return NEVER if facts.observing else self.observe_at
            case Act.FOLLOW:
                return follow_at(self.pace, facts.hints)
            case Act.DOUBT:
                return self.doubt_at + patience_s
            case Act.RECONCILE:
                return self.reconcile_at + patience_s
            case Act.RETRY:
                return self.retry_at if facts.left else NEVER
            case Act.POLL:
                return NEVER if facts.observing else self.compare_at
            case Act.TIDY:
                return NEVER if facts.hints else self.tidy_at

    def next_at(self, facts: Facts) -> float:
        """Return when the next act is due, if nothing happens before."""
        return min(self.when(act, facts) for act in Act)

    def due(self, facts: Facts, now: float) -> Act | None:
        """Return the act that has been due longest; None when none is due yet."""
        act = min(Act, key=lambda act: self.when(act, facts))
        return act if self.when(act, facts) <= now else None

    # What came of it: each returns the schedule that holds from then on

    def looked_around(self, now: float, unsettled: bool = False, took_s: float = 0.0) -> Schedule:
        """unsettled: a settings file is being written; look again when it has had time to come to rest.

        took_s: how long it took to look, which with thousands of roots counts.
        """
        usual_s = _LOOK_S if now < self.rest_at else _LOOK_AT_REST_S
        wait_s = max(self.pace.quiet_s, _GLANCE_S) if unsettled else usual_s
        return self._replace(look_at=now + max(wait_s, took_s / _SHARE))

    def observed(self, now: float) -> Schedule:
        """It was tried to observe; where that failed the limit may be another one later."""
        return self._replace(observe_at=now + self.pace.reconcile_s if self.pace.observes else NEVER)

    def moved(self, now: float) -> Schedule:
        """Folders have moved, which an observer may not have followed."""
        doubt_at = max(now + _IDLE_S, self.compare_at) if self.doubt_at == NEVER else self.doubt_at
        return self._replace(doubt_at=doubt_at)

    def comparing(self, now: float) -> Schedule:
        """Everything is going to be compared. If that fails it is tried again as failures are, not sooner."""
        return self._replace(reconcile_at=now + self.pace.reconcile_s, compare_at=now + self.pace.poll_s)

    def doubted(self) -> Schedule:
        """Everything is going to be compared by a new observer."""
        return self._replace(doubt_at=NEVER)

    def compared(self, began: float, now: float) -> Schedule:
        """Everything has been compared, from began until now."""
        spare_at = now + (now - began) / _SHARE
        return self._replace(reconcile_at=now + self.pace.reconcile_s, compare_at=max(now + self.pace.poll_s, spare_at))

    def failed(self, now: float) -> Schedule:
        """Something is left to be tried again: later each time, but not later because more has failed meanwhile."""
        if now < self.retry_at:
            return self
        return self._replace(retry_at=now + self.retry_s, retry_s=min(self.retry_s * 2, _RETRY_MAX_S))

    def recovered(self) -> Schedule:
        """Nothing fails any more, or what made it fail may be gone: the next failure is tried again soon."""
        return self._replace(retry_s=_RETRY_S)

    def wrote(self, now: float) -> Schedule:
        """The cache has been written to: there is something to tidy, and others may follow soon."""
        return self._replace(tidy_at=now + _IDLE_S, rest_at=now + _REST_S)

    def tidied(self, now: float, all_done: bool) -> Schedule:
        """all_done: nobody was in the way."""
        return self._replace(tidy_at=NEVER if all_done else now + _BUSY_S)


def follow_at(pace: Pace, hints: Hints | None) -> float:
    """Return when to follow the hints: quiet_s after the last, but at most at_most_s after the first."""
    return min(hints.last + pace.quiet_s, hints.first + pace.at_most_s) if hints else NEVER


def start(pace: Pace, now: float) -> Schedule:
    """Return the schedule of a watcher that begins now."""
    return Schedule(
        pace=pace,
        look_at=now,
        rest_at=now + _REST_S,
        observe_at=now if pace.observes else NEVER,
        reconcile_at=now + pace.reconcile_s,
        compare_at=now + pace.poll_s,
        retry_at=now,
    )
