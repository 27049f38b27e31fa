"""``watchword`` of the next version, as far as its schema goes: ``python -m tests.support.newer serve …``.

Its last migration is one that this version does not know, and only adds, as the rules for a rolling upgrade ask.
Everything else is the real command.
"""

from __future__ import annotations

from watchword.adapters.postgres import schema
from watchword.cli import main

ADDITION = (
    "ALTER TABLE verifications ADD COLUMN later text NOT NULL DEFAULT ''; "
    "ALTER TABLE deliveries ADD COLUMN later bigint; "
    "CREATE TABLE later (id bytea PRIMARY KEY); "
    "CREATE INDEX verifications_later ON verifications (later) WHERE later <> ''"
)


def add_a_migration() -> None:
    """Let this process know one more than there are files."""
    ours = schema.known_migrations
    schema.known_migrations = lambda: [*ours(), ADDITION]


if __name__ == "__main__":
    add_a_migration()
    main()
