-- How many documents a collection holds. Whoever changes documents takes this row first; a collection without documents has none.
CREATE TABLE collections (
    workspace_id BLOB NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    name TEXT NOT NULL,
    documents INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, name)
) STRICT, WITHOUT ROWID;

-- What workflows find and remember. `words` is what is searched: the words of `text`, in lower case and with spaces between them.
-- `place` is a word that stands for workspace and collection. `marks` tells which appends it has taken. What is large stands last.
CREATE TABLE documents (
    id INTEGER PRIMARY KEY,
    workspace_id BLOB NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    collection TEXT NOT NULL,
    key TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    expires_at INTEGER,
    place TEXT NOT NULL,
    marks TEXT NOT NULL,
    value TEXT NOT NULL,
    text TEXT NOT NULL,
    words TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX documents_by_key ON documents (workspace_id, collection, key);
CREATE INDEX documents_by_expiry ON documents (expires_at) WHERE expires_at IS NOT NULL;

-- The index has no copy of the words, and is kept in step by triggers: they also see what goes with its workspace.
CREATE VIRTUAL TABLE documents_search USING fts5 (
    place, words, content = 'documents', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 0'
);

CREATE TRIGGER documents_are_found AFTER INSERT ON documents BEGIN
    INSERT INTO documents_search (rowid, place, words) VALUES (new.id, new.place, new.words);
END;

CREATE TRIGGER documents_are_gone AFTER DELETE ON documents BEGIN
    INSERT INTO documents_search (documents_search, rowid, place, words) VALUES ('delete', old.id, old.place, old.words);
END;

CREATE TRIGGER documents_are_found_anew AFTER UPDATE OF words ON documents WHEN new.words <> old.words BEGIN
    INSERT INTO documents_search (documents_search, rowid, place, words) VALUES ('delete', old.id, old.place, old.words);
    INSERT INTO documents_search (rowid, place, words) VALUES (new.id, new.place, new.words);
END;

-- The hosts that nodes of the workspace may call, as a JSON list; null is any.
ALTER TABLE workspaces ADD COLUMN outbound_hosts TEXT;
