"""The steps of apps and their keys (``steps.py`` has what all steps keep to)."""

from __future__ import annotations

from typing import Protocol

from watchword.core.app import ApiKey, App
from watchword.errors import InvalidInputError, UnknownError


class AppTables(Protocol):
    """Rows of apps and keys, read and written inside one transaction."""

    def add_app(self, app: App) -> bool:
        """Write an app; False where the name is taken."""
        ...

    def change_app(self, app: App) -> bool:
        """Replace an app; False where the name is taken by another."""
        ...

    def app(self, app: bytes) -> App | None:
        """An app."""
        ...

    def add_key(self, key: ApiKey) -> None:
        """Write a key."""
        ...

    def remove_keys(self, app: bytes, hint: str | None) -> int:
        """Remove an app's keys of that hint, all of them where it is None."""
        ...


def add_app(tables: AppTables, app: App) -> None:
    """``AppStore.add_app``."""
    if not tables.add_app(app):
        raise InvalidInputError("There is an app of that name already.", field="name")


def update_app(tables: AppTables, app: App) -> None:
    """``AppStore.update_app``."""
    if tables.app(app.id) is None:
        raise UnknownError
    if not tables.change_app(app):
        raise InvalidInputError("There is an app of that name already.", field="name")


def add_key(tables: AppTables, key: ApiKey, replace: bool) -> None:  # noqa: FBT001 - passed by the store in order
    """``AppStore.add_key``."""
    if tables.app(key.app) is None:
        raise UnknownError
    if replace:
        tables.remove_keys(key.app, None)
    tables.add_key(key)
