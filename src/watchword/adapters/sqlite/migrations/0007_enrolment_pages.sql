-- Enrolments that are confirmed at the hosted page and collected by their app.

ALTER TABLE authenticators ADD COLUMN challenge BLOB;                  -- of the session that asked: SHA-256 of its verifier
ALTER TABLE authenticators ADD COLUMN page_key INTEGER;                -- number of the key that the ticket follows from
ALTER TABLE authenticators ADD COLUMN proven_at INTEGER;               -- when its page saw a right code
ALTER TABLE authenticators ADD COLUMN codes BLOB NOT NULL DEFAULT x''; -- hashes of the recovery codes it then showed
