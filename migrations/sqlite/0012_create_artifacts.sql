-- Files that workers have produced. Their bytes are in the object store, under keys that are made of the ids.
CREATE TABLE artifacts (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    execution_id BLOB NOT NULL,
    node_id TEXT NOT NULL,
    path TEXT,
    task_id BLOB,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, id)
) STRICT;

CREATE INDEX artifacts_by_execution ON artifacts (workspace_id, execution_id, id);

-- Objects that are to be removed at `due_at`: those of artifacts that are gone, and those that are being uploaded, until the
-- commit that makes artifacts of them takes the row away. `taken`: somebody removes it, and no commit may have it any more.
CREATE TABLE artifact_removals (
    workspace_id BLOB NOT NULL,
    artifact_id BLOB NOT NULL,
    execution_id BLOB NOT NULL,
    due_at INTEGER NOT NULL,
    taken INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (workspace_id, artifact_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX artifact_removals_by_due ON artifact_removals (due_at, workspace_id, artifact_id);
