-- Authenticators and recovery codes. Seeds and names are sealed, subjects are keyed hashes, codes are hashes.

CREATE TABLE authenticators (
    id           BLOB PRIMARY KEY,
    app          BLOB NOT NULL,
    subject      BLOB NOT NULL,                -- keyed hash of app and subject
    seed         BLOB NOT NULL,                -- sealed, bound to app, id and subject
    names        BLOB NOT NULL,                -- sealed likewise: the subject as its app knows it, and a label
    fingerprint  BLOB NOT NULL,                -- keyed hash of subject and seed
    key_number   INTEGER NOT NULL,             -- of the key that sealed both
    origin       TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,                      -- NULL once it is active
    confirmed_at INTEGER,
    used_at      INTEGER,
    last_step    INTEGER NOT NULL,             -- the last time step accepted; moves forward alone
    drift        INTEGER NOT NULL,
    lean         INTEGER NOT NULL,
    tries        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX authenticators_subject ON authenticators (subject);
CREATE INDEX authenticators_key ON authenticators (key_number);
CREATE INDEX authenticators_lapsing ON authenticators (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE recovery_codes (
    subject BLOB NOT NULL,
    hash    BLOB NOT NULL,                     -- SHA-256 of app, subject and code
    used_at INTEGER,
    PRIMARY KEY (subject, hash)
) STRICT, WITHOUT ROWID;
