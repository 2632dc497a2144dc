ALTER TABLE workspaces ADD COLUMN max_running BIGINT;
ALTER TABLE pods ADD COLUMN max_running BIGINT;

-- `lane` is what an execution shares a limit with; empty where only the pod or the workspace has one, none where there is none.
ALTER TABLE executions
    ADD COLUMN lane TEXT,
    ADD COLUMN lane_limit BIGINT,
    ADD COLUMN on_limit TEXT,
    ADD COLUMN expires_at BIGINT,
    ADD COLUMN debounce_key TEXT,
    ADD COLUMN duplicate_of UUID;

DROP INDEX executions_by_driver;
CREATE INDEX executions_by_driver ON executions (workspace_id, driver) WHERE driver IS NOT NULL;

-- `rank` is when an execution was queued, shifted by its priority. A row that is held waits for room in its lane.
ALTER TABLE queue
    ADD COLUMN rank BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN lane TEXT,
    ADD COLUMN held BOOLEAN NOT NULL DEFAULT false;
UPDATE queue SET rank = queued_at - priority * 60000;
DROP INDEX queue_by_place;
CREATE INDEX queue_by_place ON queue (rank, execution_id, held) WHERE NOT held;
CREATE INDEX queue_by_lane ON queue (workspace_id, lane, rank, execution_id) WHERE held;
CREATE INDEX queue_admitted ON queue (workspace_id, execution_id) WHERE lane IS NOT NULL AND NOT held;

-- The execution that a key stands for, until it is forgotten.
CREATE TABLE dedupe_keys (
    workspace_id UUID NOT NULL,
    workflow_id UUID NOT NULL,
    key TEXT NOT NULL,
    execution_id UUID NOT NULL,
    created_at BIGINT NOT NULL,
    forget_at BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, workflow_id, key),
    FOREIGN KEY (workspace_id, workflow_id) REFERENCES workflows (workspace_id, id) ON DELETE CASCADE
);

CREATE INDEX dedupe_keys_by_end ON dedupe_keys (forget_at);

-- The last one of a burst of triggers: the one that runs.
CREATE TABLE debounces (
    workspace_id UUID NOT NULL,
    workflow_id UUID NOT NULL,
    key TEXT NOT NULL,
    execution_id UUID NOT NULL,
    first_at BIGINT NOT NULL,
    run_at BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, workflow_id, key),
    FOREIGN KEY (workspace_id, workflow_id) REFERENCES workflows (workspace_id, id) ON DELETE CASCADE
);

CREATE INDEX debounces_by_end ON debounces (run_at);
