-- The failed ones of one workflow, say: neither all of the workflow's nor all of the workspace's failed ones are walked over.
-- An execution that is queued, runs and completes is never in it, and so costs nothing more than before.
CREATE INDEX executions_by_workflow_and_status ON executions (workspace_id, workflow_id, status, id)
    WHERE status IN ('pending', 'suspended', 'cancelling', 'failed', 'cancelled', 'skipped');
