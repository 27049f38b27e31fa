"""SMS: the duties in the file's ``[sms]``, and who delivers. Without the section there is no SMS.

Not handled here: what a profile lets it serve (``core/policy.py``), the form of a provider's address
(``adapters/sms_*.py``).

Rules: one key of ``[sms]`` asks for all of them, and the refusal names the duty that is missing; a list of countries is
never more than it says, and every country on it has a price.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

from watchword.core.budget import Budget
from watchword.core.guard import MODES, GuardRules
from watchword.core.policy import PROFILES, Profile
from watchword.core.sms import ALTERNATIVES, MILLIONTHS, PROVIDERS, SmsRules
from watchword.core.text import is_host
from watchword.core.work import COST, MOST_COST
from watchword.errors import SettingsError
from watchword.settings.environment import Secret, path, secret
from watchword.settings_table import FORMS

MOST = 10**15  # a thousand million
MAX_NOTICE = 2_000  # characters
_COUNTRY = re.compile(r"[A-Z]{2}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_SENDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ]{0,10}|\+[0-9]{6,15}|MG[0-9a-f]{32}")
_ADDRESSES = {"twilio": "WATCHWORD_SMS_TWILIO", "gateway": "WATCHWORD_SMS_GATEWAY"}
_DUTIES = {
    "notice": "the text that people are shown before a number is bound (NIST SP 800-63B-4 3.1.3.3)",
    "notice_version": "the version of that text, which apps send back (NIST SP 800-63B-4 3.1.3.3)",
    "risk_assessment": "where your risk assessment of SMS is (NIST SP 800-63B-4 3.2.9)",
    "migration_plan": "where your plan to migrate away from SMS is (NIST SP 800-63B-4 3.2.9)",
    "alternative": f"what everybody can use instead: {' or '.join(ALTERNATIVES)} (NIST SP 800-63B-4 3.2.9)",
    "sender": "whom messages are from: a number, up to 11 letters and digits, or a Twilio messaging service",
}


@dataclass(frozen=True, slots=True)
class SmsSettings:
    """Who delivers. ``gateway_form`` is how the gateway wants a message put."""

    twilio: Secret | None = field(default=None, repr=False)
    gateway: Secret | None = field(default=None, repr=False)
    gateway_form: str = "kannel"
    signals: Secret | None = field(default=None, repr=False)
    ca: Path | None = None


def read_providers(given: Mapping[str, str], file: Mapping[str, object]) -> SmsSettings:
    """Read where providers are. They are secrets: an address holds the password."""
    form = file.get("sms.gateway_form", FORMS[0])
    if form not in FORMS:
        raise SettingsError(f"sms.gateway_form must be one of {', '.join(FORMS)}.", setting="sms.gateway_form")
    return SmsSettings(
        twilio=secret(given, "WATCHWORD_SMS_TWILIO"),
        gateway=secret(given, "WATCHWORD_SMS_GATEWAY"),
        gateway_form=str(form),
        signals=secret(given, "WATCHWORD_SMS_SIGNALS"),
        ca=path(given, "WATCHWORD_SMS_CA"),
    )


def read_sms(given: Mapping[str, str], file: Mapping[str, object], profile: Profile) -> SmsRules | None:
    """Read the duties; None where nobody took them on.

    Raises:
        SettingsError: one is missing or cannot be used, or the profile has no SMS.
    """
    if not any(name.startswith("sms.") for name in file):
        return None
    if not profile.sms:
        why = f"is of no use, because profile {profile.name} has no SMS (ASVS 6.6.1): leave the section [sms] out"
        raise _fault("notice", why)
    texts = {name: _text(file, name, why) for name, why in _DUTIES.items()}
    if not _VERSION.fullmatch(texts["notice_version"]):
        raise _fault("notice_version", "must be a short name such as 2026-11")
    if not _SENDER.fullmatch(texts["sender"]):
        raise _fault("sender", f"must be {_DUTIES['sender']}")
    _demand_alternative(texts["alternative"], profile)
    prices = _prices(file)
    countries = frozenset(_list(file, "countries"))
    for country in sorted(countries):
        if not _COUNTRY.fullmatch(country) or country not in prices:
            raise _fault("countries", "must be codes such as DE, each with a price in sms.prices")
    return SmsRules(
        **texts,
        countries=countries,
        providers=_providers(given, file),
        prices=prices,
        guard=_guard(file),
        hosts=_hosts(file),
        voip=profile.voip,
        challenge=_challenge(file),
    )


def _demand_alternative(alternative: str, profile: Profile) -> None:
    if alternative not in ALTERNATIVES:
        raise _fault("alternative", f"must be {' or '.join(ALTERNATIVES)}")
    if alternative == "email" and ("email", "login") not in profile.table:
        raise _fault("alternative", f"must be authenticator: profile {profile.name} has no email for login ({_EMAIL})")


_EMAIL = PROFILES["nist-63b-4"].clauses["email_login"]


def _text(file: Mapping[str, object], name: str, why: str) -> str:
    text = file.get(f"sms.{name}")
    if not isinstance(text, str) or not text.strip() or len(text) > MAX_NOTICE:
        raise _fault(name, f"is needed: {why}")
    return text.strip()


def _list(file: Mapping[str, object], name: str) -> tuple[str, ...]:
    given = file.get(f"sms.{name}", [])
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise _fault(name, "must be a list of texts")
    return tuple(given)


def _providers(given: Mapping[str, str], file: Mapping[str, object]) -> tuple[str, ...]:
    names = _list(file, "providers")
    if not names or len(set(names)) != len(names) or not set(names) <= set(PROVIDERS):
        raise _fault("providers", f"must name one or more of {', '.join(PROVIDERS)}, the first to be tried first")
    for name in names:
        if _ADDRESSES[name] not in given:
            detail = f"sms.providers names {name}, which needs {_ADDRESSES[name]}."
            raise SettingsError(detail, setting=_ADDRESSES[name])
    return names


def _prices(file: Mapping[str, object]) -> dict[str, int]:
    given = file.get("sms.prices", {})
    if not isinstance(given, dict):
        raise _fault("prices", "must be a table, as { DE = '0.08' }")
    return {country: _money(f"prices.{country}", price) for country, price in given.items()}


def _money(name: str, given: object) -> int:
    try:
        amount = Decimal(given if isinstance(given, str) else "?") * MILLIONTHS
    except InvalidOperation:
        amount = Decimal(0)
    if not amount.is_finite() or amount != amount.to_integral_value() or not 0 < amount < MOST:
        raise _fault(name, "must be an amount as a text, as '0.08', above nought")
    return int(amount)


def _guard(file: Mapping[str, object]) -> GuardRules:
    mode = file.get("sms.guard", MODES[0])
    if mode not in MODES:
        raise _fault("guard", f"must be one of {', '.join(MODES)}")
    return GuardRules(str(mode), _budget(file, "app_budget"), _budget(file, "budget", needed=True))


def _challenge(file: Mapping[str, object]) -> int:
    cost = file.get("sms.challenge", COST)
    if not isinstance(cost, int) or isinstance(cost, bool) or not 0 <= cost <= MOST_COST:
        raise _fault("challenge", f"must be a whole number from 0, which is off, to {MOST_COST}")
    return cost


def _budget(file: Mapping[str, object], name: str, *, needed: bool = False) -> Budget:
    given = file.get(f"sms.{name}", {})
    spans = set(Budget._fields)
    if not isinstance(given, dict) or not set(given) <= spans or (needed and set(given) != spans):
        raise _fault(name, "must be a table of hour, day and month, as { hour = '20', day = '100', month = '1000' }")
    return Budget(**{span: _money(f"{name}.{span}", amount) for span, amount in given.items()})


def _hosts(file: Mapping[str, object]) -> dict[str, str]:
    given = file.get("sms.hosts", {})
    if not isinstance(given, dict) or not all(isinstance(host, str) and is_host(host) for host in given.values()):
        raise _fault("hosts", "must be a table of apps and the hosts of their pages, as { Acme = 'acme.example' }")
    return {str(name): str(host) for name, host in given.items()}


def _fault(name: str, why: str) -> SettingsError:
    return SettingsError(f"sms.{name} {why}.", setting=f"sms.{name}")
