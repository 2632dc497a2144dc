-- Who did what of consequence; each record carries the hash of the one before.
CREATE TABLE audit (
    workspace_id BLOB NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous_hash TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (workspace_id, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_by_subject ON audit (workspace_id, subject, seq);

-- When a reply no longer counts; null: never.
ALTER TABLE idempotency ADD COLUMN forget_at INTEGER;
UPDATE idempotency SET forget_at = created_at + 86400000;
DROP INDEX idempotency_by_age;
CREATE INDEX idempotency_by_end ON idempotency (forget_at);
