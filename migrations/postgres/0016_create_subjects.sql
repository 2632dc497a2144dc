-- What executions are about. `place` is the SHA-256 of store and path: an index has room for it, whatever the length of a path.
-- What is large stands last.
CREATE TABLE subjects (
    workspace_id UUID NOT NULL,
    id UUID NOT NULL,
    pod_id UUID NOT NULL,
    path TEXT NOT NULL,
    store TEXT,
    place BYTEA NOT NULL,
    status TEXT,
    locked BOOLEAN NOT NULL,
    change_sequence BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    metadata TEXT NOT NULL,
    external_data TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, pod_id) REFERENCES pods (workspace_id, id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX subjects_by_place ON subjects (workspace_id, pod_id, place);
CREATE INDEX subjects_by_pod ON subjects (workspace_id, pod_id, id);

-- Without a foreign key: executions that complete write here, and must not fail because their subject is being deleted.
CREATE TABLE subject_labels (
    workspace_id UUID NOT NULL,
    subject_id UUID NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (workspace_id, subject_id, name)
);

CREATE INDEX subject_labels_by_name ON subject_labels (workspace_id, name, subject_id);
