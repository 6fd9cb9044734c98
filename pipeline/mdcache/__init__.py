"""mdcache: folders of markdown as a SQLite database that is a cache, never a store.

A document passes the stages from top to bottom; imports run only downward:

    scan      which files are documents              folders          -> Entry, ...        (files.scan)
    parse     what a document says                   path, bytes      -> Document          (parse, in workers)
    layout    its rows, flat                         Documents        -> Batch             (build.layout, in workers)
    load      rows into tables and full-text index   Batch            -> <database>.build  (build.load)
    resolve   ids, links to nodes, problems          the whole set    -> <database>.build  (build.resolve)
    publish   prove, then swap in under readers      <database>.build -> <database>        (store.swap)

`build.rebuild` drives them. `syncing` drives them for what has changed since, in the live cache, and `watching` drives
`syncing` by what the system hints at. What was published is read by `read`. `checking` judges a draft of any tree, a
cache that nobody else sees; `hooks` writes git hooks that call check and sync; `verifying` builds once more and
compares, `doctor` judges the setup around it. `cli` is a module a command; it alone prints. `library` is what programs
call: the names below. `store` is the database file, `config` the settings, and below `parse` stand the words that all
speak: errors, model, paths, patterns.

The documents are never written to; the database is never migrated: when its fingerprint no longer fits, it is built
again beside the old one and swapped in.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mdcache.checking.check import Finding as Finding
    from mdcache.config.settings import Settings as Settings
    from mdcache.errors import Damaged as Damaged
    from mdcache.errors import MdcacheError as MdcacheError
    from mdcache.errors import No as No
    from mdcache.errors import UsageError as UsageError
    from mdcache.errors import WorkError as WorkError
    from mdcache.library.cache import Cache as Cache
    from mdcache.library.cache import open as open
    from mdcache.library.cache import settings as settings
    from mdcache.library.calls import check as check
    from mdcache.library.calls import rebuild as rebuild
    from mdcache.library.calls import sync as sync
    from mdcache.library.calls import verify as verify
    from mdcache.library.calls import watch as watch
    from mdcache.model import Problem as Problem
    from mdcache.model import Report as Report
    from mdcache.read.feed import Change as Change
    from mdcache.read.feed import News as News
    from mdcache.read.graph import Around as Around
    from mdcache.read.hydrate import Passage as Passage
    from mdcache.read.outline import Heading as Heading
    from mdcache.read.search import Hit as Hit
    from mdcache.read.status import Status as Status
    from mdcache.verifying.verify import Verdict as Verdict
    from mdcache.watching.loop import Batch as Batch

__version__ = "0.1.0"

# The public names, and the module that each is imported from when it is first used: `import mdcache` alone is quick.
_PUBLIC = {
    **dict.fromkeys(("Cache", "open", "settings"), "library.cache"),
    **dict.fromkeys(("check", "rebuild", "sync", "verify", "watch"), "library.calls"),
    **dict.fromkeys(("Damaged", "MdcacheError", "No", "UsageError", "WorkError"), "errors"),
    **dict.fromkeys(("Problem", "Report"), "model"),
    **dict.fromkeys(("Change", "News"), "read.feed"),
    "Around": "read.graph",
    "Batch": "watching.loop",
    "Finding": "checking.check",
    "Heading": "read.outline",
    "Hit": "read.search",
    "Passage": "read.hydrate",
    "Settings": "config.settings",
    "Status": "read.status",
    "Verdict": "verifying.verify",
}


def __getattr__(name: str) -> Any:
    """Return a public name, and keep it as an attribute."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'mdcache' has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(f"mdcache.{_PUBLIC[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
