"""The one package that knows every concrete class: settings in, a service out.

``wiring.py`` puts the flows on their ports, ``service.py`` runs them, ``storage.py`` and ``mail.py`` open what lies
outside, ``keys.py`` compares the store with the key file.

Not handled here: listening and workers (``cli/serve.py``), what any part does.

Rule: ``build`` touches nothing. It opens no store and no connection, so that it can fail only for settings.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from watchword.adapters.log import Log
from watchword.adapters.scribe import Scribe
from watchword.adapters.system import SystemClock
from watchword.bootstrap.keys import prepare as prepare
from watchword.bootstrap.keys import refuse_lost_keys as refuse_lost_keys
from watchword.bootstrap.keys import try_keys as try_keys
from watchword.bootstrap.mail import open_relay as open_relay
from watchword.bootstrap.service import GRACE as GRACE
from watchword.bootstrap.service import Minted as Minted
from watchword.bootstrap.service import Service as Service
from watchword.bootstrap.service import mint as mint
from watchword.bootstrap.storage import database_is_there as database_is_there
from watchword.bootstrap.storage import fast_servers as fast_servers
from watchword.bootstrap.storage import key_listing as key_listing
from watchword.bootstrap.storage import keys_are_there as keys_are_there
from watchword.bootstrap.storage import make_directory as make_directory
from watchword.bootstrap.storage import open_durable as open_durable
from watchword.bootstrap.storage import open_store as open_store
from watchword.bootstrap.storage import opened_apps as opened_apps
from watchword.bootstrap.storage import opened_store as opened_store
from watchword.bootstrap.storage import opened_support as opened_support
from watchword.bootstrap.storage import rotate_keys as rotate_keys
from watchword.bootstrap.storage import schema_of as schema_of
from watchword.bootstrap.storage import scribe_for as scribe_for
from watchword.bootstrap.storage import server_schema_of as server_schema_of
from watchword.ports import Store
from watchword.settings import Settings


def build(
    settings: Settings,
    *,
    minted: Minted | None = None,
    counts: Path | None = None,
    courier: bool = True,
    store: Store | None = None,
    log: Log | None = None,
    scribe: Scribe | None = None,
    leave: Callable[[], object] | None = None,
) -> Service:
    """Wire a service. The key file must be there (``prepare``).

    ``minted`` is given by the parent of several workers; ``counts`` is the directory where they add up their
    metrics. ``courier=False`` leaves the outbox to others; a ``scribe`` writes for the store (``scribe_for``).
    With ``leave`` it may start while the servers of its store are away (``Service``).

    Raises:
        SettingsError: a setting, the key file or a language file cannot be used.
    """
    return Service(
        settings,
        store=store or open_store(settings, scribe=scribe, patient=leave is not None),
        log=log or Log(SystemClock(), level=settings.log_level),
        counts=counts,
        minted=(minted or mint()) if settings.development else None,
        courier=courier,
        leave=leave,
    )
