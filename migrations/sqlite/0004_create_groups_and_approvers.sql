CREATE TABLE groups (
    workspace_id BLOB NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, name)
) STRICT, WITHOUT ROWID;

-- Who leaves the workspace leaves its groups.
CREATE TABLE group_members (
    workspace_id BLOB NOT NULL,
    group_name TEXT NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (workspace_id, group_name, user_id),
    FOREIGN KEY (workspace_id, group_name) REFERENCES groups (workspace_id, name) ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, user_id) REFERENCES members (workspace_id, user_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX group_members_by_user ON group_members (workspace_id, user_id);

-- `answer_role`: members from this role on may answer; none: only who is named. Suspensions of before are for editors.
-- `people_only`: programs may not, unless they are named. `not_by`: who may not in any case.
ALTER TABLE suspensions ADD COLUMN standing TEXT;
ALTER TABLE suspensions ADD COLUMN answer_role TEXT DEFAULT 'editor';
ALTER TABLE suspensions ADD COLUMN people_only INTEGER NOT NULL DEFAULT 0;
ALTER TABLE suspensions ADD COLUMN not_by TEXT;
ALTER TABLE suspensions ADD COLUMN claimed_by TEXT;

CREATE INDEX suspensions_by_answer_role ON suspensions (workspace_id, answer_role, id) WHERE state = 'open';

-- The people who may answer an open suspension by name.
CREATE TABLE suspension_approvers (
    workspace_id BLOB NOT NULL,
    user_id TEXT NOT NULL,
    suspension_id BLOB NOT NULL,
    PRIMARY KEY (workspace_id, user_id, suspension_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX suspension_approvers_by_suspension ON suspension_approvers (workspace_id, suspension_id);
