-- Buckets of blocks and ranges of numbers lie in the guard's rows of these (docs/adr/0038). What is kept in a bucket by
-- itself is read from there until its row is written again: an empty one says so, where there is none any more.

INSERT INTO guard_rows (key, state, idle_at)
    SELECT CASE substr(key, 1, 1) WHEN '\x42'::bytea THEN '\x33'::bytea ELSE '\x34'::bytea END || substr(key, 2),
        '\x90'::bytea, greatest(arrival, second)
    FROM send_buckets WHERE substr(key, 1, 1) IN ('\x42'::bytea, '\x52'::bytea)
    ON CONFLICT (key) DO UPDATE SET idle_at = greatest(guard_rows.idle_at, excluded.idle_at);
