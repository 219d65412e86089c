-- release 0.1.0
-- How many documents were taken out of an app's full-text table without being overwritten; -1 while it is rewritten.

ALTER TABLE search_app ADD COLUMN stale BIGINT NOT NULL DEFAULT 0;
