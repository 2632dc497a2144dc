-- Values that workflows use and nobody reads back. `sealed` is the value, sealed by a key of its own; `wrapped_key` is that key,
-- sealed by the master key that `key_id` names. No master key is ever in the database.
CREATE TABLE secrets (
    workspace_id UUID NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    name TEXT NOT NULL,
    key_id TEXT NOT NULL,
    wrapped_key BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (workspace_id, name)
);
