"""Several stores on one database, taking turns call by call, as processes behind one proxy do.

With it, whatever races in a contract suite races between processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any

from watchword.ports import Facts, Store


class _Turns:
    """Each method asked for is that of the next one."""

    def __init__(self, parts: Sequence[Any]) -> None:
        self._turns = cycle(parts)

    def __getattr__(self, name: str) -> Any:
        return getattr(next(self._turns), name)


class _Spread(_Turns):
    """A store of several (``ports.Store``)."""

    def __init__(self, stores: Sequence[Store]) -> None:
        super().__init__(stores)
        self.stores = stores
        self.secrets = _Turns([store.secrets for store in stores])
        self.authenticators = _Turns([store.authenticators for store in stores])
        self.handovers = _Turns([store.handovers for store in stores])
        self.notices = _Turns([store.notices for store in stores])

    async def open(self) -> None:
        for store in self.stores:
            await store.open()

    async def aclose(self) -> None:
        for store in self.stores:
            await store.aclose()

    async def ping(self) -> None:
        for store in self.stores:
            await store.ping()

    def facts(self) -> Facts:
        return self.stores[0].facts()


def Spread(*stores: Store) -> Store:  # noqa: N802 - stands where a store's class stands
    """One store of several."""
    spread: Any = _Spread(stores)
    store: Store = spread
    return store
