"""An operator who took on the duties of SMS, and numbers that exist and nobody has.

The numbers are those that libphonenumber gives as examples of their type.
"""

from __future__ import annotations

from watchword.adapters import pay_steps
from watchword.adapters.pay_steps import PayTables
from watchword.core.budget import Budget
from watchword.core.guard import GuardRules, Plan, Terms, write_terms
from watchword.core.instant import Instant
from watchword.core.limit import Rate
from watchword.core.policy import BALANCED, Profile, Rules, SmsLimits
from watchword.core.sms import SmsRules
from watchword.errors import BlockedError

ANN = "+4915123456789"
BOB = "+436641234567"

DUTIES = """
[sms]
notice = "Text messages can be redirected by whoever takes over your number. An authenticator app is safer."
notice_version = "2026-11"
risk_assessment = "RA-2026-14"
migration_plan = "https://wiki.acme.example/away-from-sms"
alternative = "authenticator"
providers = ["gateway"]
sender = "Acme"
countries = ["DE", "AT"]
prices = { DE = "0.08", AT = "0.06" }
budget = { hour = "20", day = "100", month = "1000" }
"""

SMS = SmsRules(
    notice="Text messages can be redirected by whoever takes over your number.",
    notice_version="2026-11",
    risk_assessment="RA-2026-14",
    migration_plan="https://wiki.acme.example/away-from-sms",
    alternative="authenticator",
    countries=frozenset({"DE", "AT"}),
    providers=("gateway",),
    sender="Acme",
    prices={"DE": 80_000, "AT": 60_000},
    guard=GuardRules(),
    hosts={},
)


def with_sms(
    profile: Profile = BALANCED, *, guard: GuardRules | None = None, limits: SmsLimits | None = None, **changes: object
) -> Rules:
    """Rules of a service that has SMS."""
    table = {**profile.table, **{("sms", purpose): rule for purpose, rule in profile.sms.items()}}
    sms = SMS._replace(**changes) if guard is None else SMS._replace(guard=guard, **changes)  # type: ignore[arg-type]
    return Rules(profile._replace(table=table), sms=sms, sms_limits=SmsLimits() if limits is None else limits)


def ceiling(amount: int) -> GuardRules:
    """A guard that has so much an hour, a day and a month for everybody."""
    return GuardRules(global_budget=Budget(amount, amount, amount))


WIDE_OPEN = SmsLimits((), (), (), (), (), (), ())


def terms(rules: GuardRules, near: tuple[Rate, ...] = (), wide: tuple[Rate, ...] = ()) -> bytes:
    """What a plan carries of an operator's choice."""
    return write_terms(Terms(rules, near=near, wide=wide))


def paid(tables: PayTables, plan: Plan, now: Instant) -> tuple[str, str]:
    """Have the guard decide a send in a step, and write what becomes of it: its decision, and why."""
    try:
        return pay_steps.pay(tables, (), plan, now).verdict[:2]
    except BlockedError as error:
        return "block", error.reason
