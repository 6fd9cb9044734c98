-- Sections: the unit of search. They tile the document: each ends where the next begins.

-- A row is the part of a document from one heading to the next. Section 0 is the text before the first
-- heading; it always exists, blank or not.
--
-- hash is the beginning of the SHA-256 of a text in UTF-8: a line for each heading above the section, in plain text and
-- from the highest down, and then the section itself, as it is in the file. The heading that gives the document its
-- title, the first of level 1 that is not empty, is left out of both. So what is computed from a text can be kept by its
-- hash: the same text under the same headings has the same hash in every document, and a new title changes none. It is
-- NULL for a file over the size limit, whose text is not read.
CREATE TABLE sections (
    key     INTEGER PRIMARY KEY,
    node    INTEGER NOT NULL REFERENCES nodes (key) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,       -- 0, 1, 2 … in the document
    level   INTEGER NOT NULL,       -- 1–6; 0 for section 0
    heading TEXT,                   -- its plain text, '' when empty; NULL for section 0
    anchor  TEXT,                   -- GitHub's slug, unique in the document; NULL for section 0
    start   INTEGER NOT NULL,       -- bytes into the file: the heading's line begins here
    "end"   INTEGER NOT NULL,       -- bytes into the file: the next section begins here
    line    INTEGER NOT NULL,       -- from 1
    hash    BLOB                    -- 16 bytes: of what an embedding model is to see of it, as said above
) STRICT;

-- A document's sections; its cascade. Made before the rows, which come in its order: made after them, it would sort
-- them all in memory, 50 bytes for each.
CREATE UNIQUE INDEX sections_by_node ON sections (node, ordinal);

-- The index keeps no text (content=''): it maps words to sections.key, and the text is read from the file. Lines that end
-- in "live only" are left out of what rebuild --output publishes: nothing is ever deleted there, and SQLite before 3.43,
-- which does not know such an index, can match it.
CREATE VIRTUAL TABLE sections_fts USING fts5 (
    title, heading, tags, body,
    content = '',
    contentless_delete = 1,  -- live only
    tokenize = 'porter unicode61 remove_diacritics 2'
);

-- How much a hit counts by column: a title is worth ten words of the body. Stored, so that a user's
-- ORDER BY rank agrees with mdcache search.
INSERT INTO sections_fts (sections_fts, rank) VALUES ('rank', 'bm25(10.0, 6.0, 4.0, 1.0)');

-- The one way in: a section with the words to index. A view, so that the words are never stored. Nor is the hash
-- shown: Datasette has no page for a view with a blob.
CREATE VIEW section_texts AS
SELECT key, node, ordinal, level, heading, anchor, start, "end", line,
       NULL AS hash, NULL AS title, NULL AS tags, NULL AS words, NULL AS body
FROM sections;

-- words: the heading as it is to be indexed (scripts without spaces are set apart), not as it is shown.
CREATE TRIGGER section_texts_insert INSTEAD OF INSERT ON section_texts BEGIN
    INSERT INTO sections (key, node, ordinal, level, heading, anchor, start, "end", line, hash)
    VALUES (new.key, new.node, new.ordinal, new.level, new.heading, new.anchor, new.start, new."end", new.line,
            new.hash);
    INSERT INTO sections_fts (rowid, title, heading, tags, body)
    VALUES (new.key, new.title, new.words, new.tags, new.body);
END;

-- The one way out: fires under ON DELETE CASCADE too, so a document takes its words along.
CREATE TRIGGER sections_delete AFTER DELETE ON sections BEGIN DELETE FROM sections_fts WHERE rowid = old.key; END;  -- live only

-- In tasks, code_blocks, anchors and links, section is a sections.key of the same document. It is no foreign
-- key: rows leave with their document, and the index that a key wants would cost more than it proves.

-- A row is one checkbox of a task list.
CREATE TABLE tasks (
    node    INTEGER NOT NULL REFERENCES nodes (key) ON DELETE CASCADE,
    section INTEGER NOT NULL,
    line    INTEGER NOT NULL,
    done    INTEGER NOT NULL,       -- 1 for [x], 0 for [ ]
    text    TEXT NOT NULL           -- as written, in one line
) STRICT;

-- A row is one code block, fenced or indented.
CREATE TABLE code_blocks (
    node     INTEGER NOT NULL REFERENCES nodes (key) ON DELETE CASCADE,
    section  INTEGER NOT NULL,
    line     INTEGER NOT NULL,
    language TEXT                   -- the first word after the fence; NULL when there is none
) STRICT;

-- A row is a place that links can point at and that is no heading: ^block, id="…", <a name="…">, {#custom-id}.
CREATE TABLE anchors (
    node    INTEGER NOT NULL REFERENCES nodes (key) ON DELETE CASCADE,
    anchor  TEXT NOT NULL,          -- with its ^ for a block
    section INTEGER NOT NULL,
    line    INTEGER NOT NULL,
    PRIMARY KEY (node, anchor)
) STRICT, WITHOUT ROWID;
