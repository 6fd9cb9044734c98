-- What mdcache keeps about its own work.

-- A row is something wrong in a document, or with a file that is no document's row (unreadable, odd name).
CREATE TABLE problems (
    path     TEXT NOT NULL,
    line     INTEGER NOT NULL,      -- from 1; 1 when the whole file is meant
    "column" INTEGER NOT NULL,      -- characters, from 1
    code     TEXT NOT NULL,
    severity TEXT NOT NULL,         -- error or warning
    message  TEXT NOT NULL,
    link     INTEGER                -- links.ordinal of the link it is about; NULL when it is about none
) STRICT;

-- A row is a file as it was when its document was read: the stat cache of sync.
CREATE TABLE files (
    path     TEXT PRIMARY KEY,
    size     INTEGER NOT NULL,      -- bytes
    mtime_ns INTEGER,               -- NULL while racy: the file may change again within the clock's step
    ctime_ns INTEGER NOT NULL,
    inode    INTEGER NOT NULL,
    hash     TEXT NOT NULL          -- SHA-256, hex
) STRICT, WITHOUT ROWID;

-- A row is one change of a document within this generation: the change feed.
CREATE TABLE history (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    at       TEXT NOT NULL,         -- UTC, ISO 8601
    action   TEXT NOT NULL,         -- added, changed, removed, renamed
    id       TEXT NOT NULL,
    path     TEXT NOT NULL,
    old_hash TEXT,                  -- NULL when added
    new_hash TEXT,                  -- NULL when removed
    old_path TEXT                   -- NULL unless renamed
) STRICT;

-- The feed is for followers, not an archive: git is.
CREATE TRIGGER history_cap AFTER INSERT ON history BEGIN
    DELETE FROM history WHERE seq <= new.seq - 100000;
END;

-- A row is one fact about the cache: generation, fingerprint, digest, base, roots …
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
