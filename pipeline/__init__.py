"""mdcache: folders of markdown as a SQLite database that is a cache, never a store.

A document passes the stages from top to bottom; each is a module, and imports run only downward:

    scan      which files are documents              folders          -> Entry, ...        (gitignore rules)
    parse     what a document says                   path, bytes      -> Document          (pure; in worker processes)
    layout    its rows, flat                         Documents        -> Batch             (in worker processes)
    load      rows into tables and full-text index   Batch            -> <database>.build
    resolve   ids, links to nodes, problems          the whole set    -> <database>.build
    publish   prove, then swap in under readers      <database>.build -> <database>

`rebuild` drives them. `sync` drives them for what has changed since, in the live cache, and `watch` drives `sync` by
what `observer` hints at. What was published is read by `search`, `hydrate` (texts, from the files), `graph`, `query`,
`feed` and `status`. `check` judges a `draft` of any tree, a cache that nobody else sees; `hook` writes git hooks that
call `check` and `sync`; `verify` builds once more and compares (`logical`), `doctor` judges what `symptoms` sees around
it. The documents are never written to; the database is never migrated: when its fingerprint no longer fits, it is built
anew beside the old one and swapped in.
"""

__version__ = "0.1.0"
