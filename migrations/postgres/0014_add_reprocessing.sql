-- How far the latest replay or retry of an execution has come: 'pending', then 'done'.
ALTER TABLE executions ADD COLUMN reprocessing TEXT;

-- 1 where the key stands for its execution only until that has ended.
ALTER TABLE dedupe_keys ADD COLUMN until_end BIGINT NOT NULL DEFAULT 0;
