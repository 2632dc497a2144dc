-- What executions are about. `place` is the SHA-256 of store and path: an index has room for it, whatever the length of a path.
-- What is large stands last.
CREATE TABLE subjects (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    pod_id BLOB NOT NULL,
    path TEXT NOT NULL,
    store TEXT,
    place BLOB NOT NULL,
    status TEXT,
    locked INTEGER NOT NULL,
    change_sequence INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    metadata TEXT NOT NULL,
    external_data TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, pod_id) REFERENCES pods (workspace_id, id) ON DELETE CASCADE
) STRICT;

CREATE UNIQUE INDEX subjects_by_place ON subjects (workspace_id, pod_id, place);
CREATE INDEX subjects_by_pod ON subjects (workspace_id, pod_id, id);

-- Without a foreign key: executions that complete write here, and must not fail because their subject is being deleted.
CREATE TABLE subject_labels (
    workspace_id BLOB NOT NULL,
    subject_id BLOB NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (workspace_id, subject_id, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX subject_labels_by_name ON subject_labels (workspace_id, name, subject_id);
