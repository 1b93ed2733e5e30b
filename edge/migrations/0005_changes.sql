-- What was written to clusters, and how far that is. The body is sealed: it holds what takes a change back.
CREATE TABLE changes (
    change_id TEXT NOT NULL PRIMARY KEY,
    source TEXT NOT NULL,
    cluster TEXT NOT NULL,
    undoes TEXT,
    changed_by TEXT NOT NULL,
    begun_at BIGINT NOT NULL,
    is_open BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX ix_changes_begun_at ON changes (begun_at);
CREATE INDEX ix_changes_open ON changes (change_id) WHERE is_open = 1;
