"""The one module that knows every concrete class: settings in, a service out.

Not handled here: listening and workers (``cli/serve.py``), what any part does.

Rules:

* ``build`` touches nothing: it opens no store and no connection, so that it can fail only for settings;
* ``start`` and ``stop`` may each be called twice, by whoever runs the service and by the web server's lifespan;
* a stop has one budget: ``begin_stop`` is called when the signal comes, so that messages being handed over are
  finished while requests are, and what neither needs is left for letting go of relay, store and log;
* the development key and the mailbox token are minted by whoever starts a ``serve`` and are stored nowhere: they
  are worth nothing in the next start and nothing outside development mode (docs/adr/0009);
* a background task that fails for a reason nobody foresaw says so and goes on.
"""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from watchword.adapters import key_file
from watchword.adapters.blobs import DiskBlobs
from watchword.adapters.catalogue import Catalogues
from watchword.adapters.letter import Letters, MailFrom
from watchword.adapters.log import Fanout, Log, describe
from watchword.adapters.mailbox import DevelopmentMailbox, RenderedMailbox
from watchword.adapters.memory import MemoryStore
from watchword.adapters.metrics import Metrics
from watchword.adapters.post import Post
from watchword.adapters.sqlite.look import Schema, holds_verifications, look_at_schema
from watchword.adapters.sqlite.store import SqliteStore
from watchword.adapters.system import SystemClock, SystemEntropy, trim_memory
from watchword.adapters.turn import FileTurn
from watchword.core import app as core
from watchword.core.app import App
from watchword.core.instant import SECOND, Span
from watchword.core.keyring import Keyring
from watchword.core.policy import Rules
from watchword.errors import InvalidInputError, KeyringError, SettingsError, UnavailableError, UnknownError
from watchword.flows.app import Apps
from watchword.flows.authenticator import Authenticators
from watchword.flows.authenticator_keeping import Resealing
from watchword.flows.courier import Courier
from watchword.flows.keys import Keys
from watchword.flows.mailbox import Mailbox
from watchword.flows.purge import Purge
from watchword.flows.recovery import RecoveryCodes
from watchword.flows.secret import Secrets
from watchword.flows.secret_file import SecretFiles
from watchword.flows.verification import Verifications
from watchword.ports import Audit, Mailer, Store
from watchword.settings import Settings
from watchword.web.app import create_app
from watchword.web.gate import Gate
from watchword.web.services import Services, WebConfig

if TYPE_CHECKING:
    from watchword.adapters.smtp import SmtpRelay

DEVELOPMENT_APP = "default"
DEVELOPMENT_SENDER = "Watchword <codes@development.invalid>"
TICK = 1.0  # seconds between the figures other workers see
AGAIN = 1.0  # seconds until a background task that failed is begun again
GRACE: Span = 8 * SECOND  # of a stop, for requests under way and messages being handed over, both at once
GOODBYE: Span = SECOND  # after that, for taking leave of the relay


@dataclass(frozen=True, slots=True)
class Minted:
    """What development mode hands out at each start. Goes to workers as an argument, never by environment."""

    api_key: str = field(repr=False)
    mailbox_token: str = field(repr=False)


def mint() -> Minted:
    """Make a fresh development key and mailbox token."""
    dice = SystemEntropy()
    token = urlsafe_b64encode(dice.draw(24)).decode()
    return Minted(core.write_key(dice.draw(core.KEY_RANDOM)), token)


class Service:
    """Everything one process runs. Made by ``build``."""

    def __init__(
        self,
        settings: Settings,
        *,
        store: Store,
        log: Log,
        counts: Path | None,
        minted: Minted | None,
        courier: bool,
    ) -> None:
        clock, entropy = SystemClock(), SystemEntropy()
        self._started = False
        self.settings = settings
        self.store = store
        self.log = log
        self.metrics = Metrics(store.facts, counts)
        self.audit: Audit = Fanout(log, self.metrics)
        self.minted = minted
        self._valid_keys: dict[bytes, App] = {}
        self._clock = clock
        self.keys = Keys(self._read_keys, clock)
        self.letters = Letters(MailFrom.parse(settings.mail.sender or DEVELOPMENT_SENDER), Catalogues.load())
        self.relay = open_relay(settings)
        mailer: Mailer = Post(self.letters, self.relay) if self.relay else DevelopmentMailbox()
        self.apps = Apps(store, clock, entropy, self.audit, minted=self._valid_keys)
        self.courier = Courier(store, mailer, self.keys, clock, entropy, self.audit, at_once=settings.mail.connections)
        self.secrets = Secrets(store.secrets, self.keys, clock, entropy, self.audit, settings.secrets)
        blobs = DiskBlobs(settings.storage.directory / "blobs")
        self.secret_files = SecretFiles(store.secrets, blobs, self.secrets, clock, self.audit)
        self.secrets.erased = self.secret_files.erase
        database = settings.storage.database
        # What every process keeps for itself, every process purges.
        self._turn = None if database is None else FileTurn(database.with_name(f"{database.name}-purge"))
        is_ours = self._turn.is_ours if self._turn else lambda: True
        self.purge = Purge(store, clock, self.audit, trim_memory, self.secret_files, is_ours)
        self.verifications = Verifications(
            store, self.keys, clock, entropy, self.audit, settings.rules, self.courier.wake
        )
        self.authenticators = Authenticators(
            store.authenticators, self.keys, clock, entropy, self.audit, settings.rules.profile.failure_ceiling
        )
        self.recovery_codes = RecoveryCodes(store.authenticators, self.keys, clock, entropy, self.audit)
        self.resealing = Resealing(store.authenticators, self.keys, entropy, self.audit)
        self._delivers = courier
        self._tasks: list[asyncio.Task[None]] = []
        self._leaving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the store and begin the background work.

        Raises:
            SettingsError, StoreError: the store cannot be used.
        """
        if self._started:
            return
        self.log.start()
        await self.store.open()
        self._started = True
        if self.minted is not None:
            self._valid_keys[core.hash_key(self.minted.api_key)] = await self._development_app()
        work = [("purge", self.purge.run), ("figures", self._tell_figures), ("reseal", self.resealing.run)]
        if self._delivers:
            work.append(("courier", self.courier.run))
        self._tasks = [asyncio.create_task(self._keep(name, run), name=name) for name, run in work]
        self._warming = asyncio.get_running_loop().run_in_executor(None, self.metrics.warm)

    def begin_stop(self) -> None:
        """Let the time of a stop run from now on: nothing more is claimed, and requests may go on meanwhile."""
        if self._started and self._leaving is None:
            self._leaving = asyncio.create_task(self.courier.stop(GRACE), name="leaving")

    async def stop(self) -> None:
        """Finish what is being handed over, write what is left, let go of everything."""
        if not self._started:
            return
        self.begin_stop()
        self._started = False
        if self._leaving is not None:
            await self._leaving
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.relay is not None:
            with suppress(TimeoutError):  # one that does not answer is left without a word
                async with asyncio.timeout(GOODBYE / SECOND):
                    await self.relay.aclose()
        if self._turn is not None:
            self._turn.give_up()
        self.metrics.publish()
        await self.store.aclose()
        await asyncio.to_thread(self.log.close)

    def reload(self, read: Callable[[], Rules]) -> None:
        """Take new rules and the key file as it is now. What cannot be read leaves everything as it was."""
        try:
            rules = read()
            self.keys.reload()
        except (SettingsError, KeyringError) as error:
            self.audit.record("rules.refused", detail=error.detail)
            return
        self.verifications.rules = rules
        self.authenticators.ceiling = rules.profile.failure_ceiling
        self.audit.record("rules.reloaded", profile=rules.profile.name, current_key=self.keys.ring.current)

    def asgi(self) -> Gate:
        """The web application of this service; its lifespan starts and stops it."""
        return create_app(self.services())

    def services(self) -> Services:
        """What the web layer is given."""
        server = self.settings.server
        mailbox = RenderedMailbox(Mailbox(self.store, self.keys), self.letters) if self.minted else None
        return Services(
            verifications=self.verifications,
            authenticators=self.authenticators,
            recovery_codes=self.recovery_codes,
            secrets=self.secrets,
            secret_files=self.secret_files,
            apps=self.apps,
            mailbox=mailbox,
            ping=self.store.ping,
            audit=self.audit,
            metrics=self.metrics.render,
            clock=self._clock,
            start=self.start,
            stop=self.stop,
            config=WebConfig(
                public_url=server.public_url,
                trusted_proxies=server.trusted_proxies,
                max_body=server.max_body,
                max_at_once=server.max_at_once,
                request_time=server.request_time,
                mailbox_token=self.minted.mailbox_token if self.minted else None,
                loopback_host=str(server.local),
            ),
        )

    def _read_keys(self) -> Keyring:
        try:
            return key_file.load(self.settings.storage.key_file)
        except SettingsError as error:
            if not self._started:
                raise
            # While running, a key file that cannot be read is a dependency that failed: 503, and an operator told.
            self.audit.record("keys.refused", detail=error.detail)
            raise KeyringError from None

    async def _development_app(self) -> App:
        with suppress(UnknownError):
            return await self.apps.named(DEVELOPMENT_APP)
        try:
            return await self.apps.add(DEVELOPMENT_APP)
        except InvalidInputError:  # another worker was first
            return await self.apps.named(DEVELOPMENT_APP)

    async def _keep(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run a background task for as long as the service runs. A courier that was told to stop comes back at once."""
        while self._started and self._leaving is None:
            try:
                await run()
            except Exception as error:  # noqa: BLE001 (a message nobody foresaw must not end all delivery)
                self.audit.record("task.failed", task=name, **describe(error))
                await asyncio.sleep(AGAIN)

    async def _tell_figures(self) -> None:
        while True:
            with suppress(UnavailableError):
                self.metrics.note_backlog(await self.store.backlog(now=self._clock.now()))
            self.metrics.publish()
            await asyncio.sleep(TICK)


def build(
    settings: Settings,
    *,
    minted: Minted | None = None,
    counts: Path | None = None,
    courier: bool = True,
    store: Store | None = None,
    log: Log | None = None,
) -> Service:
    """Wire a service. The key file must be there (``prepare``).

    ``minted`` is given by the parent of several workers; ``counts`` is the directory where they add up their
    metrics. ``courier=False`` leaves the outbox to others.

    Raises:
        SettingsError: a setting, the key file or a language file cannot be used.
    """
    return Service(
        settings,
        store=store or open_store(settings),
        log=log or Log(SystemClock(), level=settings.log_level),
        counts=counts,
        minted=(minted or mint()) if settings.development else None,
        courier=courier,
    )


def prepare(settings: Settings) -> bool:
    """Make the data directory and the key file where they are missing; returns whether the key file is new.

    Raises:
        SettingsError: they cannot be made, or the key file is gone while the database still needs it.
    """
    make_directory(settings)
    database, keys = settings.storage.database, settings.storage.key_file
    if not keys.exists() and database is not None and holds_verifications(database):
        # A new key would open nothing that is there, and count every limit from nought.
        detail = f"The key file {keys} is gone, and {database} needs it: bring it back, or move the database away."
        raise SettingsError(detail, setting="WATCHWORD_KEY_FILE")
    return key_file.ensure(settings.storage.key_file, SystemEntropy().draw, SystemClock().now())


def make_directory(settings: Settings) -> None:
    """Make the data directory, for us alone.

    Raises:
        SettingsError: it cannot be made.
    """
    directory = settings.storage.directory
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        detail = f"The data directory {directory} cannot be made: {error.strerror}."
        raise SettingsError(detail, setting="WATCHWORD_DATA") from None


def open_store(settings: Settings) -> Store:
    """Choose the store. It is not opened yet."""
    database = settings.storage.database
    return MemoryStore() if database is None else SqliteStore(database)


def open_relay(settings: Settings) -> SmtpRelay | None:
    """Wire the relay, None in development mode. It connects when something is sent.

    Raises:
        SettingsError: address, sender or CA file cannot be used.
    """
    if settings.mail.smtp is None:
        return None
    from watchword.adapters.smtp import SmtpAddress, SmtpRelay, client_tls  # noqa: PLC0415 (not in development mode)

    return SmtpRelay(
        SmtpAddress.parse(settings.mail.smtp.reveal()),
        tls=client_tls(settings.mail.smtp_ca),
        max_connections=settings.mail.connections,
    )


def schema_of(settings: Settings) -> Schema | None:
    """Which schema the store's file has and which one this version writes, changing nothing; None without a file.

    Raises:
        StoreError: it cannot be read.
    """
    database = settings.storage.database
    return look_at_schema(database) if database is not None and database.exists() else None


@asynccontextmanager
async def opened_apps(settings: Settings, audit: Audit, *, must_exist: bool = False) -> AsyncIterator[Apps]:
    """The flow of apps on the store as it lies, without a running service. Needs no keys. Raises: ``opened_store``."""
    async with opened_store(settings, must_exist=must_exist) as store:
        yield Apps(store, SystemClock(), SystemEntropy(), audit)


@asynccontextmanager
async def opened_store(settings: Settings, *, must_exist: bool = False) -> AsyncIterator[Store]:
    """The store as it lies, without a running service.

    Raises:
        SettingsError: the store keeps nothing, is not there although it ``must_exist``, or cannot be used.
        StoreError: it cannot be read.
    """
    database = settings.storage.database
    if database is None:
        detail = "With WATCHWORD_STORE=memory nothing is kept between commands."
        raise SettingsError(detail, setting="WATCHWORD_STORE")
    if must_exist and not database.exists():
        detail = f"There is no database at {database}: is --data (or WATCHWORD_DATA) right?"
        raise SettingsError(detail, setting="WATCHWORD_DATA")
    make_directory(settings)
    store = open_store(settings)
    await store.open()
    try:
        yield store
    finally:
        await store.aclose()


def rotate_keys(settings: Settings) -> int:
    """Add a key to the key file and make it current; returns its number.

    Raises:
        SettingsError: the file cannot be read or written, or is full.
    """
    return key_file.rotate(settings.storage.key_file, SystemEntropy().draw, SystemClock().now())


def key_listing(settings: Settings) -> Sequence[tuple[int, str, bool]]:
    """Number, time of making and whether it is current, of each key.

    Raises:
        SettingsError: the key file cannot be used.
    """
    return key_file.listing(settings.storage.key_file)
