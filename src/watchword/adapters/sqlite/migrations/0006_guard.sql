-- SMS and its fraud guard. Rows of the guard are named by keyed hashes of numbers and their blocks, and hold figures.

ALTER TABLE verifications ADD COLUMN notice TEXT NOT NULL DEFAULT '';    -- version of the notice that was acknowledged
ALTER TABLE verifications ADD COLUMN traits BLOB NOT NULL DEFAULT x'';   -- what the guard keeps of a number, MessagePack

CREATE TABLE guard_rows (
    key     BLOB PRIMARY KEY,                  -- a kind, then a keyed hash, a country's code, or an app
    state   BLOB NOT NULL,                     -- MessagePack
    idle_at INTEGER NOT NULL                   -- from when on it decides nothing
) STRICT, WITHOUT ROWID;

CREATE INDEX guard_rows_idle ON guard_rows (idle_at);
