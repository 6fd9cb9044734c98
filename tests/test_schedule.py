"""The watcher's schedule: tables of what is due when, and what holds of hours of any events."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdcache.watching import schedule
from mdcache.watching.schedule import NEVER, Act, Facts, Hints, Pace, Schedule

PACE = Pace(quiet_s=0.2, reconcile_s=300.0, poll_s=2.0)
QUIET, BUSY, POLLING, LEFT = Facts(), Facts(Hints(100.0, 100.0)), Facts(observing=False), Facts(left=True)
AT_100 = schedule.start(PACE, 100.0)


# When to follow hints


@pytest.mark.parametrize(
    ("quiet_s", "first", "last", "at"),
    [
        (0.2, 10.0, 10.0, 10.2),  # one hint: when it has been quiet
        (0.2, 10.0, 11.0, 11.2),  # each hint puts it off
        (0.2, 10.0, 11.9, 12.0),  # but never past two seconds
        (0.2, 10.0, 99.0, 12.0),
        (0.02, 10.0, 99.0, 12.0),
        (5.0, 10.0, 10.0, 15.0),  # a longer debounce is not cut short
        (5.0, 10.0, 50.0, 55.0),
        (5.0, 10.0, 99.0, 60.0),
    ],
)
def test_hints_are_followed_when_it_is_quiet_and_never_too_late(
    quiet_s: float, first: float, last: float, at: float
) -> None:
    assert schedule.follow_at(PACE._replace(quiet_s=quiet_s), Hints(first, last)) == pytest.approx(at)


@given(st.floats(0.001, 1e6))
def test_the_cap_follows_the_debounce(quiet_s: float) -> None:
    assert PACE._replace(quiet_s=quiet_s).at_most_s >= max(2.0, 2 * quiet_s)


# What is due


@pytest.mark.parametrize(
    ("now", "facts", "plan", "act"),
    [
        (100.0, QUIET, AT_100, Act.LOOK_AROUND),
        (100.0, QUIET, AT_100.looked_around(100.0), None),
        (100.4, QUIET, AT_100.looked_around(100.0), None),
        (100.5, QUIET, AT_100.looked_around(100.0), Act.LOOK_AROUND),
        (100.2, BUSY, AT_100.looked_around(100.0), Act.FOLLOW),
        (100.1, BUSY, AT_100.looked_around(100.0), None),
        (160.0, BUSY, AT_100.looked_around(100.0), Act.FOLLOW),  # has been due longest
        (102.0, POLLING, AT_100.looked_around(101.9).observed(100.0), Act.POLL),
        (102.0, QUIET, AT_100.looked_around(101.9), None),
        (100.1, POLLING, AT_100.looked_around(100.0), Act.OBSERVE),
        (100.1, LEFT, AT_100.looked_around(100.0).failed(100.0), None),
        (100.5, LEFT, AT_100.looked_around(100.1).failed(100.0), Act.RETRY),
        (100.5, QUIET, AT_100.looked_around(100.1).failed(100.0), None),
        (400.0, QUIET, AT_100.looked_around(399.9), Act.RECONCILE),
        (401.1, QUIET, AT_100.compared(100.0, 101.0).looked_around(401.0), Act.RECONCILE),
        (400.9, QUIET, AT_100.compared(100.0, 101.0).looked_around(400.8), None),
        (101.0, QUIET, AT_100.looked_around(100.9).wrote(100.0), Act.TIDY),
        (100.9, QUIET, AT_100.looked_around(100.8).wrote(100.0), None),
        (102.0, QUIET, AT_100.looked_around(101.9).moved(100.0), Act.DOUBT),
        (101.9, QUIET, AT_100.looked_around(101.8).moved(100.0), None),
    ],
)
def test_what_is_due(now: float, facts: Facts, plan: Schedule, act: Act | None) -> None:
    assert plan.due(facts, now) is act


@pytest.mark.parametrize("act", [Act.DOUBT, Act.RECONCILE])
def test_comparing_everything_lets_hints_go_first_but_not_for_ever(act: Act) -> None:
    plan = AT_100.moved(100.0)
    assert plan.when(act, BUSY) == plan.when(act, QUIET) + 10


def test_what_can_wait_for_better_times_waits_for_them() -> None:
    plan = AT_100.wrote(100.0)
    assert plan.when(Act.TIDY, BUSY) == NEVER
    assert plan.tidied(101.0, all_done=False).when(Act.TIDY, QUIET) == 111.0
    assert plan.tidied(101.0, all_done=True).when(Act.TIDY, QUIET) == NEVER


def test_where_nothing_is_to_be_observed_that_is_never_tried() -> None:
    plan = schedule.start(PACE._replace(observes=False), 100.0)
    assert plan.when(Act.OBSERVE, POLLING) == NEVER == plan.observed(200.0).when(Act.OBSERVE, POLLING)


def test_looking_around_is_rarer_when_nothing_has_been_written_for_a_minute() -> None:
    assert AT_100.looked_around(159.0).look_at == 159.5
    assert AT_100.looked_around(160.0).look_at == 161.0
    assert AT_100.wrote(130.0).looked_around(160.0).look_at == 160.5


def test_looking_around_thousands_of_roots_takes_a_small_part_of_the_time() -> None:
    assert AT_100.looked_around(100.0, took_s=0.02).look_at == 100.5
    assert AT_100.looked_around(100.0, took_s=0.1).look_at == 102.0
    assert AT_100.looked_around(100.0, unsettled=True, took_s=0.1).look_at == 102.0


def test_settings_that_are_being_written_are_looked_at_when_they_may_have_come_to_rest() -> None:
    assert AT_100.looked_around(100.0, unsettled=True).look_at == pytest.approx(100.2)
    hasty = schedule.start(PACE._replace(quiet_s=1e-6), 100.0)
    assert hasty.looked_around(100.0, unsettled=True).look_at == pytest.approx(100.05)


def test_failures_are_tried_again_less_and_less_often() -> None:
    plan, waits = AT_100, []
    for _ in range(10):
        now = plan.retry_at
        plan = plan.failed(now)
        waits.append(plan.retry_at - now)
    assert waits == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert plan.failed(plan.retry_at - 1) == plan  # another failure meanwhile puts nothing off
    now = plan.retry_at
    assert plan.recovered().failed(now).retry_at == now + 0.5


def test_comparing_everything_takes_at_most_a_twentieth_of_the_time() -> None:
    assert AT_100.compared(100.0, 100.01).compare_at == 102.01
    assert AT_100.compared(100.0, 103.0).compare_at == 163.0


def test_a_second_folder_that_moves_does_not_put_off_the_doubt_about_the_first() -> None:
    plan = AT_100.moved(105.0)
    assert plan.doubt_at == 106.0
    assert plan.moved(105.9).doubt_at == 106.0
    assert plan.doubted().moved(107.0).doubt_at == 108.0


# Whatever happens


class Event(NamedTuple):
    """Something that happens after a while: a hint, perhaps that folders have moved, or that all looks fail or work."""

    after_s: float
    moved: bool
    fails: bool
    observing: bool


EVENTS = st.lists(
    st.builds(Event, st.floats(0.001, 5.0), st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=30
)
PACES = st.builds(Pace, st.floats(0.01, 10.0), st.floats(5.0, 60.0), st.floats(1.0, 60.0), st.booleans())
simulated = settings(deadline=None, max_examples=50)


class Watcher:
    """The loop without its effects: a clock that jumps to what is next, and acts that take a given time."""

    def __init__(self, pace: Pace, took_s: float, often: bool) -> None:
        self.now, self.took_s = 1000.0, took_s
        self.plan = schedule.start(pace, self.now)
        self.hints: Hints | None = None
        self.moved = self.fails = self.left = False
        self.observing = pace.observes
        # Where hints come without a pause, one is there whenever an act ends.
        self.often = often
        self.due_since: dict[Act, float] = {}
        self.done: list[tuple[Act, float, float]] = []

    @property
    def facts(self) -> Facts:
        return Facts(self.hints, self.observing, self.left)

    def happen(self, event: Event) -> None:
        self.run_until(self.now + event.after_s)
        self.hints = Hints(self.hints.first if self.hints else self.now, self.now)
        self.moved |= event.moved
        self.fails = event.fails
        self.observing = event.observing and self.plan.pace.observes

    def run_until(self, end: float) -> None:
        while (at := max(self.plan.next_at(self.facts), self.now)) <= end:
            self.now = at
            due = {act for act in Act if self.plan.when(act, self.facts) <= at}
            self.due_since = {act: self.due_since.get(act, at) for act in due}
            act = self.plan.due(self.facts, at)
            assert act in due, "it wakes for nothing"
            self.do(act)
            assert self.plan.when(act, self.facts) > at, f"{act} is due again at once"
            self.done.append((act, self.due_since.pop(act), at))
            if self.often and not self.hints:
                self.hints = Hints(self.now, self.now)
        assert self.plan.due(self.facts, self.now) is None or self.now > end
        self.now = max(self.now, end)

    def do(self, act: Act) -> None:
        """What the loop does with the schedule, and the time that it takes."""
        match act:
            case Act.LOOK_AROUND:
                self.plan = self.plan.looked_around(self.now)
            case Act.OBSERVE:
                self.plan = self.plan.observed(self.now)
            case Act.FOLLOW:
                self.hints = None
                if self.moved and self.observing:
                    self.plan = self.plan.moved(self.now)
                self.moved = False
                self.look(False)
            case Act.DOUBT:
                self.plan = self.plan.doubted().comparing(self.now)
                self.look(True)
            case Act.RECONCILE | Act.POLL:
                self.plan = self.plan.comparing(self.now)
                self.look(True)
            case Act.RETRY:
                self.left = False
                self.look(True)
            case Act.TIDY:
                self.plan = self.plan.tidied(self.now, all_done=not self.fails)

    def look(self, everything: bool) -> None:
        began = self.now
        self.now += self.took_s
        if self.fails:
            self.left = True
            self.plan = self.plan.failed(self.now)
            return
        if everything:
            self.left = False
            self.plan = self.plan.compared(began, self.now)
        self.plan = self.plan.wrote(self.now)


@simulated
@given(PACES, EVENTS, st.floats(0.001, 3.0), st.booleans())
def test_nothing_that_is_due_waits_forever(pace: Pace, events: list[Event], took_s: float, often: bool) -> None:
    """Between the moment an act is due and its turn every other act comes at most once; so all is compared in time."""
    watcher = Watcher(pace, took_s, often)
    for event in events:
        watcher.happen(event)
    watcher.run_until(watcher.now + 2 * pace.reconcile_s + 30)
    for act, due, began in watcher.done:
        assert began - due <= len(Act) * took_s + 1e-6, f"{act} waited"
    compared = [began for act, _, began in watcher.done if act in (Act.RECONCILE, Act.DOUBT, Act.POLL, Act.RETRY)]
    slack_s = pace.reconcile_s + 10 + (len(Act) + 1) * took_s + 1e-6
    assert all(later - one <= slack_s for one, later in zip([1000.0, *compared], compared, strict=False))
    assert compared


@simulated
@given(PACES, EVENTS, st.floats(0.001, 3.0))
def test_no_hint_waits_past_the_cap(pace: Pace, events: list[Event], took_s: float) -> None:
    watcher = Watcher(pace, took_s, often=False)
    for event in events:
        watcher.happen(event)
        assert watcher.hints and watcher.now - watcher.hints.first <= pace.at_most_s + len(Act) * took_s
    watcher.run_until(watcher.now + pace.at_most_s + len(Act) * took_s)
    assert watcher.hints is None


@simulated
@given(PACES)
def test_where_all_fails_it_does_not_spin(pace: Pace) -> None:
    watcher = Watcher(pace, 0.0, often=False)
    watcher.happen(Event(0.001, False, True, False))
    watcher.done.clear()
    watcher.run_until(watcher.now + 60)
    counts = Counter(act for act, _, _ in watcher.done)
    assert counts[Act.RETRY] <= 8 and counts[Act.LOOK_AROUND] <= 121
    assert counts[Act.POLL] <= 60 / pace.poll_s + 1 and counts[Act.RECONCILE] <= 60 / pace.reconcile_s + 1
