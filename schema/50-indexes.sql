-- These indexes are made after the rows are in: sorting once is cheaper than inserting in place.

CREATE INDEX links_by_target ON links (target_node, source) WHERE target_node IS NOT NULL;  -- backlinks
CREATE INDEX links_by_name ON links (name) WHERE name IS NOT NULL;         -- resolve: who asks for this name
CREATE INDEX names_by_node ON names (node);                                -- the cascade
CREATE INDEX claims_by_name ON claims (name, claim);                       -- who else asks for this id
CREATE INDEX tags_by_tag ON tags (folded, node);                           -- search --tag
CREATE INDEX tasks_by_node ON tasks (node, line);
CREATE INDEX code_blocks_by_node ON code_blocks (node, line);
CREATE INDEX problems_by_path ON all_problems (path);
CREATE INDEX problems_without_node ON all_problems (path) WHERE code IN ('odd-name', 'unreadable');  -- sync asks for them each time
