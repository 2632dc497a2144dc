-- How many days executions are kept after their end. Of a workspace: none is for ever. Of a workflow: none is as the workspace
-- says, 0 is for ever.
ALTER TABLE workspaces ADD COLUMN retention_days INTEGER;
ALTER TABLE workflows ADD COLUMN retention_days INTEGER;

-- What has ended longest ago, by workflow; and what is found by execution only when it is removed.
CREATE INDEX executions_by_end ON executions (workflow_id, finished_at, id) WHERE finished_at IS NOT NULL;
CREATE INDEX feed_by_execution ON feed (workspace_id, execution_id);

-- The execution that a reply speaks of, where the reply is kept as long as that.
ALTER TABLE idempotency ADD COLUMN execution_id BLOB;
CREATE INDEX idempotency_by_execution ON idempotency (execution_id) WHERE execution_id IS NOT NULL;

-- Executions that are gone, and of which rows are left to be removed.
CREATE TABLE execution_removals (
    workspace_id BLOB NOT NULL,
    execution_id BLOB NOT NULL,
    PRIMARY KEY (workspace_id, execution_id)
) STRICT, WITHOUT ROWID;

-- One row. `next_at` is when the next round of removals is due, and during one, when others may take it for abandoned.
CREATE TABLE retention_rounds (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    next_at INTEGER NOT NULL,
    place TEXT
) STRICT;

INSERT INTO retention_rounds (id, next_at) VALUES (1, 0);
