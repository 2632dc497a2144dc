-- Tasks that wait for a worker or are in the hands of one; what became of those that are over is in the logs of their
-- executions. `rank` orders a queue: age, and a point of priority counts as a minute.
CREATE TABLE tasks (
    workspace_id UUID NOT NULL,
    id UUID NOT NULL,
    pod_id UUID NOT NULL,
    workflow_id UUID NOT NULL,
    execution_id UUID NOT NULL,
    node_id TEXT NOT NULL,
    address TEXT NOT NULL,
    queue TEXT NOT NULL,
    state TEXT NOT NULL,
    priority BIGINT NOT NULL,
    rank BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    input TEXT NOT NULL,
    lease_ms BIGINT NOT NULL,
    queued_at BIGINT NOT NULL,
    worker_id TEXT,
    leased_at BIGINT,
    lease_until BIGINT,
    heartbeat_at BIGINT,
    PRIMARY KEY (workspace_id, id)
);

CREATE INDEX tasks_by_queue ON tasks (workspace_id, pod_id, queue, state, rank, id);
CREATE INDEX tasks_by_execution ON tasks (workspace_id, execution_id);
CREATE INDEX tasks_by_lease ON tasks (lease_until, workspace_id, id) WHERE state = 'leased';

-- Workers that were heard of lately.
CREATE TABLE workers (
    workspace_id UUID NOT NULL,
    pod_id UUID NOT NULL,
    id TEXT NOT NULL,
    version TEXT,
    queues TEXT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, pod_id, id),
    FOREIGN KEY (workspace_id, pod_id) REFERENCES pods (workspace_id, id) ON DELETE CASCADE
);
