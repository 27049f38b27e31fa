"""The store for what is short-lived: Valkey, or a Valkey Cluster. What must last lies in a durable store beside it."""

from watchword.adapters.valkey.address import ValkeyAddress as ValkeyAddress
from watchword.adapters.valkey.link import FastServer as FastServer
from watchword.adapters.valkey.store import ValkeyStore as ValkeyStore
