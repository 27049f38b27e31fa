"""Every setting there is, with type, default and reason. The reference page is held to this by a test.

Not handled here: reading them (``settings``).
"""

from __future__ import annotations

from typing import NamedTuple

from watchword.core.departure import CHOICES
from watchword.core.guard import MODES
from watchword.core.limit import write_rates
from watchword.core.policy import FLOODED, PROFILES, SMS_REASONS, SmsLimits
from watchword.core.secret import CREATION
from watchword.core.sms import ALTERNATIVES, PROVIDERS
from watchword.core.work import COST, MOST_COST

FORMS = ("kannel", "json")
LEVELS = ("debug", "info", "warning", "error")


class Setting(NamedTuple):
    """One line of the reference page."""

    name: str
    kind: str
    default: str
    reason: str


ENVIRONMENT: tuple[Setting, ...] = (
    Setting("WATCHWORD_CONFIG", "path", "", "TOML file with what is structured; read again on SIGHUP"),
    Setting("WATCHWORD_BIND", "host:port", "127.0.0.1:8000", "reachable from this machine alone until you decide"),
    Setting("WATCHWORD_PUBLIC_URL", "URL", "http:// and the bind address", "links never follow a Host header"),
    Setting("WATCHWORD_DATA", "path", "watchword-data", "one directory to mount, back up or delete"),
    Setting("WATCHWORD_KEY_FILE", "path", "keys.json in the data directory", "in production: apart from the database"),
    Setting(
        *("WATCHWORD_STORE", "sqlite, sqlite:PATH, postgresql:// or file:PATH with it, memory", "sqlite"),
        "durable, with nothing to install; PostgreSQL for several hosts",
    ),
    Setting(
        *("WATCHWORD_FAST_STORE", "valkey://, valkeys://, both with +cluster, or file:PATH with it", ""),
        "verifications and limits of sends in Valkey, the rest in the store",
    ),
    Setting("WATCHWORD_FAST_STORE_CA", "path", "the system's authorities", "where Valkey has a certificate of your CA"),
    Setting("WATCHWORD_SMTP", "smtps:// or smtp+starttls://, or file:PATH", "", "the relay; without it: development"),
    Setting("WATCHWORD_SMTP_CA", "path", "the system's authorities", "for a relay with a certificate of your own CA"),
    Setting("WATCHWORD_MAIL_FROM", "address, or Name <address>", "", "required with a relay: whom the mail is from"),
    Setting("WATCHWORD_SMS_TWILIO", "https://SID:token@host, or file:PATH", "", "where texts go, with sms.providers"),
    Setting("WATCHWORD_SMS_GATEWAY", "https://user:password@host/path, or file:PATH", "", "the same: your own gateway"),
    Setting("WATCHWORD_SMS_SIGNALS", "https://user:password@host/path, or file:PATH", "", "who knows of changed SIMs"),
    Setting("WATCHWORD_SMS_CA", "path", "the system's authorities", "for a gateway with a certificate of your own CA"),
    Setting("WATCHWORD_NOTICE_URL", "https:// URL", "", "the one link in a notice: what to do if it was not you"),
    Setting("WATCHWORD_TRUSTED_PROXIES", "networks, separated by commas", "", "only these may say who the client is"),
    Setting("WATCHWORD_PROFILE", ", ".join(PROFILES), "balanced", "the policy: purposes, lifetimes, tries"),
    Setting("WATCHWORD_SECRETS", ", ".join(CREATION), "on", "who may share: anybody, nobody, or who has an API key"),
    Setting("WATCHWORD_SERVER", "URL", "http://127.0.0.1:8000", "`watchword share` alone: the service that keeps it"),
    Setting("WATCHWORD_LOG_LEVEL", ", ".join(LEVELS), "info", "one access line a request and every event"),
)

FILE: tuple[Setting, ...] = (
    Setting("limits.recipient_sends", "rates", "3/10min, 10/d", "a mailbox is not flooded, whichever apps ask"),
    Setting("limits.source_sends", "rates", "20/10min", "per requester.ip, an IPv6 /64 counting as one"),
    Setting("limits.app_sends", "rates", "", "off: you know your apps"),
    Setting("limits.global_sends", "rates", "", "off: your relay has a limit of its own"),
    Setting("limits.wrong_guesses", "rates", "10/h, 50/d", "per app and recipient, across verifications"),
    Setting("limits.public_requests", "rates", "1200/min", "per source and process, of links and hosted pages"),
    Setting("limits.flooded", ", ".join(FLOODED), "quiet", "mail beyond a recipient's day: 201 and not sent, or 429"),
    Setting("limits.away_sends", "rates", "60/min", "mails of a process while Valkey is away; empty: none"),
    Setting("server.max_body", "bytes, 1024 to 1048576", "65536", "a request of ours has less than 2 kB"),
    Setting("server.max_at_once", "1 to 100000", "1000", "requests under way in one process; more get 503"),
    Setting("server.request_time", "seconds, 1 to 300", "10", "a request that takes longer is given up"),
    Setting("secrets.max_text", "bytes, 1024 to 1048576", "65536", "a sealed text is handled in memory as a whole"),
    Setting("secrets.max_file", "bytes, 1024 to 1073741824", "10485760", "all files of a secret together, as uploaded"),
    Setting("secrets.max_days", "1 to 365", "30", "what nobody opens must not lie about for ever"),
    Setting("secrets.source_creates", "one rate", "100/min", "per address, an IPv6 /64 counting as one, or per app"),
    Setting(
        "secrets.source_kib", "one rate, in KiB", "102400/d", "per the same: your disk is not filled by one of them"
    ),
    Setting("sms.notice", "text", "", "SMS is off until this and what follows is there: NIST's duties"),
    Setting("sms.notice_version", "a short name", "", "apps send it back when a number is bound"),
    Setting("sms.risk_assessment", "text", "", "where your risk assessment of SMS is"),
    Setting("sms.migration_plan", "text", "", "where your plan to do without SMS is"),
    Setting("sms.alternative", ", ".join(ALTERNATIVES), "", "what everybody can use instead"),
    Setting("sms.providers", "list", "", f"who is tried first, and who next: {', '.join(PROVIDERS)}"),
    Setting("sms.sender", "number or name", "", "whom messages are from"),
    Setting("sms.countries", "list of codes", "", "none: a new service sends no message anywhere"),
    Setting("sms.prices", "table of amounts", "", "of one message, by country; budgets are counted in it"),
    Setting("sms.budget", "table: hour, day, month", "", "what all messages together may cost, to the last one"),
    Setting("sms.app_budget", "table: hour, day, month", "", "the same for each app; off unless given"),
    Setting(
        "sms.guard",
        ", ".join(MODES),
        "enforce",
        "monitor records what would be blocked, and sends it within the budgets",
    ),
    Setting("sms.challenge", f"0 to {MOST_COST}", str(COST), "rounds a try of a hosted page's work; 0 blocks instead"),
    Setting("sms.hosts", "table of hosts", "", "by app: whose page a code is for; else the public URL's"),
    Setting("sms.gateway_form", ", ".join(FORMS), "kannel", "how the gateway wants a message put"),
    *(
        Setting(f"sms.{name}", "rates", write_rates(rates), SMS_REASONS[name])
        for name, rates in SmsLimits()._asdict().items()
    ),
    *(Setting(f"departures.{name}", "your reason", "", text) for name, text in CHOICES.items()),
    Setting("actions", "tables", "", "what each app may ask people to approve, in your words"),
    Setting("mail.connections", "1 to 64", "8", "connections to the relay, and messages under way, a process"),
)
