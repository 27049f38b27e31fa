"""A whole service in process, seen over HTTP: flows on the memory store, behind the real gate."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.support.asgi import HOST, Reply, Wire
from tests.support.world import World
from watchword.core import ids
from watchword.core.policy import Rules
from watchword.errors import StoreError
from watchword.flows.mailbox import Mailbox
from watchword.ports import Store
from watchword.web.app import create_app
from watchword.web.services import Services, WebConfig

Result = TypeVar("Result")

TOKEN = "mailbox-token-of-this-start"


@dataclass(frozen=True)
class PlainMail:
    """A mail as a test reads it (``web.services.RenderedMail``)."""

    key: str
    to: str
    at: int
    subject: str
    text: str
    html: str
    source: str


@dataclass
class PlainMailbox:
    """The development mailbox with mails rendered in the plainest way (``web.services.MailboxView``)."""

    mailbox: Mailbox

    async def mails(self) -> Sequence[PlainMail]:
        return [
            PlainMail(
                mail.message.key,
                mail.to,
                mail.at,
                f"Code for {mail.message.app_name}",
                f"Your code:\n{mail.message.code}\n",
                f"<p>Your code: {mail.message.code}</p>",
                f"To: {mail.to}\r\n\r\n{mail.message.code}\r\n",
            )
            for mail in await self.mailbox.mails()
        ]

    async def awaits_more(self) -> bool:
        return await self.mailbox.awaits_more()


@dataclass
class Health:
    """How the store is (``Services.ping``)."""

    trouble: StoreError | None = None

    async def ping(self) -> None:
        if self.trouble is not None:
            raise self.trouble


@dataclass
class Life:
    """What the lifespan did (``Services.start`` and ``stop``)."""

    steps: list[str] = field(default_factory=list)

    async def start(self) -> None:
        self.steps.append("started")

    async def stop(self) -> None:
        self.steps.append("stopped")


class Site:
    """The service and one event loop to call it in. ``config`` are fields of ``WebConfig``."""

    def __init__(self, *, store: Store | None = None, rules: Rules | None = None, **config: Any) -> None:
        self._runner = asyncio.Runner()
        self.world = World(store, rules)
        self.run(self.world.open())
        self.health = Health()
        self.life = Life()
        usual: dict[str, Any] = {
            "public_url": "http://127.0.0.1:8000",
            "stranger_step": 0.0,
        }  # nobody holds a watch on most tests
        self.services = self._services(WebConfig(**(usual | config)))
        self.app = create_app(self.services)
        self.wire = Wire(self.app)

    def _services(self, config: WebConfig) -> Services:
        world = self.world
        return Services(
            verifications=world.verifications,
            reports=world.reports,
            magic_links=world.magic_links,
            authenticators=world.authenticators,
            enrolments=world.enrolments,
            recovery_codes=world.recovery_codes,
            handovers=world.handovers,
            addresses=world.addresses,
            secrets=world.secrets,
            secret_files=world.secret_files,
            apps=world.apps,
            mailbox=PlainMailbox(Mailbox(world.store, world.keys)) if config.development else None,
            ping=self.health.ping,
            audit=world.journal,
            metrics=lambda: b"watchword_up 1\n",
            clock=world.clock,
            start=self.life.start,
            stop=self.life.stop,
            config=config,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.close()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Let something happen."""
        return self._runner.run(work)

    @property
    def keyed(self) -> tuple[bytes, bytes]:
        """The header that carries the app's key."""
        return (b"authorization", b"Bearer " + self.world.key.encode())

    def call(self, method: str, target: str, body: object = None, **more: Any) -> Reply:
        """Send a request as nobody in particular."""
        return self.run(self.wire.send(method, target, body, **more))

    def get(self, target: str, **more: Any) -> Reply:
        """GET as the app."""
        return self.call("GET", target, headers=[self.keyed], **more)

    def post(
        self, target: str, body: object = None, *, headers: Iterable[tuple[bytes, bytes]] = (), **more: Any
    ) -> Reply:
        """POST as the app."""
        return self.call("POST", target, body, headers=[self.keyed, *headers], **more)

    def create(self, **fields: Any) -> Reply:
        """Ask for a verification as the app."""
        return self.post("/v1/verifications", a_request(**fields))

    def sent(self, **fields: Any) -> tuple[str, str]:
        """Ask for a verification, deliver its message, and return the address of it with the code."""
        reply = self.create(**fields)
        assert reply.status == 201, reply.text
        self.run(self.world.courier.drain())
        return f"/v1/verifications/{reply.json['id']}", self.world.outbox.last_code

    def log(self, event: str = "http.request") -> list[dict[str, Any]]:
        """What was recorded under a name."""
        return [facts for name, facts in self.world.journal.events if name == event]


def a_request(**fields: Any) -> dict[str, Any]:
    """The plainest request for a verification, with changes."""
    return {"channel": "email", "to": "ann@example.com", "purpose": "login"} | fields


def an_unknown_id() -> str:
    """An id that nobody was given."""
    return ids.to_text(ids.VERIFICATION, bytes(6) + b"\x01" + bytes(9))


__all__ = ["HOST", "TOKEN", "Site", "a_request", "an_unknown_id"]
