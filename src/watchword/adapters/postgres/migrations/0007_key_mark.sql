-- Which key file this database was written with: a hash under its index key, written once, compared at every start.

CREATE TABLE key_mark (
    one smallint PRIMARY KEY CHECK (one = 1),
    mac bytea NOT NULL
);
