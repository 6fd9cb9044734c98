"""What a program calls, in the child process that it runs in. See calls, its parent's side."""

from __future__ import annotations

import os
import pickle
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from mdcache import child, stops
from mdcache.config.remembered import Trust, with_remembered_roots
from mdcache.config.settings import Asked, Settings, load
from mdcache.errors import Damaged, MdcacheError
from mdcache.files.sources import DISK, Source
from mdcache.library.calls import Call, Raised, Returned, Said, Yielded
from mdcache.model import Report

# What each needs is imported when it is called: to check must not wait for what watches.

Tell = Callable[[Any], None]
Arriving = Iterator[Any]


def main() -> None:
    """Do what the parent asks for and say what came of it. SIGTERM interrupts it where that is safe."""
    incoming, outgoing = child.begun()
    stops.listen()
    arriving = child.arrivals(incoming)
    call: Call = next(arriving)

    def tell(answer: Any) -> None:
        child.send(outgoing, answer)

    try:
        answer: Any = Returned(_CALLS[call.name](call.where, tell, arriving, **call.options))
    except (Exception, KeyboardInterrupt) as error:
        answer = Raised(_portable(error))
    with suppress(OSError):
        tell(answer)


def _portable(error: BaseException) -> BaseException:
    """Return the error, or one that says the same and can be sent; one that is not ours says where it comes from."""
    if not isinstance(error, MdcacheError):
        error.add_note(traceback.format_exc())
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _settings(where: str | Settings, source: Source = DISK, trust: Trust = Trust.NEAR) -> Settings:
    """Return the settings in force, with the folders that a believed cache remembers, or else the folder itself."""
    asked = where if isinstance(where, Settings) else load(Asked(where), os.environ, source)
    found = with_remembered_roots(asked if source is DISK else asked._replace(source=source), trust)
    return found if found.roots else found.with_roots(found.base, (found.base,))


def _rebuild(where: str | Settings, tell: Tell, _: Arriving, **options: Any) -> Report:
    from mdcache.build import rebuild

    return rebuild.rebuild(_settings(where), rebuild.Options(**options), lambda documents: tell(Said(documents)))


def _sync(where: str | Settings, tell: Tell, _: Arriving, **options: Any) -> Report:
    from mdcache.syncing import sync

    return sync.sync(_settings(where), sync.Options(**options), lambda documents: tell(Said(documents)))


def _check(where: str | Settings, _tell: Tell, _: Arriving, **options: Any) -> Any:
    from mdcache.checking import check

    folder = where.base if isinstance(where, Settings) else where
    asked = check.Asked(folder, **options)
    return check.check(check.request(asked, lambda source: _settings(where, source, Trust.MADE_HERE)))


def _verify(where: str | Settings, tell: Tell, _: Arriving, quick: bool) -> Any:
    from mdcache.files.sources import source_of
    from mdcache.store.cache import opened
    from mdcache.verifying import verify

    settings, source = _settings(where), None
    with suppress(Damaged), opened(settings.database, settings.base) as cache:
        source = source_of(cache.base, cache.meta.source)
    return verify.verify(
        _settings(where, source or DISK, Trust.COMPARED), quick, lambda documents: tell(Said(documents))
    )


def _watch(where: str | Settings, tell: Tell, arriving: Arriving, wait_s: float, poll: bool) -> None:
    from mdcache.watching import loop
    from mdcache.watching.inbox import Bell

    stop, bell = threading.Event(), Bell()

    def listen() -> None:
        next(arriving)
        stop.set()
        bell.ring()

    threading.Thread(target=listen, daemon=True).start()
    # By the name that it has now, wherever it is moved later.
    where = where if isinstance(where, Settings) else os.path.join(os.getcwd(), where)
    for batch in loop.watch(lambda: _settings(where), stop, wait_s=wait_s, poll=poll, bell=bell):
        tell(Yielded(batch))


_CALLS: dict[str, Callable[..., Any]] = {
    "rebuild": _rebuild,
    "sync": _sync,
    "check": _check,
    "verify": _verify,
    "watch": _watch,
}
