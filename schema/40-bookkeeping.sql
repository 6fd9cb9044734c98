-- What mdcache keeps about its own work.

-- A row is something wrong as the documents alone show it, or with a file that is none (unreadable, odd name). Ask
-- problems, not this: a link that leads to no document is wrong only if nothing else is there.
CREATE TABLE all_problems (
    path     TEXT NOT NULL,
    line     INTEGER NOT NULL,      -- from 1; 1 when the whole file is meant
    "column" INTEGER NOT NULL,      -- characters, from 1
    code     TEXT NOT NULL,
    severity TEXT NOT NULL,         -- error, warning or note
    message  TEXT NOT NULL,
    link     INTEGER                -- links.ordinal of the link it is about; NULL when it is about none
) STRICT;

-- A row is a link that leads to no document and yet to something: a file that patterns leave out, one in a hidden folder or
-- behind a symbolic link, a folder, what lies outside the base. Not derived from the documents, so no part of the digest:
-- rebuild and sync look where such links lead.
CREATE TABLE present (
    node INTEGER NOT NULL REFERENCES nodes (key) ON DELETE CASCADE,
    link INTEGER NOT NULL,          -- links.ordinal
    PRIMARY KEY (node, link)
) STRICT, WITHOUT ROWID;

-- A row is something wrong in a document, or with a file that is none. A note is nothing wrong: a page to be written.
CREATE VIEW problems AS
SELECT path, line, "column", code, severity, message, link
FROM all_problems
WHERE link IS NULL OR NOT EXISTS (
    SELECT 1 FROM nodes JOIN present ON present.node = nodes.key
    WHERE nodes.path = all_problems.path AND present.link = all_problems.link
);

-- A row is a link that names a document where there is none, and nothing else either.
CREATE VIEW unresolved_links AS
SELECT key, source, section, ordinal, line, "column", kind, type, target, fragment, label, name
FROM links
WHERE scope = 'document' AND target_node IS NULL AND NOT EXISTS (
    SELECT 1 FROM present WHERE present.node = links.source AND present.link = links.ordinal
);

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
