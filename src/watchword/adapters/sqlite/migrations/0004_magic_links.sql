-- Magic links and hosted pages: what a verification is collected with. No token, ticket, proof or verifier is in it.

ALTER TABLE verifications ADD COLUMN methods INTEGER NOT NULL DEFAULT 1;  -- bits: 1 code, 2 link
ALTER TABLE verifications ADD COLUMN challenge BLOB;                      -- SHA-256 of the session's PKCE verifier
ALTER TABLE verifications ADD COLUMN action BLOB;                         -- keyed hash of what is approved
ALTER TABLE verifications ADD COLUMN words INTEGER NOT NULL DEFAULT 0;    -- wrong first words
