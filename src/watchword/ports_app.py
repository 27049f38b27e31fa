"""Port of apps and their API keys. Promises and failure policy: as in ``ports.py``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from watchword.core.app import ApiKey, App


class AppStore(Protocol):
    """Apps and their API keys."""

    async def app(self, app: bytes) -> App | None:
        """An app by its id."""
        ...

    async def add_app(self, app: App) -> None:
        """Write a new app.

        Raises:
            InvalidInputError: the name is taken.
        """
        ...

    async def apps(self) -> Sequence[tuple[App, Sequence[ApiKey]]]:
        """Every app with its valid keys, oldest first."""
        ...

    async def update_app(self, app: App) -> None:
        """Replace name and redirect URIs of the app with that id.

        Raises:
            UnknownError: there is no such app.
            InvalidInputError: the name is taken.
        """
        ...

    async def add_key(self, key: ApiKey, *, replace: bool = False) -> None:
        """Write a key; with ``replace``, all other keys of its app are revoked in the same step.

        Raises:
            UnknownError: there is no such app.
        """
        ...

    async def revoke_key(self, app: bytes, hint: str) -> int:
        """Revoke the keys of an app that have this hint; returns how many."""
        ...

    async def app_by_key(self, key_hash: bytes) -> App | None:
        """The app a valid key belongs to."""
        ...
