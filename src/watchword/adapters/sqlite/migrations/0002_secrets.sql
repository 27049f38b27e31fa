-- Secrets: what a server may know of them, and ciphertext. Every proof is a keyed hash, and no key to a text is here.

CREATE TABLE secrets (
    id           BLOB PRIMARY KEY,
    link         BLOB NOT NULL,                -- keyed hashes of proofs: link, passphrase, manage token
    auth         BLOB,
    manage       BLOB NOT NULL,
    nonce        BLOB NOT NULL,
    kdf          TEXT,
    views        INTEGER NOT NULL,
    views_left   INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    sizes        BLOB NOT NULL,                -- of its files, MessagePack
    arrived      INTEGER NOT NULL,             -- a bit for each file that is there as a whole
    leases       BLOB NOT NULL,                -- claims, MessagePack
    wrong        INTEGER NOT NULL,
    paused_until INTEGER NOT NULL,
    opened_at    INTEGER,
    burnt_at     INTEGER,
    outcome      TEXT NOT NULL,
    erased       INTEGER NOT NULL,             -- its ciphertext is gone, and this row is a tombstone
    due_at       INTEGER NOT NULL              -- when time alone changes something about it
) STRICT, WITHOUT ROWID;

CREATE INDEX secrets_due ON secrets (due_at);

CREATE TABLE secret_bodies (
    secret BLOB PRIMARY KEY,
    jwe    BLOB NOT NULL
) STRICT;
