"""Every flow on its ports, one method a feature. Nothing runs yet.

Not handled here: starting and stopping (``service.py``), opening the store (``storage.py``).

Rules:

* a feature is wired in its own method, which says what it needs of the others by what it reads of ``self``;
* what a reload changes, the feature's lines in ``take`` change.
"""

from __future__ import annotations

from pathlib import Path

from watchword.adapters import key_file
from watchword.adapters.blobs import DiskBlobs
from watchword.adapters.log import Fanout, Log
from watchword.adapters.metrics import Metrics
from watchword.adapters.split import SplitStore
from watchword.adapters.system import SystemClock, SystemEntropy, trim_memory
from watchword.adapters.turn import FileTurn
from watchword.adapters.work import AltchaWork
from watchword.bootstrap.mail import letters_of, mailer_of, open_relay, post_of
from watchword.bootstrap.sms import telephony_of
from watchword.core.keyring import Keyring
from watchword.core.policy import Rules
from watchword.errors import KeyringError, SettingsError
from watchword.flows.app import Apps
from watchword.flows.authenticator import Authenticators
from watchword.flows.authenticator_keeping import Resealing
from watchword.flows.courier import Courier
from watchword.flows.enrolment import Enrolments
from watchword.flows.guard import SmsGuard
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
from watchword.flows.verification import Verifications
from watchword.ports import Audit, Store
from watchword.settings import Settings


class Wiring:
    """The parts of one process and the flows on them."""

    def __init__(self, settings: Settings, *, store: Store, log: Log, counts: Path | None) -> None:
        self._started = False
        self.settings = settings
        self.store = store
        self.log = log
        self.metrics = Metrics(store.facts, counts)
        self.audit: Audit = Fanout(log, self.metrics)
        self._clock, self._entropy = SystemClock(), SystemEntropy()
        self.keys = Keys(self._read_keys, self._clock, lambda: key_file.version(self.settings.storage.key_file))
        self._wire_apps()
        self._wire_mail()
        self._wire_verifications()
        self._wire_magic_links()
        self._wire_addresses()
        self._wire_authenticators()
        self._wire_secrets()
        self._wire_handovers()
        self._wire_purge()

    def take(self, rules: Rules) -> None:
        """Let new rules hold from now on."""
        self.verifications.rules = rules
        self.magic_links.limit.rates = rules.limits.public_requests
        if isinstance(self.store, SplitStore):
            self.store.meanwhile.rates = rules.limits.away_sends
        self.authenticators.ceiling = rules.profile.failure_ceiling
        self.authenticators.skew = self.enrolments.skew = self.handovers.skew = rules.profile.skew

    def _wire_apps(self) -> None:
        self._valid_keys: dict[bytes, bytes] = {}
        self.apps = Apps(self.store, self._clock, self._entropy, self.audit, minted=self._valid_keys)

    def _wire_mail(self) -> None:
        self.letters = letters_of(self.settings)
        self.relay = open_relay(self.settings)
        self.telephony = telephony_of(self.settings, self._clock)
        post = post_of(self.letters, self.relay)
        mailer = mailer_of(post, self.telephony.mailer)
        at_once = self.settings.mail.connections
        world = (self.keys, self._clock, self._entropy, self.audit)
        public_url = self.settings.server.public_url
        self.courier = Courier(self.store, mailer, *world, at_once=at_once, public_url=public_url)
        self.notices = NoticeCourier(self.store.notices, post, *world)

    def _wake(self) -> None:
        """News for both couriers: an approval may leave notices."""
        self.courier.wake()
        self.notices.wake()

    def _wire_verifications(self) -> None:
        rules, wake = self.settings.rules, self._wake
        sms = SmsGuard(self.audit, self.telephony.signals)
        self.verifications = Verifications(
            self.store, self.keys, self._clock, self._entropy, self.audit, rules, wake, sms
        )
        self.reports = Reports(
            *(self.store, self.keys, self._clock, self.audit),
            twilio=self.telephony.twilio,
            gateway=self.telephony.gateway,
        )

    def _wire_addresses(self) -> None:
        world, wake = (self.keys, self._clock, self._entropy, self.audit), self.notices.wake
        self.addresses = Addresses(self.store.notices, *world, wake)

    def _wire_magic_links(self) -> None:
        clock, entropy = self._clock, self._entropy
        world = (self.keys, clock, entropy, self.audit)
        self.magic_links = MagicLinks(self.store, *world, self.verifications, AltchaWork())

    def _wire_authenticators(self) -> None:
        store, clock, entropy = self.store.authenticators, self._clock, self._entropy
        ceiling, skew = self.settings.rules.profile.failure_ceiling, self.settings.rules.profile.skew
        wake = self.notices.wake
        self.authenticators = Authenticators(store, self.keys, clock, entropy, self.audit, ceiling, wake)
        self.authenticators.skew = skew
        self.enrolments = Enrolments(
            *(store, self.keys, clock, entropy, self.audit, self.magic_links.limit, wake),
        )
        self.enrolments.skew = skew
        self.recovery_codes = RecoveryCodes(store, self.keys, clock, entropy, self.audit, wake)
        self.resealing = Resealing(store, self.store.notices, self.keys, entropy, self.audit)

    def _wire_secrets(self) -> None:
        store, clock = self.store.secrets, self._clock
        self.secrets = Secrets(store, self.keys, clock, self._entropy, self.audit, self.settings.secrets)
        blobs = DiskBlobs(self.settings.storage.directory / "blobs")
        self.secret_files = SecretFiles(store, blobs, self.secrets, clock, self.audit)
        self.secrets.erased = self.secret_files.erase

    def _wire_handovers(self) -> None:
        world, public_url = (self.keys, self._clock, self._entropy, self.audit), self.settings.server.public_url
        self.handovers = Handovers(self.store.handovers, self.secrets, *world, public_url, self.notices.wake)
        self.handovers.skew = self.authenticators.skew

    def _wire_purge(self) -> None:
        storage = self.settings.storage
        # What every process keeps for itself, every process purges. Of a database server, one process of each host
        # does, which its files need anyway; several at once leave each other's rows alone.
        beside = storage.database or (storage.directory / "server" if storage.server else None)
        self._turn = None if beside is None else FileTurn(beside.with_name(f"{beside.name}-purge"))
        is_ours = self._turn.is_ours if self._turn else lambda: True
        self.purge = Purge(self.store, self._clock, self.audit, trim_memory, self.secret_files, is_ours)

    def _read_keys(self) -> Keyring:
        try:
            return key_file.load(self.settings.storage.key_file)
        except SettingsError as error:
            if not self._started:
                raise
            # While running, a key file that cannot be read is a dependency that failed: 503, and an operator told.
            self.audit.record("keys.refused", detail=error.detail)
            raise KeyringError from None
