-- Magic links and hosted pages: what a verification is collected with. No token, ticket, proof or verifier is in it.

ALTER TABLE verifications
    ADD COLUMN methods bigint NOT NULL DEFAULT 1,      -- bits: 1 code, 2 link
    ADD COLUMN challenge bytea,                        -- SHA-256 of the session's PKCE verifier
    ADD COLUMN action bytea,                           -- keyed hash of what is approved
    ADD COLUMN words bigint NOT NULL DEFAULT 0;        -- wrong first words
