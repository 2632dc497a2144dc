-- Large values stand last, so that reading the narrow ones does not touch their pages.
CREATE TABLE executions (
    workspace_id BLOB NOT NULL CHECK (length(workspace_id) = 16),
    id BLOB NOT NULL CHECK (length(id) = 16),
    pod_id BLOB NOT NULL CHECK (length(pod_id) = 16),
    workflow_id BLOB NOT NULL CHECK (length(workflow_id) = 16),
    workflow_version INTEGER NOT NULL,
    status TEXT NOT NULL,
    last_seq INTEGER NOT NULL,
    driver BLOB,
    triggered_by TEXT NOT NULL,
    trigger_id TEXT,
    subject TEXT,
    priority INTEGER NOT NULL,
    dedupe_key TEXT,
    concurrency_key TEXT,
    idempotency_key TEXT,
    parent_execution_id BLOB,
    depth INTEGER NOT NULL,
    replay_of BLOB,
    from_node_id TEXT,
    run_at INTEGER,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    queued_at INTEGER,
    started_at INTEGER,
    finished_at INTEGER,
    suspended_at INTEGER,
    waited_ms INTEGER NOT NULL,
    stats TEXT NOT NULL,
    input TEXT NOT NULL,
    context TEXT NOT NULL,
    presets TEXT,
    output TEXT,
    error TEXT,
    PRIMARY KEY (workspace_id, id)
) STRICT;

CREATE INDEX executions_by_pod ON executions (workspace_id, pod_id, id);
CREATE INDEX executions_by_workflow ON executions (workspace_id, workflow_id, id);
-- The status first: the reconciler walks all live executions of the server, lists name one workspace.
CREATE INDEX executions_by_status ON executions (status, workspace_id, id);
CREATE INDEX executions_by_subject ON executions (workspace_id, subject, id) WHERE subject IS NOT NULL;
CREATE INDEX executions_by_origin ON executions (workspace_id, replay_of, id) WHERE replay_of IS NOT NULL;
CREATE INDEX executions_by_parent ON executions (workspace_id, parent_execution_id, id)
    WHERE parent_execution_id IS NOT NULL;
CREATE INDEX executions_by_driver ON executions (driver) WHERE driver IS NOT NULL;

-- `body` is the exact JSON of the wire.
CREATE TABLE events (
    workspace_id BLOB NOT NULL,
    execution_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (workspace_id, execution_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE snapshots (
    workspace_id BLOB NOT NULL,
    execution_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (workspace_id, execution_id)
) STRICT;

CREATE TABLE suspensions (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    pod_id BLOB NOT NULL,
    workflow_id BLOB NOT NULL,
    execution_id BLOB NOT NULL,
    state TEXT NOT NULL,
    kind TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    closed_at INTEGER,
    interrupt TEXT NOT NULL,
    decision TEXT,
    PRIMARY KEY (workspace_id, id)
) STRICT;

CREATE INDEX suspensions_by_state ON suspensions (workspace_id, state, id);
CREATE INDEX suspensions_by_pod ON suspensions (workspace_id, pod_id, state, id);
CREATE INDEX suspensions_by_workflow ON suspensions (workspace_id, workflow_id, state, id);
CREATE INDEX suspensions_by_execution ON suspensions (workspace_id, execution_id, id);

-- Rows that are runnable now, nothing else.
CREATE TABLE queue (
    workspace_id BLOB NOT NULL,
    execution_id BLOB NOT NULL,
    priority INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, execution_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX queue_by_place ON queue (priority DESC, queued_at, execution_id);

-- When an execution must be woken next, one row each.
CREATE TABLE timers (
    workspace_id BLOB NOT NULL,
    execution_id BLOB NOT NULL,
    due_at INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, execution_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX timers_by_due ON timers (due_at, workspace_id, execution_id);

-- AUTOINCREMENT: a position is never given twice, not even after the newest rows were deleted.
CREATE TABLE feed (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    transaction_id INTEGER NOT NULL DEFAULT 0,
    workspace_id BLOB NOT NULL,
    pod_id BLOB NOT NULL,
    workflow_id BLOB NOT NULL,
    execution_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL
) STRICT;

CREATE INDEX feed_by_workspace ON feed (workspace_id, transaction_id, position);
CREATE INDEX feed_by_pod ON feed (workspace_id, pod_id, transaction_id, position);

-- One row per living server process.
CREATE TABLE instances (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    started_at INTEGER NOT NULL,
    heartbeat_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
