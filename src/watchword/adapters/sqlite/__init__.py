"""The embedded store: one SQLite file in WAL mode with ``synchronous=FULL``."""

from watchword.adapters.sqlite.store import SqliteStore as SqliteStore
