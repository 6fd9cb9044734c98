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
compares, `doctor` judges the setup around it. `cli` is a module a command; it alone prints. `store` is the database
file, `config` the settings, and below `parse` stand the words that all speak: errors, model, paths, patterns.

The documents are never written to; the database is never migrated: when its fingerprint no longer fits, it is built
anew beside the old one and swapped in.
"""

__version__ = "0.1.0"
