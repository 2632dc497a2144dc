CREATE TABLE groups (
    workspace_id UUID NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, name)
);

-- Who leaves the workspace leaves its groups.
CREATE TABLE group_members (
    workspace_id UUID NOT NULL,
    group_name TEXT NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (workspace_id, group_name, user_id),
    FOREIGN KEY (workspace_id, group_name) REFERENCES groups (workspace_id, name) ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, user_id) REFERENCES members (workspace_id, user_id) ON DELETE CASCADE
);

CREATE INDEX group_members_by_user ON group_members (workspace_id, user_id);

-- `answer_role`: members from this role on may answer; none: only who is named. Suspensions of before are for editors.
-- `people_only`: programs may not, unless they are named. `not_by`: who may not in any case.
ALTER TABLE suspensions
    ADD COLUMN standing TEXT,
    ADD COLUMN answer_role TEXT DEFAULT 'editor',
    ADD COLUMN people_only BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN not_by TEXT,
    ADD COLUMN claimed_by TEXT;

CREATE INDEX suspensions_by_answer_role ON suspensions (workspace_id, answer_role, id) WHERE state = 'open';

-- The people who may answer an open suspension by name.
CREATE TABLE suspension_approvers (
    workspace_id UUID NOT NULL,
    user_id TEXT NOT NULL,
    suspension_id UUID NOT NULL,
    PRIMARY KEY (workspace_id, user_id, suspension_id)
);

CREATE INDEX suspension_approvers_by_suspension ON suspension_approvers (workspace_id, suspension_id);
