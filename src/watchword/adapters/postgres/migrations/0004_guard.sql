-- SMS and its fraud guard. Rows of the guard are named by keyed hashes of numbers and their blocks, and hold figures.

ALTER TABLE verifications ADD COLUMN notice text NOT NULL DEFAULT '';    -- version of the notice that was acknowledged
ALTER TABLE verifications ADD COLUMN traits bytea NOT NULL DEFAULT '';   -- what the guard keeps of a number, MessagePack

CREATE TABLE guard_rows (
    key     bytea PRIMARY KEY,                 -- a kind, then a keyed hash, a country's code, or an app
    state   bytea NOT NULL,                    -- MessagePack
    idle_at bigint NOT NULL                    -- from when on it decides nothing
) WITH (fillfactor = 80);

CREATE INDEX guard_rows_idle ON guard_rows (idle_at);
