"""``watchword app …``: apps and their API keys, directly on the store.

Rules:

* a key is printed alone on standard output, once; what a person wants to know about it goes to standard error;
* only ``create`` makes a database, and says so: anywhere else a missing one is a wrong folder;
* a whole key is refused where its hint is asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from watchword.bootstrap import database_is_there, opened_apps
from watchword.cli import console
from watchword.core import ids
from watchword.core.app import ApiKey, App, read_name, read_redirect_uri
from watchword.core.app import hint as hint_of
from watchword.core.instant import rfc3339
from watchword.errors import InvalidInputError
from watchword.flows.app import Apps
from watchword.settings import Settings

Result = TypeVar("Result")


class Unheard:
    """No audit: whoever typed the command sees what it did."""

    def record(self, event: str, /, **facts: object) -> None:
        """Say nothing."""


def _on_store(settings: Settings, work: Callable[[Apps], Awaitable[Result]], *, must_exist: bool = True) -> Result:
    async def run() -> Result:
        async with opened_apps(settings, Unheard(), must_exist=must_exist) as apps:
            return await work(apps)

    return asyncio.run(run())


def create(settings: Settings, name: str, redirect_uris: Sequence[str], *, as_json: bool) -> None:
    """Make an app and print its first key. What cannot be used is refused before a database is made."""
    read_name(name)
    for uri in redirect_uris:
        read_redirect_uri(uri)
    database = settings.storage.database
    is_new = database is not None and not database_is_there(settings)

    async def work(apps: Apps) -> tuple[App, str]:
        if is_new and database is not None:
            console.say_made(database)
        return await apps.create(name, redirect_uris)

    app, key = _on_store(settings, work, must_exist=False)
    if not as_json:
        console.say(f"App {app.name} is made. Its key is shown this once; what is kept is its hash.")
    console.result(key, _document(app) | {"key": key}, as_json=as_json)


def show(settings: Settings, *, as_json: bool) -> None:
    """List the apps."""
    listed = _on_store(settings, Apps.all)
    lines = []
    for app, keys in listed:
        hints = ", ".join(f"{key.hint}…" for key in keys) or "no key"
        lines.append(f"{app.name}  {ids.to_text(ids.APP, app.id)}  {hints}")
        lines += [f"    {uri}" for uri in app.redirect_uris]
    if lines or as_json:
        document = [_document(app) | {"keys": _keys(keys)} for app, keys in listed]
        console.result("\n".join(lines), document, as_json=as_json)
    else:
        console.say("There are no apps yet: `watchword app create NAME` makes one.")


def add_key(settings: Settings, name: str, *, replace: bool, as_json: bool) -> None:
    """Make another key and print it."""

    async def work(apps: Apps) -> tuple[App, str]:
        app = await apps.named(name)
        return app, await apps.add_key(app, replace=replace)

    app, key = _on_store(settings, work)
    if not as_json:
        earlier = "Earlier keys are revoked" if replace else "Earlier keys stay valid"
        console.say(f"A new key of {app.name}, shown this once. {earlier}.")
    console.result(key, _document(app) | {"key": key, "hint": hint_of(key)}, as_json=as_json)


def revoke(settings: Settings, name: str, hint: str, *, as_json: bool) -> None:
    """Revoke a key by its hint. A whole key is refused, because the shell's history would keep it."""
    if hint != hint_of(hint):
        detail = (
            f"Give the hint, the first {len(hint_of(hint))} characters that `app list` shows; a whole key has no "
            "business on a command line."
        )
        raise InvalidInputError(detail, field="hint")

    async def work(apps: Apps) -> App:
        app = await apps.named(name)
        await apps.revoke_key(app, hint)
        return app

    app = _on_store(settings, work)
    console.result(f"revoked {hint}…", _document(app) | {"revoked": hint}, as_json=as_json)


def update(
    settings: Settings, name: str, *, new_name: str | None, redirect_uris: Sequence[str] | None, as_json: bool
) -> None:
    """Rename an app or replace its redirect addresses."""

    async def work(apps: Apps) -> App:
        return await apps.update(await apps.named(name), name=new_name, redirect_uris=redirect_uris)

    app = _on_store(settings, work)
    console.result(f"updated {app.name}", _document(app), as_json=as_json)


def _document(app: App) -> dict[str, object]:
    return {
        "id": ids.to_text(ids.APP, app.id),
        "name": app.name,
        "created_at": rfc3339(app.created_at),
        "redirect_uris": list(app.redirect_uris),
    }


def _keys(keys: Sequence[ApiKey]) -> list[dict[str, str]]:
    return [{"hint": key.hint, "created_at": rfc3339(key.created_at)} for key in keys]
