-- `due_at` is the next slot and the schedule's shift, computed from the definition and `settled_until`.
CREATE TABLE schedules (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    pod_id BLOB NOT NULL,
    workflow_id BLOB NOT NULL,
    name TEXT NOT NULL,
    cron_expression TEXT NOT NULL,
    timezone TEXT NOT NULL,
    input TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    overlap TEXT NOT NULL,
    catch_up TEXT NOT NULL,
    jitter_seconds INTEGER NOT NULL,
    start_at INTEGER,
    end_at INTEGER,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    settled_until INTEGER NOT NULL,
    due_at INTEGER,
    waiting_slot INTEGER,
    last_run_at INTEGER,
    last_error TEXT,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, workflow_id) REFERENCES workflows (workspace_id, id) ON DELETE CASCADE
) STRICT;

CREATE INDEX schedules_by_pod ON schedules (workspace_id, pod_id, id);
CREATE INDEX schedules_by_workflow ON schedules (workspace_id, workflow_id, id);
CREATE INDEX schedules_by_due ON schedules (due_at, workspace_id, id) WHERE due_at IS NOT NULL;
CREATE INDEX schedules_that_wait ON schedules (waiting_slot, workspace_id, id) WHERE waiting_slot IS NOT NULL;

-- The ledger: one row per slot that is settled. The key is what keeps a slot from being settled twice.
CREATE TABLE schedule_slots (
    workspace_id BLOB NOT NULL,
    schedule_id BLOB NOT NULL,
    slot INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    execution_id BLOB,
    late_ms INTEGER NOT NULL,
    reason TEXT,
    settled_at INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, schedule_id, slot),
    FOREIGN KEY (workspace_id, schedule_id) REFERENCES schedules (workspace_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- What a schedule has started and what has not ended.
CREATE INDEX executions_by_trigger ON executions (workspace_id, trigger_id, id)
    WHERE trigger_id IS NOT NULL AND status IN ('pending', 'queued', 'running', 'suspended', 'cancelling');
