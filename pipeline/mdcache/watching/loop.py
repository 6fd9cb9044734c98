"""The loop that keeps a cache fresh: it waits for what is due, has it done, and tells what came of it.

Hints are never believed, only followed: what is in the cache comes from the files. Whenever some may be missing -- the
observer lost events, a root or the cache is another one than before -- everything is looked at, and every so often
without a reason. Between two batches nothing is held but the state file's lock: no connection, no writer lock.

`schedule` says when, `work` does it. What is left here is what only a loop can know: what was announced, what failed
and is left to be tried again, whether an observer is there, which cache was seen last.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable, Generator
from typing import Any, NamedTuple, Protocol

import mdcache
from mdcache import times
from mdcache.config.settings import Look, Settings
from mdcache.errors import MdcacheError, Unlisted, UsageError, WorkError
from mdcache.model import as_dict
from mdcache.store import connections, lock, place, swap, watchstate
from mdcache.store.watchstate import Beacon, State
from mdcache.syncing import fit, sync
from mdcache.watching import schedule, witnesses
from mdcache.watching.inbox import MANY, Bell, Inbox
from mdcache.watching.observer import Observer, Unavailable
from mdcache.watching.schedule import Act, Facts, Pace
from mdcache.watching.upgrade import Code, Installed
from mdcache.watching.work import Done, Order, What, carry_out

# A batch waits this long for another writer before it is left to be tried again.
_WAIT_S = 1.0
# How often to look while mdcache is being replaced.
_REPLACED_S = 0.5
# Acts before which a look at folders is enough to know whether it is: they write nothing.
_AT_A_GLANCE = (Act.LOOK_AROUND, Act.OBSERVE)

Say = Callable[[str], None]
Load = Callable[[], Settings]


class Stop(Protocol):
    """What asks for the end: a threading.Event, or whatever else knows."""

    def is_set(self) -> bool: ...


class Again(Protocol):
    """What starts the program of this process again."""

    def can_run(self) -> bool:
        """Return whether it can be started now."""

    def run(self, state: int) -> None:
        """Start it with the descriptor of the state file; return only when a stop has come."""


class Batch(NamedTuple):
    """What one look changed.

    rebuilt: why a new generation was built, None when the live one was brought up to date; seconds: how long it took;
    behind_s: how long after the first announcement it was done.
    """

    added: int
    changed: int
    removed: int
    generation: int
    rebuilt: str | None
    seconds: float
    behind_s: float

    def as_dict(self) -> dict[str, Any]:
        return as_dict(self)


def watch(
    load: Load,
    stop: Stop,
    *,
    wait_s: float = lock.DEFAULT_WAIT_S,
    poll: bool = False,
    say: Say = lambda _: None,
    bell: Bell | None = None,
    again: Again | None = None,
    state: int | None = None,
) -> Generator[Batch, None, None]:
    """Yield a batch for the first look, and one for each later look that changed something, until stop is set.

    When stop is set, the batch in hand is ended at the next place where that is safe, and the log is folded back into
    the cache. A generator that is closed instead releases what it holds, at once.

    Args:
        load: reads the settings; called again whenever a file that they come from has changed.
        stop: looked at whenever the loop wakes, which is at least once a second.
        wait_s: how long the first look waits for another writer.
        poll: compare all files every poll_s seconds, and observe nothing.
        say: told in one line what else happens, such as why events were lost.
        bell: rung by the caller to have stop noticed at once.
        again: starts this process again when mdcache was upgraded under it; without it the watcher ends then.
        state: the descriptor of the state file that the process had before it was started again.

    Raises:
        MdcacheError: the watcher cannot be started, or cannot go on, as mdcache was replaced, or another process has
            its place. Other failures are told, and tried again.
    """
    installed = Installed()
    named = load()
    settings: Settings | None = named
    connections.check_version()
    if not named.roots:
        fit.insist_on_own(named)  # it may be why there are none
        raise UsageError("no documents named: mdcache watch DOCS, or mdcache init to write settings")
    inbox = Inbox(bell or Bell())
    while settings and not stop.is_set():
        carry_out(Order(settings, What.PREPARE), _on)
        with watchstate.held(settings.database, state) as beacon:
            board, state = _Board(beacon, say), None
            settings = yield from _Watcher(settings, load, stop, wait_s, poll, inbox, board, installed, again).run()


def _on(_documents: int) -> None:
    """The progress of what is not to be stopped."""


class _Stopped(Exception):
    """Stop was set, and the work in hand has been ended."""


class _Watcher:
    """One cache that is kept fresh; times are those of time.monotonic.

    Each act returns the batches that came of it: most none, one that was split into many looks several.
    """

    def __init__(
        self,
        settings: Settings,
        load: Load,
        stop: Stop,
        wait_s: float,
        poll: bool,
        inbox: Inbox,
        board: _Board,
        installed: Installed,
        again: Again | None,
    ) -> None:
        self._settings, self._load, self._stop, self._wait_s, self._poll = settings, load, stop, wait_s, poll
        self._inbox, self._board = inbox, board
        self._installed, self._again = installed, again
        self._code = Code(installed.stamp(), installed.stamp(), math.inf, math.inf)
        self._schedule = schedule.start(self._pace(settings), time.monotonic())
        self._observer: Observer | None = None
        self._left: frozenset[str] = frozenset()
        self._read = self._seen = witnesses.settings_stamps(settings)
        self._cache = witnesses.cache_stamps(settings.database)
        self._elsewhere: Settings | None = None

    def _pace(self, settings: Settings) -> Pace:
        watch = settings.watch
        return Pace(watch.debounce_ms / 1000, watch.reconcile_s, watch.poll_s, observes=not self._poll)

    # Its life

    def run(self) -> Generator[Batch, None, Settings | None]:
        """Yield batches until stop is set or another cache is in force; return the settings that name that one."""
        self._show(method="poll")
        try:
            with contextlib.suppress(_Stopped):
                self._observe()
                yield self._first()
                while not (self._stop.is_set() or self._elsewhere):
                    yield from self._turn()
            self._fold()
        finally:
            if self._observer:
                self._observer.stop()
        return self._elsewhere

    def _first(self) -> Batch:
        """Look at everything. This may fail: the one who starts a watcher wants to know."""
        began = time.monotonic()
        done = self._order(What.LOOK, None, self._wait_s)
        batch = self._did(done, began, began)
        self._compared(began)
        self._show(ready=True)
        return batch

    def _turn(self) -> list[Batch]:
        """Wait until something is due or announced, and do what is due."""
        wait_s = self._schedule.next_at(self._facts()) - time.monotonic()
        self._inbox.wait(wait_s if self._code.is_current else _REPLACED_S)
        if self._inbox.count() and not self._board.state.pending:
            self._show(last_event=times.now())
        if self._stop.is_set():
            return []
        act = self._schedule.due(self._facts(), time.monotonic())
        batches = self._do(act) if act and self._may_work(act) else []
        self._show()
        return batches

    def _may_work(self, act: Act) -> bool:
        """Return whether what runs is what is installed; when something else is, start that or end.

        Raises WorkError when there is nothing to be started.
        """
        now = time.monotonic()
        self._code = self._code.looked(self._installed.stamp(thorough=act not in _AT_A_GLANCE), now)
        if self._code.is_current:
            self._board.degrade("code", None)
            return True
        self._board.degrade("code", "mdcache is being replaced: nothing is written meanwhile")
        if self._code.is_settled(now):
            self._start_again()
        if self._code.is_lost(now):
            raise WorkError(f"mdcache {mdcache.__version__} is gone, or cannot be run any more: this watcher ends")
        return False

    def _start_again(self) -> None:
        """Start what is installed in place of this, in order, once it can be run; return when it cannot."""
        if self._again is None:
            raise WorkError(f"mdcache {mdcache.__version__} was replaced while it ran: start it again")
        if not self._again.can_run():
            return
        self._fold()
        if self._observer:
            self._observer.stop()
            self._observer = None
        self._board.say("mdcache was replaced: starting again")
        self._again.run(self._board.descriptor())

    def _facts(self) -> Facts:
        return Facts(self._inbox.times(), self._observer is not None, bool(self._left))

    def _do(self, act: Act) -> list[Batch]:
        match act:
            case Act.LOOK_AROUND:
                return self._look_around()
            case Act.OBSERVE:
                self._observe()
                return self._look_again()
            case Act.FOLLOW:
                return self._follow()
            case Act.DOUBT:
                return self._doubt()
            case Act.RECONCILE:
                return self._reconcile()
            case Act.RETRY:
                return self._retry()
            case Act.POLL:
                return self._compare()
            case Act.TIDY:
                return self._tidy()

    # Looking at files

    def _follow(self) -> list[Batch]:
        """Look at what was announced."""
        taken = self._inbox.take()
        if taken is None:
            return []
        if taken.lost:
            self._board.say(f"events were lost ({taken.lost}): observing again, comparing everything")
            self._observe()
        elif taken.moved and self._observer:
            self._schedule = self._schedule.moved(time.monotonic())
        return self._try(taken.paths, taken.since)

    def _doubt(self) -> list[Batch]:
        """Observe again, and compare everything.

        A watch stays with its folder, wherever that moves: an observer can lose track of names, and tells of nothing
        or of the wrong folder from then on.
        """
        self._schedule = self._schedule.doubted()
        self._observe()
        return self._compare()

    def _reconcile(self) -> list[Batch]:
        """Compare everything, whatever was announced. What is found when nothing waits to be followed was not."""
        was_quiet = self._inbox.times() is None
        batches = self._compare()
        if was_quiet and self._observer and any(not batch.rebuilt for batch in batches):
            self._board.say("this had not been announced: observing again")
            self._observe()
            self._inbox.add("")
        return batches

    def _compare(self) -> list[Batch]:
        now = time.monotonic()
        self._schedule = self._schedule.comparing(now)
        return self._try(None, now)

    def _retry(self) -> list[Batch]:
        left, self._left = self._left, frozenset()
        return self._try(None if "" in left or len(left) > MANY else left, time.monotonic())

    def _try(self, paths: frozenset[str] | None, since: float) -> list[Batch]:
        """Look at these paths, None for everything; what fails is left to be tried again, less and less often."""
        began = time.monotonic()
        if paths is None or "" in paths:
            self._look_for_sites()
        self._cover(paths)
        within = self._there() if paths is None else paths
        try:
            done = self._order(What.LOOK, within, _WAIT_S) if within != frozenset() else None
        except MdcacheError as error:
            if isinstance(error, Unlisted) and paths and len(paths) > 1:
                # One folder that cannot be listed must not hold up the others.
                return [batch for path in sorted(paths) for batch in self._try(frozenset((path,)), since)]
            self._leave(paths)
            self._board.degrade("work", str(error))
            return []
        if paths is None:
            self._left = frozenset()
            self._compared(began)
        if not self._left:
            self._board.degrade("work", None)
            if not (done and done.unread):
                self._schedule = self._schedule.recovered()
        return self._told(done, began, since) if done else []

    def _compared(self, began: float) -> None:
        self._schedule = self._schedule.compared(began, time.monotonic())
        self._show(last_reconcile=times.now())

    def _leave(self, paths: frozenset[str] | None) -> None:
        """Leave paths to be tried again; None is everything."""
        self._left |= {""} if paths is None else paths
        self._schedule = self._schedule.failed(time.monotonic())

    def _there(self) -> frozenset[str] | None:
        """Return None, which is everything; or only the roots that are there, when some are not."""
        roots = self._settings.roots
        there = [root for root, known in witnesses.identities(roots).items() if known]
        if len(there) == len(roots):
            return None
        return frozenset(_relative(root, self._settings.base) for root in there)

    # What is done to the cache

    def _order(self, what: What, within: frozenset[str] | None = None, wait_s: float = 0.0) -> Done:
        """Have an order carried out. Raises _Stopped when that was ended because stop is set."""
        try:
            return carry_out(Order(self._settings, what, within, wait_s), self._check)
        except (KeyboardInterrupt, sync.Interrupted):
            raise (_Stopped if self._stop.is_set() else KeyboardInterrupt) from None

    def _check(self, _documents: int) -> None:
        """Between two transactions is a good place to end."""
        if self._stop.is_set():
            raise KeyboardInterrupt

    def _told(self, done: Done, began: float, since: float) -> list[Batch]:
        """Take note of what was done; return it as a batch if it changed something."""
        batch = self._did(done, began, since)
        return [batch] if done.rebuilt or any(done.tally) else []

    def _did(self, done: Done, began: float, since: float) -> Batch:
        """Take note of what was done, and of the cache it was done to."""
        now = time.monotonic()
        self._cache = witnesses.cache_stamps(self._settings.database, done.generation)
        self._show(generation=done.generation)
        if done.unread:  # a disk that fails for once announces nothing when it is well again
            self._leave(done.unread)
        if done.rebuilt or done.checkpoint:
            self._schedule = self._schedule.wrote(now)
            batches = self._board.state.batches + 1
            self._show(last_batch=times.now(), batches=batches, checkpoint=_unfinished(done.checkpoint))
        return Batch(*done.tally, done.generation, done.rebuilt, now - began, now - since)

    def _tidy(self) -> list[Batch]:
        """Do what is better done now than beside other work."""
        self._schedule = self._schedule.tidied(time.monotonic(), all_done=True)
        began = time.monotonic()
        with contextlib.suppress(MdcacheError):
            done = self._order(What.REFRESH)
            if done.rebuilt:
                return self._told(done, began, began)
        if not self._fold():
            self._schedule = self._schedule.tidied(time.monotonic(), all_done=False)
        return []

    def _fold(self) -> bool:
        """Fold the log back into the cache, also at the end; return False when somebody is in the way."""
        done = _unfinished(carry_out(Order(self._settings, What.FOLD), _on).checkpoint)
        self._show(checkpoint=done)
        return done is None

    # Looking around

    def _look_around(self) -> list[Batch]:
        """Look at what announces itself to nobody."""
        unsettled = self._look_at_settings()
        began = time.monotonic()
        roots = witnesses.identities(self._settings.roots)
        took_s = 2 * (time.monotonic() - began)  # to look at what decides which folders are seen takes as long again
        missing = [root for root, known in roots.items() if not known]
        self._board.degrade("root", f"cannot list {missing[0]}: what is known of it stays" if missing else None)
        if len(missing) < len(self._settings.roots):  # else they and the cache have moved away together, or may be back
            self._keep_in_place()
        deaf = self._observer.deaf(roots) if self._observer else None
        if deaf:
            self._board.say(f"{deaf}: observing again, comparing everything")
            self._observe()
            self._look_again()
        cache = witnesses.cache_stamps(self._settings.database)
        if cache != self._cache:
            self._cache = cache
            self._look_again()
        self._schedule = self._schedule.looked_around(time.monotonic(), unsettled, took_s)
        return []

    def _keep_in_place(self) -> None:
        """Take a new state file where that was removed with its folder, as by git clean.

        Raises WorkError when another process watches by now: this one ends.
        """
        if self._board.is_in_place():
            return
        try:
            carry_out(Order(self._settings, What.PREPARE), _on)
            self._board.move()
        except watchstate.Taken as taken:
            raise WorkError(f"{self._settings.database} is watched by {taken.who} now: this watcher ends") from None
        except MdcacheError as error:
            self._board.degrade("state", str(error))

    def _look_again(self) -> list[Batch]:
        """Have everything looked at soon, also what has failed."""
        self._schedule = self._schedule.recovered()
        self._inbox.add("")
        return []

    def _look_at_settings(self) -> bool:
        """Read the settings again when a file that they come from has changed; return whether one still does."""
        stamps = witnesses.settings_stamps(self._settings)
        unsettled, self._seen = stamps != self._seen, stamps
        if unsettled or stamps == self._read:
            return unsettled
        self._read = stamps
        try:
            self._use(self._load())
        except MdcacheError as error:
            self._board.degrade("settings", f"{error} (what was read before holds)")
        return False

    def _use(self, settings: Settings) -> None:
        old = self._settings
        if settings.file != old.file or not settings.roots:
            raise UsageError("the settings are in another file now: restart the watcher")
        if settings.database != old.database:
            carry_out(Order(settings, What.PREPARE), _on)
            self._board.say(f"the cache is {settings.database} now")
            self._elsewhere = settings
            return
        self._board.degrade("settings", None)
        # The command line is as it was: where the roots are others, links that it names lead elsewhere by now.
        self._settings = settings._replace(asked=settings.asked and settings.asked._replace(docs=()))
        self._schedule = self._schedule._replace(pace=self._pace(settings))
        self._read = self._seen = witnesses.settings_stamps(settings)
        if settings.tree() != old.tree():
            self._observe()
        self._look_again()

    def _look_for_sites(self) -> None:
        """Find the sites of the tree again: a marker of one may have come, gone or changed."""
        old = self._settings
        self._settings = old._replace(look=Look())
        if self._observer and self._settings.tree() != old.tree():
            self._observe()

    def _observe(self) -> None:
        """Begin to observe, or begin again; poll where that is not possible."""
        old, self._observer = self._observer, None
        settings = self._settings
        self._schedule = self._schedule.observed(time.monotonic())
        if not self._poll:
            try:
                self._observer = Observer(settings.tree(), place.own_files(settings.database), self._inbox)
                self._board.degrade("observer", None)
            except Unavailable as error:
                why = f"{error}: files are compared every {settings.watch.poll_s:g} s"
                self._board.degrade("observer", why)
        if old:
            old.stop()
        self._show(method=self._observer.method if self._observer else "poll")

    def _cover(self, paths: frozenset[str] | None) -> None:
        """Observe what is going to be looked at; there may be folders that have come since."""
        if self._observer:
            try:
                self._observer.cover(paths)
            except Unavailable:
                self._observe()

    def _show(self, **changes: Any) -> None:
        self._board.show(pending=self._inbox.count() + len(self._left), **changes)


# What others see


class _Degraded(NamedTuple):
    """Why a watcher is not as prompt or as sure as it should be, by what is at fault; None where nothing is."""

    code: str | None = None
    settings: str | None = None
    state: str | None = None
    root: str | None = None
    observer: str | None = None
    work: str | None = None


class _Board:
    """Shows the state of a watcher: in its state file, and in lines that are said."""

    def __init__(self, beacon: Beacon, say: Say) -> None:
        self._beacon, self.say = beacon, say
        self._degraded = _Degraded()
        self.state = State(pid=os.getpid(), since=times.now())

    def show(self, **changes: Any) -> None:
        """Write the state to its file, with these changes."""
        degraded = "; ".join(filter(None, self._degraded)) or None
        self.state = self.state._replace(degraded=degraded, **changes)
        self._beacon.show(self.state)

    def is_in_place(self) -> bool:
        """Return whether others find the state file where they look for it."""
        return self._beacon.is_in_place()

    def descriptor(self) -> int:
        """Return the descriptor of the state file."""
        return self._beacon.descriptor()

    def move(self) -> None:
        """Take a new state file at the same path. Raises MdcacheError."""
        self._beacon.move()
        self.degrade("state", None)
        self.say("the state file was removed: a new one is in its place")

    def degrade(self, what: str, why: str | None) -> None:
        """Say once what is wrong, and once when it no longer is."""
        before = getattr(self._degraded, what)
        if why == before:
            return
        self._degraded = self._degraded._replace(**{what: why})
        self.say(f"degraded: {why}" if why else f"no longer degraded: {before}")
        self.show()


def _unfinished(done: swap.Checkpoint | None) -> dict[str, Any] | None:
    """Return a checkpoint that did not fold back all of the log, and when that was; None for one that did."""
    if done is None or (not done.busy and done.log == done.checkpointed):
        return None
    return {**done._asdict(), "at": times.now()}


def _relative(path: str, base: str) -> str:
    relative = os.path.relpath(path, base)
    return "" if relative == "." else relative
