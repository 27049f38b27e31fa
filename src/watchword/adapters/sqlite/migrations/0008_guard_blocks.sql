-- Buckets of blocks and ranges of numbers lie in the guard's rows of these (docs/adr/0038). What is kept in a bucket by
-- itself is read from there until its row is written again: an empty one says so, where there is none any more.

INSERT INTO guard_rows (key, state, idle_at)
    SELECT CAST(CASE substr(key, 1, 1) WHEN x'42' THEN x'33' ELSE x'34' END || substr(key, 2) AS BLOB), x'90',
        max(arrival, second)
    FROM send_buckets WHERE substr(key, 1, 1) IN (x'42', x'52')
    ON CONFLICT (key) DO UPDATE SET idle_at = max(idle_at, excluded.idle_at);

DROP INDEX guard_rows_idle;    -- every text writes its rows; they are gone through by key, as buckets of sends are
