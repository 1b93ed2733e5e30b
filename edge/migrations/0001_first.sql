-- One text for SQLite and PostgreSQL. Times are microseconds since 1970 in UTC; what is nested is JSON as text.

-- What a cluster should be: configured, or found in a cluster.
CREATE TABLE sources (
    name TEXT NOT NULL PRIMARY KEY,
    cluster TEXT NOT NULL,
    address TEXT NOT NULL,
    next_due_at BIGINT,
    last_scan_id TEXT,
    last_success_at BIGINT,
    last_failure TEXT,
    last_failure_at BIGINT,
    removed_at BIGINT
);

-- One look at a source, whatever came of it.
CREATE TABLE scans (
    scan_id TEXT NOT NULL PRIMARY KEY,
    source TEXT NOT NULL,
    cluster TEXT NOT NULL,
    triggered_by TEXT NOT NULL,
    requested_by TEXT,
    state TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    finished_at BIGINT NOT NULL,
    revision TEXT,
    objects BIGINT NOT NULL,
    failure TEXT
);
CREATE INDEX ix_scans_source ON scans (source, started_at);
CREATE INDEX ix_scans_started_at ON scans (started_at);

-- What a scan said of one namespace, and is never written again, is in body; the columns before it are what is asked by.
-- Only status and resolved_at change later: they follow from the items.
CREATE TABLE drift_reports (
    report_id TEXT NOT NULL PRIMARY KEY,
    scan_id TEXT NOT NULL REFERENCES scans (scan_id) ON DELETE CASCADE,
    source TEXT NOT NULL,
    cluster TEXT NOT NULL,
    namespace TEXT NOT NULL,
    state TEXT NOT NULL,
    high_count BIGINT NOT NULL,
    medium_count BIGINT NOT NULL,
    info_count BIGINT NOT NULL,
    body TEXT NOT NULL,
    status TEXT NOT NULL,
    resolved_at BIGINT
);
CREATE INDEX ix_drift_reports_scan ON drift_reports (scan_id);
CREATE INDEX ix_drift_reports_place ON drift_reports (source, namespace, report_id);
-- Reports of one status are listed by their ids; without this, all of the others are read, too.
CREATE INDEX ix_drift_reports_status ON drift_reports (status, report_id);
CREATE INDEX ix_drift_reports_open ON drift_reports (source, namespace) WHERE status = 'pending';

CREATE TABLE drift_report_items (
    report_id TEXT NOT NULL REFERENCES drift_reports (report_id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    fingerprint TEXT NOT NULL,
    drift_level TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (report_id, position)
);
CREATE INDEX ix_drift_report_items_fingerprint ON drift_report_items (fingerprint);

-- What lives on from scan to scan.
CREATE TABLE drift_items (
    fingerprint TEXT NOT NULL PRIMARY KEY,
    source TEXT NOT NULL,
    cluster TEXT NOT NULL,
    namespace TEXT NOT NULL,
    api_version TEXT NOT NULL,
    resource_kind TEXT NOT NULL,
    resource_name TEXT NOT NULL,
    stable_path TEXT NOT NULL,
    change TEXT NOT NULL,
    drift_level TEXT NOT NULL,
    origin TEXT NOT NULL,
    manager TEXT NOT NULL,
    status TEXT NOT NULL,
    value_hash TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    judged_at BIGINT NOT NULL,
    resolved_at BIGINT,
    last_report_id TEXT NOT NULL,
    told_at BIGINT,
    changes BIGINT NOT NULL,
    decided_by TEXT,
    decided_at BIGINT,
    body TEXT NOT NULL
);
CREATE INDEX ix_drift_items_place ON drift_items (source, namespace, status);
CREATE INDEX ix_drift_items_object ON drift_items (source, namespace, resource_kind, resource_name);
CREATE INDEX ix_drift_items_status ON drift_items (status, drift_level);
CREATE INDEX ix_drift_items_last_seen ON drift_items (last_seen);

-- The flight recorder: each value that an item had, from when to when, who wrote it, and who ended it.
CREATE TABLE drift_episodes (
    episode_id TEXT NOT NULL PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    cluster TEXT NOT NULL,
    namespace TEXT NOT NULL,
    resource_kind TEXT NOT NULL,
    resource_name TEXT NOT NULL,
    stable_path TEXT NOT NULL,
    manager TEXT NOT NULL,
    began_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    ended_at BIGINT,
    ended_by TEXT,
    body TEXT NOT NULL
);
CREATE INDEX ix_drift_episodes_item ON drift_episodes (fingerprint, seen_at);
CREATE INDEX ix_drift_episodes_object ON drift_episodes (cluster, namespace, resource_kind, resource_name, seen_at);
CREATE INDEX ix_drift_episodes_ended_at ON drift_episodes (ended_at);

-- Work that somebody has to do once. A claim is one statement; a claim that was lost is seen by its epoch.
CREATE TABLE jobs (
    job_id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL,
    run_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    holder TEXT,
    leased_until BIGINT,
    epoch BIGINT NOT NULL,
    finished_at BIGINT,
    outcome TEXT
);
CREATE INDEX ix_jobs_due ON jobs (run_at) WHERE state = 'queued';
CREATE INDEX ix_jobs_leased ON jobs (leased_until) WHERE state = 'running';
CREATE UNIQUE INDEX ux_jobs_queued ON jobs (kind, subject) WHERE state = 'queued';

-- Rules that people made while the service ran, beside those of the configuration.
CREATE TABLE rules (
    rule_id TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    ended_by TEXT
);

-- People at the page: a link that can be used once, and what it or a token gives. Of both only hashes are known.
CREATE TABLE sessions (
    hash TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    token_id TEXT,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    clusters TEXT NOT NULL,
    namespaces TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- Who may ask for what. Of a token only its hash is known.
CREATE TABLE tokens (
    token_id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    hash TEXT NOT NULL,
    role TEXT NOT NULL,
    clusters TEXT NOT NULL,
    namespaces TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT,
    revoked_at BIGINT
);
CREATE UNIQUE INDEX ux_tokens_hash ON tokens (hash);
CREATE UNIQUE INDEX ux_tokens_name ON tokens (name) WHERE revoked_at IS NULL;
