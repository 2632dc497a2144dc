-- Which events start which workflow: the types that the deployed version of a workflow subscribes to. Written with each change
-- of the workflow, so that an event finds its workflows without a look into their definitions.
CREATE TABLE subscriptions (
    workspace_id UUID NOT NULL,
    pod_id UUID NOT NULL,
    event_type TEXT NOT NULL,
    workflow_id UUID NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, workflow_id, event_type),
    FOREIGN KEY (workspace_id, workflow_id) REFERENCES workflows (workspace_id, id) ON DELETE CASCADE
);

CREATE INDEX subscriptions_by_type ON subscriptions (workspace_id, pod_id, event_type, workflow_id, version);
