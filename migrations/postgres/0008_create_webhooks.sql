-- `secret` is kept as it is: a signature can't be computed from a digest.
CREATE TABLE webhooks (
    workspace_id UUID NOT NULL,
    id UUID NOT NULL,
    pod_id UUID NOT NULL,
    workflow_id UUID NOT NULL,
    name TEXT NOT NULL,
    verification TEXT NOT NULL,
    secret TEXT,
    previous_secret TEXT,
    previous_until BIGINT,
    enabled BOOLEAN NOT NULL,
    dedupe_header TEXT,
    response TEXT NOT NULL,
    wait_seconds BIGINT NOT NULL,
    rate_per_minute BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, workflow_id) REFERENCES workflows (workspace_id, id) ON DELETE CASCADE
);

-- The public address names no workspace.
CREATE UNIQUE INDEX webhooks_by_id ON webhooks (id);
CREATE INDEX webhooks_by_pod ON webhooks (workspace_id, pod_id, id);
CREATE INDEX webhooks_by_workflow ON webhooks (workspace_id, workflow_id, id);

-- The ledger: what came, and what became of it. The body stands last: reading the narrow columns does not touch its pages.
CREATE TABLE webhook_deliveries (
    workspace_id UUID NOT NULL,
    webhook_id UUID NOT NULL,
    id UUID NOT NULL,
    received_at BIGINT NOT NULL,
    verdict TEXT NOT NULL,
    reason TEXT,
    status BIGINT,
    execution_id UUID,
    dedupe_key TEXT,
    redelivery_of UUID,
    body_bytes BIGINT NOT NULL,
    forget_at BIGINT NOT NULL,
    headers TEXT NOT NULL,
    query TEXT,
    body BYTEA,
    PRIMARY KEY (workspace_id, webhook_id, id),
    FOREIGN KEY (workspace_id, webhook_id) REFERENCES webhooks (workspace_id, id) ON DELETE CASCADE
);

CREATE INDEX webhook_deliveries_by_end ON webhook_deliveries (forget_at, workspace_id, webhook_id, id);
