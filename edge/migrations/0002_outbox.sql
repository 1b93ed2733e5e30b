-- What people are to be told of an item, from a time on. One per item: a newer one takes the place of one not yet told.
CREATE TABLE tellings (
    fingerprint TEXT NOT NULL PRIMARY KEY,
    report_id TEXT NOT NULL,
    source TEXT NOT NULL,
    cluster TEXT NOT NULL,
    namespace TEXT NOT NULL,
    resource_kind TEXT NOT NULL,
    resource_name TEXT NOT NULL,
    level TEXT NOT NULL,
    turn TEXT NOT NULL,
    urgency TEXT NOT NULL,
    due_at BIGINT NOT NULL
);
CREATE INDEX ix_tellings_due ON tellings (urgency, due_at);

-- What goes wrong again and again. It is told of once, and once more when it is over.
CREATE TABLE troubles (
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    cluster TEXT NOT NULL,
    since BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    times BIGINT NOT NULL,
    told_at BIGINT,
    over_at BIGINT,
    PRIMARY KEY (kind, subject)
);

-- The outbox: one message to one channel, kept after it was sent.
CREATE TABLE notifications (
    notification_id TEXT NOT NULL PRIMARY KEY,
    short_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    run_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    repeated BIGINT NOT NULL,
    holder TEXT,
    leased_until BIGINT,
    epoch BIGINT NOT NULL,
    sent_at BIGINT,
    external_id TEXT,
    last_error TEXT
);
CREATE INDEX ix_notifications_due ON notifications (run_at) WHERE state = 'queued';
CREATE INDEX ix_notifications_leased ON notifications (leased_until) WHERE state = 'sending';
CREATE INDEX ix_notifications_kind ON notifications (kind, created_at);

-- What one replica does for all, as long as it holds it; what it has to remember is its state.
CREATE TABLE duties (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    leased_until BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    state TEXT
);
