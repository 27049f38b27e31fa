-- Everything that the three migrations of SQLite hold, in PostgreSQL's types. No code, no token and no readable
-- address is in any of it. A column is a field of the struct that is kept; what is no number, text or bytes is JSON.

CREATE TABLE apps (
    id            bytea PRIMARY KEY,
    name          text NOT NULL UNIQUE,
    created_at    bigint NOT NULL,
    redirect_uris text NOT NULL
);

CREATE TABLE api_keys (
    hash       bytea PRIMARY KEY,              -- SHA-256 of the key
    app        bytea NOT NULL REFERENCES apps (id),
    hint       text NOT NULL,
    created_at bigint NOT NULL
);

CREATE INDEX api_keys_app ON api_keys (app);

CREATE TABLE verifications (
    id           bytea PRIMARY KEY,            -- begins with the time it was made
    app          bytea NOT NULL,
    channel      text NOT NULL,
    purpose      text NOT NULL,
    recipient    bytea NOT NULL,               -- keyed hash of the folded address, for limits
    address      bytea NOT NULL,               -- keyed hash of the address itself, to compare
    sealed       bytea NOT NULL,               -- the address under AES-256-GCM, bound to app and id
    locale       text NOT NULL,
    digits       bigint NOT NULL,
    max_attempts bigint NOT NULL,
    max_sends    bigint NOT NULL,
    created_at   bigint NOT NULL,
    expires_at   bigint NOT NULL,
    resend_at    bigint NOT NULL,
    status       text NOT NULL,
    attempts     bigint NOT NULL,
    sends        bigint NOT NULL,
    lane         bigint NOT NULL,
    decoy        boolean NOT NULL
) WITH (fillfactor = 80);                      -- room for the change that nearly every row sees once

CREATE TABLE replays (                         -- idempotency keys, and what was made under them
    key          bytea PRIMARY KEY,            -- app, and keyed hash of the key
    verification bytea NOT NULL,
    request      bytea NOT NULL                -- keyed hash
);

CREATE INDEX replays_verification ON replays (verification);

CREATE TABLE deliveries (                      -- the outbox, and what became of each message
    verification bytea NOT NULL,
    number       bigint NOT NULL,
    at           bigint NOT NULL,
    due_at       bigint,                       -- NULL once settled
    status       text NOT NULL,
    tries        bigint NOT NULL,
    handed_over  boolean NOT NULL,
    uncertain    boolean NOT NULL,
    transport    text NOT NULL,
    reason       text NOT NULL,
    tls          text,
    PRIMARY KEY (verification, number)
);

CREATE INDEX deliveries_due ON deliveries (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE send_buckets (                    -- GCRA: a theoretical arrival time for each of two windows
    key     bytea PRIMARY KEY,
    arrival bigint NOT NULL,
    second  bigint NOT NULL
) WITH (fillfactor = 80);

CREATE TABLE guess_buckets (                   -- exact sliding log of wrong guesses
    key     bytea PRIMARY KEY,
    log     text NOT NULL,
    streak  bigint NOT NULL,
    idle_at bigint                             -- from when on it limits nothing; NULL while there is a streak
) WITH (fillfactor = 80);

CREATE INDEX guess_buckets_idle ON guess_buckets (idle_at) WHERE idle_at IS NOT NULL;

CREATE TABLE secrets (
    id           bytea PRIMARY KEY,
    link         bytea NOT NULL,               -- keyed hashes of proofs: link, passphrase, manage token
    auth         bytea,
    manage       bytea NOT NULL,
    nonce        bytea NOT NULL,
    kdf          text,
    views        bigint NOT NULL,
    views_left   bigint NOT NULL,
    created_at   bigint NOT NULL,
    expires_at   bigint NOT NULL,
    sizes        text NOT NULL,                -- of its files
    arrived      bigint NOT NULL,              -- a bit for each file that is there as a whole
    leases       text NOT NULL,                -- claims
    wrong        bigint NOT NULL,
    paused_until bigint NOT NULL,
    opened_at    bigint,
    burnt_at     bigint,
    outcome      text NOT NULL,
    erased       boolean NOT NULL,             -- its ciphertext is gone, and this row is a tombstone
    due_at       bigint NOT NULL               -- when time alone changes something about it
);

CREATE INDEX secrets_due ON secrets (due_at);

CREATE TABLE secret_bodies (
    secret bytea PRIMARY KEY,
    jwe    bytea NOT NULL
);

CREATE TABLE authenticators (
    id           bytea PRIMARY KEY,
    app          bytea NOT NULL,
    subject      bytea NOT NULL,               -- keyed hash of app and subject
    seed         bytea NOT NULL,               -- sealed, bound to app, id and subject
    names        bytea NOT NULL,               -- sealed likewise: the subject as its app knows it, and a label
    fingerprint  bytea NOT NULL,               -- keyed hash of subject and seed
    key_number   bigint NOT NULL,              -- of the key that sealed both
    origin       text NOT NULL,
    created_at   bigint NOT NULL,
    expires_at   bigint,                       -- NULL once it is active
    confirmed_at bigint,
    used_at      bigint,
    last_step    bigint NOT NULL,              -- the last time step accepted; moves forward alone
    drift        bigint NOT NULL,
    lean         bigint NOT NULL,
    tries        bigint NOT NULL
);

CREATE INDEX authenticators_subject ON authenticators (subject);
CREATE INDEX authenticators_key ON authenticators (key_number, id);
CREATE INDEX authenticators_lapsing ON authenticators (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE recovery_codes (
    subject bytea NOT NULL,
    hash    bytea NOT NULL,                    -- SHA-256 of app, subject and code
    used_at bigint,
    PRIMARY KEY (subject, hash)
);

CREATE TABLE heartbeat (                       -- written by readiness checks alone
    one boolean PRIMARY KEY CHECK (one),
    at   bigint NOT NULL
);

INSERT INTO heartbeat VALUES (true, 0);
