-- Intents that a token may use beside the private ones.
ALTER TABLE tokens ADD COLUMN intents TEXT NOT NULL DEFAULT '[]';

-- What else is told of a trouble: of requests that nobody answered, why not.
ALTER TABLE troubles ADD COLUMN detail TEXT NOT NULL DEFAULT '';

-- Keyed hashes of texts that were in private requests and their answers: a request that has one of them is private, too.
CREATE TABLE private_texts (
    hash TEXT NOT NULL PRIMARY KEY,
    seen_at BIGINT NOT NULL
);
CREATE INDEX ix_private_texts_seen_at ON private_texts (seen_at);
