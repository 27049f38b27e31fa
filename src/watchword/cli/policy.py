"""``watchword doctor --policy``: the profile that holds, what departs from it and from the standards, and the odds.

Not handled here: the profiles (``core/policy.py``), what may be departed from (``core/departure.py``), the figures
(``core/odds.py``).

Rule: what is printed is what the service would be built with, read from the same settings, never a copy of a table.
"""

from __future__ import annotations

from collections.abc import Iterator

from watchword.cli import console
from watchword.core.handoff import LIFETIME
from watchword.core.instant import HOUR, MINUTE, SECOND, Span
from watchword.core.odds import Odds, odds_of
from watchword.core.policy import CHANNELS, PURPOSES, Profile, Rule, Rules
from watchword.core.verification import NOT_ELSEWHERE
from watchword.settings import Settings


def show(settings: Settings, *, as_json: bool) -> None:
    """Print the policy of a set-up."""
    console.result("\n".join(_lines(settings.rules)), document(settings.rules), as_json=as_json)


def document(rules: Rules) -> dict[str, object]:
    """The policy for a program: everything that is printed."""
    profile = rules.profile
    return {
        "profile": profile.name,
        "claim": profile.claim,
        "channels": [
            {
                "channel": channel,
                "purpose": purpose,
                "lifetime": None if rule is None else rule.lifetime // SECOND,
                "ceiling": None if rule is None else rule.ceiling // SECOND,
            }
            for channel, purpose, rule in _table(profile)
        ],
        "attempts": profile.attempts,
        "failure_ceiling": profile.failure_ceiling,
        "skew": profile.skew,
        "resend_after": [span // SECOND for span in profile.resend_after],
        "links": {"handoff": LIFETIME // SECOND, "elsewhere": _elsewhere()},
        "departures": [{"clause": clause, "text": text} for clause, text in profile.departures.items()],
        "sms": _duties(rules),
        "chosen": [each._asdict() for each in rules.chosen],
        "odds": [each._asdict() for each in odds_of(rules)],
    }


def _duties(rules: Rules) -> dict[str, object] | None:
    """What the operator took on for SMS, None where there is none."""
    sms = rules.sms
    if sms is None:
        return None
    return {
        "alternative": sms.alternative,
        "notice_version": sms.notice_version,
        "risk_assessment": sms.risk_assessment,
        "migration_plan": sms.migration_plan,
        "countries": sorted(sms.countries),
        "providers": list(sms.providers),
        "guard": sms.guard.mode,
    }


def told(rule: Rule | None) -> str:
    """A lifetime and its ceiling, as a person reads them."""
    if rule is None:
        return "refused"
    lifetime, ceiling = _span(rule.lifetime), _span(rule.ceiling)
    return lifetime if lifetime == ceiling else f"{lifetime}, at most {ceiling}"


def _elsewhere() -> list[str]:
    """What a link may be confirmed for on another device."""
    return [purpose for purpose in PURPOSES if purpose not in NOT_ELSEWHERE]


def _span(span: Span) -> str:
    return f"{span // HOUR} h" if span > HOUR and span % HOUR == 0 else f"{span // MINUTE} min"


def _table(profile: Profile) -> Iterator[tuple[str, str, Rule | None]]:
    for channel in CHANNELS:
        for purpose in PURPOSES:
            yield channel, purpose, profile.table.get((channel, purpose))


def _lines(rules: Rules) -> Iterator[str]:
    profile = rules.profile
    yield f"profile {profile.name}"
    yield f"what may be said of it: {profile.claim}"
    yield ""
    yield from (f"{channel:6}{purpose:22}{told(rule)}" for channel, purpose, rule in _table(profile))
    waits = ", ".join(str(span // SECOND) for span in profile.resend_after)
    yield f"tries: {profile.attempts} a verification; {profile.failure_ceiling} failures in a row close or disable"
    yield f"resends: after {waits} s; authenticator codes: {profile.skew} step{'s' * (profile.skew != 1)} early or late"
    yield f"links: a hand-off lives {LIFETIME // SECOND} s; confirmed on another device for {', '.join(_elsewhere())}"
    yield ""
    yield "SMS, a restricted channel (NIST SP 800-63B-4 3.2.9)"
    yield from (f"  {name}: {', '.join(kept) if isinstance(kept, list) else kept}" for name, kept in _kept(rules))
    yield ""
    yield "departures of the profile, by clause"
    yield from (f"  {clause}: {text}" for clause, text in profile.departures.items())
    yield "departures that you chose, by clause"
    yield from (f"  {each.clause}: {each.text} Reason: {each.reason}" for each in rules.chosen)
    if not rules.chosen:
        yield "  none"
    yield ""
    yield "odds of a right guess, at most"
    yield from (_told(each) for each in odds_of(rules))


def _kept(rules: Rules) -> list[tuple[str, object]]:
    return list((_duties(rules) or {"off": "nobody took on its duties"}).items())


def _told(odds: Odds) -> str:
    guesses = "guesses without limit" if odds.guesses is None else f"{odds.guesses} guesses"
    return f"  {odds.probability:.1e}  {odds.attack} ({guesses})"
