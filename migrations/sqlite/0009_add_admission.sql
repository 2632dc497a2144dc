ALTER TABLE workspaces ADD COLUMN max_running INTEGER;
ALTER TABLE pods ADD COLUMN max_running INTEGER;

-- A new table, because large values stand last: reading the narrow ones must not walk through them.
-- `lane` is what an execution shares a limit with; empty where only the pod or the workspace has one, none where there is none.
CREATE TABLE new_executions (
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
    lane TEXT,
    lane_limit INTEGER,
    on_limit TEXT,
    expires_at INTEGER,
    debounce_key TEXT,
    duplicate_of BLOB,
    stats TEXT NOT NULL,
    input TEXT NOT NULL,
    context TEXT NOT NULL,
    presets TEXT,
    output TEXT,
    error TEXT,
    PRIMARY KEY (workspace_id, id)
) STRICT;

INSERT INTO new_executions (
    workspace_id, id, pod_id, workflow_id, workflow_version, status, last_seq, driver, triggered_by,
    trigger_id, subject, priority, dedupe_key, concurrency_key, idempotency_key, parent_execution_id, depth,
    replay_of, from_node_id, run_at, created_by, created_at, queued_at, started_at, finished_at, suspended_at,
    waited_ms, stats, input, context, presets, output, error
)
SELECT
    workspace_id, id, pod_id, workflow_id, workflow_version, status, last_seq, driver, triggered_by,
    trigger_id, subject, priority, dedupe_key, concurrency_key, idempotency_key, parent_execution_id, depth,
    replay_of, from_node_id, run_at, created_by, created_at, queued_at, started_at, finished_at, suspended_at,
    waited_ms, stats, input, context, presets, output, error
FROM executions;
DROP TABLE executions;
ALTER TABLE new_executions RENAME TO executions;

CREATE INDEX executions_by_pod ON executions (workspace_id, pod_id, id);
CREATE INDEX executions_by_workflow ON executions (workspace_id, workflow_id, id);
CREATE INDEX executions_by_status ON executions (status, workspace_id, id);
CREATE INDEX executions_by_subject ON executions (workspace_id, subject, id) WHERE subject IS NOT NULL;
CREATE INDEX executions_by_origin ON executions (workspace_id, replay_of, id) WHERE replay_of IS NOT NULL;
CREATE INDEX executions_by_parent ON executions (workspace_id, parent_execution_id, id)
    WHERE parent_execution_id IS NOT NULL;
CREATE INDEX executions_by_driver ON executions (workspace_id, driver) WHERE driver IS NOT NULL;
CREATE INDEX executions_by_trigger ON executions (workspace_id, trigger_id, id)
    WHERE trigger_id IS NOT NULL AND status IN ('pending', 'queued', 'running', 'suspended', 'cancelling');

-- `rank` is when an execution was queued, shifted by its priority. A row that is held waits for room in its lane.
DROP INDEX queue_by_place;
ALTER TABLE queue ADD COLUMN rank INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queue ADD COLUMN lane TEXT;
ALTER TABLE queue ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
UPDATE queue SET rank = queued_at - priority * 60000;
CREATE INDEX queue_by_place ON queue (rank, execution_id, held) WHERE NOT held;
CREATE INDEX queue_by_lane ON queue (workspace_id, lane, rank, execution_id) WHERE held;
CREATE INDEX queue_admitted ON queue (workspace_id, execution_id) WHERE lane IS NOT NULL AND NOT held;

-- The execution that a key stands for, until it is forgotten.
CREATE TABLE dedupe_keys (
    workspace_id BLOB NOT NULL,
    workflow_id BLOB NOT NULL,
    key TEXT NOT NULL,
    execution_id BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    forget_at INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, workflow_id, key),
    FOREIGN KEY (workspace_id, workflow_id) REFERENCES workflows (workspace_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX dedupe_keys_by_end ON dedupe_keys (forget_at);

-- The last one of a burst of triggers: the one that runs.
CREATE TABLE debounces (
    workspace_id BLOB NOT NULL,
    workflow_id BLOB NOT NULL,
    key TEXT NOT NULL,
    execution_id BLOB NOT NULL,
    first_at INTEGER NOT NULL,
    run_at INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, workflow_id, key),
    FOREIGN KEY (workspace_id, workflow_id) REFERENCES workflows (workspace_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX debounces_by_end ON debounces (run_at);
