"""The driver that keeps the cache fresh: it waits for hints, and has sync look at what they name.

Hints are never believed, only followed: what is in the cache comes from the files. Whenever some may be missing -- the
observer lost events, a root or the cache is another one than before -- everything is looked at, and every so often
without a reason. Between two batches nothing is held but the state file's lock: no connection, no writer lock.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from mdcache import stops, times
from mdcache.build import rebuild
from mdcache.config.settings import Settings
from mdcache.errors import Damaged, MdcacheError, Unlisted, UsageError, WorkError, doing
from mdcache.model import Tally
from mdcache.paths import up
from mdcache.store import connections, failures, lock, meta, place, swap, watchstate
from mdcache.store.connections import Connection
from mdcache.store.watchstate import Beacon, State
from mdcache.syncing import sync
from mdcache.watching.observer import MANY, Inbox, Observer, Scope, Unavailable, identity, refuse_limit

# How often is looked at what announces itself to nobody: settings, the roots themselves, the cache. Half as often when
# nothing has been written for a while: waking up is most of what an idle watcher costs.
_LOOK_S, _LOOK_AT_REST_S = 0.5, 1.0
_REST_S = 60.0
# A change is in the cache after so long, even if files never come to rest.
_AT_MOST_S = 2.0
# What can wait for better times waits until nothing has happened for so long.
_IDLE_S = 1.0
# After folders have moved everything is compared, however busy it is, after so long.
_DOUBT_S = 10.0
# A batch waits so long for another writer, and after a failure so long, doubling, until it tries again.
_WAIT_S = 1.0
_RETRY_S = (0.5, 60.0)
# Comparing everything over and over takes at most this part of the time.
_SHARE = 1 / 20
# A log in the background is begun anew when it is longer; the one before is kept.
_LOG_BYTES = 1 << 20

Say = Callable[[str], None]
Load = Callable[[], Settings]


class Options(NamedTuple):
    """How to watch. wait_s: for another writer, at the start; poll: without an observer."""

    wait_s: float = lock.DEFAULT_WAIT_S
    poll: bool = False


class Batch(NamedTuple):
    """What one look did; rebuilt says why a new generation was built, None when it was not.

    unread: the documents that could not be read when they were looked at last.
    """

    tally: Tally
    generation: int
    checkpoint: swap.Checkpoint | None
    rebuilt: str | None = None
    unread: frozenset[str] = frozenset()


def watch(load: Load, options: Options, say: Say) -> None:
    """Sync, then keep the cache fresh until SIGTERM or SIGINT. Raises MdcacheError when it cannot be started."""
    settings: Settings | None = load()
    connections.check_version()
    if not (settings and settings.roots):
        raise UsageError("no documents named: mdcache watch DOCS, or mdcache init to write settings")
    inbox = Inbox()
    with _stop(inbox) as stop:
        while settings and not stop.requested:
            place.judge(settings.database)
            place.make_folder(settings.database)
            with watchstate.held(settings.database) as beacon:
                settings = _Watcher(settings, load, options, say, inbox, beacon, stop).run()
    say("stopped")


class _Stop:
    """Whether somebody has asked for the end."""

    requested = False

    def check(self, _: int = 0) -> None:
        """Between two transactions is a good place to end."""
        if self.requested:
            raise KeyboardInterrupt


@contextlib.contextmanager
def _stop(inbox: Inbox) -> Iterator[_Stop]:
    """A signal interrupts nothing: it is looked at where ending is safe."""
    stop = _Stop()

    def request(*_: Any) -> None:
        stop.requested = True
        inbox.ring()

    before = {one: signal.signal(one, request) for one in stops.STOPS}
    try:
        yield stop
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


class _Watcher:
    """The loop and what it remembers; times are those of time.monotonic."""

    def __init__(
        self, settings: Settings, load: Load, options: Options, say: Say, inbox: Inbox, beacon: Beacon, stop: _Stop
    ) -> None:
        self._settings, self._load, self._options = settings, load, options
        self._tell, self._inbox, self._beacon, self._stop = say, inbox, beacon, stop
        self._observer: Observer | None = None
        self._state = State(pid=os.getpid(), since=times.now())
        self._degraded: dict[str, str] = {}
        self._witnesses = self._seen = _stamps(settings)
        self._cache: tuple[Any, ...] = ()
        self._look_at = self._reconcile_at = self._observe_at = self._poll_at = self._retry_at = 0.0
        self._rest_at = time.monotonic() + _REST_S
        self._idle_at: float | None = None
        self._doubt_at: float | None = None
        self._left: set[str] = set()
        self._retry_s = _RETRY_S[0]
        self._elsewhere: Settings | None = None

    # Its life

    def run(self) -> Settings | None:
        """Until a stop is requested, or another cache is in force: then the settings that name it."""
        self._show(method="poll")
        try:
            with contextlib.suppress(KeyboardInterrupt):
                self._observe()
                self._first()
                while not (self._stop.requested or self._elsewhere):
                    self._turn()
            if not self._elsewhere:
                _notify("STOPPING=1")
            self._fold()
        finally:
            if self._observer:
                self._observer.stop()
        return self._elsewhere

    def _first(self) -> None:
        """The first look may fail: whoever starts a watcher wants to know."""
        began = time.monotonic()
        done = self._look(None, self._options.wait_s)
        self._did(done, began, began)
        self._reconcile_at = time.monotonic() + self._settings.watch.reconcile_s
        self._show(ready=True, last_reconcile=times.now())
        _notify("READY=1")

    def _turn(self) -> None:
        self._inbox.wait(self._next() - time.monotonic())
        now = time.monotonic()
        if self._inbox.count() and not self._state.pending:
            self._show(last_event=times.now())
        if self._stop.requested:
            return
        if now >= self._look_at:
            self._look_at = now + (_LOOK_S if now < self._rest_at else _LOOK_AT_REST_S)
            self._look_around()
        due = self._due()
        if due is not None and now >= due:
            self._follow()
        elif self._doubt_at is not None and (
            now >= self._doubt_at + _DOUBT_S or (due is None and now >= self._doubt_at)
        ):
            self._allay()
        elif due is None and now >= self._reconcile_at:
            self._reconcile()
        elif self._left and now >= self._retry_at:
            self._retry()
        elif self._observer is None and now >= self._poll_at:
            self._try(None, now)
        elif due is None and self._idle_at is not None and now >= self._idle_at:
            self._idle()
        self._show()

    def _next(self) -> float:
        """When there is something to do, if nothing happens before; what is less urgent is seen to at the next look."""
        due = self._due()
        times = [self._look_at] if due is None else [self._look_at, due]
        return min(times if self._observer else [*times, self._poll_at])

    def _due(self) -> float | None:
        return self._inbox.due(self._settings.watch.debounce_ms / 1000, _AT_MOST_S)

    # Looking at files

    def _follow(self) -> None:
        """Look at what was announced."""
        taken = self._inbox.take()
        if taken is None:
            return
        if taken.lost:
            self._say(f"events were lost ({taken.lost}): observing anew, comparing everything")
            self._observe()
        elif taken.moved and self._observer and self._doubt_at is None:
            self._doubt_at = max(time.monotonic() + _IDLE_S, self._poll_at)
        self._try(taken.paths, taken.since)

    def _allay(self) -> None:
        """Observe anew, and compare everything.

        A watch stays with its folder, wherever that moves: an observer can lose track of names, and tells of nothing
        or of the wrong folder from then on.
        """
        self._doubt_at = None
        self._observe()
        self._try(None, time.monotonic())

    def _reconcile(self) -> None:
        """Compare everything, whatever was announced. What is found now was not."""
        self._refuse_limit()
        done = self._try(None, time.monotonic())
        if done and any(done.tally) and not done.rebuilt and self._observer:
            self._say("this had not been announced: observing anew")
            self._observe()
            self._inbox.add("")

    def _try(self, paths: frozenset[str] | None, since: float) -> Batch | None:
        """Look at these paths; what fails is left to be tried again, less and less often."""
        began = time.monotonic()
        within = self._there() if paths is None else paths
        try:
            done = self._look(within, _WAIT_S) if within != frozenset() else None
        except MdcacheError as error:
            if isinstance(error, Unlisted) and paths and len(paths) > 1:
                # One folder that cannot be listed must not hold up the others.
                for path in sorted(paths):
                    self._try(frozenset((path,)), since)
            else:
                self._leave(paths)
                self._degrade("work", str(error))
            return None
        if paths is None:
            self._compared_all(began)
        if not self._left:
            self._degrade("work", None)
            if not (done and done.unread):
                self._retry_s = _RETRY_S[0]
        if done:
            self._did(done, began, since)
        return done

    def _compared_all(self, began: float) -> None:
        now = time.monotonic()
        self._left.clear()
        self._reconcile_at = now + self._settings.watch.reconcile_s
        self._poll_at = now + max(self._settings.watch.poll_s, (now - began) / _SHARE)
        self._show(last_reconcile=times.now())

    def _leave(self, paths: frozenset[str] | None) -> None:
        """To be tried again; None is everything."""
        self._left |= {""} if paths is None else paths
        if time.monotonic() >= self._retry_at:
            self._retry_at = time.monotonic() + self._retry_s
            self._retry_s = min(self._retry_s * 2, _RETRY_S[1])

    def _retry(self) -> None:
        left = frozenset(self._left)
        self._left.clear()
        self._try(None if "" in left or len(left) > MANY else left, time.monotonic())

    def _there(self) -> frozenset[str] | None:
        """Everything, that is None; or only the roots that are there, when some are not."""
        roots = self._settings.roots
        there = [root for root in roots if identity(root)]
        if len(there) == len(roots):
            return None
        return frozenset(_relative(root, self._settings.base) for root in there)

    def _look(self, within: frozenset[str] | None, wait_s: float) -> Batch:
        """Bring the cache up to date with these files, or build it anew."""
        look = sync.Look("mdcache watch", wait_s, within, patient=True)
        try:
            return sync.update(self._settings, look, _finish, self._stop.check)
        except sync.Interrupted:
            raise KeyboardInterrupt from None
        except (sync.Unfit, Damaged) as why:
            return self._build(str(why), wait_s)

    def _build(self, why: str, wait_s: float) -> Batch:
        report = rebuild.rebuild(self._settings, rebuild.Options(wait_s), self._stop.check)
        tally = Tally(report.added, report.changed, report.removed)
        with failures.speaking(report.database), contextlib.closing(connections.open_reader(report.database)) as db:
            return Batch(tally, report.generation, None, why, _unread(db))

    def _did(self, done: Batch, began: float, since: float) -> None:
        """Tell what was done, and remember which cache it was done to."""
        now = time.monotonic()
        self._cache = _cache(self._settings.database, done.generation)
        self._show(generation=done.generation)
        if done.unread:  # a disk that fails for once announces nothing when it is well again
            self._leave(done.unread)
        if done.rebuilt or done.checkpoint:
            self._idle_at, self._rest_at = now + _IDLE_S, now + _REST_S
            self._show(last_batch=times.now(), batches=self._state.batches + 1, checkpoint=_unfinished(done.checkpoint))
        if done.rebuilt or any(done.tally) or not self._state.ready:
            line = _summary(done, now - began, now - since)
            self._say(line)
            _notify(f"STATUS={line}")

    # Looking around

    def _look_around(self) -> None:
        """Look at what announces itself to nobody."""
        self._look_at_settings()
        missing = [root for root in self._settings.roots if not identity(root)]
        self._degrade("root", f"cannot list {missing[0]}: what is known of it stays" if missing else None)
        deaf = self._observer.deaf() if self._observer else None
        if deaf:
            self._say(f"{deaf}: observing anew, comparing everything")
            self._observe()
            self._look_again()
        elif not (self._observer or self._options.poll) and time.monotonic() >= self._observe_at:
            self._observe()
            self._look_again()
        cache = _cache(self._settings.database)
        if cache != self._cache:
            self._cache = cache
            self._look_again()
        self._show()

    def _look_again(self) -> None:
        self._retry_s = _RETRY_S[0]
        self._inbox.add("")

    def _look_at_settings(self) -> None:
        """Read the settings again when a file that decides what is seen has changed, and come to rest."""
        stamps = _stamps(self._settings)
        at_rest, self._seen = stamps == self._seen, stamps
        if not at_rest:
            self._look_at = time.monotonic() + self._settings.watch.debounce_ms / 1000
        if not at_rest or stamps == self._witnesses:
            return
        self._witnesses = stamps
        try:
            self._use(self._load())
        except MdcacheError as error:
            self._degrade("settings", f"{error} (what was read before holds)")

    def _use(self, settings: Settings) -> None:
        old = self._settings
        if settings.file != old.file or not settings.roots:
            raise UsageError("the settings are in another file now: start the watcher anew")
        if settings.database != old.database:
            place.judge(settings.database)
            self._say(f"the cache is {settings.database} now")
            self._elsewhere = settings
            return
        self._degrade("settings", None)
        self._settings = settings
        self._witnesses = self._seen = _stamps(settings)
        if (settings.roots, settings.base, settings.extensions) != (old.roots, old.base, old.extensions):
            self._observe()
        self._look_again()

    def _observe(self) -> None:
        """Begin to observe, or begin anew; poll where that is not possible."""
        old, self._observer = self._observer, None
        settings = self._settings
        self._observe_at = time.monotonic() + settings.watch.reconcile_s
        if not self._options.poll:
            scope = Scope(settings.base, settings.extensions, settings.database)
            try:
                self._observer = Observer(settings.roots, scope, self._inbox)
                self._degrade("observer", None)
            except Unavailable as error:
                self._degrade("observer", f"{error}: files are compared every {settings.watch.poll_s:g} s")
        if old:
            old.stop()
        self._show(method=self._observer.method if self._observer else "poll")

    def _refuse_limit(self) -> None:
        if self._observer:
            try:
                refuse_limit()
            except Unavailable:
                self._observe()

    # When nothing happens

    def _idle(self) -> None:
        """What is better done now than beside other work."""
        self._idle_at = None
        began = time.monotonic()
        with contextlib.suppress(MdcacheError):
            if sync.unfit(self._settings) == sync.WORN:
                self._did(self._build(sync.WORN, 0.0), began, began)
                return
        if not self._fold():
            self._idle_at = time.monotonic() + 10 * _IDLE_S

    def _fold(self) -> bool:
        """Fold the log back into the cache; False when somebody is in the way."""
        path = self._settings.database
        done: swap.Checkpoint | None = None
        try:
            if connections.sizes(path).log:
                with lock.held(path, "mdcache watch", 0.0), failures.speaking(path):
                    live = swap.open_live(place.judge(path), 0.0)
                    if live:
                        with contextlib.closing(live):
                            done = swap.checkpoint(live)
        except MdcacheError:
            done = swap.Checkpoint(True, -1, -1)
        self._show(checkpoint=_unfinished(done))
        return _unfinished(done) is None

    # What others see

    def _say(self, line: str) -> None:
        self._tell(line)
        _begin_log_anew(_log_of(self._settings.database))

    def _show(self, **changes: Any) -> None:
        degraded = "; ".join(self._degraded.values()) or None
        pending = self._inbox.count() + len(self._left)
        self._state = self._state._replace(pending=pending, degraded=degraded, **changes)
        self._beacon.show(self._state)

    def _degrade(self, what: str, why: str | None) -> None:
        """Say once what is wrong, and when it no longer is."""
        before = self._degraded.get(what)
        if why is None:
            self._degraded.pop(what, None)
        else:
            self._degraded[what] = why
        if why != before:
            self._say(f"degraded: {why}" if why else f"no longer degraded: {before}")
            self._show()


def _finish(db: Connection, tally: Tally, checkpoint: swap.Checkpoint | None) -> Batch:
    return Batch(tally, meta.read(db).generation or 0, checkpoint, unread=_unread(db))


def _unread(db: Connection) -> frozenset[str]:
    return frozenset(path for (path,) in db.execute("SELECT path FROM problems WHERE code = 'unreadable'"))


def _unfinished(done: swap.Checkpoint | None) -> dict[str, Any] | None:
    """A checkpoint that did not fold back all of the log, and when that was."""
    if done is None or (not done.busy and done.log == done.checkpointed):
        return None
    return {**done._asdict(), "at": times.now()}


def _summary(done: Batch, took: float, behind: float) -> str:
    tally = ", ".join(f"{count:,} {name}" for name, count in done.tally._asdict().items() if count) or "nothing changed"
    built = f"generation {done.generation} built ({done.rebuilt}): " if done.rebuilt else ""
    return f"{built}{tally} in {took:.3f} s, {behind:.2f} s behind"


def _relative(path: str, base: str) -> str:
    relative = os.path.relpath(path, base)
    return "" if relative == "." else relative


def _cache(path: str, generation: int | None = None) -> tuple[Any, ...]:
    """What tells whether somebody else has replaced the cache: which file it is, which generation was published."""
    try:
        found = os.stat(path)
        published = lock.read(path).published if generation is None else generation
    except (OSError, WorkError):
        return ()
    return (found.st_dev, found.st_ino, published)


def _stamps(settings: Settings) -> tuple[Any, ...]:
    """The files that decide what is seen, and where no observer looks: what stat says of each."""
    names = [settings.file] if settings.file else []
    home = os.path.realpath(os.path.dirname(settings.file)) if settings.file else settings.base
    names += [os.path.join(home, script.name) for script in settings.schema.user]
    above = {folder for root in settings.roots for folder in up(os.path.dirname(root))}
    names += [os.path.join(folder, ".gitignore") for folder in sorted(above)]
    # Where .git lies decides which .gitignore files count; what happens in it does not matter.
    repositories = [os.path.lexists(os.path.join(folder, ".git")) for folder in sorted(above)]
    return (*map(_stamp, names), *repositories)


def _stamp(name: str) -> tuple[int, ...] | None:
    try:
        found = os.stat(name)
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


# Others that start and stop it


def _notify(message: str) -> None:
    """Tell systemd; see sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    name = "\0" + address[1:] if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect(name)
        channel.send(message.encode("utf-8", "backslashreplace"))


def _log_of(path: str) -> str:
    return path + ".log"


def _begin_log_anew(name: str) -> None:
    """When the log that this process writes to has grown long. What cannot be done is done another time."""
    with contextlib.suppress(OSError):
        if os.path.samestat(os.fstat(2), os.stat(name)) and _put_aside(name):
            with open(name, "ab", opener=_open_private) as log:
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)


def _open_private(name: str, flags: int) -> int:
    """It names documents, and so is for their owner only, as the cache is. A FIFO in its place holds nobody up."""
    return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)


def _put_aside(name: str) -> bool:
    """Rename a log that has grown long; returns whether it had."""
    is_long = os.path.exists(name) and os.path.getsize(name) > _LOG_BYTES
    if is_long:
        os.replace(name, name + ".old")
    return is_long


def detach(settings: Settings, command: Sequence[str]) -> int:
    """Run a command that watches in the background; returns its process when its first sync is done.

    Its output goes to <database>.log; a long one is put aside. Raises WorkError, in its last words, when
    it ends before.
    """
    place.judge(settings.database)
    place.make_folder(settings.database)
    name = _log_of(settings.database)
    with doing(f"write {name}"):
        _put_aside(name)
        with open(name, "ab", opener=_open_private) as log:
            began = log.tell()
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
    try:
        while process.poll() is None:
            seen = watchstate.read(settings.database)
            if seen and seen.alive and seen.state.pid == process.pid and seen.state.ready:
                return process.pid
            time.sleep(0.02)
    except BaseException:
        process.terminate()
        raise
    raise WorkError(_last_words(name, began))


def _last_words(name: str, began: int) -> str:
    lines: list[str] = []
    with contextlib.suppress(OSError), open(name, "rb") as log:
        log.seek(began)
        lines = log.read().decode("utf-8", "replace").splitlines()
    return lines[-1].partition("mdcache: ")[2] or lines[-1] if lines else f"the watcher ended at once: see {name}"


def stop(path: str, wait_s: float) -> int | None:
    """Stop the watcher of a cache and wait for its end; its process, None when there is none. Raises WorkError."""
    seen = watchstate.read(path)
    if seen is None or not seen.alive:
        return None
    if not seen.state.pid:
        raise WorkError(f"{watchstate.path_of(path)} does not say which process watches: try again")
    deadline = time.monotonic() + wait_s
    with doing(f"stop process {seen.state.pid}"), contextlib.suppress(ProcessLookupError):
        os.kill(seen.state.pid, signal.SIGTERM)
    while (now := watchstate.read(path)) and now.alive and now.state.pid in (seen.state.pid, 0):
        if time.monotonic() > deadline:
            raise WorkError(f"process {seen.state.pid} has not ended after {wait_s:g} s: wait longer with --wait")
        time.sleep(0.02)
    return seen.state.pid


def stamp(line: str) -> str:
    """A line of the log."""
    return f"{times.now()} {line}"
