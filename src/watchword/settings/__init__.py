"""What the operator decides: read once at start, from the environment and one TOML file.

The environment holds what is one value, the file what is structured; each concern has its module here.
``settings_table.py`` lists every setting.

Not handled here: what is built from all this (``bootstrap``).

Rules:

* what is not known is an error, never ignored: a misspelt limit must not be no limit;
* a secret is wrapped, so that no repr and no traceback shows it, and no error repeats a value that may hold one;
* a public address that is not this machine needs a relay: nobody runs in development mode by accident.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from watchword.core.policy import Rules
from watchword.core.secret import SecretRules
from watchword.errors import SettingsError
from watchword.settings.environment import Secret as Secret
from watchword.settings.environment import choice, path, read_environment
from watchword.settings.file import read_file
from watchword.settings.mail import MailSettings, read_mail
from watchword.settings.policy import read_rules
from watchword.settings.secret import read_secrets
from watchword.settings.server import Bind as Bind
from watchword.settings.server import ServerSettings, is_loopback, read_server
from watchword.settings.sms import SmsSettings, read_providers
from watchword.settings.storage import StorageSettings, read_storage
from watchword.settings_table import LEVELS


@dataclass(frozen=True, slots=True)
class Settings:
    """All of it. ``config`` is the TOML file, for reading the rules again."""

    server: ServerSettings
    storage: StorageSettings
    mail: MailSettings
    rules: Rules
    secrets: SecretRules
    log_level: str
    config: Path | None = None
    sms: SmsSettings = field(default_factory=SmsSettings)

    @property
    def development(self) -> bool:
        """Whether mail goes to the mailbox page, because no relay is configured."""
        return self.mail.smtp is None

    @classmethod
    def load(cls, environ: Mapping[str, str], *, bind: str | None = None, data: str | None = None) -> Settings:
        """Read the environment and the file it names; ``bind`` and ``data`` come from the command line and win.

        Raises:
            SettingsError: something is unknown, malformed or missing; ``setting`` names it.
        """
        given = read_environment(environ)
        given |= {name: text for name, text in (("WATCHWORD_BIND", bind), ("WATCHWORD_DATA", data)) if text}
        config = path(given, "WATCHWORD_CONFIG")
        file = read_file(config) if config else {}
        storage = read_storage(given)
        settings = cls(
            server=read_server(given, file),
            storage=storage,
            mail=read_mail(given, file),
            rules=read_rules(given, file, durable=storage.durable),
            secrets=read_secrets(given, file),
            log_level=choice(given, "WATCHWORD_LOG_LEVEL", "info", LEVELS),
            config=config,
            sms=read_providers(given, file),
        )
        _demand_relay(settings)
        return settings

    def bound_to(self, bind: Bind) -> Settings:
        """The same, listening where the system chose; a public address that followed from the old one follows."""
        server = self.server
        public_url = f"http://{bind}" if server.public_url == f"http://{server.bind}" else server.public_url
        return replace(self, server=replace(server, bind=bind, public_url=public_url))


def _demand_relay(settings: Settings) -> None:
    """Keep development mode, whose mailbox shows every code, on this machine."""
    server = settings.server
    relay = "there is no relay: set WATCHWORD_SMTP to smtps://user:password@host and WATCHWORD_MAIL_FROM to the sender"
    if settings.development and not is_loopback(urlsplit(server.public_url).hostname or ""):
        raise SettingsError(f"WATCHWORD_PUBLIC_URL is not this machine, and {relay}.", setting="WATCHWORD_SMTP")
    if settings.development and not is_loopback(server.bind.host):
        detail = f"WATCHWORD_BIND is reachable from elsewhere, and {relay}, or bind to 127.0.0.1."
        raise SettingsError(detail, setting="WATCHWORD_SMTP")
