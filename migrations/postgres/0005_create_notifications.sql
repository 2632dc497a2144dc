-- One row per message that something waits for an answer. `target` may hold secrets. `next_at` is when it is tried next, and
-- while it is being sent, when others may take it for abandoned; none: nothing is left to do.
CREATE TABLE notifications (
    workspace_id UUID NOT NULL,
    id UUID NOT NULL,
    suspension_id UUID NOT NULL,
    link_id UUID NOT NULL,
    place BIGINT NOT NULL,
    occasion TEXT NOT NULL,
    target TEXT NOT NULL,
    state TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    next_at BIGINT,
    tries BIGINT NOT NULL,
    attempts TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, suspension_id) REFERENCES suspensions (workspace_id, id) ON DELETE CASCADE
);

CREATE INDEX notifications_by_next ON notifications (next_at, workspace_id, id) WHERE next_at IS NOT NULL;
CREATE INDEX notifications_by_suspension ON notifications (workspace_id, suspension_id, id);

-- The tokens of links are kept as digests only.
CREATE TABLE response_links (
    workspace_id UUID NOT NULL,
    id UUID NOT NULL,
    suspension_id UUID NOT NULL,
    purpose TEXT NOT NULL,
    digest BYTEA NOT NULL,
    user_id TEXT,
    expires_at BIGINT,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, suspension_id) REFERENCES suspensions (workspace_id, id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX response_links_by_digest ON response_links (digest);
CREATE INDEX response_links_by_suspension ON response_links (workspace_id, suspension_id);
