-- Documents: what is known of each file. The text itself stays in the file ("hollow" nodes).

-- A row is one document.
CREATE TABLE nodes (
    key     INTEGER PRIMARY KEY,
    id      TEXT NOT NULL UNIQUE,   -- from the front matter, else the path without extension, else the path
    path    TEXT NOT NULL UNIQUE,   -- relative to the base, /-separated, spelled as on disk
    title   TEXT NOT NULL,          -- from the front matter, else the first H1, else the first heading, else the stem
    type    TEXT,                   -- these five: as written in the front matter, else by the settings' path
    domain  TEXT,                   --   rules (type, domain, layer) or the file's name (date); NULL when
    layer   TEXT,                   --   nothing says
    date    TEXT,
    summary TEXT,
    hash    TEXT NOT NULL,          -- SHA-256 of the file's bytes, hex: sha256sum prints the same
    size    INTEGER NOT NULL,       -- bytes
    meta    TEXT                    -- the front matter as JSON; NULL when there is none or it cannot be read. null, true,
                                    --   false and numbers are typed if JSON writes them so; all else is text as written
) STRICT;

-- A row is the id that a document's front matter asks for, whether it got it or not.
CREATE TABLE claims (
    node  INTEGER PRIMARY KEY REFERENCES nodes (key) ON DELETE CASCADE,
    claim TEXT NOT NULL,
    name  TEXT NOT NULL,            -- the name under which documents with such a path are found: see names
    line  INTEGER NOT NULL
) STRICT;

-- A row is one name under which links can find a document: its file name without extension, its folder's
-- name for a README or index, each alias. A bucket for look-ups, not an identity: only the last component,
-- without case. links.name holds the same form, so a name that comes or goes touches few links.
CREATE TABLE names (
    name  TEXT NOT NULL,
    node  INTEGER NOT NULL REFERENCES nodes (key) ON DELETE CASCADE,
    alias TEXT NOT NULL,            -- the whole alias without case; '/' and an address; '' when found by its path
    PRIMARY KEY (name, node, alias)
) STRICT, WITHOUT ROWID;

-- A row is one tag of a document, without the #: a #tag, an item of the front matter's list, a word of its text
-- (tags: one two, three) or of <!-- tags: one, two -->, where commas and spaces stand between.
CREATE TABLE tags (
    node   INTEGER NOT NULL REFERENCES nodes (key) ON DELETE CASCADE,
    tag    TEXT NOT NULL,           -- as the document first writes it
    folded TEXT NOT NULL,           -- without case, to compare by; what is nested in inbox begins with inbox/
    PRIMARY KEY (node, folded)
) STRICT, WITHOUT ROWID;

-- A row is another name of a document, as written in its front matter: an item of a list, or one text.
CREATE TABLE aliases (
    node  INTEGER NOT NULL REFERENCES nodes (key) ON DELETE CASCADE,
    alias TEXT NOT NULL,
    PRIMARY KEY (node, alias)
) STRICT, WITHOUT ROWID;

-- A row is one value of one front matter key; a list has a row for each item, an empty list none.
CREATE TABLE properties (
    node    INTEGER NOT NULL REFERENCES nodes (key) ON DELETE CASCADE,
    key     TEXT NOT NULL,
    ordinal INTEGER NOT NULL,       -- 0, or the place in the list
    value   TEXT NOT NULL,          -- JSON: "text", 7, true, null, {"a": 1}
    PRIMARY KEY (node, key, ordinal)
) STRICT, WITHOUT ROWID;
