"""How likely somebody guesses right under a profile and its limits, in the ways that NIST and ASVS ask about.

Not handled here: printing (``cli/policy.py``).

Rules: an upper bound, never a hopeful figure; one guess is one of 10 to the number of digits, because codes are uniform
(docs/spec/passcode.md) and an authenticator accepts one code for each step of its window.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from watchword.core.authenticator import BUDGETS
from watchword.core.instant import DAY
from watchword.core.limit import Rate
from watchword.core.passcode import DEFAULT_DIGITS
from watchword.core.policy import Rules

POPULATION = 1_000_000  # accounts at which one guess each is made


class Odds(NamedTuple):
    """One attack: how many guesses it gets, and how likely one of them is right."""

    attack: str
    guesses: int | None  # None: as many as are asked for
    probability: float


def odds_of(rules: Rules, digits: int = DEFAULT_DIGITS) -> Sequence[Odds]:
    """The odds of every attack that the profile and its limits leave."""
    profile, right = rules.profile, 10.0**-digits
    window = 2 * profile.skew + 1
    budgets = rules.limits.wrong_guesses
    return (
        _odds("one verification", profile.attempts, right),
        _odds("one recipient of one app, a day", most_a_day(budgets) if budgets else None, right),
        _odds("one recipient of one app, until the channel closes", profile.failure_ceiling, right),
        _odds("one authenticator, a day", most_a_day(BUDGETS), window * right),
        _odds("one authenticator, until it is disabled", profile.failure_ceiling, window * right),
        _odds("one code at each of a million accounts", POPULATION, right),
        _odds("one authenticator code at each of a million accounts", POPULATION, window * right),
    )


def most_a_day(rates: Sequence[Rate]) -> int:
    """How much exact sliding logs let through in any day. A right one in between ends a streak, and none of these."""
    return min(rate.count * -(-DAY // rate.per) for rate in rates)


def _odds(attack: str, guesses: int | None, right: float) -> Odds:
    return Odds(attack, guesses, 1.0 if guesses is None else 1 - (1 - right) ** guesses)
