"""The store on PostgreSQL, for any number of processes on any number of hosts."""

from watchword.adapters.postgres.address import PostgresAddress as PostgresAddress
from watchword.adapters.postgres.store import PostgresStore as PostgresStore
