-- `next_at` is when the job goes on, and while somebody works on it, when others may take it for abandoned; none: it has ended.
CREATE TABLE bulk_jobs (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    pod_id BLOB NOT NULL,
    action TEXT NOT NULL,
    from_node_id TEXT,
    version TEXT NOT NULL,
    state TEXT NOT NULL,
    total INTEGER NOT NULL,
    done INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    skipped INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    finished_at INTEGER,
    next_at INTEGER,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, pod_id) REFERENCES pods (workspace_id, id) ON DELETE CASCADE
) STRICT;

CREATE INDEX bulk_jobs_by_pod ON bulk_jobs (workspace_id, pod_id, id);
CREATE INDEX bulk_jobs_by_next ON bulk_jobs (next_at, workspace_id, id) WHERE next_at IS NOT NULL;

-- One row per execution of a job. It is pending until it is settled, once.
CREATE TABLE bulk_items (
    workspace_id BLOB NOT NULL,
    job_id BLOB NOT NULL,
    position INTEGER NOT NULL,
    execution_id BLOB NOT NULL,
    state TEXT NOT NULL,
    new_execution_id BLOB,
    reason TEXT,
    settled_at INTEGER,
    PRIMARY KEY (workspace_id, job_id, position),
    FOREIGN KEY (workspace_id, job_id) REFERENCES bulk_jobs (workspace_id, id) ON DELETE CASCADE
) STRICT;

CREATE INDEX bulk_items_by_state ON bulk_items (workspace_id, job_id, state, position);
