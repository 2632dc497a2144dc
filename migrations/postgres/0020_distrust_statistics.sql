-- A workspace that was made after the last ANALYZE is in no statistics: the planner takes it for empty, and an index that finds
-- the workspace alone for as good as one that finds the row. Everything that such a workspace has is read then, each time. Without
-- statistics about the column the planner takes every workspace for a large one. Changing the type to what it is removes those
-- that were gathered; nothing is written anew.
ALTER TABLE executions ALTER COLUMN workspace_id TYPE uuid, ALTER COLUMN workspace_id SET STATISTICS 0;
ALTER TABLE events ALTER COLUMN workspace_id TYPE uuid, ALTER COLUMN workspace_id SET STATISTICS 0;
ALTER TABLE snapshots ALTER COLUMN workspace_id TYPE uuid, ALTER COLUMN workspace_id SET STATISTICS 0;
ALTER TABLE suspensions ALTER COLUMN workspace_id TYPE uuid, ALTER COLUMN workspace_id SET STATISTICS 0;
ALTER TABLE suspension_approvers ALTER COLUMN workspace_id TYPE uuid, ALTER COLUMN workspace_id SET STATISTICS 0;
ALTER TABLE feed ALTER COLUMN workspace_id TYPE uuid, ALTER COLUMN workspace_id SET STATISTICS 0;
ALTER TABLE tasks ALTER COLUMN workspace_id TYPE uuid, ALTER COLUMN workspace_id SET STATISTICS 0;
ALTER TABLE notifications ALTER COLUMN workspace_id TYPE uuid, ALTER COLUMN workspace_id SET STATISTICS 0;
ALTER TABLE subjects ALTER COLUMN workspace_id TYPE uuid, ALTER COLUMN workspace_id SET STATISTICS 0;
ALTER TABLE subject_labels ALTER COLUMN workspace_id TYPE uuid, ALTER COLUMN workspace_id SET STATISTICS 0;
ALTER TABLE documents ALTER COLUMN workspace_id TYPE uuid, ALTER COLUMN workspace_id SET STATISTICS 0;
