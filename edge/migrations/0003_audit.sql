-- What the router sent where, in hash chains: one for each process. What a row says is in body; the columns before it say
-- where it belongs, and have to agree with it.
CREATE TABLE audit_rows (
    chain TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    body TEXT NOT NULL,
    hash TEXT NOT NULL,
    seal TEXT,
    PRIMARY KEY (chain, seq)
);
CREATE INDEX ix_audit_rows_at ON audit_rows (at, chain, seq);

-- Signed statements of where the chains end.
CREATE TABLE audit_checkpoints (
    number BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    text TEXT NOT NULL
);

-- Up to where retention may forget: rows of a chain, or 'checkpoints'.
CREATE TABLE audit_cuts (
    what TEXT NOT NULL PRIMARY KEY,
    up_to BIGINT NOT NULL
);
