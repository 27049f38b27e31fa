-- Confirmed addresses of subjects, notices to them, and hand-overs of authenticators.

ALTER TABLE verifications
    ADD COLUMN subject bytea,                          -- keyed hash of app and subject, where one was named
    ADD COLUMN contact bytea;                          -- the address once more, sealed to app and subject

CREATE TABLE addresses (
    subject      bytea NOT NULL,
    address      bytea NOT NULL,               -- keyed hash of the address itself
    app          bytea NOT NULL,
    sealed       bytea NOT NULL,
    key_number   bigint NOT NULL,              -- of the key that sealed it
    locale       text NOT NULL,
    confirmed_at bigint NOT NULL,
    PRIMARY KEY (subject, address)
);

CREATE INDEX addresses_key ON addresses (key_number, subject, address);

CREATE TABLE notices (                         -- the outbox of notices, and what became of each
    id         bytea NOT NULL,
    number     bigint NOT NULL,
    app        bytea NOT NULL,
    subject    bytea NOT NULL,
    address    bytea NOT NULL,
    sealed     bytea NOT NULL,                 -- the address, as it was sealed when something happened
    locale     text NOT NULL,
    events     text NOT NULL,                  -- JSON: kinds, times and counts
    expires_at bigint NOT NULL,
    delivery   text NOT NULL,                  -- JSON: its state
    due_at     bigint,                         -- NULL once settled
    at         bigint NOT NULL,
    sent       bigint NOT NULL,                -- 1 where a relay took it
    PRIMARY KEY (id, number)
);

CREATE INDEX notices_due ON notices (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX notices_subject ON notices (subject);
CREATE INDEX notices_settled ON notices (at) WHERE due_at IS NULL;

ALTER TABLE secrets
    ADD COLUMN handover boolean NOT NULL DEFAULT false;    -- it is the seed of a pending authenticator

ALTER TABLE authenticators
    ADD COLUMN link bytea,                             -- the secret at which it is confirmed
    ADD COLUMN rotate_by bigint;

CREATE UNIQUE INDEX authenticators_link ON authenticators (link) WHERE link IS NOT NULL;
