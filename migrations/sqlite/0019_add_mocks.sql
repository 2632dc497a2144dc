-- Whether nodes with a mock take that instead of running: 0 or 1.
ALTER TABLE executions ADD COLUMN mocks INTEGER NOT NULL DEFAULT 0;
