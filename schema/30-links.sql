-- Links: the graph.

-- A row is one occurrence of a reference in a document.
CREATE TABLE links (
    key         INTEGER PRIMARY KEY,
    source      INTEGER NOT NULL REFERENCES nodes (key) ON DELETE CASCADE,
    section     INTEGER NOT NULL,   -- section 0 for links of the front matter
    ordinal     INTEGER NOT NULL,   -- 0, 1, 2 … in the document
    line        INTEGER NOT NULL,
    "column"    INTEGER NOT NULL,   -- characters, from 1
    kind        TEXT NOT NULL,      -- markdown (inline, reference, <autolink>), image (markdown, <img src>), html (<a href>),
                                    --   wikilink, embed, url (bare),
                                    --   property (wikilink in front matter), relation (key:: [[T]], [tag: X], <!-- tags: [R: t] -->)
    type        TEXT NOT NULL,      -- of its edge: LINKS_TO, EMBEDS, TAGGED_AS, or the key of the relation
    target      TEXT NOT NULL,      -- as written, with the fragment
    fragment    TEXT,               -- what follows the #, percent-decoded; NULL without one, or when external
    label       TEXT,               -- its text; NULL when it has none of its own
    scope       TEXT NOT NULL,      -- document: resolves, or names a document; asset: another relative target; external
    name        TEXT,               -- where names is looked up; NULL when no document can be meant
    target_node INTEGER REFERENCES nodes (key) ON DELETE SET NULL,  -- NULL unless it resolves to a document
    rivals      INTEGER NOT NULL DEFAULT 0                    -- how many other documents stood just as near
) STRICT;

-- Outgoing links; its cascade. Made before the rows, as that of sections is.
CREATE INDEX links_by_source ON links (source, ordinal);

-- A row is one kind of connection between two documents; weight counts the links. Grouped by the ids it
-- shows: only so does SQLite push a WHERE on them down to the links.
CREATE VIEW edges AS
SELECT source.id AS source, target.id AS target, links.type AS type, count(*) AS weight
FROM links
JOIN nodes AS source ON source.key = links.source
JOIN nodes AS target ON target.key = links.target_node
GROUP BY source.id, target.id, links.type;
