-- One row per message that something waits for an answer. `target` may hold secrets. `next_at` is when it is tried next, and
-- while it is being sent, when others may take it for abandoned; none: nothing is left to do.
CREATE TABLE notifications (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    suspension_id BLOB NOT NULL,
    link_id BLOB NOT NULL,
    place INTEGER NOT NULL,
    occasion TEXT NOT NULL,
    target TEXT NOT NULL,
    state TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    next_at INTEGER,
    tries INTEGER NOT NULL,
    attempts TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, suspension_id) REFERENCES suspensions (workspace_id, id) ON DELETE CASCADE
) STRICT;

CREATE INDEX notifications_by_next ON notifications (next_at, workspace_id, id) WHERE next_at IS NOT NULL;
CREATE INDEX notifications_by_suspension ON notifications (workspace_id, suspension_id, id);

-- The tokens of links are kept as digests only.
CREATE TABLE response_links (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    suspension_id BLOB NOT NULL,
    purpose TEXT NOT NULL,
    digest BLOB NOT NULL,
    user_id TEXT,
    expires_at INTEGER,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, suspension_id) REFERENCES suspensions (workspace_id, id) ON DELETE CASCADE
) STRICT;

CREATE UNIQUE INDEX response_links_by_digest ON response_links (digest);
CREATE INDEX response_links_by_suspension ON response_links (workspace_id, suspension_id);
