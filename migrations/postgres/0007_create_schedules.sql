-- `due_at` is the next slot and the schedule's shift, computed from the definition and `settled_until`.
CREATE TABLE schedules (
    workspace_id UUID NOT NULL,
    id UUID NOT NULL,
    pod_id UUID NOT NULL,
    workflow_id UUID NOT NULL,
    name TEXT NOT NULL,
    cron_expression TEXT NOT NULL,
    timezone TEXT NOT NULL,
    input TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    overlap TEXT NOT NULL,
    catch_up TEXT NOT NULL,
    jitter_seconds BIGINT NOT NULL,
    start_at BIGINT,
    end_at BIGINT,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    settled_until BIGINT NOT NULL,
    due_at BIGINT,
    waiting_slot BIGINT,
    last_run_at BIGINT,
    last_error TEXT,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, workflow_id) REFERENCES workflows (workspace_id, id) ON DELETE CASCADE
) WITH (fillfactor = 80);

CREATE INDEX schedules_by_pod ON schedules (workspace_id, pod_id, id);
CREATE INDEX schedules_by_workflow ON schedules (workspace_id, workflow_id, id);
CREATE INDEX schedules_by_due ON schedules (due_at, workspace_id, id) WHERE due_at IS NOT NULL;
CREATE INDEX schedules_that_wait ON schedules (waiting_slot, workspace_id, id) WHERE waiting_slot IS NOT NULL;

-- The ledger: one row per slot that is settled. The key is what keeps a slot from being settled twice.
CREATE TABLE schedule_slots (
    workspace_id UUID NOT NULL,
    schedule_id UUID NOT NULL,
    slot BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    execution_id UUID,
    late_ms BIGINT NOT NULL,
    reason TEXT,
    settled_at BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, schedule_id, slot),
    FOREIGN KEY (workspace_id, schedule_id) REFERENCES schedules (workspace_id, id) ON DELETE CASCADE
);

-- What a schedule has started and what has not ended.
CREATE INDEX executions_by_trigger ON executions (workspace_id, trigger_id, id)
    WHERE trigger_id IS NOT NULL AND status IN ('pending', 'queued', 'running', 'suspended', 'cancelling');
