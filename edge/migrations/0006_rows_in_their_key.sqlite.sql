-- Each attempt waits for the pages that its rows change to be on the disk. Rows that lie in their key's own tree change half as many
-- as rows beside it.
CREATE TABLE audit_rows_in_key (
    chain TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    body TEXT NOT NULL,
    hash TEXT NOT NULL,
    seal TEXT,
    PRIMARY KEY (chain, seq)
) WITHOUT ROWID;
INSERT INTO audit_rows_in_key (chain, seq, at, body, hash, seal)
SELECT chain, seq, at, body, hash, seal FROM audit_rows ORDER BY chain, seq;
DROP TABLE audit_rows;
ALTER TABLE audit_rows_in_key RENAME TO audit_rows;
CREATE INDEX ix_audit_rows_at ON audit_rows (at, chain, seq);
CREATE TRIGGER audit_rows_stay BEFORE UPDATE ON audit_rows
BEGIN SELECT RAISE(ABORT, 'rows of the audit are never changed'); END;
CREATE TRIGGER audit_rows_are_kept BEFORE DELETE ON audit_rows
WHEN NOT EXISTS (SELECT 1 FROM audit_cuts WHERE what = OLD.chain AND up_to >= OLD.seq)
BEGIN SELECT RAISE(ABORT, 'rows of the audit are deleted by retention only'); END;

CREATE TABLE private_texts_in_key (
    hash TEXT NOT NULL PRIMARY KEY,
    seen_at BIGINT NOT NULL
) WITHOUT ROWID;
INSERT INTO private_texts_in_key (hash, seen_at) SELECT hash, seen_at FROM private_texts ORDER BY hash;
DROP TABLE private_texts;
ALTER TABLE private_texts_in_key RENAME TO private_texts;
CREATE INDEX ix_private_texts_seen_at ON private_texts (seen_at);
