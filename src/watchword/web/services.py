"""What the web layer is given: flows, ports and settings, wired once in ``bootstrap``.

Not handled here: where any of it comes from.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Protocol

from watchword.core.instant import Instant
from watchword.flows.app import Apps
from watchword.flows.authenticator import Authenticators
from watchword.flows.enrolment import Enrolments
from watchword.flows.handover import Handovers
from watchword.flows.magic_link import MagicLinks
from watchword.flows.notice import Addresses
from watchword.flows.recovery import RecoveryCodes
from watchword.flows.report import Reports
from watchword.flows.secret import Secrets
from watchword.flows.secret_file import SecretFiles
from watchword.flows.verification import Verifications
from watchword.ports import Audit, Clock

Network = IPv4Network | IPv6Network


class RenderedMail(Protocol):
    """One mail of the development mailbox, as its reader would get it. ``source`` is the raw RFC 5322 text."""

    @property
    def key(self) -> str:
        """Names the mail in the mailbox's own URLs."""
        ...

    @property
    def to(self) -> str:
        """The recipient."""
        ...

    @property
    def at(self) -> Instant:
        """When it was sent."""
        ...

    @property
    def subject(self) -> str:
        """The subject line."""
        ...

    @property
    def text(self) -> str:
        """The text part."""
        ...

    @property
    def html(self) -> str:
        """The HTML part."""
        ...

    @property
    def source(self) -> str:
        """All of it."""
        ...


class MailboxView(Protocol):
    """The development mailbox, seen by its page."""

    async def mails(self) -> Sequence[RenderedMail]:
        """The latest mails, newest first."""
        ...

    async def awaits_more(self) -> bool:
        """Whether a mail may come that was asked for already."""
        ...


@dataclass(frozen=True, slots=True)
class WebConfig:
    """Settings of the web layer. ``mailbox_token`` is set in development mode only, and nowhere else."""

    public_url: str
    trusted_proxies: tuple[Network, ...] = ()
    max_body: int = 64 * 1024  # bytes
    max_at_once: int = 1_000  # requests under way in this process
    stranger_step: float = 0.004  # seconds: who proves nothing is refused at whole numbers of them
    request_time: float = 10.0  # seconds for reading and answering one request
    mailbox_token: str | None = field(default=None, repr=False)
    loopback_host: str = "127.0.0.1:8000"

    @property
    def development(self) -> bool:
        """Whether mail goes to the mailbox page instead of a relay."""
        return self.mailbox_token is not None


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a request may reach. ``audit`` is also the access log, and feeds the metrics."""

    verifications: Verifications
    reports: Reports
    magic_links: MagicLinks
    authenticators: Authenticators
    enrolments: Enrolments
    recovery_codes: RecoveryCodes
    handovers: Handovers
    addresses: Addresses
    secrets: Secrets
    secret_files: SecretFiles
    apps: Apps
    mailbox: MailboxView | None
    ping: Callable[[], Awaitable[None]]
    audit: Audit
    metrics: Callable[[], bytes]
    clock: Clock
    start: Callable[[], Awaitable[None]]
    stop: Callable[[], Awaitable[None]]
    config: WebConfig
