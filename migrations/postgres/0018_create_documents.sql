-- How many documents a collection holds. Whoever changes documents takes this row first; a collection without documents has none.
CREATE TABLE collections (
    workspace_id UUID NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    documents BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, name)
);

-- What workflows find and remember. `words` is what is searched: the words of `text`, in lower case and with spaces between them.
-- `place` is a word that stands for workspace and collection. `marks` tells which appends it has taken. What is large stands last.
CREATE TABLE documents (
    workspace_id UUID NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    collection TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    expires_at BIGINT,
    place TEXT NOT NULL,
    marks TEXT NOT NULL,
    value TEXT NOT NULL,
    text TEXT NOT NULL,
    words TEXT NOT NULL,
    -- `simple`: the words are of any language, and must be found as they are.
    search TSVECTOR NOT NULL GENERATED ALWAYS AS (to_tsvector('simple', words) || array_to_tsvector(ARRAY[place])) STORED,
    PRIMARY KEY (workspace_id, collection, key)
);

CREATE INDEX documents_by_expiry ON documents (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX documents_by_search ON documents USING GIN (search);

-- The hosts that nodes of the workspace may call, as a JSON list; null is any.
ALTER TABLE workspaces ADD COLUMN outbound_hosts TEXT;
