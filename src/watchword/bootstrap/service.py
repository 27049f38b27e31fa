"""A service as it runs: started, kept going, reloaded and stopped.

Not handled here: which parts it is made of (``wiring.py``), listening and workers (``cli/serve.py``).

Rules:

* ``start`` and ``stop`` may each be called twice, by whoever runs the service and by the web server's lifespan;
* a stop has one budget: ``begin_stop`` is called when the signal comes, so that messages being handed over are
  finished while requests are, and what neither needs is left for letting go of relay, store and log;
* the development key and the mailbox token are minted by whoever starts a ``serve`` and are stored nowhere: they
  are worth nothing in the next start and nothing outside development mode (docs/adr/0009);
* a background task that fails for a reason nobody foresaw says so and goes on;
* one that takes the place of another in a service that was up is *patient*: where its database server is away it
  starts all the same, and is then as one whose server went away while it ran. Its store stays shut until schema and
  key file were found to be right; where they are wrong it leaves (docs/adr/0049). Any other start fails.
"""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from watchword.adapters.log import Log, describe
from watchword.adapters.mailbox import RenderedMailbox
from watchword.adapters.system import SystemEntropy
from watchword.bootstrap.keys import claim_keys, try_keys, try_newest
from watchword.bootstrap.storage import bring_up_to_date, keep_shut
from watchword.bootstrap.wiring import Wiring
from watchword.core import app as core
from watchword.core.app import App
from watchword.core.instant import SECOND, Span
from watchword.core.policy import Rules
from watchword.errors import InvalidInputError, KeyringError, SettingsError, StoreError, UnavailableError, UnknownError
from watchword.flows.mailbox import Mailbox
from watchword.ports import Store
from watchword.settings import Settings
from watchword.web.app import create_app
from watchword.web.gate import Gate
from watchword.web.services import Services, WebConfig

DEVELOPMENT_APP = "default"
TICK = 1.0  # seconds between the figures other workers see
AGAIN = 1.0  # seconds until a background task that failed is begun again, and a store that was away is looked for
HASTE = 1.0  # seconds that a patient start waits for its store, so that one that is there costs nobody a 503
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


class Service(Wiring):
    """Everything one process runs. Made by ``build``.

    With ``leave`` it is patient, and that is called when the store came back as one that this process may not use.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        store: Store,
        log: Log,
        counts: Path | None,
        minted: Minted | None,
        courier: bool,
        leave: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(settings, store=store, log=log, counts=counts)
        self.minted = minted
        self._delivers = courier
        self._leave = leave
        self._tasks: list[asyncio.Task[None]] = []
        self._leaving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the store and begin the background work. A patient start waits for neither.

        Raises:
            SettingsError, StoreError: the store cannot be used.
        """
        if self._started:
            return
        self.log.start()
        if self._leave is not None and self.settings.storage.server is not None:
            self._started = True
            keep_shut(self.store, "The store was not looked at yet.")
            self._tasks = [asyncio.create_task(self._open_in_time(self._leave), name="opening")]
            await asyncio.wait(self._tasks, timeout=HASTE)
            return
        try:
            if self._leave is not None:
                await asyncio.to_thread(try_keys, self.settings)
            await self._open()
        except (SettingsError, StoreError) as error:
            if self._leave is not None:  # whoever runs it may end before the log is written
                self.audit.record("worker.failed", detail=error.detail)
                self._leave()
            raise
        self._started = True
        await self._begin()

    async def _open(self) -> None:
        await self.store.open()
        try:
            await claim_keys(self.settings)
        except SettingsError:
            await self.store.aclose()
            raise
        except StoreError as error:  # a store that cannot be read refuses everything else by itself
            self.audit.record("keys.unchecked", detail=error.detail)

    async def _open_in_time(self, leave: Callable[[], object]) -> None:
        """Open the store as soon as it is there and is ours, and begin the work."""
        told = ""
        try:
            while trouble := await self._trouble():
                keep_shut(self.store, trouble)
                if trouble != told:
                    self.audit.record("store.awaited", detail=trouble)
                told = trouble
                await asyncio.sleep(AGAIN)
        except SettingsError as error:
            self.audit.record("worker.failed", detail=error.detail)
            leave()
            return
        while True:
            with suppress(StoreError):  # it went again, and development mode's own app was not found yet
                await self._begin()
                return
            await asyncio.sleep(AGAIN)

    async def _trouble(self) -> str:
        """Why the store cannot be opened; empty where it is open now."""
        try:
            await self._open_checked()
        except SettingsError:
            raise
        except StoreError as error:
            return error.detail
        except Exception as error:  # noqa: BLE001 (whatever it is, nobody else opens the store)
            self.audit.record("task.failed", task="opening", **describe(error))
            return type(error).__name__
        return ""

    async def _open_checked(self) -> None:
        """Open the store when everything was looked at that a start looks at. Before, it refuses every verb.

        Raises:
            SettingsError: this process may not use it.
            StoreError: it is away, or what must be known of it cannot be read.
        """
        await bring_up_to_date(self.settings)
        await claim_keys(self.settings)
        await asyncio.to_thread(try_newest, self.settings)
        await self.store.open()

    async def _begin(self) -> None:
        """Begin the background work."""
        if self.minted is not None:
            self._valid_keys[core.hash_key(self.minted.api_key)] = (await self._development_app()).id
        work = [("purge", self.purge.run), ("figures", self._tell_figures), ("reseal", self.resealing.run)]
        if self._delivers:
            work += [("courier", self.courier.run), ("notices", self.notices.run)]
        self._tasks += [asyncio.create_task(self._keep(name, run), name=name) for name, run in work]
        self._warming = asyncio.get_running_loop().run_in_executor(None, self.metrics.warm)

    def begin_stop(self) -> None:
        """Let the time of a stop run from now on: nothing more is claimed, and requests may go on meanwhile."""
        if self._started and self._leaving is None:
            self._leaving = asyncio.create_task(self._stop_couriers(), name="leaving")

    async def _stop_couriers(self) -> None:
        await asyncio.gather(self.courier.stop(GRACE), self.notices.stop(GRACE))

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
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE / SECOND):
                await self.telephony.aclose()
        if self._turn is not None:
            self._turn.give_up()
        self.metrics.publish()
        await self.store.aclose()
        await asyncio.to_thread(self.log.close)

    def reload(self, read: Callable[[], Rules]) -> None:
        """Take new rules and the key file as it is now. What cannot be read leaves everything as it was."""
        try:
            rules = read()
            self._demand_telephony(rules)
            self.keys.reload()
        except (SettingsError, KeyringError) as error:
            self.audit.record("rules.refused", detail=error.detail)
            return
        self.take(rules)
        self.audit.record("rules.reloaded", profile=rules.profile.name, current_key=self.keys.ring.current)

    def _demand_telephony(self, rules: Rules) -> None:
        """Who delivers is wired at the start. A text must not go the way of mail, to whoever has that local name."""
        if rules.sms is not None and self.telephony.mailer is None:
            detail = "SMS is switched on at a start, since who delivers is read then: restart the service."
            raise SettingsError(detail, setting="sms")

    def asgi(self) -> Gate:
        """The web application of this service; its lifespan starts and stops it."""
        return create_app(self.services())

    def services(self) -> Services:
        """What the web layer is given."""
        server = self.settings.server
        mailbox = (
            RenderedMailbox(Mailbox(self.store, self.keys, server.public_url), self.letters) if self.minted else None
        )
        return Services(
            verifications=self.verifications,
            reports=self.reports,
            magic_links=self.magic_links,
            authenticators=self.authenticators,
            enrolments=self.enrolments,
            recovery_codes=self.recovery_codes,
            handovers=self.handovers,
            addresses=self.addresses,
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
                now = self._clock.now()
                due, first = await self.store.backlog(now=now), await self.store.next_due()
                self.metrics.note_backlog(due, 0 if first is None else max(0, now - first))
            self.metrics.publish()
            await asyncio.sleep(TICK)
