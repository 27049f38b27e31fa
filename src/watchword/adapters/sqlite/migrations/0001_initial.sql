-- Apps, keys, verifications, buckets and deliveries. No code, no token and no readable address is in any of them.

CREATE TABLE apps (
    id            BLOB PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    created_at    INTEGER NOT NULL,
    redirect_uris TEXT NOT NULL DEFAULT '[]'   -- a JSON array
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    hash       BLOB PRIMARY KEY,               -- SHA-256 of the key
    app        BLOB NOT NULL REFERENCES apps (id),
    hint       TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE verifications (
    id                  BLOB PRIMARY KEY,      -- begins with the time it was made
    app                 BLOB NOT NULL,
    channel             TEXT NOT NULL,
    purpose             TEXT NOT NULL,
    recipient           BLOB NOT NULL,         -- keyed hash of the folded address, for limits
    address             BLOB NOT NULL,         -- keyed hash of the address itself, to compare
    sealed              BLOB NOT NULL,         -- the address under AES-256-GCM, bound to app and id
    locale              TEXT NOT NULL,
    digits              INTEGER NOT NULL,
    max_attempts        INTEGER NOT NULL,
    max_sends           INTEGER NOT NULL,
    created_at          INTEGER NOT NULL,
    expires_at          INTEGER NOT NULL,
    resend_at           INTEGER NOT NULL,
    status              TEXT NOT NULL,
    attempts            INTEGER NOT NULL,
    sends               INTEGER NOT NULL,
    lane                INTEGER NOT NULL,
    decoy               INTEGER NOT NULL,
    idempotency_key     BLOB,                  -- keyed hash
    idempotency_request BLOB                   -- keyed hash
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX verifications_by_idempotency_key
    ON verifications (app, idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE TABLE deliveries (                      -- the outbox, and what became of each message
    verification BLOB NOT NULL,
    number       INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    due_at       INTEGER,                      -- NULL once settled
    status       TEXT NOT NULL DEFAULT 'queued',
    tries        INTEGER NOT NULL DEFAULT 0,
    handed_over  INTEGER NOT NULL DEFAULT 0,
    uncertain    INTEGER NOT NULL DEFAULT 0,
    transport    TEXT NOT NULL DEFAULT '',
    reason       TEXT NOT NULL DEFAULT '',
    tls          TEXT,                         -- JSON: version, cipher, fingerprint
    PRIMARY KEY (verification, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX deliveries_due ON deliveries (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE send_buckets (                    -- GCRA: a theoretical arrival time for each of two windows
    key     BLOB PRIMARY KEY,
    arrival INTEGER NOT NULL,
    second  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE guess_buckets (                   -- exact sliding log of wrong guesses
    key    BLOB PRIMARY KEY,
    log    BLOB NOT NULL,                      -- instants as 64-bit little-endian integers, ascending
    streak INTEGER NOT NULL,
    idle_at INTEGER                            -- from when on it limits nothing; NULL while there is a streak
) STRICT, WITHOUT ROWID;

CREATE INDEX guess_buckets_idle ON guess_buckets (idle_at) WHERE idle_at IS NOT NULL;

CREATE TABLE heartbeat (                       -- written by readiness checks alone
    only INTEGER PRIMARY KEY CHECK (only = 1),
    at   INTEGER NOT NULL
) STRICT;

INSERT INTO heartbeat VALUES (1, 0);
