-- The driver changes with nearly every commit; `fillfactor` leaves room for the next version of a row in its page.
CREATE TABLE executions (
    workspace_id UUID NOT NULL,
    id UUID NOT NULL,
    pod_id UUID NOT NULL,
    workflow_id UUID NOT NULL,
    workflow_version BIGINT NOT NULL,
    status TEXT NOT NULL,
    last_seq BIGINT NOT NULL,
    driver UUID,
    triggered_by TEXT NOT NULL,
    trigger_id TEXT,
    subject TEXT,
    priority BIGINT NOT NULL,
    dedupe_key TEXT,
    concurrency_key TEXT,
    idempotency_key TEXT,
    parent_execution_id UUID,
    depth BIGINT NOT NULL,
    replay_of UUID,
    from_node_id TEXT,
    run_at BIGINT,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    queued_at BIGINT,
    started_at BIGINT,
    finished_at BIGINT,
    suspended_at BIGINT,
    waited_ms BIGINT NOT NULL,
    stats TEXT NOT NULL,
    input TEXT NOT NULL,
    context TEXT NOT NULL,
    presets TEXT,
    output TEXT,
    error TEXT,
    PRIMARY KEY (workspace_id, id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);

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
    workspace_id UUID NOT NULL,
    execution_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (workspace_id, execution_id, seq)
);

CREATE TABLE snapshots (
    workspace_id UUID NOT NULL,
    execution_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (workspace_id, execution_id)
);

CREATE TABLE suspensions (
    workspace_id UUID NOT NULL,
    id UUID NOT NULL,
    pod_id UUID NOT NULL,
    workflow_id UUID NOT NULL,
    execution_id UUID NOT NULL,
    state TEXT NOT NULL,
    kind TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    closed_at BIGINT,
    interrupt TEXT NOT NULL,
    decision TEXT,
    PRIMARY KEY (workspace_id, id)
);

CREATE INDEX suspensions_by_state ON suspensions (workspace_id, state, id);
CREATE INDEX suspensions_by_pod ON suspensions (workspace_id, pod_id, state, id);
CREATE INDEX suspensions_by_workflow ON suspensions (workspace_id, workflow_id, state, id);
CREATE INDEX suspensions_by_execution ON suspensions (workspace_id, execution_id, id);

-- Rows that are runnable now, nothing else. They live for milliseconds: room for updates in the page, and autovacuum by
-- a fixed count, because a fraction of a table that is nearly empty says nothing.
CREATE TABLE queue (
    workspace_id UUID NOT NULL,
    execution_id UUID NOT NULL,
    priority BIGINT NOT NULL,
    queued_at BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, execution_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX queue_by_place ON queue (priority DESC, queued_at, execution_id);

-- When an execution must be woken next, one row each.
CREATE TABLE timers (
    workspace_id UUID NOT NULL,
    execution_id UUID NOT NULL,
    due_at BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, execution_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX timers_by_due ON timers (due_at, workspace_id, execution_id);

-- Positions are given before transactions commit, so a reader orders by (transaction_id, position) and stops below the
-- oldest transaction that is still open.
CREATE TABLE feed (
    position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction_id BIGINT NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    workspace_id UUID NOT NULL,
    pod_id UUID NOT NULL,
    workflow_id UUID NOT NULL,
    execution_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    kind TEXT NOT NULL
);

CREATE INDEX feed_by_workspace ON feed (workspace_id, transaction_id, position);
CREATE INDEX feed_by_pod ON feed (workspace_id, pod_id, transaction_id, position);

-- One row per living server process.
CREATE TABLE instances (
    id UUID NOT NULL PRIMARY KEY,
    started_at BIGINT NOT NULL,
    heartbeat_at BIGINT NOT NULL
) WITH (fillfactor = 50);
