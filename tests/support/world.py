"""A small world for tests: a clock that stands still, dice that fall as told, a mailer that keeps what it gets."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from watchword.adapters.blobs import DiskBlobs
from watchword.adapters.memory import MemoryStore
from watchword.adapters.sms_gateway import read_status
from watchword.adapters.work import AltchaWork
from watchword.core.app import App
from watchword.core.instant import Instant, Span
from watchword.core.keyring import Keyring
from watchword.core.message import NoticeMessage, PasscodeMessage, Receipt
from watchword.core.policy import Rules
from watchword.core.secret import SecretRules
from watchword.errors import DeliveryError
from watchword.flows.app import Apps
from watchword.flows.authenticator import Authenticators
from watchword.flows.authenticator_keeping import Resealing
from watchword.flows.courier import Courier
from watchword.flows.enrolment import Enrolments
from watchword.flows.handover import Handovers
from watchword.flows.keys import Keys
from watchword.flows.magic_link import MagicLinks
from watchword.flows.notice import Addresses
from watchword.flows.notice_courier import NoticeCourier
from watchword.flows.purge import Purge
from watchword.flows.recovery import RecoveryCodes
from watchword.flows.report import Reports
from watchword.flows.secret import Secrets
from watchword.flows.secret_file import SecretFiles
from watchword.flows.verification import Request, Shown, Verifications
from watchword.ports import Store

PUBLIC_URL = "http://127.0.0.1:8000"
START: Instant = 1_795_000_000_000  # some day in November 2026


@dataclass
class FrozenClock:
    """Stands still until it is moved."""

    at: Instant = START

    def now(self) -> Instant:
        return self.at

    def move(self, span: Span) -> None:
        self.at += span


class LoadedDice:
    """The same throws in every run."""

    def __init__(self, seed: int = 1) -> None:
        self._random = Random(seed)

    def draw(self, size: int) -> bytes:
        return self._random.randbytes(size)


@dataclass
class Journal:
    """An audit that remembers."""

    events: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def record(self, event: str, /, **facts: object) -> None:
        self.note(event, facts)

    def note(self, event: str, facts: dict[str, object]) -> None:
        self.events.append((event, facts))

    def names(self) -> list[str]:
        return [event for event, _ in self.events]


@dataclass
class Outbox:
    """A mailer that keeps what it is given, or fails as told: ``trouble`` is asked before each message."""

    mails: list[tuple[str, PasscodeMessage]] = field(default_factory=list)
    trouble: Callable[[], DeliveryError | None] = lambda: None
    notices: list[tuple[str, NoticeMessage]] = field(default_factory=list)

    async def deliver(self, recipient: str, message: PasscodeMessage) -> Receipt:
        error = self.trouble()
        if error is not None:
            raise error
        self.mails.append((recipient, message))
        return Receipt("T1", "relay.example")

    async def notify(self, recipient: str, message: NoticeMessage) -> Receipt:
        error = self.trouble()
        if error is not None:
            raise error
        self.notices.append((recipient, message))
        return Receipt("T1", "relay.example")

    @property
    def last_code(self) -> str:
        return self.mails[-1][1].code


def a_keyring(*numbers: int) -> Keyring:
    """A keyring whose keys are known; the last number is current."""
    numbers = numbers or (1,)
    return Keyring({n: bytes([n]) * 32 for n in numbers}, current=numbers[-1], index=b"i" * 32)


class World:
    """Flows over a store, with everything that moves under the test's hand."""

    def __init__(self, store: Store | None = None, rules: Rules | None = None) -> None:
        self.store: Store = store if store is not None else MemoryStore()
        self.clock = FrozenClock()
        self.dice = LoadedDice()
        self.journal = Journal()
        self.outbox = Outbox()
        self.keys = Keys(a_keyring, self.clock)
        self.apps = Apps(self.store, self.clock, self.dice, self.journal)
        self.verifications = Verifications(
            self.store, self.keys, self.clock, self.dice, self.journal, rules if rules is not None else Rules()
        )
        self.reports = Reports(self.store, self.keys, self.clock, self.journal, gateway=read_status)
        self.courier = Courier(
            self.store, self.outbox, self.keys, self.clock, self.dice, self.journal, public_url=PUBLIC_URL
        )
        self.magic_links = MagicLinks(
            self.store, self.keys, self.clock, self.dice, self.journal, self.verifications, AltchaWork()
        )
        self.secrets = Secrets(
            self.store.secrets, self.keys, self.clock, self.dice, self.journal, SecretRules(creates=None, kib=None)
        )
        kept = self.store.authenticators
        self.authenticators = Authenticators(kept, self.keys, self.clock, self.dice, self.journal, ceiling=50)
        self.enrolments = Enrolments(kept, self.keys, self.clock, self.dice, self.journal, self.magic_links.limit)
        self.recovery_codes = RecoveryCodes(kept, self.keys, self.clock, self.dice, self.journal)
        told = self.store.notices
        self.addresses = Addresses(told, self.keys, self.clock, self.dice, self.journal)
        self.notices = NoticeCourier(told, self.outbox, self.keys, self.clock, self.dice, self.journal)
        self.resealing = Resealing(kept, told, self.keys, self.dice, self.journal)
        self.handovers = Handovers(
            self.store.handovers,
            self.secrets,
            self.keys,
            self.clock,
            self.dice,
            self.journal,
            "https://codes.example.org",
        )
        folder = Path(tempfile.mkdtemp())
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.blobs = DiskBlobs(folder / "blobs")
        self.secret_files = SecretFiles(self.store.secrets, self.blobs, self.secrets, self.clock, self.journal)
        self.secrets.erased = self.secret_files.erase
        self.purge = Purge(self.store, self.clock, self.journal, files=self.secret_files)
        self.app: App
        self.key: str

    async def open(self, name: str = "Acme") -> World:
        """Open the store and make an app."""
        await self.store.open()
        self.app, self.key = await self.apps.create(name)
        return self

    async def create(self, to: str = "ann@example.com", purpose: str = "login", **more: object) -> Shown:
        """Ask for a verification as the app would."""
        return await self.verifications.create(self.app, Request("email", to, purpose, **more))  # type: ignore[arg-type]

    async def send(self, to: str = "ann@example.com", purpose: str = "login", **more: object) -> tuple[bytes, str]:
        """Create, deliver, and return the id with the code that was mailed."""
        shown = await self.create(to, purpose, **more)
        await self.courier.drain()
        return shown.verification.id, self.outbox.last_code

    async def check(self, verification: bytes, code: str, **expected: Any) -> Shown:
        """Check a code as the app would."""
        return await self.verifications.check(self.app, verification, code, **expected)


def wrong(code: str) -> str:
    """A code of the same length that is another."""
    return str((int(code) + 1) % 10 ** len(code)).zfill(len(code))
