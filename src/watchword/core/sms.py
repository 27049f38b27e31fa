"""SMS as what NIST SP 800-63B-4 (3.2.9) calls it: a restricted channel, off until somebody takes on its duties.

Turning it on *is* supplying them: an unrestricted alternative, a notice with its version, a risk assessment, a plan to
migrate away, a provider, countries, prices and budgets. ``read_sms`` (``settings/sms.py``) makes ``SmsRules`` of them
or refuses; there is no switch besides.

Not handled here: which purposes a profile lets SMS serve (``core/policy.py``), what the guard does with prices and
buckets (``core/guard.py``), providers (``adapters/sms_*.py``).

Rule: money is whole millionths of the operator's currency, so that sums are exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from watchword.core.guard import GuardRules
from watchword.core.number import Number, read_number
from watchword.core.work import COST
from watchword.errors import CountryForbiddenError, InvalidInputError, NoticeError

ALTERNATIVES = ("authenticator", "email")
PROVIDERS = ("twilio", "gateway")


class SmsRules(NamedTuple):
    """The operator's duties, taken on, and what SMS may cost.

    ``challenge`` is how hard work is that a browser does for a send into a country that is blocked; 0 is not to ask.
    ``hosts`` maps an app's name to the host that its codes are bound to, where that is not the service's own.
    """

    notice: str
    notice_version: str
    risk_assessment: str
    migration_plan: str
    alternative: str
    countries: frozenset[str]
    providers: tuple[str, ...]
    sender: str
    prices: Mapping[str, int]
    guard: GuardRules
    hosts: Mapping[str, str]
    voip: bool = False
    challenge: int = COST


MILLIONTHS = 1_000_000


def write_money(amount: int) -> str:
    """Write an amount as settings have it, ``0.08``."""
    return f"{Decimal(amount) / MILLIONTHS:f}"


_BINDING = frozenset({"binding", "address_confirmation"})  # from then on the number counts as somebody's


def admit_number(rules: SmsRules, typed: str) -> Number:
    """Read a number that a code may be sent to.

    Raises:
        InvalidInputError: it is none, or an internet telephony number where the profile does not take those.
        CountryForbiddenError: its country is not on the operator's list.
    """
    number = read_number(typed)
    if number.is_voip and not rules.voip:
        raise InvalidInputError("Numbers of internet telephony are not sent to under this policy.", field="to")
    if number.country not in rules.countries:
        raise CountryForbiddenError
    return number


def demand_notice(rules: SmsRules, purpose: str, acknowledged: str | None) -> str:
    """The version of the notice that was acknowledged, which binding a number cannot do without.

    Raises:
        NoticeError: a number is to be bound and its owner has not seen the notice, or another version of it.
        InvalidInputError: a version is given that was never shown.
    """
    if acknowledged == rules.notice_version:
        return acknowledged
    if purpose in _BINDING:
        raise NoticeError
    if acknowledged is not None:
        raise InvalidInputError("This is not the version of the notice in force.", field="notice_acknowledged")
    return ""
