"""Apps and their API keys: create, list, update, give out and revoke keys, recognise one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import msgspec

from watchword.core import app as core
from watchword.core import ids
from watchword.core.app import ApiKey, App
from watchword.core.instant import SECOND, Instant
from watchword.errors import InvalidInputError, UnauthenticatedError, UnknownError
from watchword.ports import Audit, Clock, Entropy
from watchword.ports_app import AppStore

REMEMBERED = SECOND  # so long a key is recognised without asking the store: a revocation takes effect within it
MOST_REMEMBERED = 10_000


class Apps:
    """The flow of tenants.

    ``minted`` are apps by the hashes of keys that are valid in this process alone and are stored nowhere: development
    mode's.
    """

    def __init__(
        self,
        store: AppStore,
        clock: Clock,
        entropy: Entropy,
        audit: Audit,
        *,
        minted: Mapping[bytes, bytes] = MappingProxyType({}),
    ) -> None:
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._audit = audit
        self._minted = minted
        self._remembered: dict[bytes, tuple[App, Instant]] = {}

    async def create(self, name: str, redirect_uris: Iterable[str] = ()) -> tuple[App, str]:
        """Make an app and its first key. The key is in this answer only.

        Raises:
            InvalidInputError: name or redirect URI cannot be used, or the name is taken.
        """
        app = await self.add(name, redirect_uris)
        return app, await self.add_key(app)

    async def add(self, name: str, redirect_uris: Iterable[str] = ()) -> App:
        """Make an app without a key.

        Raises:
            InvalidInputError: name or redirect URI cannot be used, or the name is taken.
        """
        now = self._clock.now()
        uris = tuple(core.read_redirect_uri(uri) for uri in redirect_uris)
        app = App(ids.app_id(now, self._entropy.draw(ids.APP_RANDOM)), core.read_name(name), now, uris)
        await self._store.add_app(app)
        self._audit.record("app.created", app=ids.to_text(ids.APP, app.id))
        return app

    async def add_key(self, app: App, *, replace: bool = False) -> str:
        """Give out another key; with ``replace`` all earlier ones are revoked in the same step."""
        key = core.write_key(self._entropy.draw(core.KEY_RANDOM))
        await self._store.add_key(
            ApiKey(core.hash_key(key), app.id, core.hint(key), self._clock.now()), replace=replace
        )
        self._audit.record("key.created", app=ids.to_text(ids.APP, app.id), hint=core.hint(key))
        return key

    async def revoke_key(self, app: App, hint: str) -> None:
        """Revoke a key by its hint (or by itself).

        Raises:
            UnknownError: the app has no valid key of that hint.
        """
        if not await self._store.revoke_key(app.id, core.hint(hint)):
            raise UnknownError("The app has no such key.")
        self._remembered.clear()
        self._audit.record("key.revoked", app=ids.to_text(ids.APP, app.id), hint=core.hint(hint))

    async def all(self) -> Sequence[tuple[App, Sequence[ApiKey]]]:
        """Every app with its valid keys."""
        return await self._store.apps()

    async def named(self, name: str) -> App:
        """The app of that name or id.

        Raises:
            UnknownError: there is none.
        """
        for app, _ in await self._store.apps():
            if name in {app.name, ids.to_text(ids.APP, app.id)}:
                return app
        raise UnknownError("There is no app of that name.")

    async def update(self, app: App, *, name: str | None = None, redirect_uris: Iterable[str] | None = None) -> App:
        """Rename an app or replace its redirect URIs.

        Raises:
            InvalidInputError: name or redirect URI cannot be used, or the name is taken.
        """
        if name is None and redirect_uris is None:
            raise InvalidInputError("There is nothing to update: give a name or redirect URIs.", field="name")
        changed = msgspec.structs.replace(
            app,
            name=app.name if name is None else core.read_name(name),
            redirect_uris=(
                app.redirect_uris
                if redirect_uris is None
                else tuple(core.read_redirect_uri(uri) for uri in redirect_uris)
            ),
        )
        await self._store.update_app(changed)
        self._audit.record("app.updated", app=ids.to_text(ids.APP, app.id))
        return changed

    def remembered(self, key: bytes) -> App | None:
        """The app of a key that was asked for a moment ago; None where ``by_key`` must ask the store. Does not wait."""
        found = self._remembered.get(core.hash_key(key))
        return found[0] if found is not None and 0 <= self._clock.now() - found[1] < REMEMBERED else None

    async def by_key(self, key: bytes) -> App:
        """The app an API key belongs to.

        The lookup is by the key's hash, so nothing is compared that timing could tell about.

        Raises:
            UnauthenticatedError: it is no valid key.
        """
        if not core.is_key_shaped(key):
            raise UnauthenticatedError
        if (known := self.remembered(key)) is not None:
            return known
        hashed = core.hash_key(key)
        minted = self._minted.get(hashed)
        app = await (self._store.app_by_key(hashed) if minted is None else self._store.app(minted))
        if app is None:
            self._remembered.pop(hashed, None)
            raise UnauthenticatedError
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[hashed] = (app, self._clock.now())
        return app
