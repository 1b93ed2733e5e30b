-- Rows that are little more than their key lie in its tree, which is one page less for each that is written. Those of the audit are too long
-- for it: SQLite keeps about a kilobyte of a key within its tree, and gives the rest a page of its own.
CREATE TABLE private_texts_in_key (
    hash TEXT NOT NULL PRIMARY KEY,
    seen_at BIGINT NOT NULL
) WITHOUT ROWID;
INSERT INTO private_texts_in_key (hash, seen_at) SELECT hash, seen_at FROM private_texts ORDER BY hash;
DROP TABLE private_texts;
ALTER TABLE private_texts_in_key RENAME TO private_texts;
CREATE INDEX ix_private_texts_seen_at ON private_texts (seen_at);
