"""What the operator decides: read once at start, from the environment and one TOML file.

The environment holds what is one value, the file what is structured. ``settings_table.py`` lists every setting.

Not handled here: the form of an SMTP address (``adapters/smtp_address.py``) and of a sender
(``adapters/letter.py``), the key file (``adapters/key_file.py``), what is built from all this (``bootstrap.py``).

Rules:

* what is not known is an error, never ignored: a misspelt limit must not be no limit;
* a secret is wrapped, so that no repr and no traceback shows it, and no error repeats a value that may hold one;
* a public address that is not this machine needs a relay: nobody runs in development mode by accident.
"""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

from watchword.core.instant import DAY
from watchword.core.limit import LONGEST_GUESS_SPAN, LONGEST_SPAN, Rate, read_rates
from watchword.core.policy import PROFILES, Limits, Rules
from watchword.core.secret import CREATION, SecretRules
from watchword.errors import SettingsError
from watchword.settings_table import ENVIRONMENT, FILE, LEVELS, RESERVED

PREFIX = "WATCHWORD_"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


_FROM_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (a wildcard is read here, not bound)


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A text that must not be shown. ``reveal`` is called where it is used, and nowhere else."""

    _text: str

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(hidden)"


@dataclass(frozen=True, slots=True)
class Bind:
    """Where to listen. Port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The HTTP side."""

    bind: Bind
    public_url: str
    trusted_proxies: tuple[Network, ...] = ()
    max_body: int = 65_536
    max_at_once: int = 1_000
    request_time: int = 10

    @property
    def local(self) -> Bind:
        """Where this machine itself reaches the service."""
        return replace(self.bind, host=_FROM_HERE.get(self.bind.host, self.bind.host))


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """Where things lie. ``database`` is None for the store that keeps nothing."""

    directory: Path
    key_file: Path
    database: Path | None


@dataclass(frozen=True, slots=True)
class MailSettings:
    """The relay. Without ``smtp``: development mode, where mail goes to the mailbox page."""

    smtp: Secret | None = field(default=None, repr=False)
    smtp_ca: Path | None = None
    sender: str = ""
    connections: int = 8


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
        given = _given(environ)
        given |= {name: text for name, text in (("WATCHWORD_BIND", bind), ("WATCHWORD_DATA", data)) if text}
        config = _path(given, "WATCHWORD_CONFIG")
        file = _read_file(config) if config else {}
        settings = cls(
            server=_server(given, file),
            storage=_storage(given),
            mail=_mail(given, file),
            rules=_rules(given, file),
            secrets=_secrets(given, file),
            log_level=_choice(given, "WATCHWORD_LOG_LEVEL", "info", LEVELS),
            config=config,
        )
        _demand_relay(settings)
        return settings

    def bound_to(self, bind: Bind) -> Settings:
        """The same, listening where the system chose; a public address that followed from the old one follows."""
        server = self.server
        public_url = f"http://{bind}" if server.public_url == f"http://{server.bind}" else server.public_url
        return replace(self, server=replace(server, bind=bind, public_url=public_url))


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name alone: nothing is looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# --- the environment -------------------------------------------------------------------------------


def _given(environ: Mapping[str, str]) -> dict[str, str]:
    """Our variables. One that is empty counts as not set, as compose files and unit files write it."""
    known = {setting.name for setting in ENVIRONMENT}
    given = {name: text.strip() for name, text in environ.items() if name.startswith(PREFIX) and text.strip()}
    for name in given:
        if name in RESERVED:
            raise SettingsError(f"{name} {RESERVED[name]}.", setting=name)
        if name not in known:
            raise SettingsError(f"{name} is no setting of Watchword.{_nearest(name, known)}", setting=name)
    return given


def _nearest(name: str, known: set[str]) -> str:
    nearest = get_close_matches(name, known, n=1, cutoff=0.85)  # of which the prefix makes 0.7
    return f" Did you mean {nearest[0]}?" if nearest else ""


def _path(given: Mapping[str, str], name: str) -> Path | None:
    return Path(given[name]).expanduser() if name in given else None


def _choice(given: Mapping[str, str], name: str, default: str, known: tuple[str, ...]) -> str:
    chosen = given.get(name, default)
    if chosen not in known:
        raise SettingsError(f"{name} must be one of {', '.join(known)}.", setting=name)
    return chosen


def _bind(text: str) -> Bind:
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    enclosed = host != bare
    number = int(port) if port.isdecimal() and port.isascii() and len(port) <= 5 else -1  # noqa: PLR2004 (65535)
    if not colon or not bare or enclosed != (":" in bare) or not 0 <= number <= 65_535:  # noqa: PLR2004
        detail = "WATCHWORD_BIND must be host:port, as 127.0.0.1:8000 or [::1]:8000."
        raise SettingsError(detail, setting="WATCHWORD_BIND")
    return Bind(bare, number)


def _public_url(text: str) -> str:
    """Check the address people use: scheme, host and port only, https unless it is this machine."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    plain = parts.path in {"", "/"} and "?" not in text and "#" not in text and "@" not in parts.netloc
    readable = text.isascii() and text.isprintable() and " " not in text
    if parts.scheme not in {"http", "https"} or not parts.hostname or not plain or not readable:
        detail = "WATCHWORD_PUBLIC_URL must be scheme and host alone, as https://codes.example.com."
        raise SettingsError(detail, setting="WATCHWORD_PUBLIC_URL")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        detail = "WATCHWORD_PUBLIC_URL must be https, unless it is this machine: set it to the address people use."
        raise SettingsError(detail, setting="WATCHWORD_PUBLIC_URL")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        detail = "WATCHWORD_TRUSTED_PROXIES must be networks such as 10.0.0.0/8, separated by commas."
        raise SettingsError(detail, setting="WATCHWORD_TRUSTED_PROXIES") from None


def _database(text: str, directory: Path) -> Path | None:
    kind, colon, path = text.partition(":")
    if text == "memory":
        return None
    if kind == "sqlite" and bool(colon) == bool(path):
        return Path(path).expanduser() if path else directory / "watchword.db"
    # The text is not repeated: a database URL may hold a password.
    detail = "WATCHWORD_STORE must be sqlite, sqlite:/path/to/file.db or memory; this version knows no other store."
    raise SettingsError(detail, setting="WATCHWORD_STORE")


def _secret(given: Mapping[str, str], name: str) -> Secret | None:
    """A secret, or the content of the file it names as ``file:/run/secrets/…``."""
    text = given.get(name)
    if text is None:
        return None
    if text.startswith("file:"):
        try:
            text = Path(text.removeprefix("file:")).expanduser().read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise SettingsError(f"The file named by {name} cannot be read.", setting=name) from None
    return Secret(text)


def _server(given: Mapping[str, str], file: Mapping[str, object]) -> ServerSettings:
    bind = _bind(given.get("WATCHWORD_BIND", "127.0.0.1:8000"))
    if "WATCHWORD_PUBLIC_URL" not in given and not is_loopback(bind.host):
        detail = (
            "WATCHWORD_BIND is reachable from elsewhere: set WATCHWORD_PUBLIC_URL to the address people use, as "
            "https://codes.example.com, and WATCHWORD_SMTP to your relay."
        )
        raise SettingsError(detail, setting="WATCHWORD_PUBLIC_URL")
    return ServerSettings(
        bind=bind,
        public_url=_public_url(given.get("WATCHWORD_PUBLIC_URL", f"http://{bind}")),
        trusted_proxies=_networks(given.get("WATCHWORD_TRUSTED_PROXIES", "")),
        max_body=_whole(file, "server.max_body", 65_536, (1_024, 1_048_576)),
        max_at_once=_whole(file, "server.max_at_once", 1_000, (1, 100_000)),
        request_time=_whole(file, "server.request_time", 10, (1, 300)),
    )


def _storage(given: Mapping[str, str]) -> StorageSettings:
    directory = _path(given, "WATCHWORD_DATA") or Path("watchword-data")
    return StorageSettings(
        directory=directory,
        key_file=_path(given, "WATCHWORD_KEY_FILE") or directory / "keys.json",
        database=_database(given.get("WATCHWORD_STORE", "sqlite"), directory),
    )


def _mail(given: Mapping[str, str], file: Mapping[str, object]) -> MailSettings:
    smtp = _secret(given, "WATCHWORD_SMTP")
    if smtp is not None and "WATCHWORD_MAIL_FROM" not in given:
        detail = "With a relay, WATCHWORD_MAIL_FROM must say whom mail is from, as 'Acme <codes@acme.example>'."
        raise SettingsError(detail, setting="WATCHWORD_MAIL_FROM")
    return MailSettings(
        smtp=smtp,
        smtp_ca=_path(given, "WATCHWORD_SMTP_CA"),
        sender=given.get("WATCHWORD_MAIL_FROM", ""),
        connections=_whole(file, "mail.connections", 8, (1, 64)),
    )


def _demand_relay(settings: Settings) -> None:
    """Keep development mode, whose mailbox shows every code, on this machine."""
    server = settings.server
    relay = "there is no relay: set WATCHWORD_SMTP to smtps://user:password@host and WATCHWORD_MAIL_FROM to the sender"
    if settings.development and not is_loopback(urlsplit(server.public_url).hostname or ""):
        raise SettingsError(f"WATCHWORD_PUBLIC_URL is not this machine, and {relay}.", setting="WATCHWORD_SMTP")
    if settings.development and not is_loopback(server.bind.host):
        detail = f"WATCHWORD_BIND is reachable from elsewhere, and {relay}, or bind to 127.0.0.1."
        raise SettingsError(detail, setting="WATCHWORD_SMTP")


# --- the file --------------------------------------------------------------------------------------


def _read_file(path: Path) -> dict[str, object]:
    """Read the file into dotted names, and refuse every name that is not one of ours."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        raise SettingsError("The file in WATCHWORD_CONFIG cannot be read.", setting="WATCHWORD_CONFIG") from None
    except tomllib.TOMLDecodeError as error:
        detail = f"The file in WATCHWORD_CONFIG is not TOML: {error}."
        raise SettingsError(detail, setting="WATCHWORD_CONFIG") from None
    known = {setting.name for setting in FILE}
    flat: dict[str, object] = {}
    for section, table in document.items():
        if isinstance(table, dict):
            flat |= {f"{section}.{key}": value for key, value in table.items()}
        else:
            flat[section] = table
    for name in flat:
        if name not in known:
            detail = f"{name} in the file of WATCHWORD_CONFIG is no setting of Watchword.{_nearest(name, known)}"
            raise SettingsError(detail, setting=name)
    return flat


def _whole(file: Mapping[str, object], name: str, default: int, ends: tuple[int, int]) -> int:
    number = file.get(name, default)
    if not isinstance(number, int) or isinstance(number, bool) or not ends[0] <= number <= ends[1]:
        raise SettingsError(f"{name} must be a whole number from {ends[0]} to {ends[1]}.", setting=name)
    return number


def _rates(file: Mapping[str, object], name: str, default: tuple[Rate, ...]) -> tuple[Rate, ...]:
    text = file.get(name)
    if text is None:
        return default
    longest = LONGEST_GUESS_SPAN if name == "limits.wrong_guesses" else LONGEST_SPAN
    try:
        return read_rates(text if isinstance(text, str) else "?", longest)
    except ValueError:
        detail = (
            f"{name} must be one or two rates, as '3/10min, 10/d' (units s, min, h, d), "
            f"of at most {longest // DAY} days, or '' for no limit."
        )
        raise SettingsError(detail, setting=name) from None


def _rules(given: Mapping[str, str], file: Mapping[str, object]) -> Rules:
    profile = PROFILES[_choice(given, "WATCHWORD_PROFILE", "balanced", tuple(PROFILES))]
    usual = Limits()
    return Rules(
        profile,
        Limits(**{key: _rates(file, f"limits.{key}", default) for key, default in usual._asdict().items()}),
    )


def _secrets(given: Mapping[str, str], file: Mapping[str, object]) -> SecretRules:
    usual = SecretRules()
    return SecretRules(
        creation=_choice(given, "WATCHWORD_SECRETS", usual.creation, CREATION),
        max_text=_whole(file, "secrets.max_text", usual.max_text, (1_024, 1_048_576)),
        max_file=_whole(file, "secrets.max_file", usual.max_file, (1_024, 1_073_741_824)),
        longest=_whole(file, "secrets.max_days", usual.longest // DAY, (1, 365)) * DAY,
        creates=_one_rate(file, "secrets.source_creates", usual.creates),
        kib=_one_rate(file, "secrets.source_kib", usual.kib),
    )


def _one_rate(file: Mapping[str, object], name: str, default: Rate | None) -> Rate | None:
    rates = _rates(file, name, () if default is None else (default,))
    if len(rates) > 1:
        raise SettingsError(f"{name} must be one rate, as '100/min', or '' for no limit.", setting=name)
    return rates[0] if rates else None
