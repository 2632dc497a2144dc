-- A second wall between tenants, behind the conditions of the statements. Whoever doesn't own these tables sees and writes the rows
-- of the workspace that the connection was told, and of none if it was told none. The owner, which is the engine, is not held by it:
-- its statements are about many workspaces. For whom the wall is there, and how a connection is told: docs/security.md.
--
-- Nothing is said of a role here. Roles are the cluster's, and not every database user may make one.
DO $$
DECLARE
    walled TEXT;
BEGIN
    FOREACH walled IN ARRAY ARRAY[
        'api_keys', 'artifact_removals', 'artifacts', 'audit', 'bulk_items', 'bulk_jobs', 'collections', 'debounces', 'dedupe_keys',
        'documents', 'events', 'execution_removals', 'executions', 'feed', 'group_members', 'groups', 'invites', 'members',
        'notifications', 'pods', 'queue', 'response_links', 'schedule_slots', 'schedules', 'secrets', 'snapshots', 'subject_labels',
        'subjects', 'subscriptions', 'suspension_approvers', 'suspensions', 'tasks', 'timers', 'webhook_deliveries', 'webhooks',
        'workers', 'workflow_versions', 'workflows'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', walled);
        EXECUTE format('CREATE POLICY workspace_wall ON %I USING '
            '(workspace_id = NULLIF(current_setting(''sluicegate.workspace'', true), '''')::uuid)', walled);
    END LOOP;
END
$$;

ALTER TABLE workspaces ENABLE ROW LEVEL SECURITY;
CREATE POLICY workspace_wall ON workspaces USING (id = NULLIF(current_setting('sluicegate.workspace', true), '')::uuid);

-- The scope of a key is the workspace's id as text, or a user outside of one.
ALTER TABLE idempotency ENABLE ROW LEVEL SECURITY;
CREATE POLICY workspace_wall ON idempotency USING (scope = NULLIF(current_setting('sluicegate.workspace', true), ''));
