-- `secret` is kept as it is: a signature can't be computed from a digest.
CREATE TABLE webhooks (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    pod_id BLOB NOT NULL,
    workflow_id BLOB NOT NULL,
    name TEXT NOT NULL,
    verification TEXT NOT NULL,
    secret TEXT,
    previous_secret TEXT,
    previous_until INTEGER,
    enabled INTEGER NOT NULL,
    dedupe_header TEXT,
    response TEXT NOT NULL,
    wait_seconds INTEGER NOT NULL,
    rate_per_minute INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, workflow_id) REFERENCES workflows (workspace_id, id) ON DELETE CASCADE
) STRICT;

-- The public address names no workspace.
CREATE UNIQUE INDEX webhooks_by_id ON webhooks (id);
CREATE INDEX webhooks_by_pod ON webhooks (workspace_id, pod_id, id);
CREATE INDEX webhooks_by_workflow ON webhooks (workspace_id, workflow_id, id);

-- The ledger: what came, and what became of it. The body stands last: reading the narrow columns does not touch its pages.
CREATE TABLE webhook_deliveries (
    workspace_id BLOB NOT NULL,
    webhook_id BLOB NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    received_at INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    reason TEXT,
    status INTEGER,
    execution_id BLOB,
    dedupe_key TEXT,
    redelivery_of BLOB,
    body_bytes INTEGER NOT NULL,
    forget_at INTEGER NOT NULL,
    headers TEXT NOT NULL,
    query TEXT,
    body BLOB,
    PRIMARY KEY (workspace_id, webhook_id, id),
    FOREIGN KEY (workspace_id, webhook_id) REFERENCES webhooks (workspace_id, id) ON DELETE CASCADE
) STRICT;

CREATE INDEX webhook_deliveries_by_end ON webhook_deliveries (forget_at, workspace_id, webhook_id, id);
