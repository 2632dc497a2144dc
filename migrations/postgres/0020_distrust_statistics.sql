-- A workspace that was made after the last ANALYZE is in no statistics: the planner takes it for empty, and in a join looks for its
-- rows by the workspace alone. Everything that such a workspace has is read then, each time. Without statistics about the column
-- the planner takes every workspace for a large one. Changing the type to what it is removes those that were gathered; nothing is
-- written anew. These tables are only ever looked into by keys that come from another one; what is listed in pages keeps its
-- statistics, or a page would be sorted where few rows are expected.
ALTER TABLE events ALTER COLUMN workspace_id TYPE uuid, ALTER COLUMN workspace_id SET STATISTICS 0;
ALTER TABLE snapshots ALTER COLUMN workspace_id TYPE uuid, ALTER COLUMN workspace_id SET STATISTICS 0;
ALTER TABLE suspension_approvers ALTER COLUMN workspace_id TYPE uuid, ALTER COLUMN workspace_id SET STATISTICS 0;
