-- Enrolments that are confirmed at the hosted page and collected by their app.

ALTER TABLE authenticators
    ADD COLUMN challenge bytea,                        -- of the session that asked: SHA-256 of its verifier
    ADD COLUMN page_key bigint,                        -- number of the key that the ticket follows from
    ADD COLUMN proven_at bigint,                       -- when its page saw a right code
    ADD COLUMN codes bytea NOT NULL DEFAULT '';        -- hashes of the recovery codes it then showed
