"""What an operator may do otherwise than the chosen profile, for a reason that is written down.

A profile that follows a standard forbids some things by clause (``Profile.clauses``). With a reason in the settings
they are done all the same, and listed with it. Without one the service does not start.

Not handled here: the profiles and what they depart from themselves (``core/policy.py``), the settings' form.

Rules: nothing is departed from in silence, and where a profile follows no standard, what is switched off is listed all
the same; a reason for what needs none is refused, because it would say that something is being excused that is not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from watchword.core.instant import DAY, HOUR, MINUTE
from watchword.core.limit import Rate
from watchword.core.odds import most_a_day
from watchword.core.policy import Departure, Limits, Profile, Rule, Rules
from watchword.core.sms import SmsRules
from watchword.errors import SettingsError

SHORTEST_REASON = 20  # characters: a sentence, and no "yes"

# Beyond these a limit is there by name alone. NIST closes after 100 failures in a row; nobody reads 100 codes a day.
MOST_GUESSES = 100  # a day
MOST_SENDS, MOST_ASKED = Rate(100, DAY), Rate(1_000, HOUR)

_SIGN_IN = Rule(10 * MINUTE, 10 * MINUTE)
_LATE = Rule(HOUR, DAY)

CHOICES: Mapping[str, str] = {
    "email_login": "Codes by email serve login and step-up.",
    "late_email": "Codes by email for recovery and address confirmation live 60 minutes, at most 24 hours.",
    "authenticator_skew": "A code of an authenticator is accepted one step early or late.",
    "unlimited_guesses": (
        f"Wrong guesses across verifications have no budget, or one of more than {MOST_GUESSES} a day "
        "(limits.wrong_guesses)."
    ),
    "unlimited_sends": (
        f"Sends have no limit, or one of more than {MOST_SENDS.count} a day to a recipient or {MOST_ASKED.count} an "
        "hour from a source (limits.recipient_sends, limits.source_sends)."
    ),
    "counters_in_memory": "What was counted is forgotten at a restart (WATCHWORD_STORE=memory).",
}


def rules_of(
    profile: Profile, limits: Limits, reasons: Mapping[str, str], *, durable: bool, sms: SmsRules | None = None
) -> Rules:
    """The rules of a set-up: the profile, with what is departed from for a reason.

    Raises:
        SettingsError: the set-up departs from the profile without a reason, or gives one where none is needed.
    """
    happens = _departed(limits, durable=durable)
    for name in happens & profile.clauses.keys() - reasons.keys():
        detail = (
            f"Profile {profile.name} does not allow this set-up ({profile.clauses[name]}): {CHOICES[name]} "
            f"Change that, or write your reason for it as departures.{name}."
        )
        raise SettingsError(detail, setting=f"departures.{name}")
    for name in reasons:
        if name not in profile.clauses or (name in _SWITCHED_OFF and name not in happens):
            detail = (
                f"departures.{name} gives a reason for what profile {profile.name} allows or this set-up does not do: "
                "leave it out."
            )
            raise SettingsError(detail, setting=f"departures.{name}")
    told = {name: (profile.clauses[name], reason) for name, reason in reasons.items()}
    told |= dict.fromkeys(happens - profile.clauses.keys(), ("no clause of this profile", "none is needed."))
    chosen = tuple(Departure(name, clause, CHOICES[name], reason) for name, (clause, reason) in sorted(told.items()))
    widened = _widened(profile, reasons.keys())
    if sms is not None:
        served = {("sms", purpose): rule for purpose, rule in profile.sms.items()}
        widened = widened._replace(table={**widened.table, **served})
    return Rules(widened, limits, chosen, sms)


# These depart by what is switched off elsewhere; the others are switched on by giving the reason.
_SWITCHED_OFF = {"unlimited_guesses", "unlimited_sends", "counters_in_memory"}


def _departed(limits: Limits, *, durable: bool) -> set[str]:
    return {
        name
        for name, off in (
            ("unlimited_guesses", not limits.wrong_guesses or most_a_day(limits.wrong_guesses) > MOST_GUESSES),
            (
                "unlimited_sends",
                _exceeds(limits.recipient_sends, MOST_SENDS) or _exceeds(limits.source_sends, MOST_ASKED),
            ),
            ("counters_in_memory", not durable),
        )
        if off
    }


def _exceeds(rates: Sequence[Rate], most: Rate) -> bool:
    """Whether rates let more through, in the long run, than one does."""
    return not rates or all(rate.count * most.per > most.count * rate.per for rate in rates)


def _widened(profile: Profile, chosen: Collection[str]) -> Profile:
    table = dict(profile.table)
    if "email_login" in chosen:
        table |= dict.fromkeys((("email", "login"), ("email", "step_up")), _SIGN_IN)
    if "late_email" in chosen:
        table |= dict.fromkeys((("email", "address_confirmation"), ("email", "recovery")), _LATE)
    skew = 1 if "authenticator_skew" in chosen else profile.skew
    return profile._replace(table=table, skew=skew)
