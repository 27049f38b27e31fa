-- Confirmed addresses of subjects, notices to them, and hand-overs of authenticators. Addresses are sealed; subjects are keyed hashes.

ALTER TABLE verifications ADD COLUMN subject BLOB;   -- keyed hash of app and subject, where one was named
ALTER TABLE verifications ADD COLUMN contact BLOB;   -- the address once more, sealed to app and subject

CREATE TABLE addresses (
    subject      BLOB NOT NULL,
    address      BLOB NOT NULL,                -- keyed hash of the address itself
    app          BLOB NOT NULL,
    sealed       BLOB NOT NULL,
    key_number   INTEGER NOT NULL,             -- of the key that sealed it
    locale       TEXT NOT NULL,
    confirmed_at INTEGER NOT NULL,
    PRIMARY KEY (subject, address)
) STRICT, WITHOUT ROWID;

CREATE INDEX addresses_key ON addresses (key_number);

CREATE TABLE notices (                         -- the outbox of notices, and what became of each
    id         BLOB NOT NULL,
    number     INTEGER NOT NULL,
    app        BLOB NOT NULL,
    subject    BLOB NOT NULL,
    address    BLOB NOT NULL,
    sealed     BLOB NOT NULL,                  -- the address, as it was sealed when something happened
    locale     TEXT NOT NULL,
    events     BLOB NOT NULL,                  -- kinds, times and counts, MessagePack
    expires_at INTEGER NOT NULL,
    delivery   BLOB NOT NULL,                  -- its state, MessagePack
    due_at     INTEGER,                        -- NULL once settled
    at         INTEGER NOT NULL,
    status     TEXT NOT NULL,
    PRIMARY KEY (id, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX notices_due ON notices (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX notices_open ON notices (subject) WHERE due_at IS NOT NULL;
CREATE INDEX notices_settled ON notices (at) WHERE due_at IS NULL;

ALTER TABLE secrets ADD COLUMN handover INTEGER NOT NULL DEFAULT 0;   -- it is the seed of a pending authenticator
ALTER TABLE authenticators ADD COLUMN link BLOB;                      -- the secret at which it is confirmed
ALTER TABLE authenticators ADD COLUMN rotate_by INTEGER;

CREATE UNIQUE INDEX authenticators_link ON authenticators (link) WHERE link IS NOT NULL;
